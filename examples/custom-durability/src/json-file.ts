/**
 * A durability adapter over one file of JSON, made of a medium: docs/writing-an-adapter.md walks
 * through it. Each transaction writes the whole state anew, which is as simple as it is slow. Must
 * never leave the file half written, nor report a transaction that a power cut could undo.
 */
import { readFile, realpath, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { lockBeside, openFile, SYSTEM_SENTENCES, syncDirectory } from '@paxos/adapter-kit/files'
import { asPaxosError, storedAfter, transactionStore } from '@paxos/adapter-kit/stores'
import type { Admit, Session, Stored } from '@paxos/adapter-kit/stores'
import { EMPTY_SAVED, requireText, type Durability } from '@paxos/core'
import { decode, encode } from './state.ts'

/** The state of one acceptor in the file `given`, whose directory must be there. */
export function jsonFile(given: string): Durability {
  requireText('The path', given)
  return transactionStore({
    name: given,
    async lock() {
      const absolute = resolve(given) // From here on, whatever becomes of the working directory.
      const path = join(await realpath(dirname(absolute)), basename(absolute))
      const lock = await lockBeside(path, 'file')
      return { ...lock, open: (admit) => open(path, admit) }
    },
    explain: (error, doing) => asPaxosError(error, doing, given, SYSTEM_SENTENCES),
  })
}

async function open(path: string, admit: Admit): Promise<{ saved: Stored; session: Session }> {
  const found = await read(path)
  const identity = admit(found)
  let stored: Stored = { ...(found ?? EMPTY_SAVED), identity }
  // Also where nothing is new: what an earlier process wrote, it may not have synced.
  await replace(path, encode(stored))
  return {
    saved: decode(encode(stored)), // A copy: whoever opens it may do with it what he likes.
    session: {
      async commit(transaction) {
        stored = storedAfter(stored, transaction)
        await replace(path, encode(stored))
      },
      // The file gets its name anew with each transaction, and the lock stands beside it.
      isInPlace: async () => true,
      close: async () => undefined,
    },
  }
}

/** Null when there is no file. */
async function read(path: string): Promise<Stored | null> {
  try {
    return decode(await readFile(path, 'utf8'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** After this the file is the new one, whole, whatever happens: or else the old one, whole. */
async function replace(path: string, text: string): Promise<void> {
  await rm(`${path}.new`, { force: true })
  const file = await openFile(`${path}.new`, 'create') // A link that lies there is not followed.
  try {
    await file.write(0, Buffer.from(text))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  await syncDirectory(dirname(path)) // The rename is of the directory: no sync of the file brings it.
}
