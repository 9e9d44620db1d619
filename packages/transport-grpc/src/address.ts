/** Addresses: `grpc://host:port`, or `grpcs://host:port` for TLS. */
import { addressScheme } from '@paxos/adapter-kit/sockets'

export const GRPC = addressScheme('gRPC', 'grpc', 'grpcs')

/** `host:port`, with an IPv6 host in brackets. */
export function authorityOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
