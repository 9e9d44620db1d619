/** A counter: an integer to which all add, each addition once. */
import { requireInteger, requireWait } from './arguments.ts'
import type { Context } from './context.ts'
import type { CallOptions } from './source.ts'

const MAX = Number.MAX_SAFE_INTEGER

export class Counter {
  readonly #context: Context
  readonly #name: string

  constructor(context: Context, name: string) {
    this.#context = context
    this.#name = name
  }

  /** What it is: everything that was answered before is seen. 0 where nobody has added anything. */
  async get(options: CallOptions = {}): Promise<number> {
    requireWait('get', options)
    return (await this.read(options)).value
  }

  /** The number, and the revision of its newest change; 0 where there was none. */
  async read(
    options: CallOptions = {},
  ): Promise<{ readonly value: number; readonly revision: number }> {
    requireWait('read', options)
    const asked = { type: 'entry', space: 'counter', name: this.#name, key: '' } as const
    const { entry } = await this.#context.ask(asked, options)
    return { value: Number(entry?.value ?? 0), revision: entry?.revision ?? 0 }
  }

  /**
   * Adds `by`, an integer, and resolves with the sum. Rejects with CoordinationLimitError where that would
   * be no safe integer.
   */
  async add(by = 1, options: CallOptions = {}): Promise<number> {
    requireWait('add', options)
    requireInteger('by', by, -MAX, MAX)
    const { entry } = await this.#context.change({ type: 'add', name: this.#name, by }, options)
    return Number(entry?.value)
  }

  /** Sets it to `value` if `revision` is that of its newest change; says whether it did. */
  async compareAndSet(
    revision: number,
    value: number,
    options: CallOptions = {},
  ): Promise<boolean> {
    requireWait('compareAndSet', options)
    requireInteger('value', value, -MAX, MAX)
    const what = { space: 'counter', name: this.#name, key: '', value: String(value) } as const
    const command = { type: 'put', ...what, expected: revision } as const
    return (await this.#context.change(command, options)).isSet
  }
}
