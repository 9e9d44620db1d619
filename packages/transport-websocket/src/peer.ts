/**
 * One peer: what waits for it, and the connections with it. Must never hold more than a few
 * connections, nor dial while there is one.
 *
 * The rule for a pair of nodes, which needs no coordination:
 *
 * 1. The node with the smaller id dials at once. The other leaves it to that node for a moment, and
 *    dials as well if nothing has come: the first may not be able to, for a page in a browser has
 *    no address and a firewall may let nothing in. A page dials at once, whatever its id.
 * 2. A node takes a connection from either side, and sends on the newest that it has: who dials has
 *    no connection that it knows to be alive, so that what came before is dead, or as new.
 * 3. If there are two, the node with the smaller id, and only that one, closes the older. Each goes
 *    on receiving from what is being closed, and what was sent before the goodbye arrives before
 *    it. So the two cannot close one connection each, and nothing is lost on the way to one.
 */
import { compareBallots } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { backoff } from './backoff.ts'
import type { Opener } from './channel.ts'
import type { Clock } from './clock.ts'
import { connect } from './connection.ts'
import type { Connection, ConnectionEvents } from './connection.ts'
import { DIAL_PATIENCE_MS, MAX_BATCH_BYTES, MAX_CONNECTIONS_PER_PEER, STABLE_MS } from './limits.ts'
import { outbox } from './outbox.ts'
import type { Tally } from './stats.ts'

/** One peer. */
export interface Peer {
  /** Whether there is an address to dial. */
  readonly isDialable: boolean
  /** Copies `frame` and sends it as soon as it can. */
  push(frame: Uint8Array): void
  /** Takes a connection that the peer has dialled, once it has said who it is. */
  adopt(connection: Connection): PeerConnection
  /** Closes every connection, and drops what waits. Nothing is delivered any more. */
  forget(): void
  /**
   * Delivers nothing any more, sends what waits on the connection that there is, and closes. Without
   * a connection what waits is dropped. A peer that does not read is given up by who calls this.
   */
  drain(): void
}

/** What a connection that was adopted has to tell. */
export type PeerConnection = Omit<ConnectionEvents, 'identified'>

/** What a peer needs. */
export interface PeerOptions {
  readonly self: NodeId
  readonly id: NodeId
  /** Dials the peer; `null` when it has no address that could be dialled. */
  readonly opener: Opener | null
  /** Whether nobody can dial us, so that we dial at once. */
  readonly isHidden: boolean
  readonly receive: (frame: Uint8Array) => void
  readonly pingIntervalMs: number
  readonly clock: Clock
  readonly random: () => number
  /** Calls back at the end of this turn of the event loop. */
  readonly defer: (callback: () => void) => void
  readonly tally: Tally
  /** Told of every connection that is dialled. */
  readonly onDialled: (connection: Connection) => void
}

/** A peer without a connection, which is dialled at once if it is ours to dial. */
export function makePeer(options: PeerOptions): Peer {
  const { self, id, opener, isHidden, receive, clock, defer, tally } = options
  const decides = comesFirst(self, id)
  const patienceMs = decides || isHidden ? 0 : DIAL_PATIENCE_MS
  const frames = outbox()
  const delays = backoff(options.random)
  /** Identified, and not closed yet; the newest last. Frames are sent on the last that is open. */
  const connections: Connection[] = []
  let dialling: Connection | null = null
  let stopTimer: (() => void) | null = null
  let isFlushing = false
  let state: 'open' | 'draining' | 'forgotten' = 'open'

  function dialAgain(): void {
    if (opener === null || state !== 'open' || dialling !== null || connections.length > 0) return
    dialAfter(opener, Math.max(patienceMs, delays.next()))
  }

  function dialAfter(open: Opener, delayMs: number): void {
    stopTimer = clock.after(delayMs, () => {
      stopTimer = null
      dial(open)
    })
  }

  function dial(open: Opener): void {
    let events: PeerConnection | null = null
    const connection = connect({
      open,
      self,
      peer: id,
      isWelcome: () => false,
      pingIntervalMs: options.pingIntervalMs,
      clock,
      tally,
      events: {
        identified() {
          dialling = null
          events = adopt(connection)
        },
        frame: (frame) => events?.frame(frame),
        written: () => events?.written(),
        closed() {
          if (events !== null) events.closed()
          else {
            dialling = null
            dialAgain()
          }
        },
      },
    })
    dialling = connection
    options.onDialled(connection)
  }

  function adopt(connection: Connection): PeerConnection {
    const sinceMs = clock.now()
    stopTimer?.()
    stopTimer = null
    if (decides) for (const older of connections) older.retire()
    connections.push(connection)
    if (connections.length > MAX_CONNECTIONS_PER_PEER) connections[0]?.terminate()
    dropped(frames.expire(sinceMs))
    const record = tally.records.of(id)
    record.isConnected = true
    record.problem = null
    flushSoon()
    return {
      frame(frame) {
        if (state !== 'open') return
        tally.records.of(id).received += 1
        receive(frame)
      },
      written: flushSoon,
      closed() {
        connections.splice(connections.indexOf(connection), 1)
        tally.records.of(id).isConnected = connections.length > 0
        if (clock.now() - sinceMs >= STABLE_MS) delays.reset()
        flushSoon()
        dialAgain()
      },
    }
  }

  function dropped(count: number): void {
    tally.counters.droppedFrames += count
    tally.records.of(id).dropped += count
  }

  /** What is sent in one turn of the event loop leaves together. */
  function flushSoon(): void {
    if (isFlushing || state === 'forgotten') return
    isFlushing = true
    defer(flush)
  }

  function flush(): void {
    isFlushing = false
    const newest = connections.findLast(({ isOpen }) => isOpen)
    if (newest?.isWriting === true) return
    const batch = newest === undefined ? [] : frames.take(MAX_BATCH_BYTES)
    if (newest === undefined || batch.length === 0) {
      if (state === 'draining') forget()
      return
    }
    tally.records.of(id).sent += batch.length
    newest.send(batch)
  }

  function leave(next: 'draining' | 'forgotten'): void {
    state = next
    stopTimer?.()
    stopTimer = null
    dialling?.terminate()
  }

  function forget(): void {
    leave('forgotten')
    frames.clear()
    for (const connection of connections) connection.close()
  }

  if (opener !== null && patienceMs === 0) dial(opener)
  else if (opener !== null) dialAfter(opener, patienceMs)
  return {
    isDialable: opener !== null,
    push(frame) {
      dropped(frames.push(frame, clock.now()))
      if (connections.length > 0) flushSoon()
    },
    adopt,
    forget,
    drain() {
      leave('draining')
      flush()
    },
  }
}

/** Whether `a` comes first in the order of ids that ballots have. */
function comesFirst(a: NodeId, b: NodeId): boolean {
  return compareBallots({ round: 1, node: a }, { round: 1, node: b }) < 0
}
