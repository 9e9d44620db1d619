/**
 * How soon a cluster is itself again when the faults are over: the liveness that is promised, as
 * numbers. What grows with the backlog, the slowness of links or the round trip stands here and
 * nowhere else. Must never depend on how a run went, so that no engine makes its own bound longer.
 */
import type { Plan } from './plan.ts'

/**
 * After the faults a cluster with little to make up for has so long, in virtual milliseconds, to
 * commit a command that is proposed on every live node, and to bring all of them to the same slot.
 * What is allowed for: 2 s until the last delayed frame is there, 1.5 s until followers miss a
 * leader, 3 s for two elections more, since votes split, 3.2 s until a command that was lost is
 * handed over again (16 times the retransmission interval), twice that interval for each of ten
 * losses of a piece of a snapshot; together 13.7 s.
 */
export const RECOVERY_BOUND_MS = 15_000

/**
 * The same where the members change, and operators have to mend what is lost by changes that wait for
 * one another: each lets a new voter learn, of which the leader hears every two seconds, and five
 * later. Besides, what they had begun before takes up to twelve seconds.
 */
const MEMBERS_BOUND_MS = 90_000

/** What a recovery has to carry, and over what. */
export interface Recovery {
  /** What is accepted and not chosen, or on its way into the log, in bytes: each command once. */
  readonly backlogBytes: number
  /** What may wait for a link, in bytes, of no use any more. */
  readonly queueBytes: number
  /** What one direction of a link carries, in bytes a second. */
  readonly bytesPerSecond: number
  /** From the sending of a frame until its answer can be there, in milliseconds. */
  readonly roundTripMs: number
  /** The probability that a frame is lost, 0 to 1. */
  readonly loss: number
}

/**
 * A backlog crosses a link so often at most: as what clients' nodes hand over, as the promises of a
 * first leader and of a second one, since votes split, and as what the leader proposes.
 */
const CROSSINGS = 4

/** Answers that wait for one another: of campaigns, promises, values and a command, twice. */
const ROUND_TRIPS = 20

/** What travels in one frame at least when there is much of it, in bytes: a page. */
const PAGE_BYTES = 256 << 10

/** The first command is chosen within so many virtual milliseconds after the end of the faults. */
export function recoveryBoundMs(recovery: Recovery): number {
  const { backlogBytes, queueBytes, bytesPerSecond, roundTripMs, loss } = recovery
  const pages = Math.ceil(backlogBytes / PAGE_BYTES)
  const carriedMs = ((CROSSINGS * backlogBytes + queueBytes) * 1000) / bytesPerSecond
  const answeredMs = (ROUND_TRIPS + 2 * pages) * roundTripMs
  return RECOVERY_BOUND_MS + (carriedMs + answeredMs) / (1 - loss) ** 2
}

/** The same for what a plan asks for at most. Links that carry everything at once need no more. */
export function recoveryBoundOf({ actions, links, tail, delayMs, spares }: Plan): number {
  if (spares !== undefined) return MEMBERS_BOUND_MS
  if (links === undefined) return RECOVERY_BOUND_MS
  const { bytesPerSecond, queueBytes, loss } = links
  let backlogBytes = (tail?.entries ?? 0) * ((tail?.valueBytes ?? 0) + ENTRY_BYTES)
  for (const action of actions) {
    if (action.type === 'burst') backlogBytes += action.count * (action.valueBytes + ENTRY_BYTES)
  }
  const roundTripMs = 2 * delayMs.max
  return recoveryBoundMs({ backlogBytes, queueBytes, bytesPerSecond, roundTripMs, loss })
}

/** What a command takes beside its value, at most: its key, its session and its place in the log. */
const ENTRY_BYTES = 256
