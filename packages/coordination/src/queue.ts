/**
 * A queue: who takes an item has it for a while, and acknowledges it when it is done. Must never give up an
 * item that was not acknowledged.
 */
import type { Json } from '@paxos/replica'
import { acquire } from './acquisition.ts'
import type { Granted } from './acquisition.ts'
import { requireInteger, requireWait } from './arguments.ts'
import type { WaitOptions } from './arguments.ts'
import type { Context, Which } from './context.ts'
import { errorOfRefusal, HoldLostError, HoldReleasedError } from './errors.ts'
import { Hold } from './hold.ts'
import { textOf, valueOf } from './json-text.ts'
import { MAX_TTL_MS, MIN_TTL_MS } from './limits.ts'
import type { CallOptions } from './source.ts'

export interface TakeOptions extends WaitOptions {
  /**
   * For how long others do not see it, in whole milliseconds, 100 to 86,400,000. Default: 30,000. It is
   * not renewed by itself, unless `keepAlive` is given: extend() does.
   */
  readonly visibilityMs?: number | undefined
  /** Whether it is renewed while this process and its event loop live. Default: false. */
  readonly keepAlive?: boolean | undefined
}

/** An item that this process has. */
export class QueueItem extends Hold {
  readonly value: Json
  /** How often it was taken, this time included: above 1, somebody may have begun with it before. */
  readonly deliveries: number
  readonly #which: Which

  constructor(context: Context, granted: Granted, isKept: boolean) {
    super(context, granted, isKept)
    this.#which = granted.which
    this.value = valueOf(granted.value ?? 'null')
    this.deliveries = granted.deliveries
  }

  /**
   * It is done, and nobody gets it again. Rejects with HoldLostError when it was not this one's any more:
   * then others have it, or will.
   */
  async acknowledge(options: CallOptions = {}): Promise<void> {
    requireWait('acknowledge', options)
    const { name, id } = this.#which
    const standing = await this.context.standing({ type: 'acknowledge', name, id }, options)
    if (standing.type === 'held') {
      this.settled(new HoldReleasedError('The item was acknowledged. Take another one.'))
      return
    }
    const lost = new HoldLostError(
      'The item was given to others, for its visibility timeout was over. Take longer for it.',
    )
    this.settled(lost)
    throw lost
  }

  /** Others do not see it for the whole visibility timeout from now on. Rejects with HoldLostError. */
  async extend(options: WaitOptions = {}): Promise<void> {
    requireWait('extend', options)
    await this.renewNow(options)
  }
}

export class Queue {
  readonly #context: Context
  readonly #name: string

  constructor(context: Context, name: string) {
    this.#context = context
    this.#name = name
  }

  /**
   * Puts an item at the end, once. Rejects with CoordinationLimitError when 100,000 wait, and with what
   * propose() of the replica rejects with.
   */
  async enqueue(value: Json, options: CallOptions = {}): Promise<void> {
    requireWait('enqueue', options)
    const item = this.#context.drawId()
    const command = { type: 'enqueue', name: this.#name, item, value: textOf(value) } as const
    const result = await this.#context.source.propose(command, options)
    if (result.type === 'refused') throw errorOfRefusal(result.reason)
  }

  /**
   * Waits for an item, in the order in which all came, and has it until it is acknowledged, released, or
   * its visibility timeout is over: then it is the first that others get. Rejects as Coordination.lock().
   */
  async take(options: TakeOptions = {}): Promise<QueueItem> {
    const taken = await this.#take(options, true)
    if (taken === null) throw new Error('unreachable')
    return taken
  }

  /** An item, or `null` when there is none, or others wait for one. */
  async tryTake(options: TakeOptions = {}): Promise<QueueItem | null> {
    return await this.#take(options, false)
  }

  /** How many items wait and are taken, and how many wait for one. */
  async size(
    options: CallOptions = {},
  ): Promise<{ readonly ready: number; readonly taken: number; readonly waiting: number }> {
    requireWait('size', options)
    const { ready, taken, waiting } = await this.#context.ask(
      { type: 'queue', name: this.#name },
      options,
    )
    return { ready, taken, waiting }
  }

  async #take(options: TakeOptions, waits: boolean): Promise<QueueItem | null> {
    requireWait('take', options, ['visibilityMs', 'keepAlive'])
    const { visibilityMs: ttlMs = 30_000, keepAlive = false, ...wait } = options
    requireInteger('visibilityMs', ttlMs, MIN_TTL_MS, MAX_TTL_MS)
    const name = this.#name
    const command = (id: string) => ({ type: 'take', name, id, ttlMs, waits }) as const
    const granted = await acquire(this.#context, { kind: 'queue', name, ttlMs, command }, wait)
    return granted === null ? null : new QueueItem(this.#context, granted, keepAlive)
  }
}
