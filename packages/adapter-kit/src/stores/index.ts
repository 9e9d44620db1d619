/**
 * Makes a Durability of a medium: appendStore() of one that appends and syncs, transactionStore()
 * of one that has transactions.
 */
export { appendStore } from './append/append-store.ts'
export { openObject, type Codec, type DurableObject } from './append/durable-object.ts'
export type {
  AppendMedium,
  DurableFile,
  FileSystem,
  LockedDirectory,
  OpenFile,
} from './append/file-system.ts'
export { MAX_OBJECT_BYTES } from './append/limits.ts'
export { asPaxosError, damagedMessage, lostError, type Doing, type Sentences } from './failure.ts'
export { MAX_CHANGE_BYTES, MAX_SNAPSHOT_BYTES, MAX_STAGED_BYTES } from './limits.ts'
export type { Lock } from './lock.ts'
export type {
  Admit,
  LockedMedium,
  Session,
  Stored,
  Transaction,
  TransactionMedium,
} from './transaction/medium.ts'
export { transactionStore } from './transaction/store.ts'
export { storedAfter } from './transaction/stored.ts'
