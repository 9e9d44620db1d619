/**
 * What callers wait for: commands, sessions and queries, from what was given to the answer. Must never
 * begin one on a node that is over, nor hold more than the limits allow.
 */
import type { Slot } from '@paxos/core'
import { requireBoolean, requireWait } from './arguments.ts'
import { requireConsistency, requireFits, ticketOf } from './call-arguments.ts'
import type { ProposeOptions, QueryOptions } from './call-arguments.ts'
import type { Clock } from './clock.ts'
import { encodeReadably } from './codec.ts'
import type { Codec } from './codec.ts'
import { OverloadedError } from './errors.ts'
import { MAX_PENDING_READS } from './limits.ts'
import { Outcome } from './outcome.ts'
import type { WaitOptions } from './outcome.ts'
import type { Proposals } from './proposals.ts'
import type { PendingRead, Reads } from './reads.ts'
import type { Space } from './space.ts'
import type { Metrics } from './telemetry.ts'
import { asError } from './words.ts'

export interface CallsOptions<Command, Result, Query, Answer> {
  readonly commandCodec: Codec<Command>
  readonly clock: Clock
  readonly metrics: Metrics
  readonly proposals: Proposals<Result>
  readonly reads: Reads
  readonly space: Space
  /** Every slot through this one is applied to the state. */
  readonly appliedThrough: () => Slot
  /** Answers from the state as it is now. */
  readonly answer: (query: Query) => Answer
  /** Throws when the node is over. */
  readonly requireRunning: () => void
}

/** The calls of one node. */
export class Calls<Command, Result, Query, Answer> {
  readonly #options: CallsOptions<Command, Result, Query, Answer>

  constructor(options: CallsOptions<Command, Result, Query, Answer>) {
    this.#options = options
  }

  async propose(command: Command, options: ProposeOptions): Promise<Result> {
    requireWait('propose', options, ['session', 'evenIfFull'])
    const { commandCodec, clock, metrics, proposals, space, requireRunning } = this.#options
    requireRunning()
    const { session, evenIfFull = false, ...wait } = options
    requireBoolean('evenIfFull', evenIfFull)
    const bytes = encodeReadably(commandCodec, command)
    requireFits(bytes)
    if (!evenIfFull) space.check(bytes.byteLength + proposals.bytes)
    const ticket = session === undefined ? null : ticketOf(session)
    const startedAtMs = clock.nowMs()
    const outcome = new Outcome<Result>(clock)
    const result = outcome.wait(wait)
    proposals.propose(ticket, bytes, outcome)
    const answer = await result
    metrics.histogram('paxos.command.duration', (clock.nowMs() - startedAtMs) / 1000)
    return answer
  }

  async openSession(options: WaitOptions): Promise<string> {
    requireWait('openSession', options)
    const { clock, proposals, requireRunning } = this.#options
    requireRunning()
    const outcome = new Outcome<string>(clock)
    const opened = outcome.wait(options)
    proposals.openSession(outcome)
    return await opened
  }

  async query(query: Query, options: QueryOptions): Promise<Answer> {
    requireWait('query', options, ['consistency', 'maxStalenessMs'])
    const { clock, metrics, reads, answer: give, requireRunning } = this.#options
    requireRunning()
    const { consistency = 'linearizable', maxStalenessMs, ...wait } = options
    requireConsistency(consistency, maxStalenessMs)
    const mayBeOldMs = consistency === 'bounded' ? (maxStalenessMs ?? 0) : -1
    const isEnough =
      consistency === 'local' ||
      (mayBeOldMs >= 0 && reads.isFresh(mayBeOldMs, this.#options.appliedThrough()))
    if (isEnough && reads.isReadable) return give(query)
    if (reads.size >= MAX_PENDING_READS) reads.retry()
    if (reads.size >= MAX_PENDING_READS) {
      throw new OverloadedError(
        `${MAX_PENDING_READS} reads wait already. Await some of them before you ask for more.`,
      )
    }
    const startedAtMs = clock.nowMs()
    const outcome = new Outcome<Answer>(clock)
    const answer = outcome.wait(wait)
    const read: PendingRead = {
      get isAwaited() {
        return outcome.isAwaited
      },
      byLease: consistency === 'lease',
      reject: (error) => outcome.reject(error),
      answer: () => {
        try {
          outcome.resolve(give(query))
        } catch (error) {
          outcome.reject(asError(error))
        }
      },
    }
    if (isEnough) reads.wait(read)
    else reads.add(read)
    const found = await answer
    metrics.histogram('paxos.read.duration', (clock.nowMs() - startedAtMs) / 1000)
    return found
  }
}
