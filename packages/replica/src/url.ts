/**
 * `@paxos/replica/url`: adapters by URL, so that a program swaps one for another without a change of
 * its code. Must never import an adapter that was not asked for: each is a package of its own, and
 * optional. Must never be imported by the other entry point, which a bundler takes without them.
 */
import type { Durability, Transport } from '@paxos/core'
import { registry } from './registry.ts'
import type { AdapterModule } from './registry.ts'

/** What a package of a transport exports: fromUrl(url, options). */
export type TransportModule = AdapterModule<Transport>

/** What a package of a durability adapter exports: fromUrl(url, options). */
export type DurabilityModule = AdapterModule<Durability>

const transports = registry<Transport>('transport', 'registerTransport', [
  {
    name: '@paxos/transport-memory',
    schemes: ['memory'],
    load: () => import('@paxos/transport-memory'),
  },
  { name: '@paxos/transport-udp', schemes: ['udp'], load: () => import('@paxos/transport-udp') },
  {
    name: '@paxos/transport-websocket',
    schemes: ['ws', 'wss'],
    load: () => import('@paxos/transport-websocket'),
  },
  {
    name: '@paxos/transport-grpc',
    schemes: ['grpc', 'grpcs'],
    load: () => import('@paxos/transport-grpc'),
  },
])

const durabilities = registry<Durability>('durability adapter', 'registerDurability', [
  {
    name: '@paxos/durability-memory',
    schemes: ['memory'],
    load: () => import('@paxos/durability-memory'),
  },
  {
    name: '@paxos/durability-file',
    schemes: ['file'],
    load: () => import('@paxos/durability-file'),
  },
  {
    name: '@paxos/durability-sqlite',
    schemes: ['sqlite'],
    load: () => import('@paxos/durability-sqlite'),
  },
])

/**
 * A new transport for addresses like `url`, of which only the scheme counts: `udp:`, `ws:`, `wss:`,
 * `grpc:`, `grpcs:`, `memory:`, or one that was registered. It is not open: hand it to
 * Synod.open(), which opens it where the members say. `options` are those of the package's
 * factory, such as `{ tls }` for `wss:` or `{ hub }` for `memory:`.
 *
 * Rejects with MissingPackageError when the package of the scheme is not installed, and with
 * InvalidArgumentError for a scheme that nobody knows or options that can never work.
 */
export function openTransport(url: string, options?: object): Promise<Transport> {
  return transports.open(url, options)
}

/**
 * A new durability adapter for `url`: `file:./directory`, `sqlite:./file.db`, `memory:`, or of a
 * scheme that was registered. Nothing is opened or made yet: Synod.open() does that. `options` are
 * those of the package's factory. Rejects as openTransport does.
 */
export function openDurability(url: string, options?: object): Promise<Durability> {
  return durabilities.open(url, options)
}

/**
 * Makes `openTransport` take URLs of `scheme`, in this process: `load` imports the package that
 * serves them, when the first one is opened. Throws InvalidArgumentError when the scheme is taken.
 */
export function registerTransport(scheme: string, load: () => Promise<TransportModule>): void {
  transports.register(scheme, load)
}

/** As registerTransport, for openDurability. */
export function registerDurability(scheme: string, load: () => Promise<DurabilityModule>): void {
  durabilities.register(scheme, load)
}
