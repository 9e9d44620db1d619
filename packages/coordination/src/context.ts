/**
 * What every primitive of one Coordination shares: where the state is, the clock, what was said of clocks,
 * and who is to be told when it is closed. Must never be asked for anything after that.
 */
import { invariant } from '@paxos/core'
import type { Clock } from '@paxos/replica'
import type { Command, CommandOf, Entry, LeaseKind, Query, Answer, Standing } from './commands.ts'
import { errorOfRefusal } from './errors.ts'
import type { CallOptions, CoordinationSource } from './source.ts'

/** One who holds or waits. */
export interface Which {
  readonly kind: LeaseKind
  readonly name: string
  readonly id: string
}

export interface ContextOptions {
  readonly source: CoordinationSource
  readonly clock: Clock
  readonly random: () => number
  readonly randomBytes: (length: number) => Uint8Array
  readonly maxDriftPpm: number
  /** Aborts when the Coordination is closed. */
  readonly closed: AbortSignal
}

const ID_BYTES = 16

export class Context {
  readonly source: CoordinationSource
  readonly clock: Clock
  readonly random: () => number
  readonly closed: AbortSignal
  readonly #randomBytes: (length: number) => Uint8Array
  readonly #drift: number
  readonly #leaving = new Set<Promise<void>>()

  constructor(options: ContextOptions) {
    this.source = options.source
    this.clock = options.clock
    this.random = options.random
    this.closed = options.closed
    this.#randomBytes = options.randomBytes
    this.#drift = options.maxDriftPpm / 1_000_000
  }

  /** A name for one who holds or waits, that nobody can guess. */
  drawId(): string {
    return Array.from(this.#randomBytes(ID_BYTES), (byte) =>
      byte.toString(16).padStart(2, '0'),
    ).join('')
  }

  /** For how long a hold may be counted by its holder: see holds.ts. */
  usableMs(ttlMs: number): number {
    return (ttlMs * (1 - this.#drift)) / (1 + this.#drift)
  }

  /** Throws the error of what the state machine refused. */
  async standing(
    command: Extract<Command, { readonly type: 'acquire' | 'take' | 'renew' | 'acknowledge' }>,
    options: CallOptions = {},
  ): Promise<Standing | { readonly type: 'busy' }> {
    const evenIfFull = command.type === 'renew' || command.type === 'acknowledge'
    const result = await this.source.propose(command, { ...options, evenIfFull })
    if (result.type === 'refused') throw errorOfRefusal(result.reason)
    if (result.type === 'busy') return result
    invariant(result.type === 'standing', 'a hold was answered with something else')
    return result.standing
  }

  async change(
    command: CommandOf<'put' | 'remove' | 'add'>,
    options: CallOptions,
  ): Promise<{ readonly isSet: boolean; readonly entry: Entry | null }> {
    const evenIfFull = command.type === 'remove'
    const result = await this.source.propose(command, { ...options, evenIfFull })
    if (result.type === 'refused') throw errorOfRefusal(result.reason)
    invariant(result.type === 'entry', 'a value was answered with something else')
    return result
  }

  async ask<Type extends Query['type']>(
    query: Extract<Query, { readonly type: Type }>,
    options: Parameters<CoordinationSource['query']>[1] = {},
  ): Promise<Extract<Answer, { readonly type: Type }>> {
    const answer: Answer = await this.source.query(query, options)
    invariant(isOf(answer, query.type), 'a query was answered with something else')
    return answer
  }

  /** Gives up what is held or waited for, after `before` in any case; nobody waits for it but close(). */
  leave(which: Which, before: Promise<unknown> = Promise.resolve()): Promise<void> {
    const leaving = this.#release(which, before).finally(() => this.#leaving.delete(leaving))
    this.#leaving.add(leaving)
    leaving.catch(() => undefined)
    return leaving
  }

  /** Everything that was given up so far is, or could not be, which its time to live is for. */
  async left(): Promise<void> {
    await Promise.allSettled(this.#leaving)
  }

  async #release({ kind, name, id }: Which, before: Promise<unknown>): Promise<void> {
    await before.catch(() => undefined)
    await this.source.propose({ type: 'release', kind, name, id }, { evenIfFull: true })
  }
}

function isOf<Type extends Query['type']>(
  answer: Answer,
  type: Type,
): answer is Extract<Answer, { readonly type: Type }> {
  return answer.type === type
}
