/**
 * Suites that show whether an adapter keeps its contract.
 */
export type { Runner } from './runner.ts'
export { transportConformance } from './transport-conformance.ts'
export type { TransportHarness } from './transport-world.ts'
