/**
 * What a Replica replicates: the application's side. Nothing here may depend on which node runs it.
 */
import type { Slot } from '@paxos/core'

/**
 * State that changes by commands alone. Every method is synchronous, and the first three are
 * deterministic: the same commands in the same order give the same state and the same results on
 * every node and in every run. So no clock, no randomness, no I/O: put what they would say into the
 * command.
 */
export interface StateMachine<Command, Result, Query = never, Answer = never> {
  /**
   * Applies a command. `slot` grows from each command to the next, and may serve as a revision. A
   * refusal is a result; an error that is thrown stops the node, since nobody knows what it left.
   */
  apply(command: Command, slot: Slot): Result
  /** The whole state, from which `restore` makes it again. Equal states give equal bytes. */
  snapshot(): Uint8Array
  /** Replaces the state by that of a snapshot. The bytes are the state machine's from here on. */
  restore(bytes: Uint8Array): void
  /** Answers without changing anything. */
  query?(query: Query): Answer
}
