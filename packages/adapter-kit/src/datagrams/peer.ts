/**
 * One peer: what waits for it, the cookie that lets this node in there, and the door that lets it in
 * here. Must never send it anything but to its address in the address book, nothing but words about
 * cookies before it has answered as who is expected, and nothing larger than what came in its name
 * before it has answered at all, but its own questions.
 */
import type { NodeId, PeerFigures, PeerProblem } from '@paxos/core'
import type { Clock } from './clock.ts'
import { doorWith, passOf } from './cookies.ts'
import type { Door } from './cookies.ts'
import { stampDatagram } from './datagram.ts'
import { SECRET_BYTES } from './header.ts'
import type { Head } from './header.ts'
import { mismatchOf, refusalBy } from './identity.ts'
import type { Identity } from './identity.ts'
import type { Route } from './medium.ts'
import { outbox } from './outbox.ts'
import { encodeWord } from './words.ts'
import type { Answer, CookieWord, Question, Refusal } from './words.ts'

/** One peer. */
export interface Peer {
  readonly address: string
  /** Which incarnation is expected; `null` when any will do. */
  readonly expected: string | null
  /** `null` when its address is malformed. */
  readonly door: Door | null
  /** Copies `frame`, and sends it when it can. */
  send(frame: Uint8Array): void
  /**
   * It asks for a cookie, or has answered, in a datagram of so many bytes. Returns whether it is who
   * is expected; if it is not, that has been told.
   */
  hear(word: CookieWord, datagramBytes: number): boolean
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
  readonly expected: string | null
  /** The way to its address; `null` when that is malformed. */
  readonly route: Route | null
  /** An address as this medium writes them. */
  readonly sample: string
  readonly head: Head
  /** Who this node is. */
  readonly self: Identity
  readonly datagramBytes: number
  readonly nextMessageId: () => bigint
  /** Writes the tag for a receiver into the end of a datagram, if there is to be one. */
  readonly sign: (receiver: Uint8Array, datagram: Uint8Array) => void
  readonly clock: Clock
  readonly randomBytes: (count: number) => Uint8Array
  /** A frame made room for a newer one, or was too old. */
  readonly onDropped: () => void
  /** A datagram did not leave. */
  readonly onUnsent: () => void
  readonly onProblem: (problem: PeerProblem) => void
}

/** A peer that nothing was sent to. One whose address is malformed is never sent anything. */
export function peerOf(options: PeerOptions): Peer {
  const { address, expected, route, onProblem } = options
  if (route !== null) return reachable(options, route)
  const message = `'${address}' is no address of a peer. Write it as '${options.sample}' is.`
  const problem: PeerProblem = { reason: 'address', message }
  let dropped = 0
  onProblem(problem)
  return {
    address,
    expected,
    door: null,
    send: () => (dropped += 1),
    hear: () => true,
    complain() {},
    received() {},
    suspect() {},
    figures: () => ({
      isConnected: null,
      incarnation: null,
      sent: 0,
      received: 0,
      dropped,
      problem,
    }),
    discard() {},
  }
}

function reachable(options: PeerOptions, route: Route): Peer {
  const { id, address, expected, head, self, datagramBytes, clock, randomBytes } = options
  const { sign, onDropped, onUnsent, onProblem } = options
  const expectation = { cluster: self.cluster, incarnation: expected }
  const counts = { sent: 0, received: 0, dropped: 0 }
  const receiver = Buffer.from(id, 'utf8')
  let problem: PeerProblem | null = null
  /** What was wrong with who asked last, if that is the problem: it is over when another enters. */
  let asked: PeerProblem | null = null
  let incarnation: string | null = null
  let isDiscarded = false

  function fail(found: PeerProblem): void {
    problem = found
    onProblem(found)
  }

  const door = doorWith({
    cookie: randomBytes(SECRET_BYTES),
    now: clock.now,
    onEntered(entered) {
      incarnation = entered
      if (problem === asked) problem = null
    },
  })

  function transmit(datagram: Uint8Array, done: (sent: boolean) => void): void {
    sign(receiver, datagram)
    route.send(datagram, (failure) => {
      if (failure !== null) onUnsent()
      if (failure !== null && !isDiscarded) fail(failure)
      done(failure === null)
    })
  }

  function say(word: CookieWord): void {
    transmit(encodeWord(head, word, datagramBytes), () => {})
  }

  /** Says `word`, which is not larger than the datagram that it answers. */
  function reply(word: CookieWord, askedBytes: number): void {
    const datagram = encodeWord(head, word, datagramBytes)
    if (datagram.byteLength <= askedBytes) return transmit(datagram, () => {})
    const message = `Node '${id}' asks in ${askedBytes} bytes, which is too little for the names of this node. Raise maxDatagramBytes there.`
    onProblem({ reason: 'protocol', message })
  }

  function hearQuestion(question: Question, askedBytes: number): boolean {
    const mismatch = mismatchOf(id, expectation, question)
    if (mismatch === null) {
      const invitation = door.invite(question.incarnation)
      reply({ kind: 'answer', nonce: question.nonce, ...invitation, ...self }, askedBytes)
      return true
    }
    // Anybody may have asked in its name: what is known of it by its own answer counts for more.
    if (pass.hasCookie()) onProblem(mismatch)
    else {
      if (question.cluster === self.cluster) ({ incarnation } = question)
      asked = mismatch
      fail(mismatch)
    }
    reply({ kind: 'refusal', nonce: question.nonce, ...self }, askedBytes)
    return false
  }

  /** Who receives at its address has answered: that is who is there. */
  function hearAnswer(word: Answer | Refusal): boolean {
    if (!pass.isAsked(word.nonce)) return true
    if (word.cluster === self.cluster) ({ incarnation } = word)
    const mismatch = mismatchOf(id, expectation, word)
    if (mismatch !== null) fail(mismatch)
    else if (word.kind === 'answer') pass.accept(word)
    else fail(refusalBy(id, self))
    return mismatch === null
  }

  const waiting = outbox({
    head,
    datagramBytes,
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
    ask: (nonce) => say({ kind: 'question', nonce, ...self }),
    isNeeded: () => waiting.expire(),
    turn: () => route.turn?.() ?? false,
    onReady() {
      problem = null
      waiting.resume()
    },
    onSilence() {
      if (problem !== null && problem.reason !== 'no-answer') return
      const message = `Nobody answers at ${address}. Is it up, and may datagrams pass?`
      fail({ reason: 'no-answer', message })
    },
  })

  return {
    address,
    expected,
    door,
    send: (frame) => waiting.push(frame),
    hear(word, askedBytes) {
      switch (word.kind) {
        case 'question':
          return hearQuestion(word, askedBytes)
        case 'answer':
        case 'refusal':
          return hearAnswer(word)
        case 'unknown':
          pass.forget(word.cookie)
          return true
      }
    },
    complain(cookie) {
      if (door.mayComplain()) say({ kind: 'unknown', cookie })
    },
    received() {
      counts.received += 1
    },
    suspect(found) {
      if (!pass.hasCookie()) fail(found)
    },
    figures: () => ({ isConnected: null, incarnation, ...counts, problem }),
    discard() {
      waiting.discard()
      isDiscarded = true
      pass.stop()
      route.drop?.()
    },
  }
}
