/**
 * `@paxos/replica/url`: adapters by URL, so that a program swaps one for another without a change of
 * its code. Must never import an adapter that was not asked for: each is a package of its own, and
 * optional. Must never be imported by the other entry point, which a bundler takes without them.
 */
import type { Durability, Transport } from '@paxos/core'
import { importFailure, registry } from './registry.ts'
import type { AdapterModule } from './registry.ts'

/** What a package of a transport exports: fromUrl(url, options). */
export type TransportModule = AdapterModule<Transport>

/** What a package of a durability adapter exports: fromUrl(url, options). */
export type DurabilityModule = AdapterModule<Durability>

type TransportPackage =
  | '@paxos/transport-memory'
  | '@paxos/transport-udp'
  | '@paxos/transport-websocket'
  | '@paxos/transport-grpc'

type DurabilityPackage =
  '@paxos/durability-memory' | '@paxos/durability-file' | '@paxos/durability-sqlite'

const transports = registry<Transport, TransportPackage>(
  'transport',
  'registerTransport',
  {
    memory: '@paxos/transport-memory',
    udp: '@paxos/transport-udp',
    ws: '@paxos/transport-websocket',
    wss: '@paxos/transport-websocket',
    grpc: '@paxos/transport-grpc',
    grpcs: '@paxos/transport-grpc',
  },
  loadTransport,
)

const durabilities = registry<Durability, DurabilityPackage>(
  'durability adapter',
  'registerDurability',
  {
    memory: '@paxos/durability-memory',
    file: '@paxos/durability-file',
    sqlite: '@paxos/durability-sqlite',
  },
  loadDurability,
)

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

/**
 * The imports stand in a `try`, each with its name written out: that is how bundlers tell a package
 * that may be absent from one that was forgotten.
 */
async function loadTransport(name: TransportPackage, scheme: string): Promise<TransportModule> {
  try {
    switch (name) {
      case '@paxos/transport-memory':
        return await import('@paxos/transport-memory')
      case '@paxos/transport-udp':
        return await import('@paxos/transport-udp')
      case '@paxos/transport-websocket':
        return await import('@paxos/transport-websocket')
      case '@paxos/transport-grpc':
        return await import('@paxos/transport-grpc')
    }
  } catch (cause) {
    throw importFailure(cause, name, scheme)
  }
}

/** As loadTransport. */
async function loadDurability(name: DurabilityPackage, scheme: string): Promise<DurabilityModule> {
  try {
    switch (name) {
      case '@paxos/durability-memory':
        return await import('@paxos/durability-memory')
      case '@paxos/durability-file':
        return await import('@paxos/durability-file')
      case '@paxos/durability-sqlite':
        return await import('@paxos/durability-sqlite')
    }
  } catch (cause) {
    throw importFailure(cause, name, scheme)
  }
}
