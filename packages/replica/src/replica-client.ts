/**
 * What can be asked of a replicated state machine, wherever it runs: a Replica in this process has it,
 * and so has a connection to one in another, from @paxos/remote. A program that is written for it moves
 * from one to the other by changing the line that opens it. Only types; must hold nothing that can be
 * done on a member alone.
 */
import type { ProposeOptions, QueryOptions } from './call-arguments.ts'
import type { WaitOptions } from './outcome.ts'
import type { ReplicaEvent } from './replica-status.ts'

/** A replicated state machine, as its users see it. Each call is as that of Replica. */
export interface ReplicaClient<Command, Result, Query = never, Answer = never> {
  /** Has a command applied once, and resolves with its result. */
  propose(command: Command, options?: ProposeOptions): Promise<Result>
  /** Asks the state machine, without a write. */
  query(query: Query, options?: QueryOptions): Promise<Answer>
  /** Opens a session, for a caller that retries its commands by itself. */
  openSession(options?: WaitOptions): Promise<string>
  /** What happens to the node that answers, from now on. */
  events(): AsyncIterableIterator<ReplicaEvent>
  /** Calls `listener` when the state of the node that answers may be another one. Returns what ends it. */
  watch(listener: () => void): () => void
  /** Who still waits is told with ClosedError. May be called again. */
  close(): Promise<void>
  /** As close(), for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}
