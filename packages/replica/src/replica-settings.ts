/**
 * What a replica is made with, and the defaults. Must refuse what can never work before anything is
 * opened.
 */
import { InvalidArgumentError, requireFunction, requireMethods, requireOptions } from '@paxos/core'
import { requireLease, SESSION_NONCE_BYTES } from '@paxos/core/multi'
import type { LeaseRule } from '@paxos/core/multi'
import { requireBoolean, requireLogger, requirePositive } from './arguments.ts'
import { json, jsonOrNothing } from './codec.ts'
import type { Codec } from './codec.ts'
import { COMMON_OPTIONS, commonSettingsOf } from './common-options.ts'
import type { CommonSettings } from './common-options.ts'
import { MAX_STATE_BYTES, MAX_STREAMED_STATE_BYTES } from './limits.ts'
import { platformRandomBytes } from './random-bytes.ts'
import type { RandomBytes } from './random-bytes.ts'
import type { LeaseOptions, ReplicaOptions } from './replica-options.ts'
import type { AnyStateMachine, StreamedStateMachine } from './state-machine.ts'
import { noLogger, noMetrics } from './telemetry.ts'
import type { Logger, Metrics } from './telemetry.ts'

/** Options with their defaults. */
export interface ReplicaSettings<Command, Result, Query, Answer> extends CommonSettings {
  readonly stateMachine: AnyStateMachine<Command, Result, Query, Answer>
  readonly commandCodec: Codec<Command>
  readonly resultCodec: Codec<Result>
  readonly snapshotEveryEntries: number
  readonly snapshotEveryBytes: number
  readonly maxStateBytes: number
  readonly sessionTimeoutMs: number
  readonly trustEmptyDisk: boolean
  /** With which a cluster begins. */
  readonly lease: LeaseRule | null
  readonly randomBytes: RandomBytes
  readonly metrics: Metrics
  readonly logger: Logger
}

const OPTIONS = [
  ...COMMON_OPTIONS,
  'stateMachine',
  'commandCodec',
  'resultCodec',
  'snapshotEveryEntries',
  'snapshotEveryBytes',
  'maxStateBytes',
  'sessionTimeoutMs',
  'trustEmptyDisk',
  'lease',
  'randomBytes',
  'metrics',
  'logger',
] as const satisfies readonly (keyof ReplicaOptions)[]

/** Throws InvalidArgumentError for options that can never work. */
export function settingsOf<Command, Result, Query, Answer>(
  options: ReplicaOptions<Command, Result, Query, Answer>,
): ReplicaSettings<Command, Result, Query, Answer> {
  requireOptions('Replica.open', options, OPTIONS)
  const {
    stateMachine,
    snapshotEveryEntries = 10_000,
    snapshotEveryBytes = 64 << 20,
    maxStateBytes = MAX_STATE_BYTES,
    sessionTimeoutMs = 3_600_000,
    trustEmptyDisk = false,
    randomBytes = platformRandomBytes,
    metrics = noMetrics,
    logger = noLogger,
  } = options
  const machine = 'an object with apply(), snapshot() and restore() or restorePieces()'
  const restore = isStreamed(stateMachine) ? 'restorePieces' : 'restore'
  requireMethods('stateMachine', stateMachine, ['apply', 'snapshot', restore], machine)
  if (stateMachine.query !== undefined)
    requireMethods('stateMachine', stateMachine, ['query'], machine)
  const {
    commandCodec = stateMachine.commandCodec ?? json<Command>(),
    resultCodec = stateMachine.resultCodec ?? jsonOrNothing<Result>(),
  } = options
  const codec = 'an object with both, such as json()'
  requireMethods('commandCodec', commandCodec, ['encode', 'decode'], codec)
  requireMethods('resultCodec', resultCodec, ['encode', 'decode'], codec)
  requirePositive('snapshotEveryEntries', snapshotEveryEntries)
  requirePositive('snapshotEveryBytes', snapshotEveryBytes)
  requirePositive('maxStateBytes', maxStateBytes)
  const mostBytes = isStreamed(stateMachine) ? MAX_STREAMED_STATE_BYTES : MAX_STATE_BYTES
  if (maxStateBytes > mostBytes) {
    throw new InvalidArgumentError(`maxStateBytes is ${maxStateBytes}. Give at most ${mostBytes}.`)
  }
  requirePositive('sessionTimeoutMs', sessionTimeoutMs)
  requireBoolean('trustEmptyDisk', trustEmptyDisk)
  requireFunction('randomBytes', randomBytes)
  requireBytes(randomBytes)
  requireMethods('metrics', metrics, ['counter', 'histogram'], 'an object with both')
  requireLogger(logger)
  const common = commonSettingsOf(options)
  return {
    ...common,
    lease: options.lease === undefined ? null : leaseOf(options.lease, common.timing),
    stateMachine,
    commandCodec,
    resultCodec,
    snapshotEveryEntries,
    snapshotEveryBytes,
    maxStateBytes,
    sessionTimeoutMs,
    trustEmptyDisk,
    randomBytes,
    metrics,
    logger,
  }
}

/** Whether the state comes in pieces. */
export function isStreamed<Command, Result, Query, Answer>(
  machine: AnyStateMachine<Command, Result, Query, Answer>,
): machine is StreamedStateMachine<Command, Result, Query, Answer> {
  return typeof machine === 'object' && machine !== null && 'restorePieces' in machine
}

/** A lease that ends before a heartbeat can prolong it is none; a long one delays who takes over. */
function leaseOf(
  options: LeaseOptions,
  { heartbeatPeriodMs, livenessWindowMs }: CommonSettings['timing'],
): LeaseRule {
  requireOptions('lease', options, ['durationMs', 'maxDriftPpm'])
  const { durationMs = Math.floor(livenessWindowMs * 0.8), maxDriftPpm = 10_000 } = options
  const lease = { durationMs, maxDriftPpm }
  requireLease(lease)
  if (durationMs > heartbeatPeriodMs && durationMs <= livenessWindowMs) return lease
  throw new InvalidArgumentError(
    `A lease lasts ${durationMs} ms, where heartbeats come every ${heartbeatPeriodMs} ms, and after ` +
      `${livenessWindowMs} ms others take over. Give a duration above the one, and at most the other.`,
  )
}

function requireBytes(draw: RandomBytes): void {
  const drawn: unknown = draw(SESSION_NONCE_BYTES)
  if (drawn instanceof Uint8Array && drawn.length === SESSION_NONCE_BYTES) return
  throw new InvalidArgumentError(
    `randomBytes(${SESSION_NONCE_BYTES}) returns something else. Return a Uint8Array of that length.`,
  )
}
