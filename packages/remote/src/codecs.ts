/**
 * To bytes and back, on both sides of a connection alike. Must be the same at whoever serves as at
 * whoever connects, or the two do not understand each other.
 */
import { requireMethods } from '@paxos/core'
import { json } from '@paxos/replica'
import type { Codec, StateMachine } from '@paxos/replica'
import { jsonOrNothing } from '@paxos/replica/client'

/** What serve() and connect() are both told about what is asked and answered. */
export interface CodecOptions<Command, Result, Query, Answer> {
  /**
   * The state machine, or one of its class: for its types and its codecs alone, nothing is applied to it.
   * Of what compose() makes, the client has each part under its name.
   */
  readonly stateMachine?: StateMachine<Command, Result, Query, Answer> | undefined
  /** As that of the replica. Default: that of the state machine, or JSON. */
  readonly commandCodec?: Codec<Command> | undefined
  /** As that of the replica. Default: that of the state machine, or JSON, or nothing at all. */
  readonly resultCodec?: Codec<Result> | undefined
  /** What is given to query(). Default: JSON. */
  readonly queryCodec?: Codec<Query> | undefined
  /** What query() returns. Default: JSON, or nothing at all. */
  readonly answerCodec?: Codec<Answer> | undefined
}

export const CODEC_OPTIONS = [
  'stateMachine',
  'commandCodec',
  'resultCodec',
  'queryCodec',
  'answerCodec',
] as const satisfies readonly (keyof CodecOptions<unknown, unknown, unknown, unknown>)[]

/** One for each of what travels. */
export interface Codecs<Command, Result, Query, Answer> {
  readonly command: Codec<Command>
  readonly result: Codec<Result>
  readonly query: Codec<Query>
  readonly answer: Codec<Answer>
}

/** Throws InvalidArgumentError for what is no codec. */
export function codecsOf<Command, Result, Query, Answer>(
  options: CodecOptions<Command, Result, Query, Answer>,
): Codecs<Command, Result, Query, Answer> {
  const { stateMachine, commandCodec, resultCodec, queryCodec, answerCodec } = options
  const codecs = {
    command: commandCodec ?? stateMachine?.commandCodec ?? json<Command>(),
    result: resultCodec ?? stateMachine?.resultCodec ?? jsonOrNothing<Result>(),
    query: queryCodec ?? json<Query>(),
    answer: answerCodec ?? jsonOrNothing<Answer>(),
  }
  for (const [name, codec] of Object.entries(codecs)) {
    requireMethods(`${name}Codec`, codec, ['encode', 'decode'], 'a codec such as json()')
  }
  return codecs
}
