/**
 * Where each peer is tried. The log says where a member listens; but it may have been started
 * elsewhere and the log does not know yet, it may not have left for where the log says that it is, or
 * everybody has moved while this node was away. So a peer stays where it answers, and while it does not
 * answer, it is tried at each address that is known of it, one after the other. Must never have two
 * peers at one address (P32), nor leave one that answers.
 */
import type { NodeId } from '@paxos/core'
import { plainAddress } from './members.ts'

/** So often a peer is asked, in the time in which it has to answer. */
const QUESTIONS = 4

interface Place {
  /** What is known of it, the likeliest first. */
  addresses: readonly string[]
  /** Where it is tried. It may answer where nobody says any more that it is. */
  at: string
  /** When it has answered there, or was first tried there. */
  sinceMs: number
  askAtMs: number
}

/** The addresses of the peers of one node. */
export class Whereabouts {
  readonly #patienceMs: number
  readonly #places = new Map<NodeId, Place>()
  #lookedAtMs = -Infinity

  /** A peer that does not answer for `patienceMs` is tried elsewhere. */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs
  }

  /**
   * `known` are the peers from now on, those first that have precedence where two have one address, and
   * of each the addresses that are known, the likeliest first. Who is said to be elsewhere from now on
   * stays where he is until he does not answer there, if he was heard lately: then he is in `heard`.
   */
  know(
    known: ReadonlyMap<NodeId, readonly [string, ...string[]]>,
    heard: ReadonlySet<NodeId>,
    nowMs: number,
  ): void {
    const before = new Map(this.#places)
    this.#places.clear()
    for (const [id, addresses] of known) {
      const place = before.get(id)
      this.#places.set(id, placeOf(place, addresses, heard.has(id), nowMs))
    }
  }

  /** A peer has answered: what this node sends arrives. */
  answered(id: NodeId, nowMs: number): void {
    const place = this.#places.get(id)
    if (place !== undefined) place.sinceMs = nowMs
  }

  /**
   * Tries those elsewhere that have not answered. Says whether any is. To be called several times
   * within the patience: in between nobody could have answered a node that stood still.
   */
  look(nowMs: number): boolean {
    const stoodStill = nowMs - this.#lookedAtMs >= this.#patienceMs / 2
    this.#lookedAtMs = nowMs
    let hasMoved = false
    for (const place of this.#places.values()) {
      if (stoodStill) place.sinceMs = Math.max(place.sinceMs, nowMs)
      if (nowMs < place.sinceMs + this.#patienceMs) continue
      const { addresses, at } = place
      const next = addresses[(addresses.indexOf(at) + 1) % addresses.length] ?? at
      hasMoved ||= next !== at
      Object.assign(place, { at: next, sinceMs: nowMs, askAtMs: nowMs })
    }
    return hasMoved
  }

  /** Whether it is tried where it most likely is. */
  isLikeliest(id: NodeId): boolean {
    const place = this.#places.get(id)
    return place === undefined || place.at === place.addresses[0]
  }

  /** Whom to ask now whether he is there, of those that may be elsewhere. */
  toAsk(nowMs: number): readonly NodeId[] {
    const due: NodeId[] = []
    for (const [id, place] of this.#places) {
      const { addresses, at } = place
      if (nowMs < place.askAtMs || addresses.every((each) => each === at)) continue
      place.askAtMs = nowMs + this.#patienceMs / QUESTIONS
      due.push(id)
    }
    return due
  }

  /**
   * The address book. Who is where he is most likely comes before who is tried elsewhere; for whom
   * nothing is left is not in it.
   */
  get peers(): ReadonlyMap<NodeId, string> {
    const taken = new Set<string>()
    const found = new Map<NodeId, string>()
    const take = (id: NodeId, addresses: readonly string[]): void => {
      const address = addresses.find((each) => !taken.has(plainAddress(each)))
      if (found.has(id) || address === undefined) return
      taken.add(plainAddress(address))
      found.set(id, address)
    }
    for (const [id, { addresses, at }] of this.#places) if (at === addresses[0]) take(id, [at])
    for (const [id, { addresses, at }] of this.#places) take(id, [at, ...addresses])
    return new Map([...this.#places.keys()].flatMap((id) => entryOf(found, id)))
  }
}

function placeOf(
  before: Place | undefined,
  addresses: readonly [string, ...string[]],
  isHeard: boolean,
  nowMs: number,
): Place {
  const [likeliest] = addresses
  const fresh = { addresses, at: likeliest, sinceMs: nowMs, askAtMs: nowMs }
  if (before === undefined) return fresh
  if (before.addresses.join() === addresses.join()) return before
  const isKnown = before.addresses[0] === likeliest && addresses.includes(before.at)
  return isHeard || isKnown ? { ...fresh, at: before.at } : fresh
}

function entryOf(
  book: ReadonlyMap<NodeId, string>,
  id: NodeId,
): readonly (readonly [NodeId, string])[] {
  const address = book.get(id)
  return address === undefined ? [] : [[id, address]]
}
