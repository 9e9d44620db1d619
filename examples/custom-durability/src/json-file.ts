/**
 * A durability adapter over one file of JSON, written from zero: docs/writing-an-adapter.md walks
 * through it. Each group of saves writes the whole state anew, which is as simple as it is slow. Must
 * never leave the file half written, nor report a save that a power cut could undo.
 */
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, resolve as absolute } from 'node:path'
import { claim, DurabilityError, PaxosError, requireText } from '@paxos/core'
import type { Durability, Opened, Owner } from '@paxos/core'
import { takeLock } from './lock.ts'
import { decode, encode, NOTHING, withChange } from './state.ts'
import type { Stored } from './state.ts'

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** The state of one acceptor in the file `given`, whose directory must be there. */
export function jsonFile(given: string): Durability {
  requireText('The path', given)
  let path = given
  let saved = NOTHING
  let release: (() => Promise<void>) | null = null
  let opening: Promise<Opened> | null = null
  let isOpen = false
  let failure: DurabilityError | null = null
  let waiting: Waiting[] = []
  let writing: Promise<void> | null = null

  async function start(owner: Owner | undefined): Promise<Opened> {
    path = absolute(given) // Whatever becomes of the working directory.
    const unlock = await takeLock(path)
    try {
      const found = await read(path)
      const { identity, isNew } = claim(path, found, owner)
      saved = { ...found, identity }
      if (identity !== found.identity) await replace(path, encode(saved))
      release = unlock
      isOpen = true
      return { ...decode(encode(saved)), isNew } // A copy: the caller may do with it what it likes.
    } catch (error) {
      await unlock()
      throw error
    }
  }

  /** Writes one group of saves after another, until nobody waits. */
  async function write(): Promise<void> {
    while (waiting.length > 0) {
      const group = waiting
      waiting = []
      try {
        if (failure !== null) throw failure
        await replace(path, encode(saved))
        for (const { resolve } of group) resolve()
      } catch (cause) {
        failure ??= failed('ERR_PAXOS_DURABILITY_FAILED', `could not be saved.`, cause)
        for (const { reject } of group) reject(failure)
      }
    }
    writing = null
  }

  function failed(code: DurabilityError['code'], what: string, cause?: unknown): DurabilityError {
    return new DurabilityError(code, `${path} ${what} Mend the cause and open it afresh.`, {
      cause,
    })
  }

  return {
    async open(owner) {
      if (opening !== null) throw failed('ERR_PAXOS_DURABILITY_STATE', 'was opened before.')
      opening = start(owner)
      try {
        return await opening
      } catch (error) {
        opening = null
        if (error instanceof PaxosError) throw error
        throw failed('ERR_PAXOS_DURABILITY_FAILED', 'could not be opened.', error)
      }
    },
    async save(change) {
      if (!isOpen) throw failed('ERR_PAXOS_DURABILITY_STATE', 'is not open.')
      if (failure !== null) throw failed('ERR_PAXOS_DURABILITY_POISONED', 'failed before.', failure)
      saved = withChange(saved, change)
      const done = new Promise<void>((resolve, reject) => waiting.push({ resolve, reject }))
      writing ??= write()
      return done
    },
    async close() {
      isOpen = false
      await opening?.catch(() => undefined)
      isOpen = false // An opening that was still running has set it.
      await writing
      opening = null
      failure = null
      const unlock = release
      release = null
      await unlock?.()
    },
  }
}

async function read(path: string): Promise<Stored> {
  try {
    return decode(await readFile(path, 'utf8'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return NOTHING
    throw error
  }
}

/** After this the file is the new one, whole, whatever happens: or else the old one, whole. */
async function replace(path: string, text: string): Promise<void> {
  await rm(`${path}.new`, { force: true })
  const file = await open(`${path}.new`, 'wx') // A link that lies there is not followed.
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  const directory = await open(dirname(path), 'r')
  try {
    await directory.sync() // The rename is of the directory, and no sync of the file brings it along.
  } finally {
    await directory.close()
  }
}
