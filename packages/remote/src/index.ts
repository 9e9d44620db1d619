/**
 * Asks a replicated state machine from processes that are no members. Must never import an adapter of a
 * member's, nor the engines of core: a client needs neither.
 */
export { connect } from './connect.ts'
export type { ComposedConnectOptions, ComposedRemote } from './connect.ts'
export type { ConnectOptions } from './connect-options.ts'
export type { CodecOptions } from './codecs.ts'
export type { Authorize, Credentials } from './doorkeeper.ts'
export {
  AnswerTooLargeError,
  ConnectionError,
  InsecureError,
  ListenError,
  ProtocolError,
  RemoteError,
  UnauthorizedError,
} from './errors.ts'
export type { Attempt } from './errors.ts'
export type { Served } from './guest.ts'
export type { RemoteReplica, RemoteStatus } from './remote-replica.ts'
export { serve } from './serve.ts'
export type { RemoteServer, RemoteServerStatus } from './serve.ts'
export type { ServeOptions, ServerTlsOptions } from './serve-options.ts'
export type { ClientTlsOptions } from './ws-channel.ts'
