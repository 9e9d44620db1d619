/**
 * The frames on their way from one node to one other, in the order in which they will arrive. That
 * order is settled when a frame is sent: a frame whose time has come waits for those before it. So
 * it never depends on how the platform orders its timers. What is on its way is bounded in bytes;
 * the oldest is dropped.
 */
import type { NodeId } from '@paxos/core'
import type { Bottleneck } from './bottleneck.ts'
import type { Route } from './transport.ts'
import { FRAME_OVERHEAD_BYTES, MAX_QUEUED_BYTES } from './limits.ts'

/** One copy of a frame on its way. */
export interface Flight {
  readonly frame: Uint8Array
  readonly route: Route
  /** Whether it is one more of a frame that was duplicated: figures count the frame once. */
  readonly isDuplicate: boolean
  /** What the scheduler returned for the timer that makes it due. */
  timer: unknown
  /** Whether its time has come: it arrives as soon as it is first and the receiver takes it. */
  due: boolean
}

/** One direction between two nodes. */
export interface Link {
  readonly from: NodeId
  readonly to: NodeId
  /** Where frames wait until the link has carried those before them. */
  readonly bottleneck: Bottleneck
  /** The next to arrive is first. */
  readonly flights: Flight[]
  queuedBytes: number
  cut: boolean
}

/** A link with nothing on it. */
export function emptyLink(from: NodeId, to: NodeId, bottleneck: Bottleneck): Link {
  return { from, to, bottleneck, flights: [], queuedBytes: 0, cut: false }
}

/**
 * Puts a flight on its way, ahead of the share `overtake` (0 to 1) of those before it. Returns the
 * flights that had to be dropped to make room, never the new one.
 */
export function enqueue(link: Link, flight: Flight, overtake: number): Flight[] {
  const dropped: Flight[] = []
  while (link.queuedBytes + cost(flight) > MAX_QUEUED_BYTES) {
    const oldest = takeFirst(link)
    if (oldest === undefined) break
    dropped.push(oldest)
  }
  const overtaken = Math.ceil(overtake * link.flights.length)
  link.flights.splice(link.flights.length - overtaken, 0, flight)
  link.queuedBytes += cost(flight)
  return dropped
}

/** Takes the next to arrive off the link. */
export function takeFirst(link: Link): Flight | undefined {
  const flight = link.flights.shift()
  if (flight !== undefined) link.queuedBytes -= cost(flight)
  return flight
}

/** Takes the flights to `address` that are due off the link: they had reached a node that is gone. */
export function takeDue(link: Link, address: string): Flight[] {
  const taken: Flight[] = []
  const kept: Flight[] = []
  for (const flight of link.flights.splice(0)) {
    const arrived = flight.due && flight.route.address === address
    if (arrived) link.queuedBytes -= cost(flight)
    ;(arrived ? taken : kept).push(flight)
  }
  for (const flight of kept) link.flights.push(flight)
  return taken
}

function cost(flight: Flight): number {
  return flight.frame.byteLength + FRAME_OVERHEAD_BYTES
}
