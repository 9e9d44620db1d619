/**
 * What a disk holds, and what a change makes of it. Must never hand out the bytes that it holds: who
 * reads gets a copy.
 */
import type { AcceptedEntry, Ballot, Change, Saved, Slot, Snapshot } from '@paxos/core'

/** A copy of `change`. */
export function copyChange(change: Change): Change {
  const { promised, accepted, chosenThrough, snapshot, admitted } = change
  return {
    ...(promised === undefined ? {} : { promised: { ...promised } }),
    ...(accepted === undefined ? {} : { accepted: accepted.map(copyEntry) }),
    ...(chosenThrough === undefined ? {} : { chosenThrough }),
    ...(snapshot === undefined ? {} : { snapshot: copySnapshot(snapshot) }),
    ...(admitted === true && { admitted }),
  }
}

/** What a disk holds. A change costs what it changes, not what is there: a log has many slots. */
export class Content {
  #promised: Ballot | null = null
  #snapshot: Snapshot | null = null
  #chosenThrough: Slot = 0
  #admitted = false
  readonly #accepted = new Map<Slot, AcceptedEntry>()

  /** Takes `change` up: an entry replaces the one in its slot; a snapshot, those that it covers. */
  apply({ promised, accepted = [], chosenThrough, snapshot, admitted }: Change): void {
    this.#promised = promised ?? this.#promised
    this.#chosenThrough = chosenThrough ?? this.#chosenThrough
    this.#snapshot = snapshot ?? this.#snapshot
    this.#admitted ||= admitted === true
    for (const entry of accepted) this.#accepted.set(entry.slot, entry)
    const through = this.#snapshot?.through ?? 0
    const mayBeCovered = snapshot === undefined ? accepted.map(({ slot }) => slot) : this.#slots
    for (const slot of mayBeCovered) if (slot <= through) this.#accepted.delete(slot)
  }

  /** A copy, as open() returns it. */
  get saved(): Saved {
    const accepted = [...this.#accepted.values()].map(copyEntry)
    return {
      promised: this.#promised === null ? null : { ...this.#promised },
      accepted: accepted.toSorted((a, b) => a.slot - b.slot),
      snapshot: this.#snapshot === null ? null : copySnapshot(this.#snapshot),
      chosenThrough: this.#chosenThrough,
      admitted: this.#admitted,
    }
  }

  /** Another one with the same content. */
  clone(): Content {
    const other = new Content()
    other.#promised = this.#promised
    other.#snapshot = this.#snapshot
    other.#chosenThrough = this.#chosenThrough
    other.#admitted = this.#admitted
    for (const [slot, entry] of this.#accepted) other.#accepted.set(slot, entry)
    return other
  }

  get #slots(): Slot[] {
    return [...this.#accepted.keys()]
  }
}

function copyEntry({ slot, ballot, value }: AcceptedEntry): AcceptedEntry {
  return { slot, ballot: { ...ballot }, value: new Uint8Array(value) }
}

function copySnapshot({ through, members, bytes, configuration }: Snapshot): Snapshot {
  return {
    through,
    members: members.map((member) => ({ ...member })),
    bytes: new Uint8Array(bytes),
    ...(configuration !== undefined && { configuration: new Uint8Array(configuration) }),
  }
}
