/**
 * What Replica and Synod have in common: who the node is, how it speaks, where it keeps what it
 * promised, and its time. Must refuse what can never work before anything is opened.
 */
import { InvalidArgumentError, requireFunction, requireMethods, requireText } from '@paxos/core'
import type { Durability, NodeId, Transport } from '@paxos/core'
import { requirePositive } from './arguments.ts'
import { platformClock } from './clock.ts'
import type { Clock } from './clock.ts'
import { CLOSE_TIMEOUT_MS, MAX_TIMEOUT_MS } from './limits.ts'
import { DEFAULT_CLUSTER, requireMembers } from './members.ts'

/** The options that both have, as they may be given. */
export interface CommonOptions {
  readonly cluster?: string | undefined
  readonly id: NodeId
  readonly members: Readonly<Record<NodeId, string>>
  readonly transport: Transport
  readonly durability: Durability
  readonly heartbeatPeriodMs?: number | undefined
  readonly livenessWindowMs?: number | undefined
  readonly retransmitIntervalMs?: number | undefined
  readonly closeTimeoutMs?: number | undefined
  readonly clock?: Clock | undefined
  readonly random?: (() => number) | undefined
}

/** Their names, for messages: all that can be asked for. */
export const COMMON_OPTIONS = [
  'cluster',
  'id',
  'members',
  'transport',
  'durability',
  'heartbeatPeriodMs',
  'livenessWindowMs',
  'retransmitIntervalMs',
  'closeTimeoutMs',
  'clock',
  'random',
] as const satisfies readonly (keyof CommonOptions)[]

/** The same with their defaults. */
export interface CommonSettings {
  readonly cluster: string
  readonly id: NodeId
  readonly members: ReadonlyMap<NodeId, string>
  readonly transport: Transport
  readonly durability: Durability
  /** For the engine. */
  readonly timing: {
    readonly heartbeatPeriodMs: number
    readonly livenessWindowMs: number
    readonly retransmitIntervalMs: number
  }
  readonly closeTimeoutMs: number
  readonly clock: Clock
  readonly random: () => number
}

/** Throws InvalidArgumentError for options that can never work. */
export function commonSettingsOf(options: CommonOptions): CommonSettings {
  const { cluster = DEFAULT_CLUSTER, id, transport, durability } = options
  const { clock = platformClock, random = Math.random } = options
  const { closeTimeoutMs = CLOSE_TIMEOUT_MS } = options
  requireText('cluster', cluster)
  requireText('id', id)
  const members = requireMembers(cluster, id, options.members)
  requireMethods(
    'transport',
    transport,
    ['open', 'send', 'setPeers', 'close'],
    "an adapter, such as udp() or await openTransport('udp:')",
  )
  requireMethods(
    'durability',
    durability,
    ['open', 'save', 'close'],
    "an adapter, such as file('./a') or await openDurability('file:./a')",
  )
  requireMethods('clock', clock, ['nowMs', 'schedule'], 'an object with both')
  requireFunction('random', random)
  requirePositive('closeTimeoutMs', closeTimeoutMs, MAX_TIMEOUT_MS)
  return {
    cluster,
    id,
    members,
    transport,
    durability,
    timing: timingOf(options),
    closeTimeoutMs,
    clock,
    random,
  }
}

function timingOf({
  heartbeatPeriodMs = 200,
  livenessWindowMs = 1000,
  retransmitIntervalMs = 200,
}: CommonOptions): CommonSettings['timing'] {
  requirePositive('heartbeatPeriodMs', heartbeatPeriodMs, MAX_TIMEOUT_MS)
  requirePositive('livenessWindowMs', livenessWindowMs, MAX_TIMEOUT_MS)
  requirePositive('retransmitIntervalMs', retransmitIntervalMs, MAX_TIMEOUT_MS)
  if (livenessWindowMs > heartbeatPeriodMs) {
    return { heartbeatPeriodMs, livenessWindowMs, retransmitIntervalMs }
  }
  throw new InvalidArgumentError(
    `A liveness window of ${livenessWindowMs} ms expects heartbeats every ` +
      `${heartbeatPeriodMs} ms. Make it several times as long as the heartbeat period.`,
  )
}
