/**
 * The contract's three calls, and who may call them when: what every store has in common, whatever
 * it is kept in. Between open() and close() the lock is held; what goes wrong is an error that a
 * person can act on; close() waits for what is running.
 *
 * Must never have two of them open at once, nor leave anything open behind.
 */
import type {
  Change,
  Durability,
  Opened,
  OpenOptions,
  Owner,
  PaxosError,
  SnapshotStage,
} from '@paxos/core'
import { stateError, type Doing } from './failure.ts'
import type { Lock } from './lock.ts'

/** A store that is open. */
export interface OpenStore {
  /** As in the contract. */
  save(change: Change): Promise<void>
  /** Waits for running saves. Everything is released, even when it rejects. */
  close(): Promise<void>
  /** As in the contract: of a store whose steps say that it `stages`. */
  readonly snapshots?: SnapshotStage
}

/** What is particular to a store. `Held` is its place, while it is this one's alone. */
export interface Steps<Held extends Lock> {
  /** How errors about a call that is not possible now name it. */
  readonly name: string
  /** Whether its stores have `snapshots`. Default: false. */
  readonly stages?: boolean
  /**
   * Finds its place, which from here on means the same whatever becomes of the working directory,
   * and keeps everybody else away. Rejects with LockedError while somebody else has it.
   */
  lock(): Promise<Held>
  /** Opens what is there for `owner`. After a rejection nothing but the lock is left. */
  open(
    held: Held,
    owner: Owner | undefined,
    options: OpenOptions | undefined,
  ): Promise<{ readonly store: OpenStore; readonly opened: Opened }>
  /** What an error means; a PaxosError means what it says. */
  explain(error: unknown, doing: Doing): PaxosError | Promise<PaxosError>
}

type Phase =
  | { readonly name: 'closed' }
  | { readonly name: 'opening'; readonly done: Promise<unknown> }
  | { readonly name: 'open'; readonly store: OpenStore; readonly lock: Lock }
  | { readonly name: 'closing'; readonly done: Promise<void> }

/** A Durability that goes these steps. After close() it can be opened again. */
export function durabilityOf<Held extends Lock>(steps: Steps<Held>): Durability {
  let phase: Phase = { name: 'closed' }

  async function openFresh(
    owner: Owner | undefined,
    options: OpenOptions | undefined,
  ): Promise<Opened> {
    try {
      const lock = await steps.lock()
      try {
        const { store, opened } = await steps.open(lock, owner, options)
        phase = { name: 'open', store, lock }
        return opened
      } catch (error) {
        await lock.release()
        throw error
      }
    } catch (error) {
      try {
        throw await steps.explain(error, 'open')
      } finally {
        phase = { name: 'closed' }
      }
    }
  }

  async function closeOpen(store: OpenStore, lock: Lock): Promise<void> {
    try {
      try {
        await store.close()
      } finally {
        await lock.release()
      }
    } catch (error) {
      throw await steps.explain(error, 'close')
    } finally {
      phase = { name: 'closed' }
    }
  }

  function stage(): SnapshotStage {
    const found = phase.name === 'open' ? phase.store.snapshots : undefined
    if (found === undefined) throw stateError(steps.name, phase.name, 'Open it first.')
    return found
  }

  const snapshots: SnapshotStage = {
    begin: async () => await stage().begin(),
    read: async (staged, offset, maxBytes) => await stage().read(staged, offset, maxBytes),
    discard: async (staged) => await stage().discard(staged),
  }

  return {
    ...(steps.stages === true && { snapshots }),
    async open(owner?: Owner, options?: OpenOptions): Promise<Opened> {
      if (phase.name !== 'closed') throw stateError(steps.name, phase.name, 'Close it first.')
      const done = openFresh(owner, options)
      phase = { name: 'opening', done }
      return done
    },

    async save(change: Change): Promise<void> {
      if (phase.name !== 'open') throw stateError(steps.name, phase.name, 'Open it first.')
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
