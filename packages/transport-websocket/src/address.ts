/**
 * Addresses: `ws://host:port`, or `wss://host:port` over TLS, where host is an IPv4 address, an
 * IPv6 address in brackets, or a name. There is no path, no query and no user. Must never guess a
 * port, and runs in browsers.
 */
import { TransportError } from '@paxos/core'

/** How addresses are written, for whoever wrote another. */
export const ADDRESS_HINT = 'Write ws://host:port, or wss: where there are certificates.'

/** The parts of an address. */
export interface WebSocketAddress {
  /** Whether it is `wss:`. */
  readonly secure: boolean
  /** An IP address without brackets, or a name. */
  readonly host: string
  readonly port: number
}

/** The parts of `address`; `null` when it is malformed. */
export function parseAddress(address: string): WebSocketAddress | null {
  // A URL parser alone would accept paths and stray white space, and leave out usual ports.
  const parts = /^(wss?):\/\/(\[[\d:a-f.]+\]|[\w.-]+):(\d{1,5})$/i.exec(address)
  const [, scheme = '', host = '', digits = ''] = parts ?? []
  const port = Number(digits)
  if (parts === null || port > 65_535 || !isHost(host)) return null
  const secure = scheme.toLowerCase() === 'wss'
  return { secure, host: host.startsWith('[') ? host.slice(1, -1) : host, port }
}

/** As parseAddress, but throws TransportError (ERR_PAXOS_ADDRESS_MALFORMED). */
export function requireAddress(address: string): WebSocketAddress {
  const parsed = parseAddress(address)
  if (parsed !== null) return parsed
  throw new TransportError(
    'ERR_PAXOS_ADDRESS_MALFORMED',
    `'${address}' is no WebSocket address. Write ws://host:port or wss://host:port, and an IPv6 host in brackets.`,
  )
}

/** The reverse of parseAddress. */
export function formatAddress({ secure, host, port }: WebSocketAddress): string {
  const scheme = secure ? 'wss' : 'ws'
  return host.includes(':') ? `${scheme}://[${host}]:${port}` : `${scheme}://${host}:${port}`
}

/** What a URL takes for a host as it stands. It reads 10.0.0 and 0x7f.1 as other addresses. */
function isHost(host: string): boolean {
  try {
    const { hostname } = new URL(`ws://${host}`)
    return host.startsWith('[') || hostname === host.toLowerCase()
  } catch {
    return false
  }
}
