/**
 * Carries frames in gRPC streams.
 */
export type { TlsOptions } from './credentials.ts'
export { fromUrl, grpc } from './grpc.ts'
export type { GrpcOptions, GrpcStats, GrpcTransport } from './grpc.ts'
