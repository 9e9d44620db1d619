/**
 * The durability adapter over files: the contract's three calls and who may call them when. The
 * work is in store.ts. Must never have two of them open at once, nor leave anything open behind.
 */
import { DurabilityError, requireFunction, requireOptions } from '@paxos/core'
import type { Change, Durability, Opened, Owner } from '@paxos/core'
import { resolve } from 'node:path'
import { emitWarning, warnOfOthers } from './exposure.ts'
import { asPaxosError } from './failure.ts'
import { nodeFileSystem, type FileSystem } from './file-system.ts'
import type { Lock } from './lock.ts'
import { requireDirectory } from './place.ts'
import { openStore, type Store } from './store.ts'

/** What `file` can be told. */
export interface FileOptions {
  /**
   * Called by `open()` with a sentence when others than this user can change what is in the
   * directory. Default: process.emitWarning(), with the code PAXOS_DIRECTORY_EXPOSED.
   */
  readonly warn?: ((message: string) => void) | undefined
}

/**
 * The state of one acceptor in `directory`, which belongs to it alone and is made when it is
 * missing; its parent must be there. Nothing happens before `open()`: what a relative path means is
 * decided then, and a later change of the working directory changes nothing. After `close()` the
 * same adapter can be opened again. Throws InvalidArgumentError for options that can never work, or are
 * not known.
 *
 * When the directory, the log in it or the lock is removed, moved or replaced, no later save is
 * acknowledged: it rejects with ERR_PAXOS_DURABILITY_FAILED.
 */
export function file(directory: string, options: FileOptions = {}): Durability {
  return fileOn(nodeFileSystem, directory, options)
}

type Phase =
  | { readonly name: 'closed' }
  | { readonly name: 'opening'; readonly done: Promise<unknown> }
  | { readonly name: 'open'; readonly store: Store; readonly lock: Lock }
  | { readonly name: 'closing'; readonly done: Promise<void> }

/** As `file`, on another file system: for the tests. */
export function fileOn(fs: FileSystem, directory: string, options: FileOptions = {}): Durability {
  requireDirectory(directory)
  requireOptions('file()', options, ['warn'])
  requireFunction('warn', options.warn)
  const { warn = emitWarning } = options
  let phase: Phase = { name: 'closed' }

  async function openFresh(owner: Owner | undefined): Promise<Opened> {
    const absolute = resolve(directory)
    try {
      await fs.makeDirectory(absolute)
      const lock = await fs.lock(absolute)
      try {
        await warnOfOthers(fs, absolute, warn)
        const { store, opened } = await openStore({ fs, directory: absolute, lock }, owner)
        phase = { name: 'open', store, lock }
        return opened
      } catch (error) {
        await lock.release()
        throw error
      }
    } catch (error) {
      phase = { name: 'closed' }
      throw asPaxosError(error, 'open', directory)
    }
  }

  async function closeOpen(store: Store, lock: Lock): Promise<void> {
    try {
      await store.close()
    } catch (error) {
      throw asPaxosError(error, 'close', directory)
    } finally {
      await lock.release()
      phase = { name: 'closed' }
    }
  }

  return {
    async open(owner?: Owner): Promise<Opened> {
      if (phase.name !== 'closed')
        throw stateError(directory, `is ${phase.name}`, 'Close it first.')
      const done = openFresh(owner)
      phase = { name: 'opening', done }
      return done
    },

    async save(change: Change): Promise<void> {
      if (phase.name !== 'open') throw stateError(directory, `is ${phase.name}`, 'Open it first.')
      return phase.store.save(change)
    },

    async close(): Promise<void> {
      if (phase.name === 'opening') await phase.done.catch(() => undefined)
      if (phase.name === 'closing') return phase.done
      if (phase.name !== 'open') return
      const done = closeOpen(phase.store, phase.lock)
      phase = { name: 'closing', done }
      return done
    },
  }
}

function stateError(directory: string, what: string, wayOut: string): DurabilityError {
  return new DurabilityError('ERR_PAXOS_DURABILITY_STATE', `${directory} ${what}. ${wayOut}`)
}
