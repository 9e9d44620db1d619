/**
 * Who is let in, and what is old. Before a node sends to a peer it asks for a cookie, and the answer
 * goes to the address of the address book: so who has a cookie does receive there, and nobody makes
 * this node send more than a question's size to somebody else. A cookie is drawn by the receiver for
 * each entry of its address book, each time that it starts; with it comes an epoch, a higher one for
 * each question. A newer epoch replaces the one before it, and within one each sequence number counts
 * once. So what was recorded before either side restarted, or has come already, is known without any
 * clock: its cookie is another, its epoch is over, or its number has been. And as only who is of this
 * cluster, and of the incarnation that is expected, is given a cookie, no datagram of others passes.
 *
 * Must keep nothing for those who are not in the address book.
 */
import { timingSafeEqual } from 'node:crypto'
import type { Clock } from './clock.ts'
import type { Stamp } from './datagram.ts'
import {
  FIRST_QUESTION_RETRY_MS,
  MAX_INVITED,
  MAX_QUESTION_RETRY_MS,
  QUESTIONS_AT_ONE_ADDRESS,
  QUESTIONS_BEFORE_PROBLEM,
  UNKNOWN_INTERVAL_MS,
} from './limits.ts'
import { replayWindow } from './replay-window.ts'

/** What a receiver keeps for one peer: whom it let in, and what has come of it. */
export interface Door {
  /** The cookie, and a new epoch for it, for who asked as `incarnation`. */
  invite(incarnation: string): { readonly cookie: Uint8Array; readonly epoch: number }
  /** 'unknown' is a stamp that this door has not given out since it was made. */
  admit(stamp: Stamp): 'fresh' | 'replayed' | 'unknown'
  /** Whether to say now that a cookie is not known: not each time. */
  mayComplain(): boolean
}

/** What a door needs. */
export interface DoorOptions {
  /** New, and beyond guessing. */
  readonly cookie: Uint8Array
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  /** The first datagram has come of an invitation that `incarnation` asked for. */
  readonly onEntered: (incarnation: string) => void
}

/** A door that nobody has passed. */
export function doorWith({ cookie, now, onEntered }: DoorOptions): Door {
  let issued = 0
  let epoch = 0
  let window = replayWindow()
  let complainAgainAtMs = -Infinity
  /** The incarnations of the latest invitations, by epoch: whoever asks may not be who receives. */
  const invited = new Map<number, string>()

  function enter(next: number): void {
    epoch = next
    window = replayWindow()
    const incarnation = invited.get(next)
    for (const past of invited.keys()) if (past <= next) invited.delete(past)
    if (incarnation !== undefined) onEntered(incarnation)
  }

  return {
    invite(incarnation) {
      issued += 1
      invited.set(issued, incarnation)
      invited.delete(issued - MAX_INVITED)
      return { cookie, epoch: issued }
    },
    admit(stamp) {
      if (!isSame(stamp.cookie, cookie) || stamp.epoch > issued) return 'unknown'
      if (stamp.epoch < epoch) return 'replayed'
      if (stamp.epoch > epoch) enter(stamp.epoch)
      // Nobody was given epoch 0.
      return epoch > 0 && window.admit(stamp.sequence) ? 'fresh' : 'replayed'
    },
    mayComplain() {
      if (now() < complainAgainAtMs) return false
      complainAgainAtMs = now() + UNKNOWN_INTERVAL_MS
      return true
    },
  }
}

/** What a sender keeps for one peer: the cookie that lets it in. */
export interface Pass {
  /** Whether there is a cookie. If not, it is asked for from now on, for as long as it is needed. */
  isReady(): boolean
  /** Whether there is a cookie. Asks for none. */
  hasCookie(): boolean
  /** The next stamp; `null` when there is no cookie. */
  next(): Stamp | null
  /** Whether `nonce` is that of a question that nobody has answered. */
  isAsked(nonce: Uint8Array): boolean
  /** An answer has come. One to another question is ignored. */
  accept(answer: Omit<Stamp, 'sequence'> & { readonly nonce: Uint8Array }): void
  /** The peer does not know `cookie`. If it is the one in use, another is asked for. */
  forget(cookie: Uint8Array): void
  /** Asks no more. */
  stop(): void
}

/** What a pass needs. */
export interface PassOptions {
  readonly clock: Clock
  /** Beyond guessing. */
  readonly randomNonce: () => Uint8Array
  /** Sends a question. */
  readonly ask: (nonce: Uint8Array) => void
  /** Whether anything waits that a cookie is needed for. */
  readonly isNeeded: () => boolean
  /** There is a cookie now. */
  readonly onReady: () => void
  /** Nobody has answered for long. May be called again. */
  readonly onSilence: () => void
  /** Asks at another address from now on. False when there is no other. */
  readonly turn: () => boolean
}

/** No cookie yet. */
export function passOf(options: PassOptions): Pass {
  const { clock, randomNonce, ask, isNeeded, onReady, onSilence, turn } = options
  let cookie: Uint8Array | null = null
  let epoch = 0
  let sequence = 0
  let nonce: Uint8Array | null = null
  let questions = 0
  let stopTimer: (() => void) | null = null
  let isStopped = false

  function question(): void {
    stopTimer = null
    if (isStopped || cookie !== null || !isNeeded()) {
      questions = 0
      return
    }
    if (questions >= QUESTIONS_BEFORE_PROBLEM) onSilence()
    // An answer counts for the address at which it was asked for, so that frames go there too.
    if (questions > 0 && questions % QUESTIONS_AT_ONE_ADDRESS === 0 && turn()) nonce = null
    // One nonce for all that are asked there: the answer to the first may be the first to come.
    nonce ??= randomNonce()
    const waitMs = Math.min(MAX_QUESTION_RETRY_MS, FIRST_QUESTION_RETRY_MS * 2 ** questions)
    questions += 1
    stopTimer = clock.after(waitMs, question)
    ask(nonce)
  }

  return {
    isReady() {
      if (cookie !== null) return true
      if (stopTimer === null) question()
      return false
    },
    hasCookie: () => cookie !== null,
    next() {
      if (cookie === null) return null
      sequence += 1
      return { cookie, epoch, sequence }
    },
    isAsked: (answered) => !isStopped && nonce !== null && isSame(nonce, answered),
    accept(answer) {
      if (isStopped || nonce === null || !isSame(nonce, answer.nonce)) return
      // Not slice(): it is cut from a datagram, and a Buffer's slice shares its memory.
      cookie = new Uint8Array(answer.cookie)
      epoch = answer.epoch
      sequence = -1
      nonce = null
      questions = 0
      stopTimer?.()
      stopTimer = null
      onReady()
    },
    forget(unknown) {
      if (cookie === null || !isSame(cookie, unknown)) return
      cookie = null
      if (stopTimer === null) question()
    },
    stop() {
      isStopped = true
      stopTimer?.()
      stopTimer = null
    },
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b)
}
