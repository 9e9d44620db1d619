/**
 * What a Replica replicates: the application's side. Nothing here may depend on which node runs it.
 */
import type { Codec } from './codec.ts'
import type { Pieces } from './pieces.ts'

/**
 * State that changes by commands alone. Every method is synchronous, and the first three are
 * deterministic: the same commands in the same order give the same state and the same results on
 * every node and in every run. So no clock, no randomness, no I/O: put what they would say into the
 * command. A method that returns a promise is refused, by its type and when it is called.
 */
export interface StateMachine<Command, Result, Query = never, Answer = never> {
  /**
   * Applies a command. `revision` grows from each command to the next, and is the same on every node;
   * it is no slot, for a slot may hold several commands. The result is encoded, and callers get a
   * copy of it.
   *
   * To refuse a command, return a result that says so, or throw CommandRefusedError before anything
   * is changed. Whatever else is thrown becomes the outcome of the command too, CommandFailedError,
   * the same on every node; what it changed before is undone, by restoring the newest snapshot and
   * applying again what came since: that costs the time of a restart. The node stops for what may
   * come on one node alone: InvariantError, a stack or a memory that is used up, and a state that
   * cannot be restored.
   */
  apply(command: Command, revision: number): AtOnce<Result>
  /**
   * The whole state, from which \`restore\` makes it again. Equal states give equal bytes. Also called
   * before the first command: when it throws then, the node does not start, for nothing could be
   * undone. When it throws later, the log is kept instead, up to a bound.
   */
  snapshot(): Uint8Array
  /** Replaces the state by that of a snapshot. The bytes are the state machine's from here on. */
  restore(bytes: Uint8Array): AtOnce<void>
  /**
   * Answers without changing anything. The answer is handed to the caller as it is: let it be none
   * of the objects of the state that somebody could change.
   */
  query?(query: Query): AtOnce<Answer>
  /** Its commands to bytes and back, where the options of the replica say nothing. Default: JSON. */
  readonly commandCodec?: Codec<Command> | undefined
  /** Its results, likewise. Default: JSON, or nothing at all. */
  readonly resultCodec?: Codec<Result> | undefined
}

/**
 * State that is too large to be written down in one go, or to be in memory twice: its snapshot is a
 * stream of pieces, and the node goes on while they are read, written, sent and restored. Otherwise as
 * StateMachine.
 */
export interface StreamedStateMachine<Command, Result, Query = never, Answer = never> extends Pick<
  StateMachine<Command, Result, Query, Answer>,
  'apply' | 'query' | 'commandCodec' | 'resultCodec'
> {
  /**
   * The whole state as it is at this call, in pieces, from which `restorePieces` makes it again. Commands
   * are applied while they are read, and must not show in them: copy what is about to change, or keep
   * what is immutable. Equal states give equal bytes, however they are cut; 64 KiB to 1 MiB a piece are a
   * good measure. What a generator does before its first \`yield\` it does at this call; a piece is not
   * to be changed before the next one is asked for.
   *
   * One snapshot is read at a time. When it is not wanted any more, and before \`restorePieces\` is
   * called, its iterator's return() is. Also called before the first command; when it throws then, the
   * node does not start. When it throws later, the log is kept instead, up to a bound.
   */
  snapshot(): Pieces
  /**
   * Replaces the state by that of a snapshot: the same bytes, cut anew. Nothing is applied or queried
   * before the promise is resolved. When it rejects the state is not known, and the node stops. The
   * pieces are the state machine's from here on.
   *
   * Also after a command that failed half-way: to undo it, the newest snapshot is restored and what came
   * since is applied again, however large the state is. So let commands throw CommandRefusedError before
   * they change anything.
   */
  restorePieces(pieces: AsyncIterable<Uint8Array>): PromiseLike<void>
}

/** Either kind. */
export type AnyStateMachine<Command, Result, Query = never, Answer = never> =
  | StateMachine<Command, Result, Query, Answer>
  | StreamedStateMachine<Command, Result, Query, Answer>

/** What is there at once: \`T\`, unless that is a promise. Of \`void\`, anything but a promise. */
export type AtOnce<T> = T extends PromiseLike<unknown> ? never : void extends T ? T | Anything : T

/** Everything that has no method then(). */
type Anything =
  | null
  | undefined
  | boolean
  | number
  | string
  | bigint
  | symbol
  | (object & { readonly then?: never })
