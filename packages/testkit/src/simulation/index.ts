/**
 * Whole clusters on virtual time, and everything that can happen to them.
 */
export { FAULT_KINDS, PROFILES } from './faults.ts'
export type { Fault, FaultKind, ProfileName, Weights } from './faults.ts'
export type { Answer, Command, Registers, Request, Result } from './registers.ts'
export { shrink } from './shrink.ts'
export type { Shrunk } from './shrink.ts'
export { LIVENESS_BOUND_MS, simulate, Simulation } from './simulation.ts'
export type { SimulationOptions, SimulationOutcome } from './simulation.ts'
export type { Invariant, Violation } from './watch.ts'
