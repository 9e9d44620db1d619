/**
 * Asking for permits of something that several may want: what locks, semaphores, read-write locks and
 * elections have in common. Must never hand out a hold that it has not been granted.
 */
import { invariant } from '@paxos/core'
import { acquire } from './acquisition.ts'
import { requireWait, ttlOf } from './arguments.ts'
import type { HoldOptions } from './arguments.ts'
import type { HoldKind } from './commands.ts'
import type { Context } from './context.ts'
import { Hold } from './hold.ts'
import type { Grant } from './hold.ts'

export class Permits {
  readonly context: Context
  readonly kind: HoldKind
  readonly name: string
  readonly permits: number

  constructor(context: Context, kind: HoldKind, name: string, permits: number) {
    this.context = context
    this.kind = kind
    this.name = name
    this.permits = permits
  }

  async acquire(options: HoldOptions, weight = 1): Promise<Hold> {
    requireWait('a hold', options, ['ttlMs'])
    return new Hold(this.context, await this.granted(options, weight, null))
  }

  async tryAcquire(options: HoldOptions, weight = 1): Promise<Hold | null> {
    requireWait('a hold', options, ['ttlMs'])
    const granted = await this.#ask(options, weight, null, false)
    return granted === null ? null : new Hold(this.context, granted)
  }

  /** Waits for it. `value` is what others may see of who holds it. */
  async granted(options: HoldOptions, weight: number, value: string | null): Promise<Grant> {
    const granted = await this.#ask(options, weight, value, true)
    invariant(granted !== null, 'who waits was told that it is busy')
    return granted
  }

  async #ask(
    options: HoldOptions,
    weight: number,
    value: string | null,
    waits: boolean,
  ): Promise<Grant | null> {
    const { context, kind, name, permits } = this
    const ttlMs = ttlOf(options)
    const { signal, timeoutMs } = options
    return await acquire(
      context,
      {
        kind,
        name,
        ttlMs,
        command: (id) => ({
          type: 'acquire',
          kind,
          name,
          id,
          ttlMs,
          permits,
          weight,
          waits,
          value,
        }),
      },
      { signal, timeoutMs },
    )
  }
}
