/**
 * The service of proto/transport.proto, in code. A message of links is that of the stream, and must
 * never be parsed or encoded on the way; so no code is generated from the file.
 */
import { Buffer } from 'node:buffer'
import type {
  ChannelOptions,
  ClientDuplexStream,
  MethodDefinition,
  ServerDuplexStream,
} from '@grpc/grpc-js'
import { MAX_MESSAGE_BYTES } from '@paxos/adapter-kit/links'
import { addressScheme } from '@paxos/adapter-kit/sockets'
import { MAX_SESSION_MEGABYTES } from './limits.ts'

/** How addresses are written. */
export const GRPC = addressScheme('gRPC', 'grpc', 'grpcs')

/** What both sides have to agree on by TLS: HTTP/2. */
export const ALPN = 'h2'

/** A stream that this node opened. */
export type DialledCall = ClientDuplexStream<Uint8Array, Uint8Array>

/** A stream that another node opened. */
export type AcceptedCall = ServerDuplexStream<Uint8Array, Uint8Array>

/** The bytes of a message, in the type that grpc-js wants. */
function toBuffer(message: Uint8Array): Buffer {
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength)
}

/** A copy, because grpc-js cuts small messages from a buffer that it shares among many. */
function toMessage(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes)
}

/** The one method. */
export const EXCHANGE: MethodDefinition<Uint8Array, Uint8Array> = {
  path: '/paxos.v1.Transport/Exchange',
  requestStream: true,
  responseStream: true,
  requestSerialize: toBuffer,
  requestDeserialize: toMessage,
  responseSerialize: toBuffer,
  responseDeserialize: toMessage,
}

/** What both sides ask of grpc-js. Whether the other side is alive, links asks by itself. */
export const COMMON_OPTIONS: ChannelOptions = {
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc-node.max_session_memory': MAX_SESSION_MEGABYTES,
  // It would keep a record of every stream, for a service that nobody asked for.
  'grpc.enable_channelz': 0,
}
