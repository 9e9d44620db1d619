/** A barrier: nobody goes on before all are there. It begins anew when all have passed. */
import { acquire } from './acquisition.ts'
import { requireInteger, requireName, requireWait, ttlOf } from './arguments.ts'
import type { HoldOptions } from './arguments.ts'
import type { Context } from './context.ts'
import { MAX_WAITERS } from './limits.ts'

export class Barrier {
  readonly #context: Context
  readonly #name: string
  readonly #parties: number

  constructor(context: Context, name: string, parties: number) {
    requireName('The name of a barrier', name)
    requireInteger('parties', parties, 1, MAX_WAITERS)
    this.#context = context
    this.#name = name
    this.#parties = parties
  }

  /**
   * Waits until all are there, and resolves with a number that is the same for all of them and grows from
   * each time to the next. Who gives up, or is not heard for its `ttlMs`, is there no more. Rejects with
   * the signal's reason or WaitTimeoutError; with HoldLostError when this process was away for so long,
   * and the others may have passed; with PermitsDifferError when others said another number of parties.
   */
  async enter(options: HoldOptions = {}): Promise<number> {
    requireWait('enter', options, ['ttlMs'])
    const ttlMs = ttlOf(options)
    const { signal, timeoutMs } = options
    const [name, permits] = [this.#name, this.#parties]
    const command = (id: string) =>
      ({
        type: 'acquire',
        kind: 'barrier',
        name,
        id,
        ttlMs,
        permits,
        weight: 1,
        waits: true,
        value: null,
      }) as const
    const request = { kind: 'barrier', name, ttlMs, command } as const
    const granted = await acquire(this.#context, request, { signal, timeoutMs })
    if (granted === null) throw new Error('unreachable')
    void this.#context.leave(granted.which)
    return granted.token
  }
}
