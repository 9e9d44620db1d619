/**
 * Carries frames in gRPC streams.
 */
export type { LinkStats as GrpcStats } from '@paxos/adapter-kit/links'
export type {
  SocketLinkOptions as GrpcOptions,
  SocketTransport as GrpcTransport,
  TlsOptions,
} from '@paxos/adapter-kit/sockets'
export { fromUrl, grpc } from './grpc.ts'
