/**
 * Addresses: `udp://host:port`, where host is an IPv4 address, an IPv6 address in brackets, or a
 * name. Must never guess a port.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { TransportError } from '@paxos/core'

/** The two parts of an address. */
export interface UdpAddress {
  /** An IP address without brackets, or a name. */
  readonly host: string
  readonly port: number
}

/** The parts of `address`; `null` when it is malformed. */
export function parseAddress(address: string): UdpAddress | null {
  // A URL parser would accept user names, paths and stray white space, and drop some of them.
  const parts = /^udp:\/\/(\[[\d:a-f.]+\]|[\w.-]+):(\d{1,5})$/i.exec(address)
  const [, host = '', digits = ''] = parts ?? []
  const port = Number(digits)
  if (parts === null || port > 65_535) return null
  if (host.startsWith('['))
    return isIPv6(host.slice(1, -1)) ? { host: host.slice(1, -1), port } : null
  // A name of digits and dots only would be an IPv4 address that somebody mistyped.
  return isIPv4(host) || /[^\d.]/.test(host) ? { host, port } : null
}

/** As parseAddress, but throws TransportError (ERR_PAXOS_ADDRESS_MALFORMED). */
export function requireAddress(address: string): UdpAddress {
  const parsed = parseAddress(address)
  if (parsed !== null) return parsed
  throw new TransportError(
    'ERR_PAXOS_ADDRESS_MALFORMED',
    `'${address}' is no UDP address. Write udp://host:port, and an IPv6 host in brackets.`,
  )
}

/** The reverse of parseAddress. */
export function formatAddress({ host, port }: UdpAddress): string {
  return host.includes(':') ? `udp://[${host}]:${port}` : `udp://${host}:${port}`
}
