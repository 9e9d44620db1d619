/**
 * What coordination needs of whoever keeps its state: a Replica, one part of one, or a connection to a
 * cluster from outside. Only types.
 */
import type { Answer, Command, Query, Result } from './commands.ts'

/** How long to wait, as every call of a replica says it. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number | undefined
}

/** Where the state of coordination is kept: Replica, and Part of a composed one, are such. */
export interface CoordinationSource {
  /** Has a command applied once, and resolves with its result. */
  propose(
    command: Command,
    options?: CallOptions & {
      /** Whether it is taken although the state is as large as it may be: it makes it no larger. */
      readonly evenIfFull?: boolean
    },
  ): Promise<Result>
  /**
   * Asks. 'linearizable', the default, shows everything that was answered before; 'local' what is known
   * here now, and is asked after each call of a listener of watch().
   */
  query(
    query: Query,
    options?: CallOptions & { readonly consistency?: 'linearizable' | 'local' },
  ): Promise<Answer>
  /**
   * Calls `listener` when what a 'local' query shows may have changed, or the source is over; one call
   * may stand for many changes. Returns what ends it.
   */
  watch(listener: () => void): () => void
}
