/**
 * What connect() is given, checked before anything is dialled. Must never repeat a token or a key.
 */
import { createSecureContext } from 'node:tls'
import { InvalidArgumentError, kindOf, requireFunction, requireOptions } from '@paxos/core'
import { platformClock } from '@paxos/replica'
import type { Clock, Logger, WaitOptions } from '@paxos/replica'
import { requirePositive } from '@paxos/replica/client'
import { CODEC_OPTIONS } from './codecs.ts'
import type { CodecOptions } from './codecs.ts'
import { isToken } from './doorkeeper.ts'
import { HEARTBEAT_MS, MAX_ADDRESSES, RENEW_SESSION_AFTER_MS } from './limits.ts'
import type { ClientTlsOptions } from './ws-channel.ts'

/** `signal` and `timeoutMs` are for the first connection, which is waited for 15 seconds by default. */
export interface ConnectOptions<Command, Result, Query, Answer>
  extends CodecOptions<Command, Result, Query, Answer>, WaitOptions {
  /**
   * What the servers ask for, if they do; a function is called for each connection, so that a token can be
   * replaced. Over `ws:` everybody on the way reads it. Default: nothing is shown.
   */
  readonly token?: string | (() => string) | undefined
  /** For `wss:`: whom to trust, and what to show. Default: as Node.js does. */
  readonly tls?: ClientTlsOptions | undefined
  /**
   * How often a server is asked whether it is there, in milliseconds, > 0; one that does not answer two
   * times is left for another. Default: 5000.
   */
  readonly heartbeatMs?: number | undefined
  /**
   * A session of this client that was idle for so long is not used again, in milliseconds, > 0: less than
   * `sessionTimeoutMs` of the replicas. Default: 900,000, a quarter of theirs.
   */
  readonly renewSessionAfterMs?: number | undefined
  /** Default: the clock of this machine. */
  readonly clock?: Clock | undefined
  /** Numbers in [0, 1), for jitter. Default: Math.random. */
  readonly random?: (() => number) | undefined
  /** Takes what fails while nobody waits: a listener that throws. Default: nobody does. */
  readonly logger?: Logger | undefined
}

const OPTIONS = [
  ...CODEC_OPTIONS,
  'signal',
  'timeoutMs',
  'token',
  'tls',
  'heartbeatMs',
  'renewSessionAfterMs',
  'clock',
  'random',
  'logger',
] as const satisfies readonly (keyof ConnectOptions<unknown, unknown, unknown, unknown>)[]

export interface ConnectSettings {
  readonly addresses: readonly string[]
  readonly token: () => string | null
  readonly tls: ClientTlsOptions | undefined
  readonly heartbeatMs: number
  readonly renewSessionAfterMs: number
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
}

/** Throws InvalidArgumentError for what can never work. */
export function connectSettingsOf<Command, Result, Query, Answer>(
  addresses: readonly string[],
  options: ConnectOptions<Command, Result, Query, Answer>,
): ConnectSettings {
  requireOptions('connect', options, OPTIONS)
  const { heartbeatMs = HEARTBEAT_MS, renewSessionAfterMs = RENEW_SESSION_AFTER_MS } = options
  const { token, tls, clock, random, logger } = options
  requirePositive('heartbeatMs', heartbeatMs)
  requirePositive('renewSessionAfterMs', renewSessionAfterMs)
  requireFunction('random', random)
  if (tls !== undefined) requireTls(tls)
  return {
    addresses: addressesOf(addresses),
    token: tokenOf(token),
    tls,
    heartbeatMs,
    renewSessionAfterMs,
    clock: clock ?? platformClock,
    random: random ?? Math.random,
    logger: logger ?? { debug() {}, info() {}, warn() {}, error() {} },
  }
}

/** As it is dialled and compared: with a path, '/paxos' unless it says another. `null` for no address. */
export function addressOf(text: unknown): string | null {
  if (typeof text !== 'string' || !URL.canParse(text)) return null
  const url = new URL(text)
  const { protocol, hostname, username, password, hash } = url
  const isOurs = protocol === 'ws:' || protocol === 'wss:'
  if (!isOurs || hostname === '' || username !== '' || password !== '' || hash !== '') return null
  if (url.pathname === '/') url.pathname = '/paxos'
  return url.href
}

function addressesOf(given: readonly string[]): readonly string[] {
  const found = Array.isArray(given) ? [...new Set(given.map((one) => addressOf(one)))] : []
  const addresses = found.filter((one) => one !== null)
  const isSound = addresses.length === found.length && addresses.length <= MAX_ADDRESSES
  if (isSound && addresses.length > 0) return addresses
  throw new InvalidArgumentError(
    `The addresses are ${kindOf(given)}, or one of them is none. Give a list of 1 to ` +
      `${MAX_ADDRESSES}, each as in ws://10.0.0.1:4711 or wss://a.example:4711/paxos.`,
  )
}

function tokenOf(token: unknown): () => string | null {
  if (token === undefined) return () => null
  const isFunction = typeof token === 'function'
  if (!isFunction) requireToken(token)
  return () => {
    const shown: unknown = isFunction ? token() : token
    requireToken(shown)
    return String(shown)
  }
}

/** Never with the token itself: errors are logged. */
function requireToken(token: unknown): void {
  if (isToken(token)) return
  throw new InvalidArgumentError(
    'The token is no text that a header carries. Give printable ASCII without spaces.',
  )
}

function requireTls(tls: ClientTlsOptions): void {
  requireOptions('tls', tls, ['ca', 'cert', 'key', 'passphrase', 'servername'])
  const { ca, cert, key, passphrase } = tls
  try {
    createSecureContext({
      ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
      ...(cert === undefined ? {} : { cert: Buffer.from(cert) }),
      ...(key === undefined ? {} : { key: Buffer.from(key) }),
      ...(passphrase === undefined ? {} : { passphrase }),
    })
  } catch (cause) {
    throw new InvalidArgumentError(
      'The certificate, its key or the authority of tls cannot be read, or do not belong together. ' +
        'Give PEM that does, and the passphrase of an encrypted key.',
      { cause },
    )
  }
}
