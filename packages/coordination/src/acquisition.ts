/**
 * Waiting for one's turn: to be granted what others hold, or an item of a queue. Who waits keeps its place
 * by renewals, and gives it up when nobody waits for it any more. Must never leave a place behind that
 * somebody could be granted in vain, other than by the death of the process: then it expires.
 */
import type { WaitOptions } from './arguments.ts'
import { Since } from './clock.ts'
import type { CommandOf, LeaseKind, Standing } from './commands.ts'
import type { Context, Which } from './context.ts'
import { HoldLostError, isOver } from './errors.ts'
import type { Grant } from './hold.ts'
import { Patience } from './patience.ts'

/** What is asked for. */
export interface Request {
  readonly kind: LeaseKind
  readonly name: string
  readonly ttlMs: number
  /** The command by which `id` asks for it. */
  readonly command: (id: string) => CommandOf<'acquire' | 'take'>
}

/** What was granted, and what a queue gives besides. */
export interface Granted extends Grant {
  readonly value: string | null
  readonly deliveries: number
}

type Held = Extract<Standing, { readonly type: 'held' }>

/** How far one is that waits. */
type Turn = { readonly held: Held; readonly since: Since } | 'gone'

/** After this part of a time to live one who waits says that it is there. */
const RENEW_AFTER = 1 / 3

/**
 * Resolves when it was granted; with `null` when it is busy and the command does not wait. Rejects with the
 * signal's reason, WaitTimeoutError, CoordinationClosedError, and what proposing rejects with.
 */
export async function acquire(
  context: Context,
  request: Request,
  options: WaitOptions,
): Promise<Granted | null> {
  const patience = new Patience(context.clock, options, context.closed)
  try {
    for (;;) {
      const { kind, name, ttlMs } = request
      const which: Which = { kind, name, id: context.drawId() }
      const since = new Since(context.clock)
      const asked = context.standing(request.command(which.id))
      const turn = await turnOf(context, { which, ttlMs, since, asked }, patience)
      if (turn === null) return null
      if (turn !== 'gone') {
        const { token, value, deliveries } = turn.held
        return { which, ttlMs, token, since: turn.since, value, deliveries }
      }
      // This process was away for so long that its place was given away: again, at the end.
      if (kind === 'barrier') throw missed()
    }
  } finally {
    patience.end()
  }
}

interface Asked {
  readonly which: Which
  readonly ttlMs: number
  readonly since: Since
  readonly asked: Promise<Standing | { readonly type: 'busy' }>
}

async function turnOf(
  context: Context,
  { which, ttlMs, since, asked }: Asked,
  patience: Patience,
): Promise<Turn | null> {
  let waiting: Waiting | null = null
  try {
    const standing = await patience.race(asked)
    if (standing.type === 'busy') return null
    waiting = new Waiting(context, which, ttlMs, since)
    waiting.stands(standing)
    const turn = await patience.race(waiting.turn)
    patience.throwIfOver()
    return turn
  } catch (error) {
    // Behind the question, which may come into the log later.
    void context.leave(which, asked).catch(() => undefined)
    throw error
  } finally {
    waiting?.end()
  }
}

/** One place in a line. */
class Waiting {
  readonly turn: Promise<Turn>
  readonly #context: Context
  readonly #which: Which
  readonly #usableMs: number
  #since: Since
  #resolve: (turn: Turn) => void = () => undefined
  #reject: (error: unknown) => void = () => undefined
  #isOver = false
  #isLooking = false
  #looksAgain = false
  #isRenewing = false
  readonly #endWatch: () => void
  #cancelRenewal: (() => void) | null = null

  constructor(context: Context, which: Which, ttlMs: number, since: Since) {
    this.#context = context
    this.#which = which
    this.#usableMs = context.usableMs(ttlMs)
    this.#since = since
    this.turn = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.turn.catch(() => undefined)
    this.#endWatch = context.source.watch(() => void this.#look())
    this.#renewLater()
  }

  end(): void {
    this.#isOver = true
    this.#endWatch()
    this.#cancelRenewal?.()
  }

  /** What is known of it now. */
  stands(standing: Standing): void {
    if (this.#isOver || standing.type === 'waiting') return
    if (standing.type === 'gone') return this.#resolve('gone')
    // It is worth having only with most of its time; how much of it is left is not known to the log.
    if (this.#since.passedMs < this.#usableMs / 2) {
      return this.#resolve({ held: standing, since: this.#since })
    }
    void this.#renew()
  }

  async #look(): Promise<void> {
    if (this.#isLooking) {
      this.#looksAgain = true
      return
    }
    this.#isLooking = true
    try {
      do {
        this.#looksAgain = false
        const asked = { type: 'standing', ...this.#which } as const
        const { standing } = await this.#context.ask(asked, { consistency: 'local' })
        // It is asked for already; before that came here it is not known yet.
        if (standing.type !== 'gone') this.stands(standing)
        else void this.#renew()
      } while (this.#looksAgain && !this.#isOver)
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#isLooking = false
    }
  }

  /** Says that this one is there, and hears how it stands. */
  async #renew(): Promise<void> {
    if (this.#isRenewing || this.#isOver) return
    this.#isRenewing = true
    const since = new Since(this.#context.clock)
    try {
      const standing = await this.#context.standing({ type: 'renew', ...this.#which })
      if (standing.type !== 'gone' && standing.type !== 'busy') this.#since = since
      this.#isRenewing = false
      if (standing.type !== 'busy') this.stands(standing)
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#isRenewing = false
    }
  }

  #renewLater(): void {
    this.#cancelRenewal = this.#context.clock.schedule(this.#usableMs * RENEW_AFTER, () => {
      void this.#renew()
      this.#renewLater()
    })
  }

  /** Another attempt follows, unless nobody could answer it. */
  #failed(error: unknown): void {
    if (isOver(error)) this.#reject(error)
  }
}

function missed(): HoldLostError {
  return new HoldLostError(
    'This process was away for longer than its time to live, and does not know whether the others ' +
      'have passed. Look, and enter again.',
  )
}
