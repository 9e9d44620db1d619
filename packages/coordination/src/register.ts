/** A register: one value, of which a change can ask that it is still what was seen. */
import type { Json } from '@paxos/replica'
import { requireWait } from './arguments.ts'
import type { Entry } from './commands.ts'
import type { Context } from './context.ts'
import { Follower } from './follow.ts'
import { textOf, valueOf } from './json-text.ts'
import type { CallOptions } from './source.ts'

/** A value, and the revision of the change that made it what it is: it grows from each to the next. */
export interface Versioned {
  readonly value: Json
  readonly revision: number
}

/** What became of a change that asked for a revision. */
export type Exchange =
  | { readonly isSet: true; readonly revision: number }
  /** It was not made: this is there. */
  | { readonly isSet: false; readonly found: Versioned | null }

export class Register {
  readonly #context: Context
  readonly #name: string

  constructor(context: Context, name: string) {
    this.#context = context
    this.#name = name
  }

  /** The value, or `null` when there is none: everything that was answered before is seen. */
  async get(options: CallOptions = {}): Promise<Versioned | null> {
    requireWait('get', options)
    return await this.#read(options)
  }

  /** Sets the value, whatever was there; resolves with its revision. */
  async set(value: Json, options: CallOptions = {}): Promise<number> {
    requireWait('set', options)
    const { entry } = await this.#put(value, null, options)
    return entry?.revision ?? 0
  }

  /** Sets the value if `revision` is that of what is there; 0 if nothing is. */
  async compareAndSet(revision: number, value: Json, options: CallOptions = {}): Promise<Exchange> {
    requireWait('compareAndSet', options)
    return exchangeOf(await this.#put(value, revision, options))
  }

  /** The value now, and whenever it is another one, of which some may be left out but never the newest. */
  watch(
    options: Pick<CallOptions, 'signal'> = {},
  ): AsyncIterableIterator<Versioned | null, void, undefined> {
    requireWait('watch', options)
    let before: Versioned | null = null
    const look = async (isFirst: boolean) => {
      const value = await this.#read(isFirst ? options : { ...options, consistency: 'local' })
      const isSame = !isFirst && value?.revision === before?.revision
      before = value
      return isSame ? null : { value }
    }
    return new Follower(this.#context, look, options.signal)
  }

  async #read(options: Parameters<Context['ask']>[1]): Promise<Versioned | null> {
    const asked = { type: 'entry', space: 'register', name: this.#name, key: '' } as const
    const { entry } = await this.#context.ask(asked, options)
    return entry === null ? null : versionedOf(entry)
  }

  #put(value: Json, expected: number | null, options: CallOptions) {
    const what = { space: 'register', name: this.#name, key: '', value: textOf(value) } as const
    return this.#context.change({ type: 'put', ...what, expected }, options)
  }
}

export function versionedOf({ value, revision }: Entry): Versioned {
  return { value: valueOf(value), revision }
}

export function exchangeOf({
  isSet,
  entry,
}: {
  readonly isSet: boolean
  readonly entry: Entry | null
}): Exchange {
  if (isSet) return { isSet, revision: entry?.revision ?? 0 }
  return { isSet, found: entry === null ? null : versionedOf(entry) }
}
