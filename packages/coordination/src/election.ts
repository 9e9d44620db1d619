/**
 * An election: a lock whose holder others can see. Must never show two leaders, nor a term that has the
 * token of an earlier one.
 */
import type { Json } from '@paxos/replica'
import { requireWait, ttlOf } from './arguments.ts'
import type { HoldOptions } from './arguments.ts'
import type { Holder } from './commands.ts'
import type { Context } from './context.ts'
import { Follower } from './follow.ts'
import { Hold } from './hold.ts'
import type { Grant } from './hold.ts'
import { textOf, valueOf } from './json-text.ts'
import { Permits } from './permits.ts'
import type { CallOptions } from './source.ts'

export interface CampaignOptions extends HoldOptions {
  /** What others see of who leads: its address, say. Up to 65,536 characters of JSON. Default: null. */
  readonly value?: Json | undefined
}

/** Who leads, as others see it. */
export interface Leader {
  /** What the leader campaigned with. */
  readonly value: Json
  /** Of its term: it grows from each to the next, for ever. */
  readonly token: number
}

/** A leadership of this process. */
export class Term extends Hold implements Leader {
  readonly value: Json

  constructor(context: Context, grant: Grant, value: Json) {
    super(context, grant)
    this.value = value
  }

  /** Lets another one lead: release(), by the word of elections. */
  async resign(options: Parameters<Hold['release']>[0] = {}): Promise<void> {
    await this.release(options)
  }
}

export class Election {
  readonly #permits: Permits
  readonly #terms = new Set<Term>()

  constructor(context: Context, name: string) {
    this.#permits = new Permits(context, 'election', name, 1)
  }

  /**
   * Waits until nobody else leads, in the order in which all came, and leads: until resign(), or until the
   * term's signal says that it is over. Rejects as Coordination.lock().
   */
  async campaign(options: CampaignOptions = {}): Promise<Term> {
    requireWait('campaign', options, ['ttlMs', 'value'])
    ttlOf(options)
    const { value = null, ...rest } = options
    const grant = await this.#permits.granted(rest, 1, textOf(value))
    const term = new Term(this.#permits.context, grant, valueOf(textOf(value)))
    this.#terms.add(term)
    term.signal.addEventListener('abort', () => this.#terms.delete(term), { once: true })
    return term
  }

  /** Who leads, or `null`: everything that was answered before is seen. */
  async leader(options: CallOptions = {}): Promise<Leader | null> {
    requireWait('leader', options)
    return await this.#leader(options)
  }

  /**
   * Who leads now, and whoever leads from then on; `null` while nobody does. It ends when the Coordination
   * is closed; when `signal` aborts it throws its reason.
   */
  observe(
    options: Pick<CallOptions, 'signal'> = {},
  ): AsyncIterableIterator<Leader | null, void, undefined> {
    requireWait('observe', options)
    let before: Leader | null = null
    const look = async (isFirst: boolean) => {
      const leader = await this.#leader(isFirst ? options : { ...options, consistency: 'local' })
      const isSame = !isFirst && leader?.token === before?.token
      before = leader
      return isSame ? null : { value: leader }
    }
    return new Follower(this.#permits.context, look, options.signal)
  }

  /** Ends the terms that this object was given. */
  async resign(options: Parameters<Hold['release']>[0] = {}): Promise<void> {
    await Promise.all([...this.#terms].map((term) => term.release(options)))
  }

  async #leader(options: Parameters<Context['ask']>[1]): Promise<Leader | null> {
    const { context, name } = this.#permits
    const asked = { type: 'holders', kind: 'election', name } as const
    const { holders } = await context.ask(asked, options)
    const [holder] = holders
    return holder === undefined ? null : leaderOf(holder)
  }
}

function leaderOf({ token, value }: Holder): Leader {
  return { token, value: value === null ? null : valueOf(value) }
}
