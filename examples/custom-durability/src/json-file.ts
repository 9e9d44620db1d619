/**
 * A durability adapter over one file of JSON, written from zero: docs/writing-an-adapter.md walks
 * through it. Each group of saves writes the whole state anew, which is as simple as it is slow. Must
 * never leave the file half written, nor report a save that a power cut could undo.
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DurabilityError, EMPTY_SAVED, PaxosError } from '@paxos/core'
import type { Durability, Saved } from '@paxos/core'
import { takeLock } from './lock.ts'
import { decode, encode, withChange } from './state.ts'

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** The state of one acceptor in the file `path`, whose directories are made when they are missing. */
export function jsonFile(path: string): Durability {
  let saved: Saved = EMPTY_SAVED
  let opening: Promise<() => Promise<void>> | null = null
  let isOpen = false
  let failure: DurabilityError | null = null
  let waiting: Waiting[] = []
  let writing: Promise<void> | null = null

  /** Resolves with what releases the lock. */
  async function start(): Promise<() => Promise<void>> {
    await mkdir(dirname(path), { recursive: true })
    const release = await takeLock(path)
    try {
      saved = await read(path)
      isOpen = true
      return release
    } catch (error) {
      await release()
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
    async open() {
      if (opening !== null) throw failed('ERR_PAXOS_DURABILITY_STATE', 'was opened before.')
      opening = start()
      try {
        await opening
        return decode(encode(saved)) // A copy: the caller may do with it what it likes.
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
      const release = await opening?.catch(() => undefined)
      isOpen = false // An opening that was still running has set it.
      await writing
      opening = null
      failure = null
      await release?.()
    },
  }
}

async function read(path: string): Promise<Saved> {
  try {
    return decode(await readFile(path, 'utf8'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return EMPTY_SAVED
    throw error
  }
}

/** After this the file is the new one, whole, whatever happens: or else the old one, whole. */
async function replace(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w')
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
