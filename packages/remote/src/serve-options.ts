/**
 * What serve() is given, and what is refused before anything is opened: above all a server that others
 * can reach, and that lets in whoever comes. Must never repeat a key, a passphrase or a token.
 */
import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import { isIP } from 'node:net'
import { InvalidArgumentError, kindOf, requireOptions } from '@paxos/core'
import { platformClock } from '@paxos/replica'
import type { Clock, Logger } from '@paxos/replica'
import { requireBoolean, requirePositive } from '@paxos/replica/client'
import { CODEC_OPTIONS } from './codecs.ts'
import type { CodecOptions } from './codecs.ts'
import { Doorkeeper } from './doorkeeper.ts'
import type { AdmissionOptions } from './doorkeeper.ts'
import { InsecureError } from './errors.ts'
import { DRAIN_TIMEOUT_MS, HEARTBEAT_MS, MAX_CONNECTIONS } from './limits.ts'

/** What a server shows, and whom it trusts. All in PEM. */
export interface ServerTlsOptions {
  /** The certificate of this server, followed by those between it and the authority. */
  readonly cert: string | Uint8Array
  readonly key: string | Uint8Array
  /** What the key is encrypted with. Default: it is not. */
  readonly passphrase?: string | undefined
  /** Clients show a certificate that one of these authorities has signed. Default: none is asked for. */
  readonly ca?: string | Uint8Array | undefined
  /**
   * With `ca`: 'required' turns away whoever has none; 'optional' leaves it to `authorize` and
   * `tokens`, one of which has to be given. Default: 'required'.
   */
  readonly clientCertificate?: 'required' | 'optional' | undefined
}

export interface ServeOptions<Command, Result, Query, Answer>
  extends CodecOptions<Command, Result, Query, Answer>, AdmissionOptions {
  /** Where to listen. Default: '127.0.0.1', which this machine alone reaches. */
  readonly host?: string | undefined
  /** From 0 to 65535; 0 takes one that is free. Default: 0. */
  readonly port?: number | undefined
  /** Serves `wss:`. Default: `ws:`, in plain text. */
  readonly tls?: ServerTlsOptions | undefined
  /**
   * That whoever reaches this server may read and write, or that whoever is on the way may read tokens
   * and commands, is what you want. Default: false, and InsecureError is thrown instead.
   */
  readonly insecure?: boolean | undefined
  /**
   * An HTTP server of yours to be asked at `path`, in place of one that listens by itself. You close it.
   * Whether it uses TLS is yours to say.
   */
  readonly server?: HttpServer | HttpsServer | undefined
  /** What clients ask for. Default: '/paxos'. */
  readonly path?: string | undefined
  /**
   * By node, the address at which its clients are served: clients that were given the same address move
   * to the node that leads, and save a hop. Default: none, and they stay where they are.
   */
  readonly addresses?: Readonly<Record<string, string>> | undefined
  /** Clients at a time; who comes then is told so. From 1 on. Default: 1024. */
  readonly maxConnections?: number | undefined
  /** How often a client is asked whether it is there, in milliseconds, > 0. Default: 5000. */
  readonly heartbeatMs?: number | undefined
  /** What close() waits for calls that are under way, in milliseconds, > 0. Default: 5000. */
  readonly drainTimeoutMs?: number | undefined
  /** Default: the clock of this machine. */
  readonly clock?: Clock | undefined
  /** Takes who comes, who is not let in, and what fails. Default: nobody does. */
  readonly logger?: Logger | undefined
}

const OPTIONS = [
  ...CODEC_OPTIONS,
  'tokens',
  'authorize',
  'host',
  'port',
  'tls',
  'insecure',
  'server',
  'path',
  'addresses',
  'maxConnections',
  'heartbeatMs',
  'drainTimeoutMs',
  'clock',
  'logger',
] as const satisfies readonly (keyof ServeOptions<unknown, unknown, unknown, unknown>)[]

const TLS_OPTIONS = ['cert', 'key', 'passphrase', 'ca', 'clientCertificate'] as const

export interface ServeSettings {
  readonly host: string
  readonly port: number
  readonly tls: ServerTlsOptions | null
  readonly server: HttpServer | HttpsServer | null
  readonly path: string
  readonly addresses: ReadonlyMap<string, string>
  readonly maxConnections: number
  readonly heartbeatMs: number
  readonly drainTimeoutMs: number
  readonly clock: Clock
  readonly logger: Logger
  readonly doorkeeper: Doorkeeper
}

