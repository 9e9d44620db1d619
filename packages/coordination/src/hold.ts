/**
 * Something that this process holds: renewed by itself while its event loop turns, and lost when that may
 * have come too late. Must never let its signal come after somebody else may have it: what is counted, from
 * when and for how long, is said at the head of holds.ts.
 */
import { requireWait } from './arguments.ts'
import type { WaitOptions } from './arguments.ts'
import { Since } from './clock.ts'
import type { Context, Which } from './context.ts'
import { HoldLostError, HoldReleasedError, isOver } from './errors.ts'
import { Patience } from './patience.ts'

/** What was granted. */
export interface Grant {
  readonly which: Which
  readonly ttlMs: number
  readonly token: number
  /** When the newest renewal was proposed of those that are known to be applied. */
  readonly since: Since
}

/** So many looks at the clock in a time to live: a machine that was suspended notices by the next one. */
const LOOKS = 8

/** After this part of a time to live it is renewed: two of three renewals may fail. */
const RENEW_AFTER = 1 / 3

/** A lock, a permit, a term or an item that this process holds. */
export class Hold implements AsyncDisposable {
  /**
   * A fencing token: it comes from the log, and grows from each holder to the next, for ever. Give it to
   * the resource with each write, and have that refuse one that is lower than one it has seen.
   */
  readonly token: number
  readonly #context: Context
  readonly #which: Which
  readonly #usableMs: number
  readonly #controller = new AbortController()
  #since: Since
  #isKept: boolean
  #isRenewing = false
  #cancelLook: (() => void) | null = null
  #released: Promise<void> | null = null

  constructor(context: Context, { which, ttlMs, token, since }: Grant, isKept = true) {
    this.token = token
    this.#context = context
    this.#which = which
    this.#usableMs = context.usableMs(ttlMs)
    this.#since = since
    this.#isKept = isKept
    this.#look()
    if (!context.closed.aborted) {
      context.closed.addEventListener('abort', this.#closed, { once: true })
    } else this.#closed()
  }

  /**
   * Aborts when the hold is over: before others may have it, where no clock runs wrong by more than
   * `maxDriftPpm`; and when it is released. Its reason is a HoldLostError, a HoldReleasedError or a
   * CoordinationClosedError. A process that was frozen runs what was due first: ask `isHeld` right before
   * what must not come late, and fence it by the token.
   */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Whether it is held at this moment, by the clock. When not, the signal has aborted. */
  get isHeld(): boolean {
    this.#check()
    return !this.signal.aborted
  }

  /**
   * Gives it back; the signal aborts at once. Resolves when that is known to be done, also when it was lost
   * before. May be called again. Rejects as propose() of the replica does, or with WaitTimeoutError: then
   * others have it after its time to live at the latest.
   */
  async release(options: WaitOptions = {}): Promise<void> {
    requireWait('release', options)
    this.#end(new HoldReleasedError('It was released. Ask for it again.'))
    await this.#within(this.#leave(), options)
  }

  /** As release(), at the end of a block with `await using`; what cannot be told then expires. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => undefined)
  }

  /** Renews it now; says whether it is held, from now on for its time to live. */
  protected async renewNow(options: WaitOptions): Promise<void> {
    this.#check()
    this.signal.throwIfAborted()
    await this.#within(this.#renew(), options)
    this.signal.throwIfAborted()
  }

  /** It is over, without anything to be given back. */
  protected settled(reason: Error): void {
    this.#end(reason)
    this.#released ??= Promise.resolve()
  }

  protected get context(): Context {
    return this.#context
  }

  async #within(promise: Promise<void>, options: WaitOptions): Promise<void> {
    const { clock } = this.#context
    const patience = new Patience(clock, options, NEVER)
    try {
      await patience.race(promise)
    } finally {
      patience.end()
    }
  }

  readonly #closed = (): void => {
    this.#end(this.#context.closed.reason)
    this.#leave().catch(() => undefined)
  }

  /** Looks at the clock, renews when it is time, and looks again. */
  #look(): void {
    this.#check()
    if (this.signal.aborted) return
    const { passedMs } = this.#since
    if (this.#isKept && !this.#isRenewing && passedMs >= this.#usableMs * RENEW_AFTER) {
      this.#renew().catch(() => undefined)
    }
    const restMs = Math.max(0, this.#usableMs - passedMs)
    const delayMs = Math.min(restMs, this.#usableMs / LOOKS)
    // Never 0, which some clocks take for the end of this turn: that would be again and again.
    this.#cancelLook = this.#context.clock.schedule(Math.max(1, delayMs), () => this.#look())
  }

  #check(): void {
    if (this.signal.aborted || this.#since.passedMs < this.#usableMs) return
    this.#lose('It was not renewed in time, so that others may have it soon.')
  }

  async #renew(): Promise<void> {
    const since = new Since(this.#context.clock)
    const { kind, name, id } = this.#which
    this.#isRenewing = true
    try {
      const renewal = { type: 'renew', kind, name, id } as const
      const standing = await this.#context.standing(renewal, { signal: this.signal })
      this.#check()
      if (this.signal.aborted) return
      if (standing.type === 'held') this.#since = since
      else this.#lose('It had expired.')
    } catch (error) {
      // Another attempt follows while there is time.
      if (isOver(error)) this.#lose('What keeps it is over.', error)
      else throw error
    } finally {
      this.#isRenewing = false
    }
  }

  #lose(why: string, cause?: unknown): void {
    if (this.signal.aborted) return
    this.#end(
      new HoldLostError(
        `${why} Stop what rests on it, and ask for it again.`,
        cause === undefined ? {} : { cause },
      ),
    )
    // Nobody has to wait until it expires.
    this.#leave().catch(() => undefined)
  }

  /** Once, unless that fails. */
  #leave(): Promise<void> {
    this.#released ??= this.#context.leave(this.#which).catch((error: unknown) => {
      this.#released = null
      throw error
    })
    return this.#released
  }

  #end(reason: unknown): void {
    if (this.signal.aborted) return
    this.#isKept = false
    this.#cancelLook?.()
    this.#cancelLook = null
    this.#context.closed.removeEventListener('abort', this.#closed)
    this.#controller.abort(reason)
  }
}

const NEVER = new AbortController().signal
