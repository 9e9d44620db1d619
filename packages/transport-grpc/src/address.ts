/**
 * Addresses: `grpc://host:port`, or `grpcs://host:port` for TLS, where host is an IPv4 address, an
 * IPv6 address in brackets, or a name. Must never guess a port.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { TransportError } from '@paxos/core'

/** The parts of an address. */
export interface GrpcAddress {
  /** Whether it is `grpcs:`. */
  readonly isSecure: boolean
  /** An IP address without brackets, or a name. */
  readonly host: string
  readonly port: number
}

/** The parts of `address`; `null` when it is malformed. */
export function parseAddress(address: string): GrpcAddress | null {
  // A URL parser would accept user names, paths and stray white space, and drop some of them.
  const parts = /^grpc(s?):\/\/(\[[\d:a-f.]+\]|[\w.-]+):(\d{1,5})$/i.exec(address)
  const [, s = '', host = '', digits = ''] = parts ?? []
  const port = Number(digits)
  if (parts === null || port > 65_535) return null
  const isSecure = s !== ''
  if (host.startsWith('[')) {
    const ip = host.slice(1, -1)
    return isIPv6(ip) ? { isSecure, host: ip, port } : null
  }
  // A name of digits and dots only would be an IPv4 address that somebody mistyped.
  return isIPv4(host) || /[^\d.]/.test(host) ? { isSecure, host, port } : null
}

/** As parseAddress, but throws TransportError (ERR_PAXOS_ADDRESS_MALFORMED). */
export function requireAddress(address: string): GrpcAddress {
  const parsed = parseAddress(address)
  if (parsed !== null) return parsed
  throw new TransportError(
    'ERR_PAXOS_ADDRESS_MALFORMED',
    `'${address}' is no gRPC address. Write grpc://host:port or grpcs://host:port, and an IPv6 ` +
      'host in brackets.',
  )
}

/** The reverse of parseAddress. */
export function formatAddress({ isSecure, host, port }: GrpcAddress): string {
  return `${isSecure ? 'grpcs' : 'grpc'}://${authorityOf(host, port)}`
}

/** `host:port`, with an IPv6 host in brackets. */
export function authorityOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
