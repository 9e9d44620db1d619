/**
 * The sessions of one client. A session has one write at a time, because its sequences are issued
 * one after the other; so many writes at once need as many sessions. Must never give a sequence
 * twice.
 */
import { TooManyWritesError, UnavailableError } from './client-errors.ts'
import type { Deadline } from './deadline.ts'
import { MAX_SESSIONS, MAX_WAITING_WRITES } from './limits.ts'

/** A session, while one write has it. */
export interface Session {
  readonly id: string
  /** The sequence of the write that has it: 1, 2, 3, … */
  readonly sequence: number
}

export interface SessionLimits {
  readonly sessions: number
  readonly waiting: number
}

/** Lends sessions, and opens one when all are in use. */
export class Sessions {
  readonly #open: (deadline: Deadline) => Promise<string>
  readonly #limits: SessionLimits
  readonly #idle: Session[] = []
  readonly #waiting = new Set<(hasTurn: boolean) => void>()
  #inUse = 0

  constructor(
    open: (deadline: Deadline) => Promise<string>,
    limits: SessionLimits = { sessions: MAX_SESSIONS, waiting: MAX_WAITING_WRITES },
  ) {
    this.#open = open
    this.#limits = limits
  }

  /** Lends a session to `write`, which says whether it is of use afterwards. */
  async use<T>(
    deadline: Deadline,
    write: (session: Session) => Promise<{ readonly answer: T; readonly isExpired: boolean }>,
  ): Promise<T> {
    await this.#turn(deadline)
    try {
      const idle = this.#idle.pop()
      const session = idle ?? { id: await this.#open(deadline), sequence: 1 }
      let isExpired = false
      try {
        const done = await write(session)
        isExpired = done.isExpired
        return done.answer
      } finally {
        // Whatever came of it, its sequence is used up.
        if (!isExpired) this.#idle.push({ id: session.id, sequence: session.sequence + 1 })
      }
    } finally {
      const [next] = this.#waiting
      if (next === undefined) this.#inUse -= 1
      else next(true)
    }
  }

  /** Resolves when a session may be taken, in the order of the calls. */
  async #turn(deadline: Deadline): Promise<void> {
    if (this.#inUse < this.#limits.sessions) {
      this.#inUse += 1
      return
    }
    if (this.#waiting.size >= this.#limits.waiting) {
      const message =
        `${this.#waiting.size} writes wait for their turn. ` +
        'Wait for some of them before you begin others.'
      throw new TooManyWritesError(message)
    }
    if (await this.#handedOver(deadline)) return
    deadline.throwIfGivenUp()
    throw new UnavailableError(
      `The write waited ${deadline.afterMs} ms for others of this client, and was not begun. ` +
        'Wait for some of them before you begin others.',
    )
  }

  /** Whether one who has finished has handed its place over, before the time was up. */
  #handedOver({ signal }: Deadline): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (hasTurn: boolean): void => {
        this.#waiting.delete(finish)
        signal.removeEventListener('abort', giveUp)
        resolve(hasTurn)
      }
      const giveUp = (): void => finish(false)
      this.#waiting.add(finish)
      signal.addEventListener('abort', giveUp)
    })
  }
}
