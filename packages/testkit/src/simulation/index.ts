/**
 * A deterministic simulator of whole clusters: real replicas, real codec, virtual time, one seed.
 */
export { drawPlan } from './plan.ts'
export type { Action, ClientCall, DeathPoint, Fault, LinkPlan, Plan } from './plan.ts'
export { FAULT_KINDS, PROFILES } from './profile.ts'
export type { FaultKind, Profile, ProfileName } from './profile.ts'
export { sequenceDiagram } from './recorder.ts'
export type { Happening } from './recorder.ts'
export type { Command, RegisterMachine, Result } from './registers.ts'
export { shrink } from './shrink.ts'
export type { ShrinkOptions } from './shrink.ts'
export { RECOVERY_BOUND_MS, recoveryBoundMs, recoveryBoundOf } from './recovery.ts'
export type { Recovery } from './recovery.ts'
export { Simulation } from './simulation.ts'
export type { RunOptions, RunResult } from './simulation.ts'
export type { TailPlan } from './tail.ts'
export type { Invariant, Violation } from './violation.ts'
export type { InjectedKind, Parts, SimulatedReplica } from './world.ts'
