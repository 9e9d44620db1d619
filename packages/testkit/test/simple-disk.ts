/**
 * A disk for the adapters that the suite is tested with: an append-only list of records, of which
 * those after the last sync are lost, or torn, when the power goes.
 */
import { EventEmitter, once } from 'node:events'
import type { Change, Identity } from '@paxos/core'

/** One change on the disk. Records are numbered from 1. */
export interface DiskRecord {
  readonly number: number
  readonly change: Change
  /** Whose the disk is from here on. */
  readonly identity?: Identity
  /** Whether it is there as it was written, as a checksum would tell. */
  readonly isWhole: boolean
}

export class SimpleDisk {
  synced: readonly DiskRecord[]
  /** Behind those, not synced. */
  written: readonly DiskRecord[] = []
  /** Of those, what a sync was refused for: readable while the power is on, and never synced again. */
  readonly #refused = new Set<DiskRecord>()
  /** How many records a sync has made durable. */
  mark: number
  owner: symbol | null = null
  openings = 0
  isFailing = false
  isDown = false
  /** Writes and syncs until now, and at which of them the power goes. */
  steps = 0
  powerCutAt = Number.POSITIVE_INFINITY
  /** How many syncs are held. */
  waiting = 0
  #gate: Promise<unknown> | null = null

  constructor(synced: readonly DiskRecord[] = [], mark = synced.length) {
    this.synced = synced
    this.mark = mark
  }

  get records(): readonly DiskRecord[] {
    return [...this.synced, ...this.written]
  }

  async write(record: DiskRecord): Promise<void> {
    await this.#step()
    this.written = [...this.written, record]
  }

  /** Makes durable what was written when it was called. */
  async sync(): Promise<void> {
    const covered = new Set(this.written)
    try {
      await this.#step()
    } catch (error) {
      for (const record of covered) this.#refused.add(record)
      throw error
    }
    this.waiting += 1
    await this.#gate
    this.waiting -= 1
    if (this.isDown) throw new Error('The power is off.')
    this.synced = [...this.synced, ...[...covered].filter((record) => !this.#refused.has(record))]
    this.written = this.written.filter((record) => !covered.has(record))
    this.mark = this.synced.length
  }

  /** From now on syncs wait, until the function that is returned is called. */
  hold(): () => void {
    const events = new EventEmitter()
    this.#gate = once(events, 'release')
    return () => {
      this.#gate = null
      events.emit('release')
    }
  }

  /** Takes everything off, at once and durably. */
  async clear(): Promise<void> {
    await this.#step()
    this.synced = []
    this.written = []
    this.mark = 0
  }

  async #step(): Promise<void> {
    await turn()
    this.steps += 1
    if (this.steps >= this.powerCutAt) this.isDown = true
    if (this.isDown) throw new Error('The power is off.')
    if (this.isFailing) throw new Error('The disk is full.')
  }
}

export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
