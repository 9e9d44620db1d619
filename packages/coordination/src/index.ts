/**
 * Locks, elections, semaphores, maps and queues among the processes of a service, over a Replica: a state
 * machine, and its interface. Must never need anything else than what CoordinationSource says.
 */
export type { HoldOptions, WaitOptions } from './arguments.ts'
export type { Barrier } from './barrier.ts'
export { Coordination } from './coordination.ts'
export type { CoordinationOptions } from './coordination.ts'
export type { Answer, Command, Query, Result } from './commands.ts'
export type { Counter } from './counter.ts'
export type { CampaignOptions, Election, Leader, Term } from './election.ts'
export {
  CoordinationClosedError,
  CoordinationLimitError,
  HoldLostError,
  HoldReleasedError,
  NotANumberError,
  PermitsDifferError,
  RevisionTooOldError,
  WaitTimeoutError,
} from './errors.ts'
export type { Hold } from './hold.ts'
export { coordinationMachine } from './machine.ts'
export type { ChangeOptions, MapChange, MapEntry, SharedMap, WatchOptions } from './map.ts'
export type { Queue, QueueItem, TakeOptions } from './queue.ts'
export type { ReadWriteLock } from './read-write-lock.ts'
export type { Exchange, Register, Versioned } from './register.ts'
export type { Semaphore, SemaphoreOptions } from './semaphore.ts'
export type { CallOptions, CoordinationSource } from './source.ts'
