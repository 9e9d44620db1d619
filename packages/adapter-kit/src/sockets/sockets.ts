/**
 * The sockets of one transport: where it listens, whom it dials, and the certificates for both, which
 * may be replaced while it runs. Must never dial in the clear who expects TLS, nor the reverse.
 */
import { InvalidArgumentError } from '@paxos/core'
import type { NodeId, PeerProblem } from '@paxos/core'
import type { AddressScheme, HostAddress } from '../addresses/index.ts'
import type { LinkHost, Listening } from '../links/medium.ts'
import { dial } from './dial.ts'
import type { DialledSocket } from './dial.ts'
import { listen } from './listen.ts'
import type { Guest, SocketListener } from './listen.ts'
import { makeLookups } from './lookups.ts'
import type { Lookups } from './lookups.ts'
import { credentialsError, loadCredentials, requireTlsOptions } from './tls.ts'
import type { Credentials, TlsOptions } from './tls.ts'
import { watchOwn } from './validity.ts'

/** What sockets need. */
export interface SocketOptions {
  readonly scheme: AddressScheme
  /** Needed for addresses with TLS, and refused for others. Default: none. */
  readonly tls?: TlsOptions | undefined
  /** What both sides have to agree on by TLS (ALPN), as in 'h2'. Default: nothing. */
  readonly protocol?: string
}

/** What LinkHost is, less who takes those that are let in. */
export type SocketHost = Omit<LinkHost, 'accept'>

/** The sockets of one transport. */
export interface Sockets {
  /**
   * Listens, once, for the node `self` of `host`, which is told of those who are turned away before
   * they are anybody, and hands over whoever comes. Rejects with TransportError, also for
   * certificates that are not those of the node, and then leaves nothing open. Its close() ends the
   * look-ups too.
   */
  listen(address: string, host: SocketHost, accept: (guest: Guest) => void): Promise<Listening>
  /**
   * The parts of the address of a peer; `null` when it is malformed, has no port, or is one without
   * TLS where this node has certificates, or the reverse. Only after listen().
   */
  target(address: string): HostAddress | null
  /** Begins to dial `peer` at what target() has found. */
  dial(target: HostAddress, peer: NodeId, onProblem: (problem: PeerProblem) => void): DialledSocket
  /** The certificates of now; `null` without TLS, and before listen(). For who dials by himself. */
  credentials(): Credentials | null
  /** For who dials by himself. */
  readonly lookups: Lookups
  /**
   * Shows and asks for other certificates from now on. Connections that stand go on with those that
   * they began with, until the peer's ends. Throws TransportError (ERR_PAXOS_CREDENTIALS) for
   * certificates that cannot be used and where there were none, and InvalidArgumentError for another
   * `mutual`: then nothing changes.
   */
  reload(tls: TlsOptions): void
}

/** Nothing is open yet. Throws InvalidArgumentError for TLS options that can never work. */
export function makeSockets({ scheme, protocol, ...options }: SocketOptions): Sockets {
  let tls = options.tls === undefined ? null : requireTlsOptions(options.tls)
  const alpn = protocol ?? null
  const lookups = makeLookups()
  let credentials: Credentials | null = null
  let listener: SocketListener | null = null
  /** Whose certificates they are; not known before it listens. */
  let ownId: NodeId | null = null
  let watch: ((own: TlsOptions) => void) | null = null

  async function bind(
    address: HostAddress,
    host: SocketHost,
    accept: (guest: Guest) => void,
  ): Promise<SocketListener> {
    const lookup = (name: string): Promise<string> => ownAddress(name, host.signal)
    try {
      return await listen({
        scheme,
        address,
        lookup,
        credentials,
        protocol: alpn,
        host,
        accept,
      })
    } catch (error) {
      await lookups.close()
      throw error
    }
  }

  /** Where to listen. Rejects with the reason of `signal` as soon as that is aborted. */
  function ownAddress(name: string, signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      lookups.addressesOf(name).then(([first]) => resolve(first?.address ?? name), reject)
    })
  }

  return {
    async listen(written, host, accept) {
      const address = scheme.require(written)
      requireSameKind(scheme, address.isSecure, tls)
      ownId = host.self
      credentials = tls === null ? null : loadCredentials(tls, host.self)
      const bound = await bind(address, host, accept)
      let stopWatch: (() => void) | null = null
      listener = bound
      watch = (own) => {
        stopWatch?.()
        stopWatch = watchOwn(own, host.warn)
      }
      if (tls !== null) watch(tls)
      return {
        address: bound.address,
        async close() {
          listener = null
          stopWatch?.()
          await Promise.all([bound.close(), lookups.close()])
        },
      }
    },
    target(written) {
      const address = scheme.parse(written)
      if (address === null || address.port === 0) return null
      return address.isSecure === (credentials !== null) ? address : null
    },
    dial: (address, peer, onProblem) =>
      dial({ address, peer, credentials, protocol: alpn, lookups, onProblem }),
    credentials: () => credentials,
    lookups,
    reload(next) {
      if (tls === null) {
        throw credentialsError('There are no certificates to replace. Give tls from the beginning.')
      }
      const checked = requireTlsOptions(next)
      if ((checked.mutual ?? true) !== (tls.mutual ?? true)) {
        throw new InvalidArgumentError('tls.mutual cannot change while a node runs. Restart it.')
      }
      const loaded = loadCredentials(checked, ownId)
      tls = checked
      if (listener === null) return
      credentials = loaded
      listener.renew(loaded)
      watch?.(checked)
    },
  }
}

/**
 * Checks what an address of `scheme` is opened with by URL; what comes after its scheme does not
 * matter. Throws TransportError for another scheme (ERR_PAXOS_ADDRESS_MALFORMED), and for one with
 * TLS without certificates or the reverse (ERR_PAXOS_CREDENTIALS).
 */
export function requireUrl(scheme: AddressScheme, url: string, tls: TlsOptions | undefined): void {
  requireSameKind(scheme, scheme.isSecureUrl(url), tls ?? null)
}

/** Throws when somebody would believe to be encrypted, or to be in the clear, and were not. */
function requireSameKind(
  { plain, secure }: AddressScheme,
  isSecure: boolean,
  tls: TlsOptions | null,
): void {
  if (isSecure && tls === null) {
    throw credentialsError(
      `${secure}: needs a certificate. Give the option tls, or write ${plain}:.`,
    )
  }
  if (!isSecure && tls !== null) {
    throw credentialsError(
      `${plain}: uses no certificate. Write ${secure}:, or leave out the option tls.`,
    )
  }
}
