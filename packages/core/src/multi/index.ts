/**
 * The replicated log: Paxos Made Simple §3 as it runs in practice. `MultiPaxos` is the engine of one
 * node; entries and sessions are for its host, to apply each command exactly once.
 */
export { bundled, entryKeys } from './bundle.ts'
export {
  configurationAfter,
  decodeConfiguration,
  encodeConfiguration,
  quorumsOf,
  requireConfiguration,
  requireLease,
  votersOf,
} from './configuration.ts'
export type {
  Configuration,
  ConfiguredMember,
  LeaseRule,
  MembersEntry,
  QuorumRule,
  Role,
} from './configuration.ts'
export type { LogEffects, LogEvent, MultiPaxosMessage, TransferFailure } from './effects.ts'
export {
  COMMAND_LENGTH_BYTES,
  COMMAND_OVERHEAD_BYTES,
  commandCount,
  commandsOf,
  decodeEntry,
  encodeEntry,
  entryKey,
  isForwardable,
  isKnownKind,
  membersEntryIn,
  NO_OP,
} from './entry.ts'
export type {
  BundleEntry,
  CommandEntry,
  CommandsEntry,
  Entry,
  SessionUse,
  SingleEntry,
} from './entry.ts'
export { isEntry, isMultiPaxosMessage } from './guard.ts'
export * from './limits.ts'
export type * from './messages.ts'
export { MultiPaxos } from './multi-paxos.ts'
export type { PeerStatus, Proposed } from './multi-paxos.ts'
export type { IsValue, MultiPaxosOptions } from './options.ts'
export type { Room } from './phase2.ts'
export { callerName, callerSession } from './session-id.ts'
export type { SessionId, SessionSpace } from './session-id.ts'
export { resultsIn, SessionTable } from './sessions.ts'
export type { Outcome, SessionLimits } from './sessions.ts'
