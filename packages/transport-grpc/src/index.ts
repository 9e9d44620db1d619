/**
 * Carries frames in gRPC streams.
 */
export type { LinkStats as GrpcStats } from '@paxos/adapter-kit/links'
export type { TlsOptions } from '@paxos/adapter-kit/sockets'
export { fromUrl, grpc } from './grpc.ts'
export type { GrpcOptions, GrpcTransport } from './grpc.ts'
