/**
 * What the parts of one simulation share. Must never be reached from a simulated node otherwise than
 * through its clock, its transport, its disk and its dice.
 */
import type { Durability, NodeId, Transport } from '@paxos/core'
import type { Replica, ReplicaOptions } from '@paxos/replica'
import type { MemoryHub } from '@paxos/transport-memory'
import type { Changes } from './changes.ts'
import type { Freshness } from './freshness.ts'
import type { History } from './history.ts'
import type { Plan } from './plan.ts'
import type { FaultKind } from './profile.ts'
import type { Random } from './random.ts'
import type { Recorder } from './recorder.ts'
import type { Command, RegisterMachine, Result } from './registers.ts'
import type { Invariant, Report } from './violation.ts'
import type { VirtualTime } from './virtual-time.ts'
import type { Watcher } from './watcher.ts'

/** The replica that is simulated. */
export type SimulatedReplica = Replica<Command, Result, string, string>

export type SimulatedOptions = ReplicaOptions<Command, Result, string, string>

/**
 * For tests of the simulation: parts that are put between what is simulated and what watches it, so
 * that a broken one shows.
 */
export interface Parts {
  readonly durability?: (inner: Durability, id: NodeId) => Durability
  readonly transport?: (inner: Transport, id: NodeId) => Transport
  readonly options?: (options: SimulatedOptions, id: NodeId) => SimulatedOptions
  readonly stateMachine?: (inner: RegisterMachine, id: NodeId) => RegisterMachine
  /** What is not reported, to see what else comes of it. */
  readonly blindTo?: readonly Invariant[]
  readonly query?: (replica: SimulatedReplica, key: string, timeoutMs: number) => Promise<string>
}

/** What was injected: the kinds that are drawn, and what crashes made of saves that were not synced. */
export type InjectedKind = FaultKind | 'lost-save' | 'torn-save' | 'unacknowledged-save'

export interface World {
  readonly plan: Plan
  /** Whether operators change who is in the cluster. */
  readonly changesMembers: boolean
  readonly time: VirtualTime
  readonly hub: MemoryHub
  readonly watcher: Watcher
  readonly changes: Changes
  readonly history: History
  readonly freshness: Freshness
  readonly recorder: Recorder
  readonly report: Report
  readonly parts: Parts
  /** Latencies of disks. */
  readonly diskRandom: Random
  readonly injected: Map<InjectedKind, number>
  /** Called after so many turns of the microtask queue, in the settling of the present event. */
  afterTurns(turns: number, callback: () => void): void
}

export function count(world: World, kind: InjectedKind, add = 1): void {
  world.injected.set(kind, (world.injected.get(kind) ?? 0) + add)
}

/** Writes down what was done to a node, or by it. */
export function note(world: World, node: NodeId | null, text: string): void {
  world.recorder.add({ type: 'note', atMs: world.time.nowMs, node, text })
}
