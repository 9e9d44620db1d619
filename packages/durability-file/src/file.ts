/**
 * The durability adapter over files: the contract's three calls and who may call them when. The
 * work is in store.ts. Must never have two of them open at once, nor leave anything open behind.
 */
import { DurabilityError, type Change, type Durability, type Saved } from '@paxos/core'
import { asPaxosError } from './failure.ts'
import { nodeFileSystem, type FileSystem } from './file-system.ts'
import type { Lock } from './lock.ts'
import { openStore, type Store } from './store.ts'

/**
 * The state of one acceptor in `directory`, which belongs to it alone and is made, with its parents,
 * when it is missing. Nothing happens before `open()`. After `close()` the same adapter can be
 * opened again.
 */
export function file(directory: string): Durability {
  return fileOn(nodeFileSystem, directory)
}

type Phase =
  | { readonly name: 'closed' }
  | { readonly name: 'opening'; readonly done: Promise<unknown> }
  | { readonly name: 'open'; readonly store: Store; readonly lock: Lock }
  | { readonly name: 'closing'; readonly done: Promise<void> }

/** As `file`, on another file system: for the tests. */
export function fileOn(fs: FileSystem, directory: string): Durability {
  let phase: Phase = { name: 'closed' }

  async function openFresh(): Promise<Saved> {
    try {
      await fs.makeDirectory(directory)
      const lock = await fs.lock(directory)
      try {
        const { store, saved } = await openStore(fs, directory)
        phase = { name: 'open', store, lock }
        return saved
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
    async open(): Promise<Saved> {
      if (phase.name !== 'closed')
        throw stateError(directory, `is ${phase.name}`, 'Close it first.')
      const done = openFresh()
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
