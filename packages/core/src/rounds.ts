/**
 * How far ahead a number may be that others say: a round of a ballot, a slot of a log. One message
 * from a broken or hostile peer must not use the numbers up, nor leave a node where the others do
 * not follow it. The same rule for every engine; it must never part honest nodes for good.
 *
 * A node believes numbers below its ceiling. When one in the step below the ceiling or above is
 * heard, believed or not, the ceiling rises by a step, at most once an interval. So:
 *  - Numbers are not used up: that takes a flood of 2^53 / step intervals (for rounds, 54 years).
 *  - Nobody is parted for good: leaders and candidates repeat what they say, in messages that name
 *    their ballot, so that a node below what they use climbs a step an interval until it believes
 *    them. A node that was flooded for a time makes others wait for as long, no longer.
 *  - A node that starts again begins at what is durable, one step above it at least, and climbs from
 *    there. Ceilings are whole steps, so that nodes which know about the same have the same.
 */
import type { Ballot, NodeId } from './ballot.ts'
import { CEILING_INTERVAL_MS, MAX_ROUND, ROUNDS_STEP } from './limits.ts'
import type { Envelope } from './message.ts'

/** What a node believes of one kind of number. */
export class Ceiling {
  readonly #step: number
  #ceiling: number
  #risenAtMs: number | null = null

  /** `known` is the highest such number on stable storage. */
  constructor(known: number, step: number = ROUNDS_STEP) {
    this.#step = step
    this.#ceiling = this.#atMost((Math.floor(known / step) + 2) * step)
  }

  /** Whether a peer may say `number`. Numbers near the ceiling, or above it, let it rise. */
  admits(number: number, nowMs: number): boolean {
    const isNear = number >= this.#ceiling - this.#step
    if (isNear && nowMs - (this.#risenAtMs ?? -Infinity) >= CEILING_INTERVAL_MS) {
      this.#risenAtMs = nowMs
      this.#ceiling = this.#atMost(this.#ceiling + this.#step)
    }
    return number < this.#ceiling
  }

  /** Of the last step nothing is believed, so that a node that counts on from there has room. */
  #atMost(ceiling: number): number {
    return Math.min(ceiling, MAX_ROUND + 1 - this.#step)
  }
}

type AnyMessage = Envelope<unknown>['message']

/** The highest round of a message, to which its receiver may come to promise or to go above. */
export function highestRound(message: AnyMessage): number {
  let highest = 0
  const add = (ballot: Ballot | undefined): void => {
    if (ballot !== undefined && ballot.round > highest) highest = ballot.round
  }
  if ('ballot' in message) add(message.ballot)
  if ('promised' in message) add(message.promised ?? undefined)
  if ('released' in message) add(message.released)
  if ('accepted' in message) add(message.accepted?.ballot)
  if ('entries' in message) for (const { ballot } of message.entries) add(ballot)
  return highest
}

/** These only the leader or candidate itself sends, and a ballot has one owner. */
const OWNERS_ONLY: ReadonlySet<string> = new Set([
  'prepare',
  'accept',
  'heartbeat',
  'proclamation',
  'logPrepare',
  'logAccept',
  'logHeartbeat',
  'handOver',
])

/** Whether a message that only the owner of its ballot sends comes from that one. */
export function isFromOwner(from: NodeId, message: AnyMessage): boolean {
  return !OWNERS_ONLY.has(message.type) || !('ballot' in message) || message.ballot.node === from
}
