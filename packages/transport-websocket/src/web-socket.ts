/**
 * The transport for Node.js: listens and dials with `ws`.
 */
import { links } from '@paxos/adapter-kit/links'
import type { LinkHost, LinkMedium, LinkTransport } from '@paxos/adapter-kit/links'
import { InvalidArgumentError, requireOptions, TransportError } from '@paxos/core'
import type { NodeId, Transport } from '@paxos/core'
import { ADDRESS_HINT, parseAddress, requireAddress } from './address.ts'
import { dialler } from './dial.ts'
import { makeLookups } from './lookups.ts'
import { serve } from './server.ts'
import type { SecureListener } from './server.ts'
import { credentialsError, loadCredentials, requireTlsOptions } from './tls.ts'
import type { Credentials, TlsOptions } from './tls.ts'
import { watchOwn } from './validity.ts'

/** How a transport is made. */
export interface WebSocketOptions {
  /** For `wss:` addresses, and only for them. Default: none, and everything is in the clear. */
  readonly tls?: TlsOptions
  /**
   * Milliseconds between two pings, a whole number from 10 to 3,600,000. Default 5,000. A peer that
   * answers none for three intervals is given up, and connected to again. Nodes may differ.
   */
  readonly pingIntervalMs?: number
}

/** A transport whose certificates can be replaced. */
export interface NodeWebSocketTransport extends LinkTransport {
  /**
   * Shows and asks for other certificates from now on. Connections that stand go on with those that
   * they began with, until the peer's ends. Throws TransportError (ERR_PAXOS_CREDENTIALS) for
   * certificates that cannot be used and where there were none, and InvalidArgumentError for another
   * `mutual`: then nothing changes.
   */
  reload(tls: TlsOptions): void
}

/**
 * A transport that is not open yet. Throws InvalidArgumentError for options that cannot work, or are
 * not known.
 */
export function webSocket(options: WebSocketOptions = {}): NodeWebSocketTransport {
  requireOptions('webSocket()', options, ['tls', 'pingIntervalMs'])
  let tls = options.tls === undefined ? null : requireTlsOptions(options.tls)
  const lookups = makeLookups()
  let credentials: Credentials | null = null
  let listener: SecureListener | null = null
  /** Whose certificates they are; not known before it opens. */
  let ownId: NodeId | null = null
  let warn: LinkHost['warn'] | null = null
  let stopWatch: (() => void) | null = null

  function watch(own: TlsOptions): void {
    stopWatch?.()
    stopWatch = watchOwn(own, (warning) => warn?.(warning))
  }

  const medium: LinkMedium = {
    addressHint: ADDRESS_HINT,
    async listen(listen, host) {
      const address = requireAddress(listen)
      requireSameKind(address.secure, tls)
      ownId = host.self
      warn = host.warn
      credentials = tls === null ? null : loadCredentials(tls, ownId)
      const bound = await serve({ address, credentials, host })
      listener = bound
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
    dial(peerAddress, peer) {
      const address = parseAddress(peerAddress)
      if (address === null || address.port === 0) return null
      // Neither in the clear to whom expects TLS, nor the reverse.
      if (address.secure !== (credentials !== null)) return null
      return dialler({ address, credentials: () => credentials, peer, lookups })
    },
  }
  const transport = links(medium, { pingIntervalMs: options.pingIntervalMs })
  return {
    open: (open) => transport.open(open),
    get address() {
      return transport.address
    },
    setPeers: (peers) => transport.setPeers(peers),
    send: (to, frame) => transport.send(to, frame),
    figures: () => transport.figures(),
    stats: () => transport.stats(),
    close: () => transport.close(),
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
      watch(checked)
    },
  }
}

/**
 * What `openTransport` of @paxos/replica/url calls for `ws:` and `wss:`. The address is where open()
 * will listen, so that only its scheme matters here. Throws InvalidArgumentError as webSocket()
 * does, and TransportError for another scheme, for `wss:` without the option `tls`, and for `ws:`
 * with it.
 */
export function fromUrl(url: string, options: WebSocketOptions = {}): Transport {
  const scheme = /^wss?(?=:)/i.exec(url)?.[0].toLowerCase()
  if (scheme === undefined) {
    throw new TransportError(
      'ERR_PAXOS_ADDRESS_MALFORMED',
      `'${url}' is no WebSocket address. Write ws: or wss: in front.`,
    )
  }
  requireSameKind(scheme === 'wss', options.tls ?? null)
  return webSocket(options)
}

/** Throws when somebody would believe to be encrypted, or to be in the clear, and were not. */
function requireSameKind(secure: boolean, tls: TlsOptions | null): void {
  if (secure && tls === null) {
    throw credentialsError('wss: needs a certificate. Give the option tls, or write ws:.')
  }
  if (!secure && tls !== null) {
    throw credentialsError('ws: uses no certificate. Write wss:, or leave out the option tls.')
  }
}
