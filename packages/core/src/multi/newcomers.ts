/**
 * What those say who do not vote, or not yet: as which incarnation they run, and how far they are. A
 * new node asks by it whether others have voted before: see `admission.ts`. It decides nothing.
 */
import type { NodeId } from '../ballot.ts'
import type { Slot } from '../durability.ts'

/** What is known of another node. */
export interface Heard {
  /** Never empty. */
  readonly incarnation: string
  /** No crash takes from it what was chosen through here, as far as it was heard. */
  readonly storedThrough: Slot
}

/** What a message says of its sender. */
export interface Said {
  readonly incarnation?: string | undefined
  readonly storedThrough?: Slot | undefined
}

/** Who was heard, within those that may be. */
export class Newcomers {
  readonly #heard = new Map<NodeId, Heard>()
  readonly #heardAtMs = new Map<NodeId, number>()

  get heard(): ReadonlyMap<NodeId, Heard> {
    return this.#heard
  }

  /** A node has said who it is. What a former incarnation of it held is lost. */
  hear(from: NodeId, { incarnation, storedThrough = 0 }: Said, nowMs: number): void {
    if (incarnation === undefined || incarnation === '') return
    this.#heardAtMs.set(from, nowMs)
    const before = this.#heard.get(from)
    const known = before?.incarnation === incarnation ? before.storedThrough : 0
    if (before?.incarnation === incarnation && storedThrough <= known) return
    this.#heard.set(from, { incarnation, storedThrough: Math.max(known, storedThrough) })
  }

  /** Whether `id` was not heard since `sinceMs`. */
  isSilent(id: NodeId, sinceMs: number): boolean {
    return (this.#heardAtMs.get(id) ?? -Infinity) < sinceMs
  }

  /** Who is no member any more is forgotten. */
  keep(members: ReadonlySet<NodeId>): void {
    for (const id of this.#heard.keys()) {
      if (members.has(id)) continue
      this.#heard.delete(id)
      this.#heardAtMs.delete(id)
    }
  }
}
