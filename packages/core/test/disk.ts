/**
 * A simulated disk: saves take effect whole and in order, and those that are still running when the
 * node crashes are lost, except for as many of the oldest as the test says had reached it. It must
 * share no object with the engine: what is stored is a copy.
 */
import { EMPTY_SAVED, type Change, type Saved } from '@paxos/core'

/** What one node has stored, and what it is storing. */
export class Disk<V> {
  #saved: Saved<V> = EMPTY_SAVED
  readonly #running: Change<V>[] = []

  /** What completed saves have made durable. Never modified: each save makes another. */
  get saved(): Saved<V> {
    return this.#saved
  }

  /** How many saves are running. */
  get running(): number {
    return this.#running.length
  }

  /** Begins a save. */
  save(change: Change<V>): void {
    this.#running.push(structuredClone(change))
  }

  /** The oldest running save becomes durable. Returns it. */
  complete(): Change<V> {
    const change = this.#running.shift()
    if (change === undefined) throw new Error('no save is running')
    this.#saved = applyChange(this.#saved, change)
    return change
  }

  /** Loses everything, as if it had never held anything. Not what a disk may do in a cluster. */
  forget(): void {
    this.#saved = EMPTY_SAVED
    this.#running.length = 0
  }

  /** Loses the running saves, except that the oldest `reached` of them become durable first. */
  crash(reached: number): { readonly kept: Change<V>[]; readonly lost: Change<V>[] } {
    const kept: Change<V>[] = []
    while (kept.length < reached && this.running > 0) kept.push(this.complete())
    return { kept, lost: this.#running.splice(0) }
  }
}

/** What `saved` becomes by `change`, as every durability adapter must have it. */
function applyChange<V>(saved: Saved<V>, change: Change<V>): Saved<V> {
  const entries = new Map(saved.accepted.map((entry) => [entry.slot, entry]))
  for (const entry of change.accepted ?? []) entries.set(entry.slot, entry)
  const snapshot = change.snapshot ?? saved.snapshot
  return {
    promised: change.promised ?? saved.promised,
    accepted: [...entries.values()]
      .filter(({ slot }) => slot > (snapshot?.through ?? 0))
      .toSorted((a, b) => a.slot - b.slot),
    snapshot,
    chosenThrough: change.chosenThrough ?? saved.chosenThrough,
  }
}
