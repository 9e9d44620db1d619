/**
 * What a medium brings so that transactionStore() makes a Durability of it: how everybody else is
 * kept away, how everything is read, and how one transaction becomes durable. It must know nothing
 * of groups, owners or failures: who may open it, what is written when, and what follows a failure
 * is the kit's.
 */
import type {
  AcceptedEntry,
  Ballot,
  Identity,
  PaxosError,
  Saved,
  Slot,
  Snapshot,
} from '@paxos/core'
import type { Doing } from '../failure.ts'
import type { Lock } from '../lock.ts'

/** What is particular to a medium. */
export interface TransactionMedium {
  /** How errors name it: a path, say. */
  readonly name: string
  /**
   * Finds its place, which from here on means the same, and keeps everybody else away. Rejects with
   * LockedError while somebody else has it, and then leaves nothing open.
   */
  lock(): Promise<LockedMedium>
  /**
   * What an error means, of whatever went wrong; a PaxosError means what it says. Default: a
   * DurabilityError that names the error's code and has it as its cause.
   */
  explain?(error: unknown, doing: Doing): PaxosError | Promise<PaxosError>
}

/** What is stored, whole. */
export interface Stored extends Saved {
  /** Null while no owner has ever opened it. */
  readonly identity: Identity | null
}

/**
 * Decides who may have what was found; null stands for nothing. Returns whose it is from now on.
 * Throws for an owner who may not have it.
 */
export type Admit = (found: Stored | null) => Identity | null

/** A medium that is this store's alone. */
export interface LockedMedium extends Lock {
  /**
   * Reads everything, calls `admit` with it before anything is written, and makes ready for
   * transactions. Where `admit` returns another identity than the one that was found, that is
   * durable when this resolves. So is everything that it returns, though the process that wrote it
   * may have died before it had. Rejects with CorruptionError when what was committed cannot be read
   * whole. After a rejection nothing but the lock is left open.
   */
  open(admit: Admit): Promise<{ readonly saved: Saved; readonly session: Session }>
}

/** A medium that is ready for transactions. */
export interface Session {
  /**
   * Makes it all durable, whole or not at all. Not called while one runs, nor after one failed: then
   * only close() is.
   */
  commit(transaction: Transaction): Promise<void>
  /**
   * Whether the next open() would find what is committed here. Asked before and after each commit,
   * so it must cost little.
   */
  isInPlace(): Promise<boolean>
  /** `clean`: everything that was committed is known to be durable, and nothing else was tried. */
  close(clean: boolean): Promise<void>
}

/**
 * What a group of changes comes to: each thing that is left at the end, once. All bytes in it are the
 * caller's again when it is committed: what is kept in memory is copied.
 */
export interface Transaction {
  /** As it is from now on, whether the group changed it or not. */
  readonly promised: Ballot | null
  /** As it is from now on, whether the group changed it or not. */
  readonly chosenThrough: Slot
  /** As it is from now on, whether the group changed it or not. */
  readonly admitted: boolean
  /** Replaces the one that is there, its configuration with it; null leaves that. */
  readonly snapshot: Snapshot | null
  /**
   * Slots whose entries are there and do not count any more: to be removed. Ascending. At or below
   * the last of them nothing is left but what `accepted` puts there.
   */
  readonly discarded: readonly Slot[]
  /** Each replaces the entry in its slot. No slot comes twice; none of them is discarded. */
  readonly accepted: readonly AcceptedEntry[]
}
