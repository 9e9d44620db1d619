/**
 * One peer: what waits for it, and the connections with it, which pair.ts has the rule for. Must
 * never hold more than a few connections, nor send on one that is being closed.
 */
import { backoff } from './backoff.ts'
import type { LinkPlatform } from './clock.ts'
import { connect } from './connection.ts'
import type { Connection, ConnectionEvents, Expected, Self } from './connection.ts'
import { DIAL_PATIENCE_MS, MAX_BATCH_BYTES, STABLE_MS } from './limits.ts'
import type { OpenChannel } from './medium.ts'
import { outbox } from './outbox.ts'
import { NEW_PAIR, pairRole, sendsOn, step } from './pair.ts'
import type { PairAction, PairInput, PairState } from './pair.ts'
import type { Tally } from './stats.ts'

/** One peer. */
export interface Peer {
  /** Whether there is an address to dial. */
  readonly isDialable: boolean
  /** Copies `frame` and sends it as soon as it can. */
  push(frame: Uint8Array): void
  /** Takes a connection that the peer has dialled, once it has said who it is. */
  adopt(connection: Connection, incarnation: string): PeerConnection
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
  readonly self: Self
  readonly peer: Expected
  /** Dials the peer; `null` when it has no address that could be dialled. */
  readonly opener: OpenChannel | null
  /** Whether nobody can dial us, so that we dial at once. */
  readonly isHidden: boolean
  readonly receive: (frame: Uint8Array) => void
  readonly pingIntervalMs: number
  readonly platform: LinkPlatform
  readonly tally: Tally
  /** Told of every connection that is dialled. */
  readonly onDialled: (connection: Connection) => void
}

/** A peer without a connection, which is dialled at once if it is ours to dial. */
export function makePeer(options: PeerOptions): Peer {
  const { self, opener, receive, tally } = options
  const { id } = options.peer
  const { clock, random, defer } = options.platform
  const role = pairRole(self.id, id, opener !== null, options.isHidden)
  const patienceMs = role.dials === 'after-patience' ? DIAL_PATIENCE_MS : 0
  const frames = outbox()
  const delays = backoff(random)
  let pair: PairState<Connection> = NEW_PAIR
  let dialling: Connection | null = null
  let stopTimer: (() => void) | null = null
  let isFlushing = false
  let state: 'open' | 'draining' | 'forgotten' = 'open'

  function advance(input: PairInput<Connection>): void {
    const next = step(role, pair, input)
    pair = next.state
    for (const action of next.actions) take(action)
  }

  function take(action: PairAction<Connection>): void {
    switch (action.type) {
      case 'dial':
        if (opener !== null) dial(opener)
        break
      case 'wait':
        wait(action.for === 'patience' ? patienceMs : Math.max(patienceMs, delays.next()))
        break
      case 'stop-waiting':
        stopTimer?.()
        break
      case 'stop-dialling':
        dialling?.terminate()
        break
      case 'retire':
        action.connection.retire()
        break
      case 'destroy':
        action.connection.terminate()
        break
    }
  }

  function wait(delayMs: number): void {
    stopTimer = clock.after(delayMs, () => advance({ type: 'waited' }))
  }

  function dial(open: OpenChannel): void {
    let events: PeerConnection | null = null
    const connection = connect({
      open,
      self,
      peer: options.peer,
      admit: () => 'stranger',
      pingIntervalMs: options.pingIntervalMs,
      clock,
      tally,
      events: {
        identified({ incarnation }) {
          events = join(connection, incarnation, true)
        },
        frame: (frame) => events?.frame(frame),
        written: () => events?.written(),
        closed() {
          if (events !== null) events.closed()
          else advance({ type: 'dial-failed' })
        },
      },
    })
    dialling = connection
    options.onDialled(connection)
  }

  function join(connection: Connection, incarnation: string, isDialled: boolean): PeerConnection {
    const sinceMs = clock.now()
    advance({ type: 'identified', connection, isDialled })
    dropped(frames.expire(sinceMs))
    const record = tally.records.of(id)
    record.isConnected = true
    record.incarnation = incarnation
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
        if (clock.now() - sinceMs >= STABLE_MS) delays.reset()
        advance({ type: 'closed', connection })
        // Who is forgotten may be in the address book again, with a connection of its own.
        if (state !== 'forgotten') tally.records.of(id).isConnected = pair.connections.length > 0
        flushSoon()
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
    const newest = sendsOn(pair.connections, ({ isOpen }) => isOpen)
    if (newest?.isWriting === true) return
    const batch = newest === undefined ? [] : frames.take(MAX_BATCH_BYTES)
    if (newest === undefined || batch.length === 0) {
      if (state === 'draining') forget()
      return
    }
    tally.records.of(id).sent += batch.length
    newest.send(batch)
    if (!newest.isWriting) flushSoon()
  }

  function leave(next: 'draining' | 'forgotten'): void {
    state = next
    advance({ type: 'ended' })
  }

  function forget(): void {
    leave('forgotten')
    frames.clear()
    tally.records.of(id).isConnected = false
    for (const connection of pair.connections) connection.close()
  }

  advance({ type: 'begun' })
  return {
    isDialable: opener !== null,
    push(frame) {
      dropped(frames.push(frame, clock.now()))
      if (pair.connections.length > 0) flushSoon()
    },
    adopt: (connection, incarnation) => join(connection, incarnation, false),
    forget,
    drain() {
      leave('draining')
      flush()
    },
  }
}
