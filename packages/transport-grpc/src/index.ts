/**
 * Carries frames in gRPC streams.
 */
export type { TlsOptions } from '@paxos/adapter-kit/sockets'
export { fromUrl, grpc } from './grpc.ts'
export type { GrpcOptions, GrpcTransport } from './grpc.ts'
export type { GrpcStats } from './stats.ts'
