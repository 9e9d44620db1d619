/**
 * The state in memory, without the values: what is single, and which slots have an entry. It turns
 * a group of changes into one transaction, in which each thing that is left at the end is written
 * once, however often the group changed it. Must come to the same as the changes one by one.
 */
import type { AcceptedEntry, Ballot, Saved, Slot, Snapshot } from '@paxos/core'
import type { CheckedChange } from './change.ts'
import type { Transaction } from './medium.ts'

export class State {
  #promised: Ballot | null
  #chosenThrough: Slot
  #admitted: boolean
  #snapshotThrough: Slot | null
  readonly #slots: Set<Slot>

  constructor({ promised, chosenThrough, snapshot, accepted, admitted }: Saved) {
    this.#promised = promised
    this.#chosenThrough = chosenThrough
    this.#admitted = admitted === true
    this.#snapshotThrough = snapshot?.through ?? null
    this.#slots = new Set(accepted.map(({ slot }) => slot))
  }

  /** Takes the group into account, and returns what it comes to. */
  apply(group: readonly CheckedChange[]): Transaction {
    let snapshot: Snapshot | null = null
    const accepted = new Map<Slot, AcceptedEntry>()
    const discarded: Slot[] = []
    for (const change of group) {
      this.#promised = change.promised ?? this.#promised
      this.#chosenThrough = change.chosenThrough ?? this.#chosenThrough
      this.#admitted ||= change.admitted
      // First, as it says which of the entries count.
      if (change.snapshot !== null) {
        snapshot = change.snapshot
        this.#snapshotThrough = snapshot.through
        discarded.push(...this.#discardThrough(snapshot.through))
        for (const slot of accepted.keys()) if (slot <= snapshot.through) accepted.delete(slot)
      }
      for (const entry of change.accepted) {
        if (this.#isAboveSnapshot(entry.slot)) accepted.set(entry.slot, entry)
      }
    }
    for (const slot of accepted.keys()) this.#slots.add(slot)
    return {
      promised: this.#promised,
      chosenThrough: this.#chosenThrough,
      admitted: this.#admitted,
      snapshot,
      discarded: discarded.filter((slot) => !accepted.has(slot)).toSorted((a, b) => a - b),
      accepted: [...accepted.values()],
    }
  }

  #discardThrough(through: Slot): readonly Slot[] {
    const discarded = [...this.#slots].filter((slot) => slot <= through)
    for (const slot of discarded) this.#slots.delete(slot)
    return discarded
  }

  #isAboveSnapshot(slot: Slot): boolean {
    return this.#snapshotThrough === null || slot > this.#snapshotThrough
  }
}
