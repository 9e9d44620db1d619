/**
 * What is written as `scheme://host:port`. There is no path, no query and no user. Must never guess
 * a port, and runs in browsers.
 */
import { TransportError } from '@paxos/core'

/** The parts of an address. */
export interface HostAddress {
  /** Whether it has the scheme of those with TLS. */
  readonly isSecure: boolean
  /** An IP address without brackets, or a name. */
  readonly host: string
  /** 0 to 65535; 0 is a free port to listen on, and none to dial. */
  readonly port: number
}

/** The addresses of one adapter. */
export interface AddressScheme {
  /** As in `ws`. */
  readonly plain: string
  /** As in `wss`; `null` where there is no TLS. */
  readonly secure: string | null
  /** How an address is written, for whoever has to write one. */
  readonly example: string
  /** The parts of `address`; `null` when it is malformed. */
  parse(address: string): HostAddress | null
  /** As parse, but throws TransportError (ERR_PAXOS_ADDRESS_MALFORMED). */
  require(address: string): HostAddress
  /** The reverse of parse. */
  format(address: HostAddress): string
  /**
   * Whether `url` begins with the scheme of those with TLS; what comes after it is not looked at.
   * Throws TransportError (ERR_PAXOS_ADDRESS_MALFORMED) for the scheme of another adapter.
   */
  isSecureUrl(url: string): boolean
}

/**
 * The addresses `plain://host:port`, and `secure://host:port` for TLS. `medium` is what carries the
 * bytes, as in 'WebSocket'.
 */
export function addressScheme(
  medium: string,
  plain: string,
  secure: string | null = null,
): AddressScheme {
  const schemes = secure === null ? [plain] : [plain, secure]
  // A URL parser alone would accept paths and stray white space, and leave out usual ports.
  const whole = new RegExp(
    `^(${schemes.join('|')})://(\\[[\\d:a-f.]+\\]|[\\w.-]+):(\\d{1,5})$`,
    'i',
  )
  const beginning = new RegExp(`^(${schemes.join('|')}):`, 'i')
  const example = schemes.map((scheme) => `${scheme}://host:port`).join(' or ')

  function parse(address: string): HostAddress | null {
    const parts = whole.exec(address)
    const [, scheme = '', host = '', digits = ''] = parts ?? []
    const port = Number(digits)
    if (parts === null || port > 65_535 || !isHost(host)) return null
    const isSecure = scheme.toLowerCase() === secure
    return { isSecure, host: host.startsWith('[') ? host.slice(1, -1) : host, port }
  }

  return {
    plain,
    secure,
    example,
    parse,
    require(address) {
      const parsed = parse(address)
      if (parsed !== null) return parsed
      throw malformed(
        `'${address}' is no ${medium} address. Write ${example}, and an IPv6 host in brackets.`,
      )
    },
    format: ({ isSecure, host, port }) =>
      `${isSecure ? secure : plain}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    isSecureUrl(url) {
      const [, scheme] = beginning.exec(url) ?? []
      if (scheme !== undefined) return scheme.toLowerCase() === secure
      const ways = schemes.map((known) => `${known}:`).join(' or ')
      throw malformed(`'${url}' is no ${medium} address. Write ${ways} in front.`)
    },
  }
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

function malformed(message: string): TransportError {
  return new TransportError('ERR_PAXOS_ADDRESS_MALFORMED', message)
}
