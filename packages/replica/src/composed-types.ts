/**
 * What the parts of a composition take and answer, as TypeScript reads it from the state machines alone:
 * nobody writes a type parameter. Only types.
 */
import type { ProposeOptions, QueryOptions } from './call-arguments.ts'
import type { Codec } from './codec.ts'
import type { WaitOptions } from './outcome.ts'
import type { StateMachine } from './state-machine.ts'

/** Any state machine, whatever its commands are. */
export interface PartMachine {
  apply(command: never, revision: number): unknown
  snapshot(): Uint8Array
  restore(bytes: Uint8Array): unknown
  query?(query: never): unknown
  readonly commandCodec?: AnyCodec | undefined
  readonly resultCodec?: AnyCodec | undefined
}

interface AnyCodec {
  encode(value: never): Uint8Array
  decode(bytes: Uint8Array): unknown
}

/** State machines by name. */
export type Parts = Readonly<Record<string, PartMachine>>

export type CommandOf<Machine> = Machine extends {
  apply(command: infer Command, revision: number): unknown
}
  ? Command
  : never

export type ResultOf<Machine> = Machine extends {
  apply(command: never, revision: number): infer Result
}
  ? Result
  : never

export type QueryOf<Machine> = Machine extends { query?(query: infer Query): unknown }
  ? unknown extends Query
    ? never
    : Query
  : never

export type AnswerOf<Machine> = Machine extends { query(query: never): infer Answer }
  ? Answer
  : Machine extends { query?: ((query: never) => infer Answer) | undefined }
    ? unknown extends Answer
      ? never
      : Answer
    : never

/** A command for one of the parts. */
export type ComposedCommand<P extends Parts> = {
  readonly [Name in keyof P & string]: {
    readonly part: Name
    readonly command: CommandOf<P[Name]>
  }
}[keyof P & string]

/** What one of the parts returned. */
export type ComposedResult<P extends Parts> = {
  readonly [Name in keyof P & string]: { readonly part: Name; readonly result: ResultOf<P[Name]> }
}[keyof P & string]

/** A query to one of the parts. */
export type ComposedQuery<P extends Parts> = {
  readonly [Name in keyof P & string]: { readonly part: Name; readonly query: QueryOf<P[Name]> }
}[keyof P & string]

/** Several state machines as one, as compose() makes it. */
export interface Composition<P extends Parts> extends StateMachine<
  ComposedCommand<P>,
  ComposedResult<P>,
  ComposedQuery<P>,
  AnswerOf<P[keyof P]>
> {
  readonly parts: P
  readonly commandCodec: Codec<ComposedCommand<P>>
  readonly resultCodec: Codec<ComposedResult<P>>
}

/** One of the state machines of a replica, with the calls of a replica of its own. */
export interface Part<Command, Result, Query = never, Answer = never> {
  /** As Replica.propose(). */
  propose(command: Command, options?: ProposeOptions): Promise<Result>
  /** As Replica.query(). */
  query(query: Query, options?: QueryOptions): Promise<Answer>
  /** As Replica.openSession(): sessions are of the replica, and good for each of its parts. */
  openSession(options?: WaitOptions): Promise<string>
  /** As Replica.watch(): also after commands of other parts. */
  watch(listener: () => void): () => void
}
