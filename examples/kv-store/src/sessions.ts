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
  readonly #waiting = new Set<Waiting>()
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
    return await this.lend(1, deadline, async ([session]) => {
      if (session === undefined) throw new TypeError('No session was lent.')
      const { answer, isExpired } = await write(session)
      return { answer, expired: new Set(isExpired ? [session.id] : []) }
    })
  }

  /**
   * Lends so many sessions at once, as whoever waited for one more with some in his hands would wait
   * for others that do the same. `write` says which are of no use afterwards.
   */
  async lend<T>(
    count: number,
    deadline: Deadline,
    write: (
      sessions: readonly Session[],
    ) => Promise<{ readonly answer: T; readonly expired: ReadonlySet<string> }>,
  ): Promise<T> {
    if (count === 0) return (await write([])).answer
    await this.#turn(count, deadline)
    const lent = this.#idle.splice(-count)
    let expired: ReadonlySet<string> = new Set()
    try {
      const missing = Array.from({ length: count - lent.length }, () => this.#open(deadline))
      for (const opened of await Promise.allSettled(missing)) {
        if (opened.status === 'fulfilled') lent.push({ id: opened.value, sequence: 1 })
      }
      // Rejects with why one was not opened.
      await Promise.all(missing)
      const done = await write(lent)
      expired = done.expired
      return done.answer
    } finally {
      // Whatever came of it, its sequence is used up.
      for (const { id, sequence } of lent) {
        if (!expired.has(id)) this.#idle.push({ id, sequence: sequence + 1 })
      }
      this.#inUse -= count
      this.#callNext()
    }
  }

  /** Resolves when so many sessions may be taken, in the order of the calls. */
  async #turn(count: number, deadline: Deadline): Promise<void> {
    if (this.#waiting.size === 0 && this.#hasRoomFor(count)) {
      this.#inUse += count
      return
    }
    if (this.#waiting.size >= this.#limits.waiting) {
      const message =
        `${this.#waiting.size} writes wait for their turn. ` +
        'Wait for some of them before you begin others.'
      throw new TooManyWritesError(message)
    }
    if (await this.#handedOver(count, deadline)) return
    deadline.throwIfGivenUp()
    throw new UnavailableError(
      `The write waited ${deadline.afterMs} ms for others of this client, and was not begun. ` +
        'Wait for some of them before you begin others.',
    )
  }

  #hasRoomFor(count: number): boolean {
    // More than there are of them would wait for ever.
    return this.#inUse + count <= this.#limits.sessions || this.#inUse === 0
  }

  /** Gives what is free to those who have waited longest. */
  #callNext(): void {
    for (const next of this.#waiting) {
      if (!this.#hasRoomFor(next.count)) return
      this.#inUse += next.count
      next.finish(true)
    }
  }

  /** Whether enough sessions were free, and these before it served, before the time was up. */
  #handedOver(count: number, { signal }: Deadline): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (hasTurn: boolean): void => {
        this.#waiting.delete(waiting)
        signal.removeEventListener('abort', giveUp)
        resolve(hasTurn)
      }
      const waiting: Waiting = { count, finish }
      const giveUp = (): void => {
        finish(false)
        this.#callNext()
      }
      this.#waiting.add(waiting)
      signal.addEventListener('abort', giveUp)
    })
  }
}

/** Somebody who waits for so many sessions. */
interface Waiting {
  readonly count: number
  readonly finish: (hasTurn: boolean) => void
}
