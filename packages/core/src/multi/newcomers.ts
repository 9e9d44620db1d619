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

/** Who was heard, within those that may be. */
export class Newcomers {
  readonly #heard = new Map<NodeId, Heard>()

  get heard(): ReadonlyMap<NodeId, Heard> {
    return this.#heard
  }

  /** A node has said who it is. What a former incarnation of it held is lost. */
  hear(from: NodeId, incarnation: string | undefined, storedThrough: Slot = 0): void {
    if (incarnation === undefined || incarnation === '') return
    const before = this.#heard.get(from)
    const known = before?.incarnation === incarnation ? before.storedThrough : 0
    if (before?.incarnation === incarnation && storedThrough <= known) return
    this.#heard.set(from, { incarnation, storedThrough: Math.max(known, storedThrough) })
  }

  /** Who is no member any more is forgotten. */
  keep(members: ReadonlySet<NodeId>): void {
    for (const id of this.#heard.keys()) if (!members.has(id)) this.#heard.delete(id)
  }
}
