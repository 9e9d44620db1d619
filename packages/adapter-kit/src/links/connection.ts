/**
 * One connection: a channel on which both sides say who they are before anything else, and from then
 * on ask each other for signs of life. Must never deliver a frame before the other side's hello is
 * checked, nor after it was cut.
 *
 *     greeting ──▶ identified ──▶ retired ──▶ closed
 *         └────────────┴──▶ cut ─────────────────┘
 */
import { MAX_FRAME_BYTES } from '@paxos/core'
import type { NodeId, PeerProblem } from '@paxos/core'
import type { Clock } from './clock.ts'
import {
  IDENTIFY_TIMEOUT_MS,
  MAX_HELLO_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_UNANSWERED_PINGS,
} from './limits.ts'
import type { Channel, OpenChannel } from './medium.ts'
import {
  decodeControl,
  encodeFrame,
  encodeHello,
  encodeRefused,
  encodeSign,
  isControl,
  LINK_VERSION,
} from './packet.ts'
import type { Hello, Refusal } from './packet.ts'
import { COUNTER_OF, REFUSED, SILENCE, TURNED_AWAY, WRONG_CERTIFICATE } from './stats.ts'
import type { RefusalCounter, Tally } from './stats.ts'

/** Who this node is. */
export interface Self {
  readonly cluster: string
  readonly id: NodeId
  readonly incarnation: string
}

/** Who is to be on the other side; `null` is any incarnation. */
export interface Expected {
  readonly id: NodeId
  readonly incarnation: string | null
}

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
  /** Turns away somebody who has not said who it is: there are too many. */
  expel(): void
  /** Resolves when nothing is left of it. */
  readonly closed: Promise<void>
}

/** What a connection needs. */
export interface ConnectionOptions {
  readonly open: OpenChannel
  readonly self: Self
  /** Whom we dial, and greet first; `null` for a connection that was accepted. */
  readonly peer: Expected | null
  /** Why an accepted connection of who says `hello` is not welcome; `null` when it is. */
  readonly admit: (hello: Hello) => Refusal | null
  readonly pingIntervalMs: number
  readonly clock: Clock
  readonly tally: Tally
  readonly events: ConnectionEvents
}

/** What a connection tells. */
export interface ConnectionEvents {
  /** Both sides know each other. */
  identified(hello: Hello): void
  frame(frame: Uint8Array): void
  /** What was sent last is written. */
  written(): void
  /** The last call. */
  closed(): void
}

