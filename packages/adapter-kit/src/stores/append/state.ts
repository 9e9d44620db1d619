/**
 * What the records of a log amount to, without the values: where each accepted entry that still
 * counts is in the file. Enough to know what to keep when the log is rewritten, at some 100 bytes
 * an entry. Must follow from the records alone, so that recovery comes to the same.
 */
import type { Ballot, Slot } from '@paxos/core'
import { encodeBasis, type Records, type SnapshotReference, type StateRecord } from './record.ts'

/** Where the record of an accepted entry is. */
interface Place {
  readonly position: number
  readonly bytes: number
}

export class State {
  promised: Ballot | null = null
  chosenThrough: Slot = 0
  snapshot: SnapshotReference | null = null
  admitted = false
  readonly #entries = new Map<Slot, Place>()
  #entryBytes = 0

  /** The bytes that a rewritten log would need for its entries. */
  get entryBytes(): number {
    return this.#entryBytes
  }

  /** Takes a group into account: its records end to end, and where they begin in the file. */
  applyGroup(group: readonly Records[], payloadPosition: number): void {
    let position = payloadPosition
    for (const { bytes, list } of group) {
      for (const record of list) this.apply(record, position)
      position += bytes.byteLength
    }
  }

  /** Takes a record into account; the payload that its offset is in begins at this position. */
  apply(record: StateRecord, payloadPosition: number): void {
    switch (record.type) {
      case 'promised':
        this.promised = record.ballot
        return
      case 'admitted':
        this.admitted = true
        return
      case 'chosen-through':
        this.chosenThrough = record.slot
        return
      case 'snapshot':
        this.snapshot = record.reference
        for (const slot of this.#entries.keys()) if (!this.#isAbove(slot)) this.#remove(slot)
        return
      case 'accepted': {
        const { slot } = record.entry
        this.#remove(slot)
        if (!this.#isAbove(slot)) return
        const place = { position: payloadPosition + record.offset, bytes: record.bytes }
        this.#entries.set(slot, place)
        this.#entryBytes += place.bytes
      }
    }
  }

  /** Whether the entry of `slot` that counts is the one at `position`. */
  holds(slot: Slot, position: number): boolean {
    return this.#entries.get(slot)?.position === position
  }

  has(slot: Slot): boolean {
    return this.#entries.has(slot)
  }

  /** Records that lead to this state, but for its entries. */
  basis(): Records {
    return encodeBasis(this)
  }

  #isAbove(slot: Slot): boolean {
    return this.snapshot === null || slot > this.snapshot.through
  }

  #remove(slot: Slot): void {
    const place = this.#entries.get(slot)
    if (place === undefined) return
    this.#entries.delete(slot)
    this.#entryBytes -= place.bytes
  }
}
