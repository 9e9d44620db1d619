/**
 * One node of the cluster: a Replica over the adapters that its URLs name. The only place of this
 * example that opens one.
 */
import type { Transport } from '@paxos/core'
import { Replica } from '@paxos/replica'
import { openDurability, openTransport } from '@paxos/replica/url'
import { carryOut } from './carry-out.ts'
import type { Answer, Command, Query, Result } from './commands.ts'
import { UserError } from './fail.ts'
import type { Log } from './log.ts'
import { requireScheme } from './member-requests.ts'
import type { ServiceMetrics } from './metrics.ts'
import type { KeyValueReplica } from './replica.ts'
import type { PeerSecrets } from './secrets.ts'
import type { Store } from './store.ts'

export interface NodeOptions {
  readonly cluster: string
  readonly id: string
  /**
   * Where each node listens; of a cluster that runs already, this one and some others. The scheme of
   * this one's address says which transport it takes.
   */
  readonly members: Readonly<Record<string, string>>
  /** Where this node keeps what it has promised and accepted: a URL. */
  readonly durability: string
  /** What is shown to the other nodes; `null` for nothing. */
  readonly secrets: PeerSecrets | null
  readonly heartbeatPeriodMs?: number | undefined
  readonly livenessWindowMs?: number | undefined
  /** See ReplicaOptions: of a first start. Default: none. */
  readonly lease?: object | undefined
  /** See ReplicaOptions: true may lose writes. */
  readonly trustEmptyDisk?: boolean | undefined
  readonly store: Store
  readonly metrics: ServiceMetrics
  readonly log: Log
}

/** A node that runs. */
export interface RunningReplica extends KeyValueReplica {
  /** Resolves with the reason when the node had to stop by itself; never when it was closed. */
  readonly stopped: Promise<Error>
  /** For connections and datagrams from now on. Throws what the transport cannot use; then nothing changes. */
  renew(secrets: PeerSecrets): void
  close(): Promise<void>
}

/** Rejects with the error of the adapter that would not open; then nothing is left open. */
export async function openReplica(options: NodeOptions): Promise<RunningReplica> {
  const { cluster, id, members, durability, secrets, store, metrics, log, ...periods } = options
  const address = members[id]
  if (address === undefined) {
    const ids = Object.keys(members).join(', ')
    throw new UserError(
      `'${id}' is not among the members ${ids}. Name it with --member, or choose one of them as --id.`,
    )
  }
  const transport = await openTransport(address, secrets ?? {})
  const replica = await Replica.open({
    cluster,
    id,
    members,
    transport,
    durability: await openDurability(durability),
    stateMachine: store,
    metrics,
    logger: log,
    ...periods,
  })
  return {
    // A full store takes what makes it smaller.
    propose: (command, wait) =>
      replica.propose(command, { ...wait, evenIfFull: command.type === 'delete' }),
    openSession: (wait) => replica.openSession(wait),
    query: (query, wait) => replica.query(query, wait),
    async members({ consistency = 'linearizable', ...wait } = {}) {
      // Once a read is answered, this node has applied what was chosen before it.
      if (consistency === 'linearizable') await replica.query(NOTHING, wait)
      return replica.members()
    },
    async changeMembers(request, change = {}) {
      requireScheme(request, address)
      return await carryOut(replica, request, change)
    },
    transferLeadership: (to, wait) => replica.transferLeadership(to, wait),
    status: () => replica.status(),
    figures: () => transport.figures?.() ?? null,
    stopped: untilStopped(replica),
    renew(next) {
      if (!canRenew(transport)) throw new UserError(`${address} takes no others. Restart the node.`)
      transport.reload('tls' in next ? next.tls : next.authentication)
    },
    close: () => replica.close(),
  }
}

/** A query that costs nothing. */
const NOTHING: Query = { type: 'get', key: '' }

interface Renewable extends Transport {
  reload(secrets: object): void
}

/** Those that take certificates or keys can. */
function canRenew(transport: Transport): transport is Renewable {
  return 'reload' in transport && typeof transport.reload === 'function'
}

async function untilStopped(replica: Replica<Command, Result, Query, Answer>): Promise<Error> {
  for await (const event of replica.events()) if (event.type === 'stopped') return event.error
  // It was closed: nobody need hear of it.
  return await new Promise(() => undefined)
}
