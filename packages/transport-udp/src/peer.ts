/**
 * One peer: what waits for it, the cookie that lets this node in there, and the door that lets it in
 * here. Must never send it anything but to its address in the address book, and nothing but words
 * about cookies before it has answered.
 */
import { randomBytes } from 'node:crypto'
import type { NodeId, PeerFigures, PeerProblem, PeerProblemReason } from '@paxos/core'
import { parseAddress } from './address.ts'
import type { Clock } from './clock.ts'
import { doorWith, passOf } from './cookies.ts'
import type { Door } from './cookies.ts'
import { encodeCookieWord, SECRET_BYTES, stampDatagram } from './datagram.ts'
import type { CookieWord, Head } from './datagram.ts'
import { nameOf } from './name.ts'
import { outbox } from './outbox.ts'

/** One peer. */
export interface Peer {
  readonly address: string
  /** `null` when its address is malformed. */
  readonly door: Door | null
  /** Copies `frame`, and sends it when it can. */
  send(frame: Uint8Array): void
  /** It asks for a cookie, or has answered. */
  hear(word: CookieWord): void
  /** Tells it that its `cookie` is not known here, if it was not told just now. */
  complain(cookie: Uint8Array): void
  /** A frame of it was delivered. */
  received(): void
  /** Something that came in its name was not by its key, or the like: said if nothing better is known. */
  suspect(problem: PeerProblem): void
  figures(): PeerFigures
  /** Sends what may leave now, then drops what waits, and asks no more. */
  discard(): void
}

/** What a peer needs. */
export interface PeerOptions {
  readonly id: NodeId
  readonly address: string
  readonly family: 4 | 6
  readonly head: Head
  readonly datagramBytes: number
  readonly nextMessageId: () => bigint
  /** Writes the tag for a receiver into the end of a datagram, if there is to be one. */
  readonly sign: (receiver: Uint8Array, datagram: Uint8Array) => void
  /** Gives a datagram to the system. Must not throw. */
  readonly transmit: (
    datagram: Uint8Array,
    port: number,
    ip: string,
    done: (sent: boolean) => void,
  ) => void
  readonly lookup: (host: string) => Promise<readonly string[]>
  readonly clock: Clock
  /** A frame made room for a newer one, or was too old. */
  readonly onDropped: () => void
  /** A datagram did not leave. */
  readonly onUnsent: () => void
  readonly onProblem: (problem: PeerProblem) => void
}

const NOTHING = new Uint8Array(SECRET_BYTES)

/** A peer that nothing was sent to. One whose address is malformed is never sent anything. */
export function peerOf(options: PeerOptions): Peer {
  const { id, address, family, head, sign, clock, lookup, onDropped, onUnsent, onProblem } = options
  const counts = { sent: 0, received: 0, dropped: 0 }
  let problem: PeerProblem | null = null
  let isDiscarded = false

  function fail(reason: PeerProblemReason, message: string): void {
    problem = { reason, message }
    onProblem(problem)
  }

  function figures(): PeerFigures {
    return { isConnected: null, incarnation: null, ...counts, problem }
  }

  const parsed = parseAddress(address)
  if (parsed === null || parsed.port === 0) {
    fail('address', `'${address}' is no address of a peer. Write udp://host:port.`)
    return {
      address,
      door: null,
      send: () => (counts.dropped += 1),
      hear() {},
      complain() {},
      received() {},
      suspect() {},
      figures,
      discard() {},
    }
  }

  const { host, port } = parsed
  const name = nameOf({ host, family, lookup, now: clock.now })
  const receiver = Buffer.from(id, 'utf8')
  const door = doorWith(randomBytes(SECRET_BYTES), clock.now)

  function transmit(datagram: Uint8Array, done: (sent: boolean) => void): void {
    sign(receiver, datagram)
    name.resolve((ip) => {
      if (isDiscarded) finish(false, done)
      else if (ip !== null) {
        options.transmit(datagram, port, ip, (sent) => {
          if (!sent) fail('failed', 'The system did not send a datagram. Is the network up?')
          finish(sent, done)
        })
      } else {
        fail('address', `There is no address for '${host}'. Is the name right, and known here?`)
        finish(false, done)
      }
    })
  }

  function finish(sent: boolean, done: (sent: boolean) => void): void {
    if (!sent) onUnsent()
    done(sent)
  }

  function say(word: Omit<CookieWord, 'type' | 'sender'>): void {
    transmit(encodeCookieWord(head, word), () => {})
  }

  const waiting = outbox({
    head,
    datagramBytes: options.datagramBytes,
    nextMessageId: options.nextMessageId,
    mayLeave: () => pass.isReady(),
    transmit(datagram, done) {
      const stamp = pass.next()
      if (stamp === null) return done(false)
      stampDatagram(datagram, stamp)
      transmit(datagram, done)
    },
    clock,
    onDropped() {
      counts.dropped += 1
      onDropped()
    },
    onDone(frames, sent) {
      counts[sent ? 'sent' : 'dropped'] += frames
    },
  })
  const pass = passOf({
    clock,
    randomNonce: () => randomBytes(SECRET_BYTES),
    ask: (nonce) => say({ kind: 'question', nonce, cookie: NOTHING, epoch: 0 }),
    isNeeded: () => waiting.expire(),
    turn: () => name.turn(),
    onReady() {
      problem = null
      waiting.resume()
    },
    onSilence() {
      if (problem !== null && problem.reason !== 'no-answer') return
      fail('no-answer', `Nobody answers at ${address}. Is it up, and may datagrams pass?`)
    },
  })

  return {
    address,
    door,
    send: (frame) => waiting.push(frame),
    hear(word) {
      if (word.kind === 'question') {
        say({ kind: 'answer', nonce: word.nonce, ...door.invite() })
      } else if (word.kind === 'answer') pass.accept(word)
      else pass.forget(word.cookie)
    },
    complain(cookie) {
      if (door.mayComplain()) say({ kind: 'unknown', nonce: NOTHING, cookie, epoch: 0 })
    },
    received() {
      counts.received += 1
    },
    suspect(found) {
      if (!pass.hasCookie()) fail(found.reason, found.message)
    },
    figures,
    discard() {
      waiting.discard()
      isDiscarded = true
      pass.stop()
    },
  }
}
