/**
 * Commands and results to bytes and back: JSON, of which nothing is believed before its shape is checked.
 * Must never turn one command into another, whoever wrote the bytes.
 */
import { DecodeError } from '@paxos/core'
import type { Codec } from '@paxos/replica'
import { command, result } from './commands.ts'
import type { Command, Result } from './commands.ts'
import type { Shape } from './shape.ts'

export const commandCodec: Codec<Command> = codecOf(command)
export const resultCodec: Codec<Result> = codecOf(result)

function codecOf<T>(shape: Shape<T>): Codec<T> {
  return {
    // A node refuses what others could not read.
    encode: (value) => encodeJson(shape(value)),
    decode: (bytes) => shape(decodeJson(bytes)),
  }
}

export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

/** Throws DecodeError for bytes that are no JSON. */
export function decodeJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    const message = 'The bytes are no JSON. Run @paxos/coordination of one version on every node.'
    throw new DecodeError(message, { cause })
  }
}
