/**
 * What a MultiPaxos is made with, and the defaults. It must refuse what can never work before
 * anything runs.
 */
import type { NodeId } from '../ballot.ts'
import { EMPTY_SAVED } from '../durability.ts'
import type { Member, Saved } from '../durability.ts'
import { InvalidArgumentError } from '../errors.ts'
import { requirePositive } from '../practical/node.ts'
import { requireQuorums } from '../quorum.ts'
import type { QuorumSystem } from '../quorum.ts'
import { requireConfiguration } from './configuration.ts'
import type { Configuration } from './configuration.ts'
import { Electorate } from './electorate.ts'
import { MAX_MEMBERS, MAX_SNAPSHOT_BYTES, MAX_WINDOW_ACCEPTS } from './limits.ts'

/** Whether bytes are a value of the log, or a snapshot. */
export type IsValue = (bytes: Uint8Array) => boolean

export interface MultiPaxosOptions {
  readonly id: NodeId
  /**
   * Who votes, checked by requireQuorums, where that never changes. A node that is not among them
   * follows and learns. Either this or `configuration` is to be given.
   */
  readonly quorums?: QuorumSystem | undefined
  /** With `quorums`: what snapshots say about who is in the cluster. Default: nobody. */
  readonly members?: readonly Member[] | undefined
  /**
   * With whom the cluster starts, its version 0, in a log that may come to change its members; what
   * `saved` holds takes its place. The same on every node that takes part in the start.
   */
  readonly configuration?: Configuration | undefined
  /**
   * The incarnation of this node: see Identity. With it, an empty state does not vote before it may:
   * see Admission. Without it nothing tells this node from a former one that lost its state, and the
   * host must see to it that none does. Default: none.
   */
  readonly incarnation?: string | undefined
  /**
   * That no former incarnation of this node ever voted: an empty state votes at once. Where that is
   * not so, what was chosen with its votes may be lost, and nodes may come to differ for ever.
   * Default: false.
   */
  readonly trustEmptyState?: boolean | undefined
  /**
   * Others that may know what was chosen, though this node does not know that they are members: asked
   * besides those, while no leader is heard. For a node that was away so long that all it knew have
   * left. Default: nobody.
   */
  readonly acquaintances?: readonly NodeId[] | undefined
  /** What stable storage holds, from Durability.open(). Default: a node that has saved nothing. */
  readonly saved?: Saved | undefined
  /** A seeded source of numbers in [0, 1). Nodes, and runs of one node, must have different seeds. */
  readonly random: () => number
  /**
   * Who decides when this node leads: 'heartbeat', the node itself, when it has heard no leader for
   * a liveness window and a quorum says the same; 'external', the host, by lead() and resign(). A
   * node that votes alone leads with its first tick, and one that has never promised anything asks
   * the others soon after it. Default: 'heartbeat'.
   */
  readonly election?: 'heartbeat' | 'external' | undefined
  /** How often a leader sends a heartbeat, in milliseconds, > 0. Default: 200. */
  readonly heartbeatPeriodMs?: number | undefined
  /**
   * How long a leader may be silent before others take over, and a leader unanswered by a quorum
   * before it steps down, in milliseconds, above the heartbeat period. Jitter makes the first up to
   * half as long again; both become up to MAX_WINDOW_FACTOR times as long while attempts to lead
   * fail, and fall back with a steady leader. Default: 1000.
   */
  readonly livenessWindowMs?: number | undefined
  /**
   * How long to wait for an answer before asking again, in milliseconds, > 0: at least, for answers
   * that take longer are awaited for longer, and each that does not come for twice as long as the one
   * before, up to MAX_OVERDUE_FACTOR intervals. Default: 200.
   */
  readonly retransmitIntervalMs?: number | undefined
  /**
   * Whether bytes are a value that the host can apply. What is none never enters the log: propose()
   * and forward() refuse it, and a message that carries one is not believed. Called for each value
   * that comes in, so it must be quick; it must not throw, must take NO_OP, and must say the same on
   * every node of one version. Default: all bytes are. For entries as `encodeEntry` makes them: isEntry.
   */
  readonly isValue?: IsValue | undefined
  /**
   * The same for the bytes of a snapshot that came in whole from another node, before it takes the
   * place of anything. Default: all bytes are one.
   */
  readonly isSnapshot?: IsValue | undefined
  /**
   * Whether the host keeps the pieces of another node's snapshot as they come in: see 'piece-received'.
   * It then looks at the whole by itself, and `isSnapshot` is not asked. Default: false.
   */
  readonly stagesSnapshots?: boolean | undefined
  /** The largest snapshot that is taken, in bytes, > 0. Default: MAX_SNAPSHOT_BYTES. */
  readonly maxSnapshotBytes?: number | undefined
  /**
   * When a leader that has nothing in flight says what was chosen. 'at-once': with a heartbeat, in the
   * effects that tell the host. 'announced': when the host calls announce(), or with the next Accept or
   * heartbeat; for a host that calls it in the same turn, if `isUntold`, when it has nothing more to
   * propose, and saves a message to each node for each command that another follows. Default: 'at-once'.
   */
  readonly tellsChosen?: 'at-once' | 'announced' | undefined
  /** Accepts in flight at once, 1 to MAX_WINDOW_ACCEPTS. Default: 8. */
  readonly maxAcceptsInFlight?: number | undefined
  /**
   * Their values together, in bytes, > 0; a single value may exceed it. Less while acknowledgements
   * are slow, so that nothing waits for long in a queue below. Default: 4 MiB.
   */
  readonly maxBytesInFlight?: number | undefined
}