/** Opens a connection, or goes on with one that was accepted. */
export function connect(options: ConnectionOptions): Connection {
  const { self, peer, pingIntervalMs, clock, tally, events } = options
  let state: 'greeting' | 'identified' | 'retired' | 'cut' | 'closed' = 'greeting'
  let isWriting = false
  /** Who is on the other side, or should be; of an accepted connection once it has said so. */
  let other = peer?.id ?? null
  let isFailedDial = peer !== null
  let problem: PeerProblem | null = null
  let unansweredPings = 0
  /** Signs of life that the channel has not taken yet. */
  const signsDue = new Set<'ping' | 'pong'>()
  let isClosing = false
  let stopTimer: (() => void) | null = null
  let resolveClosed: (() => void) | null = null
  const closed = new Promise<void>((resolve) => {
    resolveClosed = resolve
  })

  const channel: Channel = options.open({
    onOpen() {
      if (peer !== null && state === 'greeting') greet(peer)
    },
    onMessage: receive,
    onWritable() {
      isWriting = false
      sendSigns()
      if (!isWriting) events.written()
    },
    onMalformed() {
      refuse('protocol')
    },
    onProblem(found) {
      problem ??= found
      if (state === 'identified' && other !== null && isLasting(found)) {
        tally.records.fail(other, found)
      }
    },
    onClosed() {
      if (isFailedDial && peer !== null) {
        tally.counters.failedDials += 1
        if (problem === WRONG_CERTIFICATE) tally.counters.wrongCertificates += 1
        tally.records.fail(peer.id, problem ?? SILENCE)
      }
      state = 'closed'
      stopTimer?.()
      events.closed()
      resolveClosed?.()
    },
  })
  stopTimer = clock.after(IDENTIFY_TIMEOUT_MS, () => {
    if (peer === null) expel()
    else end()
  })

  function greet({ id, incarnation }: Expected): void {
    const hello = {
      version: LINK_VERSION,
      cluster: self.cluster,
      sender: self.id,
      receiver: id,
      incarnation: self.incarnation,
      expectedIncarnation: incarnation,
    }
    write([encodeHello(hello)])
  }

  function write(messages: readonly Uint8Array[]): void {
    if (!channel.writable) return
    // Before: the channel may have written when it returns.
    isWriting = true
    channel.send(messages)
    if (channel.writable) isWriting = false
  }

  function receive(message: Uint8Array): void {
    unansweredPings = 0
    if (state === 'cut' || state === 'closed') return
    if (isControl(message)) receiveControl(message)
    else if (state === 'greeting' || message.byteLength > MAX_FRAME_BYTES) refuse('protocol')
    else events.frame(message)
  }

  function receiveControl(message: Uint8Array): void {
    const maxBytes = state === 'greeting' ? MAX_HELLO_BYTES : MAX_MESSAGE_BYTES
    const control = message.byteLength > maxBytes ? null : decodeControl(message)
    if (control?.type === 'refused' && other !== null) receiveRefused(other, control.refusal)
    else if (state === 'greeting') {
      if (control?.type === 'hello') receiveHello(control.hello)
      else refuse('protocol')
    } else if (control?.type === 'frame' && control.frame.byteLength <= MAX_FRAME_BYTES) {
      events.frame(control.frame)
    } else if (control?.type === 'ping') {
      signsDue.add('pong')
      sendSigns()
    } else if (control === null || control.type === 'hello' || control.type === 'frame') {
      refuse('protocol')
    }
  }

  function receiveRefused(by: NodeId, refusal: Refusal | null): void {
    problem = REFUSED[refusal ?? 'unknown']
    if (!isFailedDial) tally.records.fail(by, problem)
    leave('cut')
  }

  function receiveHello(hello: Hello): void {
    const refusal = flawOf(hello)
    if (refusal !== null) {
      // Of another cluster it is not known whose id that is.
      if (refusal === 'unproven' || refusal === 'incarnation') other = hello.sender
      refuse(refusal)
      return
    }
    if (peer === null) greet({ id: hello.sender, incarnation: null })
    state = 'identified'
    other = hello.sender
    isFailedDial = false
    channel.trust?.()
    stopTimer?.()
    stopTimer = clock.after(pingIntervalMs, beat)
    events.identified(hello)
  }

  function flawOf(hello: Hello): Refusal | null {
    const { version, cluster, receiver, expectedIncarnation } = hello
    if (version !== LINK_VERSION) return 'protocol'
    if (cluster !== self.cluster) return 'cluster'
    if (receiver !== self.id) return 'receiver'
    const flaw = peer === null ? options.admit(hello) : flawOfAnswer(peer, hello)
    if (flaw !== null) return flaw
    const isMeant = expectedIncarnation === null || expectedIncarnation === self.incarnation
    return isMeant ? null : 'incarnation'
  }

  function beat(): void {
    if (unansweredPings >= MAX_UNANSWERED_PINGS) {
      tally.counters.silentConnections += 1
      end()
      return
    }
    unansweredPings += 1
    stopTimer = clock.after(pingIntervalMs, beat)
    signsDue.add('ping')
    sendSigns()
  }

  function sendSigns(): void {
    if (signsDue.size === 0 || state !== 'identified' || !channel.writable) return
    const signs = Array.from(signsDue, encodeSign)
    signsDue.clear()
    write(signs)
  }

  /** Says why, and closes. */
  function refuse(refusal: Refusal): void {
    if (state === 'cut' || state === 'closed') return
    turnAway(COUNTER_OF[refusal])
    write([encodeRefused(refusal)])
    leave('cut')
  }

  function turnAway(counter: RefusalCounter): void {
    problem ??= TURNED_AWAY[counter]
    tally.refuse(counter, other)
  }

  function expel(): void {
    if (state !== 'greeting') return
    turnAway('unidentifiedConnections')
    end()
  }

  function leave(next: 'retired' | 'cut'): void {
    if (state === 'closed' || state === 'cut') return
    state = next
    stopTimer?.()
    if (!isClosing) channel.close()
    isClosing = true
  }

  function end(): void {
    if (state === 'closed') return
    state = 'cut'
    stopTimer?.()
    channel.destroy()
  }

  function terminate(): void {
    isFailedDial = false
    end()
  }

  return {
    get isOpen() {
      return state === 'identified' && (isWriting || channel.writable)
    },
    get isWriting() {
      return isWriting
    },
    send(frames) {
      write(frames.some(isControl) ? frames.map(encodeFrame) : frames)
    },
    retire() {
      if (state === 'identified') leave('retired')
    },
    close() {
      if (state === 'greeting') terminate()
      else leave('cut')
    },
    terminate,
    expel,
    closed,
  }
}

/** What is wrong with who answers a dial. */
function flawOfAnswer(peer: Expected, { sender, incarnation }: Hello): Refusal | null {
  if (sender !== peer.id) return 'stranger'
  return peer.incarnation === null || peer.incarnation === incarnation ? null : 'incarnation'
}

/** Whether more is to be done about it than to connect again. */
function isLasting({ reason }: PeerProblem): boolean {
  return reason !== 'no-answer' && reason !== 'failed'
}