/** Throws InvalidArgumentError for options that cannot work, and InsecureError for those that are not safe. */
export function serveSettingsOf<Command, Result, Query, Answer>(
  options: ServeOptions<Command, Result, Query, Answer>,
): ServeSettings {
  requireOptions('serve', options, OPTIONS)
  const { host = '127.0.0.1', port = 0, tls, server, path = '/paxos', insecure = false } = options
  const { maxConnections = MAX_CONNECTIONS, heartbeatMs = HEARTBEAT_MS } = options
  const { drainTimeoutMs = DRAIN_TIMEOUT_MS, addresses = {}, clock, logger } = options
  requirePositive('maxConnections', maxConnections)
  requirePositive('heartbeatMs', heartbeatMs)
  requirePositive('drainTimeoutMs', drainTimeoutMs)
  requireOptions('addresses', addresses, Object.keys(addresses))
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) {
    throw new InvalidArgumentError(`port is ${String(port)}. Give a whole number from 0 to 65535.`)
  }
  if (typeof path !== 'string' || !/^\/[\x21\x22\x24-\x3e\x40-\x7e]*$/.test(path)) {
    throw new InvalidArgumentError(`path is ${kindOf(path)}. Give one that begins with '/'.`)
  }
  if (tls !== undefined) requireTls(tls)
  if (server !== undefined && (tls !== undefined || options.host !== undefined)) {
    throw new InvalidArgumentError(
      'A server of yours listens where you said. Leave out host, port and tls.',
    )
  }
  const doorkeeper = new Doorkeeper(options)
  const asks = doorkeeper.asks || (tls?.ca !== undefined && tls.clientCertificate !== 'optional')
  requireBoolean('insecure', insecure)
  if (!insecure) requireSafe({ isOwn: server === undefined, host, hasTls: tls !== undefined, asks })
  return {
    host,
    port,
    tls: tls ?? null,
    server: server ?? null,
    path,
    addresses: new Map(Object.entries(addresses)),
    maxConnections,
    heartbeatMs,
    drainTimeoutMs,
    clock: clock ?? platformClock,
    logger: logger ?? NOBODY,
    doorkeeper,
  }
}

interface Exposure {
  /** Whether it listens by itself. */
  readonly isOwn: boolean
  readonly host: string
  readonly hasTls: boolean
  /** Whether anybody is kept out. */
  readonly asks: boolean
}

function requireSafe({ isOwn, host, hasTls, asks }: Exposure): void {
  if (!isOwn) {
    if (asks) return
    throw new InsecureError(
      'Whoever reaches the server may read and write. Give tokens or authorize, or say insecure: true.',
    )
  }
  if (isLoopback(host) || (hasTls && asks)) return
  const missing = [hasTls ? null : 'tls', asks ? null : 'tokens, authorize or tls.ca']
  throw new InsecureError(
    `Others can reach '${host}', and could read and write. Give ` +
      `${missing.filter((one) => one !== null).join(', and ')}; or say insecure: true.`,
  )
}

function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true
  return isIP(host) === 4 && host.startsWith('127.')
}

function requireTls(tls: ServerTlsOptions): void {
  requireOptions('tls', tls, TLS_OPTIONS)
  const { cert, key, ca, passphrase, clientCertificate } = tls
  for (const [name, value] of Object.entries({ cert, key, ca: ca ?? '' })) {
    if (typeof value === 'string' || value instanceof Uint8Array) continue
    throw new InvalidArgumentError(`tls.${name} is not PEM. Give a string, or a file's bytes.`)
  }
  if (passphrase !== undefined && typeof passphrase !== 'string') {
    throw new InvalidArgumentError('tls.passphrase is not a string. Give one, or leave it out.')
  }
  if (![undefined, 'required', 'optional'].includes(clientCertificate)) {
    throw new InvalidArgumentError(
      "tls.clientCertificate is neither 'required' nor 'optional'. Give one, or leave it out.",
    )
  }
}

const NOBODY: Logger = { debug() {}, info() {}, warn() {}, error() {} }
