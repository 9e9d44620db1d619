/**
 * A disk in memory that outlives the adapters on it, as a real one outlives processes. What a save
 * brings is lost in a crash until it is synced. It must never share bytes with an adapter's caller:
 * what is on the disk is a copy.
 */
import { DurabilityError, EMPTY_SAVED, InvalidArgumentError, LockedError } from '@paxos/core'
import type { Change, Durability, Saved } from '@paxos/core'
import { applyChange, copyChange, copySaved } from './state.ts'

/** What a test can do with a disk. */
export interface MemoryDisk {
  /** A new adapter on this disk: what memory({ disk }) returns. */
  durability(): Durability
  /** From now on saves wait, unsynced, until they are released. */
  hold(): void
  /** Syncs the `count` oldest waiting saves; without a count all of them, and holds no more. */
  release(count?: number): void
  /**
   * Power is lost. The adapter that has the disk open is dead: its waiting saves reject, and of
   * them only the `reached` oldest are on the disk all the same. Default 0. Holds no more.
   */
  crash(reached?: number): void
  /** How many saves wait to be synced. */
  readonly waiting: number
  /** A copy of what is durable. */
  readonly saved: Saved
}

interface WaitingSave {
  readonly change: Change
  readonly resolve: () => void
  readonly reject: (error: DurabilityError) => void
}

/** A new, empty disk. */
export function memoryDisk(): MemoryDisk {
  let saved: Saved = EMPTY_SAVED
  let waiting: WaitingSave[] = []
  let holding = false
  /** The adapter that has the disk open. */
  let owner: symbol | null = null
  let whenIdle: (() => void)[] = []

  function sync(count: number): void {
    const synced = waiting.slice(0, count)
    waiting = waiting.slice(count)
    for (const { change } of synced) saved = applyChange(saved, change)
    for (const { resolve } of synced) resolve()
    if (waiting.length === 0) for (const resume of whenIdle.splice(0)) resume()
  }

  function write(change: Change): Promise<void> {
    // Copied now: the caller may only be relied on until the save resolves.
    const copy = copyChange(change)
    return new Promise((resolve, reject) => {
      waiting.push({ change: copy, resolve, reject })
      if (!holding) sync(waiting.length)
    })
  }

  function idle(): Promise<void> {
    if (waiting.length === 0) return Promise.resolve()
    return new Promise((resolve) => whenIdle.push(resolve))
  }

  function durability(): Durability {
    const self = Symbol('adapter')
    let opened = false
    return {
      async open() {
        if (opened) throw stateError('This adapter was opened before. Make a new one.')
        if (owner !== null) throw locked()
        opened = true
        owner = self
        return copySaved(saved)
      },
      async save(change) {
        if (owner !== self) throw stateError('The disk is not open here. Open a new adapter on it.')
        await write(change)
      },
      async close() {
        opened = true
        await idle()
        if (owner === self) owner = null
      },
    }
  }

  return {
    durability,
    hold() {
      holding = true
    },
    release(count) {
      requireCount(count)
      if (count === undefined) holding = false
      sync(count ?? waiting.length)
    },
    crash(reached = 0) {
      requireCount(reached)
      const lost = waiting
      waiting = []
      holding = false
      owner = null
      for (const { change } of lost.slice(0, reached)) saved = applyChange(saved, change)
      for (const { reject } of lost) reject(powerLost())
      for (const resume of whenIdle.splice(0)) resume()
    },
    get waiting() {
      return waiting.length
    },
    get saved() {
      return copySaved(saved)
    },
  }
}

function requireCount(count: number | undefined): void {
  if (count === undefined || (Number.isInteger(count) && count >= 0)) return
  throw new InvalidArgumentError(`A number of saves is ${count}. Give a whole number from 0 on.`)
}

function stateError(message: string): DurabilityError {
  return new DurabilityError('ERR_PAXOS_DURABILITY_STATE', message)
}

function locked(): LockedError {
  return new LockedError('Another adapter has this disk open. Close it first, or crash the disk.')
}

function powerLost(): DurabilityError {
  const message = 'The power was lost during this save. Open a new adapter on the disk.'
  return new DurabilityError('ERR_PAXOS_DURABILITY_FAILED', message)
}
