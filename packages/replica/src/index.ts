/**
 * Composes core's engines with a transport, a durability adapter and a clock. Must never lead to an
 * adapter, not even on demand: a bundler follows each import, to packages that nobody installed. What
 * opens adapters by URL is an entry point of its own, url.ts.
 */
export type { Consistency, ProposeOptions, QueryOptions, SessionPlace } from './call-arguments.ts'
export { platformClock } from './clock.ts'
export type { Clock } from './clock.ts'
export { json } from './codec.ts'
export type { Codec, Json } from './codec.ts'
export { compose } from './compose.ts'
export type { ComposeOptions } from './compose.ts'
export type { Composition, Part, Parts } from './composed-types.ts'
export { inspectData, skipSlot } from './data.ts'
export type { DataReport, SkipOptions, SlotReport } from './data.ts'
export {
  AlreadyAnsweredError,
  ClosedError,
  CloseTimeoutError,
  CommandFailedError,
  CommandRefusedError,
  LostDiskError,
  MembersConflictError,
  MembersRefusedError,
  MembersTimeoutError,
  NotLeaderError,
  NotPromotedError,
  OverloadedError,
  RefusedByLeaderError,
  RemovedError,
  SessionExpiredError,
  StateTooLargeError,
  StoppedError,
  TimeoutError,
  TooManySessionsError,
  TransferFailedError,
  TransferTimeoutError,
  ValueTooLargeError,
} from './errors.ts'
export type {
  MembersProgress,
  MembersRefusal,
  MembersRefusedOptions,
  Releasable,
} from './errors.ts'
export type { EventsLost } from './event-stream.ts'
export type { DropReason, SavingStatus } from './host.ts'
export type { MembersChange, NewMember } from './member-changes.ts'
export type { ChangeMembersOptions } from './members-arguments.ts'
export type { AddMemberOptions } from './members-requests.ts'
export type { ReplicaMember, ReplicaMembers } from './members-view.ts'
export type { MembersNotice, Standing } from './membership.ts'
export type { WaitOptions } from './outcome.ts'
export type { PeerStatus, PeerTrouble, PeerTroubleReason } from './peer-book.ts'
export { Replica } from './replica.ts'
export type { CloseOptions, ComposedOptions, ComposedReplica } from './replica.ts'
export type { ReplicaClient } from './replica-client.ts'
export type { LeaseOptions, ReplicaOptions } from './replica-options.ts'
export type { ReplicaEvent, ReplicaStatus } from './replica-status.ts'
export { MAX_RESULT_BYTES, MAX_STATE_BYTES, MAX_STREAMED_STATE_BYTES } from './limits.ts'
export type { Pieces } from './pieces.ts'
export type {
  AnyStateMachine,
  AtOnce,
  StateMachine,
  StreamedStateMachine,
} from './state-machine.ts'
export { Synod } from './synod.ts'
export type { SynodObservation, SynodOptions, SynodStatus } from './synod.ts'
export type { Attributes, Logger, Metrics } from './telemetry.ts'
export type { Notice } from './watch.ts'
