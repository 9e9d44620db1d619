/**
 * One connection: a channel on which both sides say who they are before anything else. Must never
 * deliver a frame before the other side's hello is checked, nor after it was cut.
 *
 *     greeting ──▶ identified ──▶ retired ──▶ closed
 *         └────────────┴──▶ cut ─────────────────┘
 */
import { MAX_FRAME_BYTES } from '@paxos/core'
import type { NodeId, PeerProblem } from '@paxos/core'
import type { Channel, CloseCode, Opener } from './channel.ts'
import type { Clock } from './clock.ts'
import { decodeHello, encodeHello } from './hello.ts'
import { IDENTIFY_TIMEOUT_MS, MAX_UNANSWERED_PINGS } from './limits.ts'
import { SILENCE } from './problem.ts'
import { REFUSALS } from './stats.ts'
import type { Tally } from './stats.ts'

/** One connection. */
export interface Connection {
  /** Whether the other side is known, and neither has begun to close. */
  readonly isOpen: boolean
  /** Whether what was sent last is still to be written. */
  readonly isWriting: boolean
  /** Sends frames, which are not to be modified. Only when it is open and not writing. */
  send(frames: readonly Uint8Array[]): void
  /** Closes when what was sent has left, and delivers what comes until then. */
  retire(): void
  /** Closes, and delivers nothing more. */
  close(): void
  /** Ends at once, and delivers nothing more. */
  terminate(): void
  /** Resolves when nothing is left of it. */
  readonly closed: Promise<void>
}

/** What a connection needs. */
export interface ConnectionOptions {
  readonly open: Opener
  readonly self: NodeId
  /** Whom we dial, and greet first; `null` for a connection that was accepted. */
  readonly peer: NodeId | null
  /** Whether an accepted connection of `sender` is welcome. Counts it when it is not. */
  readonly isWelcome: (sender: NodeId) => boolean
  readonly pingIntervalMs: number
  readonly clock: Clock
  readonly tally: Tally
  readonly events: ConnectionEvents
}

/** What a connection tells. */
export interface ConnectionEvents {
  /** Both sides know each other. */
  identified(peer: NodeId): void
  frame(frame: Uint8Array): void
  /** What was sent last is written. */
  written(): void
  /** The last call. */
  closed(): void
}

/** Opens a connection, or goes on with one that was accepted. */
export function connect(options: ConnectionOptions): Connection {
  const { self, peer, isWelcome, pingIntervalMs, clock, tally, events } = options
  let state: 'greeting' | 'identified' | 'retired' | 'cut' | 'closed' = 'greeting'
  let isWriting = false
  let isFailedDial = peer !== null
  let problem: PeerProblem | null = null
  let unansweredPings = 0
  let stopTimer: (() => void) | null = null
  let resolveClosed: (() => void) | null = null
  const closed = new Promise<void>((resolve) => {
    resolveClosed = resolve
  })

  const channel: Channel = options.open({
    opened() {
      if (peer !== null && state === 'greeting') greet(peer)
    },
    message(bytes) {
      unansweredPings = 0
      // `ws` was told so, and closes by itself; a browser was not.
      if (bytes.byteLength > MAX_FRAME_BYTES) refuse('malformedMessages')
      else if (state === 'greeting') receiveHello(bytes)
      else if (state === 'identified' || state === 'retired') events.frame(bytes)
    },
    malformed() {
      refuse('malformedMessages')
    },
    alive() {
      unansweredPings = 0
    },
    failed(found) {
      problem ??= found
    },
    closed() {
      if (isFailedDial && peer !== null) {
        tally.counters.failedDials += 1
        tally.records.fail(peer, problem ?? SILENCE)
      }
      state = 'closed'
      stopTimer?.()
      events.closed()
      resolveClosed?.()
    },
  })
  // An accepted connection is timed where it was accepted, from its first packet on.
  if (peer !== null) stopTimer = clock.after(IDENTIFY_TIMEOUT_MS, end)

  function greet(receiver: NodeId): void {
    channel.send([encodeHello({ sender: self, receiver })], () => {})
  }

  function receiveHello(bytes: Uint8Array): void {
    const hello = decodeHello(bytes)
    if (hello === null) refuse('malformedMessages')
    else if (hello.receiver !== self) refuse('strangerConnections')
    else if (peer === null) receiveVisitor(hello.sender)
    else if (hello.sender === peer) identify(peer)
    else refuse('strangerConnections')
  }

  function receiveVisitor(sender: NodeId): void {
    if (!isWelcome(sender)) {
      leave('cut', 4000)
      return
    }
    greet(sender)
    identify(sender)
  }

  function identify(id: NodeId): void {
    state = 'identified'
    isFailedDial = false
    channel.trust()
    stopTimer?.()
    if (channel.ping !== null) stopTimer = clock.after(pingIntervalMs, beat)
    events.identified(id)
  }

  function beat(): void {
    if (unansweredPings >= MAX_UNANSWERED_PINGS) {
      tally.counters.silentConnections += 1
      end()
      return
    }
    unansweredPings += 1
    stopTimer = clock.after(pingIntervalMs, beat)
    channel.ping?.()
  }

  function refuse(counter: 'malformedMessages' | 'strangerConnections'): void {
    if (state === 'cut' || state === 'closed') return
    problem ??= REFUSALS[counter]
    tally.refuse(counter, peer)
    leave('cut', 4000)
  }

  function leave(next: 'retired' | 'cut', code: CloseCode): void {
    if (state === 'closed' || state === 'cut') return
    state = next
    stopTimer?.()
    channel.close(code)
  }

  function end(): void {
    if (state === 'closed') return
    state = 'cut'
    stopTimer?.()
    channel.terminate()
  }

  function terminate(): void {
    isFailedDial = false
    end()
  }

  return {
    get isOpen() {
      return state === 'identified' && channel.isOpen
    },
    get isWriting() {
      return isWriting
    },
    send(frames) {
      isWriting = true
      channel.send(frames, () => {
        isWriting = false
        events.written()
      })
    },
    retire() {
      if (state === 'identified') leave('retired', 1000)
    },
    close() {
      if (state === 'greeting') terminate()
      else leave('cut', 1000)
    },
    terminate,
    closed,
  }
}
