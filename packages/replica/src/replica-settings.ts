/**
 * What a replica is made with, and the defaults. Must refuse what can never work before anything is
 * opened.
 */
import { InvalidArgumentError } from '@paxos/core'
import type { Durability, NodeId, Transport } from '@paxos/core'
import { SESSION_NONCE_BYTES } from '@paxos/core/multi'
import { platformClock } from './clock.ts'
import type { Clock } from './clock.ts'
import { json, jsonOrNothing } from './codec.ts'
import type { Codec } from './codec.ts'
import { MAX_STATE_BYTES } from './limits.ts'
import { DEFAULT_CLUSTER, requireMembers } from './members.ts'
import type { ReplicaOptions } from './replica.ts'
import type { StateMachine } from './state-machine.ts'
import { noLogger, noMetrics } from './telemetry.ts'
import type { Logger, Metrics } from './telemetry.ts'

/** Options with their defaults. */
export interface ReplicaSettings<Command, Result, Query, Answer> {
  readonly cluster: string
  readonly id: NodeId
  readonly members: ReadonlyMap<NodeId, string>
  readonly transport: Transport
  readonly durability: Durability
  readonly stateMachine: StateMachine<Command, Result, Query, Answer>
  readonly commandCodec: Codec<Command>
  readonly resultCodec: Codec<Result>
  /** For the engine, which checks them. */
  readonly timing: {
    readonly heartbeatPeriodMs: number | undefined
    readonly livenessWindowMs: number | undefined
    readonly retransmitIntervalMs: number
  }
  readonly snapshotEveryEntries: number
  readonly snapshotEveryBytes: number
  readonly maxStateBytes: number
  readonly sessionTimeoutMs: number
  readonly clock: Clock
  readonly random: () => number
  readonly randomBytes: (length: number) => Uint8Array
  readonly metrics: Metrics
  readonly logger: Logger
}

/** Throws InvalidArgumentError for options that can never work. */
export function settingsOf<Command, Result, Query, Answer>(
  options: ReplicaOptions<Command, Result, Query, Answer>,
): ReplicaSettings<Command, Result, Query, Answer> {
  const { cluster = DEFAULT_CLUSTER, id, transport, durability, stateMachine } = options
  const settings = {
    cluster,
    id,
    members: requireMembers(cluster, id, options.members),
    transport,
    durability,
    stateMachine,
    commandCodec: options.commandCodec ?? json<Command>(),
    resultCodec: options.resultCodec ?? jsonOrNothing<Result>(),
    timing: {
      heartbeatPeriodMs: options.heartbeatPeriodMs,
      livenessWindowMs: options.livenessWindowMs,
      retransmitIntervalMs: options.retransmitIntervalMs ?? 200,
    },
    snapshotEveryEntries: options.snapshotEveryEntries ?? 10_000,
    snapshotEveryBytes: options.snapshotEveryBytes ?? 64 << 20,
    maxStateBytes: options.maxStateBytes ?? MAX_STATE_BYTES,
    sessionTimeoutMs: options.sessionTimeoutMs ?? 3_600_000,
    clock: options.clock ?? platformClock,
    random: options.random ?? Math.random,
    randomBytes: options.randomBytes ?? platformRandomBytes,
    metrics: options.metrics ?? noMetrics,
    logger: options.logger ?? noLogger,
  }
  requirePositive('snapshotEveryEntries', settings.snapshotEveryEntries)
  requirePositive('snapshotEveryBytes', settings.snapshotEveryBytes)
  requirePositive('maxStateBytes', settings.maxStateBytes)
  requirePositive('sessionTimeoutMs', settings.sessionTimeoutMs)
  requireBytes(settings.randomBytes)
  if (settings.maxStateBytes > MAX_STATE_BYTES) {
    throw new InvalidArgumentError(
      `maxStateBytes is ${settings.maxStateBytes}. Give at most ${MAX_STATE_BYTES}.`,
    )
  }
  return settings
}

function requireBytes(draw: (length: number) => Uint8Array): void {
  const drawn: unknown = draw(SESSION_NONCE_BYTES)
  if (drawn instanceof Uint8Array && drawn.length === SESSION_NONCE_BYTES) return
  throw new InvalidArgumentError(
    `randomBytes(${SESSION_NONCE_BYTES}) returns something else. Return a Uint8Array of that length.`,
  )
}

/** From the source that the platform has for secrets: nobody can guess them. */
function platformRandomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length))
}

function requirePositive(name: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return
  throw new InvalidArgumentError(`${name} is ${value}. Give a number above 0.`)
}
