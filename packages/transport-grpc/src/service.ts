/**
 * The service of proto/transport.proto, in code. A frame is the bytes of a message and must never
 * be parsed or encoded on the way; so no code is generated from the file.
 */
import { Buffer } from 'node:buffer'
import type {
  ChannelOptions,
  ClientDuplexStream,
  MethodDefinition,
  ServerDuplexStream,
} from '@grpc/grpc-js'
import { MAX_FRAME_BYTES } from '@paxos/core'
import { MAX_SESSION_MEGABYTES } from './limits.ts'

/** A stream that this node opened. */
export type DialledCall = ClientDuplexStream<Uint8Array, Uint8Array>

/** A stream that another node opened. */
export type AcceptedCall = ServerDuplexStream<Uint8Array, Uint8Array>

/** The bytes of a message, in the type that grpc-js wants. */
function toMessage(frame: Uint8Array): Buffer {
  return Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
}

/** A copy, because grpc-js cuts small messages from a buffer that it shares among many. */
function toFrame(message: Buffer): Uint8Array {
  return new Uint8Array(message)
}

/** The one method. */
export const EXCHANGE: MethodDefinition<Uint8Array, Uint8Array> = {
  path: '/paxos.v1.Transport/Exchange',
  requestStream: true,
  responseStream: true,
  requestSerialize: toMessage,
  requestDeserialize: toFrame,
  responseSerialize: toMessage,
  responseDeserialize: toFrame,
}

/** What both sides ask of grpc-js. */
export function commonOptions(pingIntervalMs: number): ChannelOptions {
  return {
    'grpc.max_send_message_length': MAX_FRAME_BYTES,
    'grpc.max_receive_message_length': MAX_FRAME_BYTES,
    'grpc.keepalive_time_ms': pingIntervalMs,
    'grpc.keepalive_timeout_ms': pingIntervalMs,
    'grpc-node.max_session_memory': MAX_SESSION_MEGABYTES,
    // It would keep a record of every stream, for a service that nobody asked for.
    'grpc.enable_channelz': 0,
  }
}
