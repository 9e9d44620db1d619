/**
 * What the watcher knows to be durable on one node: the saves that its disk has acknowledged. Must
 * never be told of a save that may still be lost.
 */
import { compareBallots, formatBallot, highestBallot, sameBallot } from '@paxos/core'
import type { AcceptedEntry, Ballot, Change, NodeId, Saved, Slot } from '@paxos/core'
import type { Report } from './violation.ts'

/** A value as a key: one character a byte. */
export function keyOf(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1')
}

/** What keyOf() made a key of. */
export function bytesOf(key: string): Uint8Array {
  return Uint8Array.from(Buffer.from(key, 'latin1'))
}

interface Held {
  readonly ballot: Ballot
  readonly value: string
}

/** The acknowledged state of one acceptor. */
export class Durable {
  readonly entries = new Map<Slot, Held>()
  promised: Ballot | null = null
  chosenThrough: Slot = 0
  snapshotThrough: Slot = 0
  admitted = false
  readonly #id: NodeId
  readonly #report: Report

  constructor(id: NodeId, report: Report) {
    this.#id = id
    this.#report = report
  }

  /** Whether the slot is there with that value, or a snapshot stands for it. */
  holds(slot: Slot, value: string): boolean {
    return slot <= this.snapshotThrough || this.entries.get(slot)?.value === value
  }

  /** Takes a change up. `isChosen` says what a slot may hold in spite of a later promise. */
  apply(change: Change, isChosen: (slot: Slot, value: string) => boolean): void {
    const { promised, accepted = [], chosenThrough, snapshot, admitted } = change
    this.admitted ||= admitted === true
    const before = this.promised
    if (promised !== undefined) {
      if (compareBallots(promised, before) < 0) {
        this.#broken(`promises ${formatBallot(promised)} after ${formatBallot(before)}`)
      }
      this.promised = highestBallot(before, promised)
    }
    for (const entry of accepted) this.#accept(entry, before, isChosen)
    if (chosenThrough !== undefined) {
      if (chosenThrough < this.chosenThrough) this.#broken('forgets what is chosen')
      this.chosenThrough = chosenThrough
    }
    if (snapshot === undefined) return
    if (snapshot.through < this.snapshotThrough) this.#broken('goes back to an older snapshot')
    this.snapshotThrough = snapshot.through
    this.chosenThrough = Math.max(this.chosenThrough, snapshot.through)
    for (const slot of this.entries.keys()) if (slot <= snapshot.through) this.entries.delete(slot)
  }

  /** What a disk shows upon open: all of this, or what was on its way besides. */
  reopen(saved: Saved): void {
    const { promised, accepted, snapshot, chosenThrough, admitted = false } = saved
    if (this.admitted && !admitted) this.#lost('that it was admitted')
    this.admitted = admitted
    const through = snapshot?.through ?? 0
    const found = new Map(accepted.map((entry) => [entry.slot, entry]))
    const highest = accepted.reduce((high, { ballot }) => highestBallot(high, ballot), promised)
    if (compareBallots(highest, this.promised) < 0) {
      this.#lost(`the promise of ${formatBallot(this.promised)}`)
    }
    if (through < this.snapshotThrough) this.#lost(`the snapshot of ${this.snapshotThrough}`)
    if (Math.max(chosenThrough, through) < this.chosenThrough) {
      this.#lost(`that ${this.chosenThrough} is chosen`)
    }
    for (const [slot, held] of this.entries) {
      if (slot <= through) continue
      const entry = found.get(slot)
      const order = compareBallots(entry?.ballot ?? null, held.ballot)
      const isOther = order === 0 && entry !== undefined && keyOf(entry.value) !== held.value
      if (order < 0 || isOther) this.#lost(`what was accepted in slot ${slot}`)
    }
    this.promised = highest
    this.snapshotThrough = through
    this.chosenThrough = Math.max(chosenThrough, through)
    this.entries.clear()
    for (const { slot, ballot, value } of accepted) {
      this.entries.set(slot, { ballot, value: keyOf(value) })
    }
  }

  #accept(
    { slot, ballot, value }: AcceptedEntry,
    promised: Ballot | null,
    isChosen: (slot: Slot, value: string) => boolean,
  ): void {
    const old = this.entries.get(slot)
    const key = keyOf(value)
    const what = `accepts ${formatBallot(ballot)} in slot ${slot}`
    if (old !== undefined && sameBallot(old.ballot, ballot)) {
      if (old.value !== key) this.#broken(`${what} with another value than before`)
    } else if (compareBallots(ballot, old?.ballot ?? null) < 0) {
      this.#broken(`${what} over ${formatBallot(old?.ballot ?? null)}`)
    } else if (compareBallots(ballot, promised) < 0 && !isChosen(slot, key)) {
      this.#broken(`${what} after it promised ${formatBallot(promised)}`)
    }
    this.entries.set(slot, { ballot, value: key })
    this.promised = highestBallot(this.promised, ballot)
  }

  #broken(problem: string): void {
    this.#report('promise-kept', this.#id, `${this.#id} ${problem}.`)
  }

  #lost(what: string): void {
    this.#report('disk-keeps', this.#id, `The disk of ${this.#id} has lost ${what}.`)
  }
}
