/**
 * The entries that an acceptor has accepted and still has in memory: everything above the snapshot,
 * and a tail below it. It knows nothing of what is durable or chosen; its owner does. It must never
 * hold an entry at or below `compactedThrough`, and never report a gap as an entry.
 */
import type { AcceptedEntry, Slot } from '../durability.ts'
import { MAX_BATCH_VALUES, MAX_KEPT_LOG_BYTES, PAGE_BYTES } from './limits.ts'
import { VALUE_OVERHEAD_BYTES } from './limits.ts'

/** A page of entries, and the slot where the next one begins; 0 when there is none. */
export interface Page {
  readonly entries: readonly AcceptedEntry[]
  readonly next: Slot
  /** What the entries take in a message, at most. */
  readonly bytes: number
}

/** Slots and what was accepted in them. */
export class Log {
  readonly #entries = new Map<Slot, AcceptedEntry>()
  #compactedThrough: Slot
  #last: Slot

  constructor(entries: readonly AcceptedEntry[], compactedThrough: Slot) {
    this.#compactedThrough = compactedThrough
    this.#last = compactedThrough
    for (const entry of entries) if (entry.slot > compactedThrough) this.put(entry)
  }

  /** The values of the slots through this one are gone. */
  get compactedThrough(): Slot {
    return this.#compactedThrough
  }

  /** The highest slot that holds an entry; `compactedThrough` when none does. */
  get last(): Slot {
    return this.#last
  }

  get(slot: Slot): AcceptedEntry | undefined {
    return this.#entries.get(slot)
  }

  /** Replaces what the slot held. */
  put(entry: AcceptedEntry): void {
    this.#entries.set(entry.slot, entry)
    this.#last = Math.max(this.#last, entry.slot)
  }

  /** The values from `first` through `last`; all of those slots must hold one. */
  values(first: Slot, last: Slot): Uint8Array[] {
    const values: Uint8Array[] = []
    for (let slot = first; slot <= last; slot += 1) {
      const entry = this.#entries.get(slot)
      if (entry !== undefined) values.push(entry.value)
    }
    return values
  }

  /** Everything that is held from `from` on. */
  entriesFrom(from: Slot): AcceptedEntry[] {
    return [...this.#heldFrom(from, this.#last)]
  }

  /**
   * The entries from `from` through `through`, at least one if there is any, as a message holds, or
   * `maxBytes` if that is less and not 0.
   */
  page(from: Slot, through: Slot, maxBytes = 0): Page {
    const entries: AcceptedEntry[] = []
    const most = Math.min(maxBytes || PAGE_BYTES, PAGE_BYTES)
    let bytes = 0
    for (const entry of this.#heldFrom(from, through)) {
      const more = wireBytes(entry)
      const isFull = bytes + more > most || entries.length === MAX_BATCH_VALUES
      if (isFull && entries.length > 0) return { entries, next: entry.slot, bytes }
      entries.push(entry)
      bytes += more
    }
    return { entries, next: 0, bytes }
  }

  /**
   * Forgets what is at or below `through`, but for the last of it: up to `tailBytes`, and of what is
   * needed, from `needed` on, up to MAX_KEPT_LOG_BYTES.
   */
  compact(through: Slot, tailBytes: number, needed: Slot = Infinity): void {
    let cut = through
    for (let bytes = 0; cut > this.#compactedThrough; cut -= 1) {
      bytes += (this.#entries.get(cut)?.value.length ?? 0) + VALUE_OVERHEAD_BYTES
      if (bytes > (cut < needed ? tailBytes : MAX_KEPT_LOG_BYTES)) break
    }
    for (let slot = this.#compactedThrough + 1; slot <= Math.min(cut, this.#last); slot += 1) {
      this.#entries.delete(slot)
    }
    this.#compactedThrough = Math.max(this.#compactedThrough, cut)
    this.#last = Math.max(this.#last, this.#compactedThrough)
  }

  *#heldFrom(from: Slot, through: Slot): Generator<AcceptedEntry> {
    const first = Math.max(from, this.#compactedThrough + 1)
    for (let slot = first; slot <= Math.min(through, this.#last); slot += 1) {
      const entry = this.#entries.get(slot)
      if (entry !== undefined) yield entry
    }
  }
}

/** At most so many bytes does an entry take in a message: three for each UTF-16 unit of the id. */
function wireBytes({ ballot, value }: AcceptedEntry): number {
  return value.length + VALUE_OVERHEAD_BYTES + 3 * ballot.node.length
}
