/**
 * Suites that show whether an adapter keeps its contract, and a judge of histories.
 */
export type { ConformanceReport, Finding, PromiseFinding } from './conformance/report.ts'
export { runConformance } from './conformance/run.ts'
export type { RunOptions } from './conformance/run.ts'
export type { Subject } from './conformance/subject.ts'
export { durabilityConformance } from './durability/conformance.ts'
export { directoryHarness } from './durability/directory.ts'
export type { DirectoryAdapter } from './durability/directory.ts'
export { FIXTURE_OWNER, writeFixture } from './durability/fixture.ts'
export type {
  Capability,
  DurabilityHarness,
  Found,
  HeldSyncs,
  Life,
  NotApplicable,
} from './durability/harness.ts'
export { IMPOSTOR_IDS, TRANSPORT_IDS } from './ids.ts'
export { checkLinearizability } from './linearizability.ts'
export type { Operation, SequentialModel, Verdict } from './linearizability.ts'
export type { Runner } from './runner.ts'
export { transportConformance } from './transport/conformance.ts'
export type { TransportCapability, TransportNotApplicable } from './transport/definer.ts'
export type { TransportHarness } from './transport/world.ts'