const isAnything: IsValue = () => true

/** Options with their defaults. */
export type Settings = {
  readonly [Name in Exclude<keyof MultiPaxosOptions, Starting>]-?: Exclude<
    MultiPaxosOptions[Name],
    undefined
  >
} & {
  /** With whom the cluster starts. */
  readonly initial: Electorate
}

type Starting = 'quorums' | 'configuration'

/** Throws InvalidArgumentError for options that can never work. */
export function settingsOf(options: MultiPaxosOptions): Settings {
  const settings: Settings = {
    id: options.id,
    initial: initialOf(options),
    members: options.members ?? [],
    incarnation: options.incarnation ?? '',
    trustEmptyState: options.trustEmptyState ?? false,
    acquaintances: options.acquaintances ?? [],
    random: options.random,
    isValue: options.isValue ?? isAnything,
    isSnapshot: options.isSnapshot ?? isAnything,
    stagesSnapshots: options.stagesSnapshots ?? false,
    maxSnapshotBytes: options.maxSnapshotBytes ?? MAX_SNAPSHOT_BYTES,
    saved: options.saved ?? EMPTY_SAVED,
    election: options.election ?? 'heartbeat',
    heartbeatPeriodMs: options.heartbeatPeriodMs ?? 200,
    livenessWindowMs: options.livenessWindowMs ?? 1000,
    retransmitIntervalMs: options.retransmitIntervalMs ?? 200,
    tellsChosen: options.tellsChosen ?? 'at-once',
    maxAcceptsInFlight: options.maxAcceptsInFlight ?? 8,
    maxBytesInFlight: options.maxBytesInFlight ?? 4 << 20,
  }
  const { id, heartbeatPeriodMs, livenessWindowMs, maxAcceptsInFlight } = settings
  if (id === 'all') throw new InvalidArgumentError("'all' is no node's id. Choose another id.")
  requirePositive('heartbeatPeriodMs', heartbeatPeriodMs)
  requirePositive('livenessWindowMs', livenessWindowMs)
  requirePositive('retransmitIntervalMs', settings.retransmitIntervalMs)
  requirePositive('maxBytesInFlight', settings.maxBytesInFlight)
  requirePositive('maxSnapshotBytes', settings.maxSnapshotBytes)
  if (livenessWindowMs <= heartbeatPeriodMs) {
    throw new InvalidArgumentError(
      `A liveness window of ${livenessWindowMs} ms expects heartbeats every ` +
        `${heartbeatPeriodMs} ms. Make it several times as long as the heartbeat period.`,
    )
  }
  const isCount = Number.isInteger(maxAcceptsInFlight) && maxAcceptsInFlight >= 1
  if (!isCount || maxAcceptsInFlight > MAX_WINDOW_ACCEPTS) {
    throw new InvalidArgumentError(
      `maxAcceptsInFlight is ${maxAcceptsInFlight}. Give an integer from 1 to ${MAX_WINDOW_ACCEPTS}.`,
    )
  }
  return settings
}

function initialOf({ quorums, members = [], configuration }: MultiPaxosOptions): Electorate {
  if (configuration !== undefined && quorums === undefined) {
    requireConfiguration(configuration)
    return new Electorate(configuration)
  }
  if (quorums === undefined || configuration !== undefined) {
    throw new InvalidArgumentError('Give either `quorums` or `configuration`.')
  }
  requireQuorums(quorums)
  if (members.length > MAX_MEMBERS) {
    throw new InvalidArgumentError(`${members.length} members are too many. Name ${MAX_MEMBERS}.`)
  }
  const voters = [...quorums.acceptors].map((id) => {
    const address = members.find((member) => member.id === id)?.address ?? ''
    return { id, address, role: 'voter', incarnation: null } as const
  })
  const learners = members
    .filter(({ id }) => !quorums.acceptors.has(id))
    .map((member) => ({ ...member, role: 'learner', incarnation: null }) as const)
  const rule = { type: 'majority' } as const
  const all = [...voters, ...learners]
  return new Electorate({ version: 0, members: all, quorums: rule, former: [] }, quorums)
}
