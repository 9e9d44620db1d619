/**
 * The few operations of a file system that a store stands on which appends and syncs. All that it
 * knows about the machine is behind them, so that the tests can put a disk in its place that loses,
 * tears and refuses.
 *
 * What is relied on: a write that was not synced may be on disk in part, in any order with others,
 * or not at all; one that was synced is there; a write touches no block of BLOCK_BYTES other than
 * those it covers; a rename is there or not, and after syncDirectory it is.
 *
 * Must never report a sync that failed, or a write that was done in part, as done.
 */
import type { Sentences } from '../failure.ts'
import type { Lock } from '../lock.ts'

/** What is particular to a medium that appends and syncs. */
export interface AppendMedium {
  /** How errors name it: as its user wrote it, say. */
  readonly name: string
  readonly fs: FileSystem
  /**
   * Finds the directory, makes it where that is its habit, and keeps everybody else away. Rejects
   * with LockedError while somebody else has it, and then leaves nothing open.
   */
  lock(): Promise<LockedDirectory>
  /** What the codes of its errors mean. Default: nothing is known of them. */
  readonly sentences?: Sentences
}

/** A directory that is this store's alone, and that will be there after power loss. */
export interface LockedDirectory extends Lock {
  /** Means the same for as long as it is locked. What is in it is named by this and its own name. */
  readonly directory: string
}

export interface FileSystem {
  list(directory: string): Promise<readonly string[]>
  /**
   * For reading and writing. Never follows a link. `create` makes a file that was not there, and
   * rejects where anything is.
   */
  open(path: string, mode: 'existing' | 'create'): Promise<OpenFile>
  /** As open, for a file whose writes are mostly to be durable one by one. */
  openDurable(path: string, mode: 'existing' | 'create'): Promise<DurableFile>
  /** Replaces what is there. */
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Makes every earlier creation, renaming and removal in it durable. */
  syncDirectory(directory: string): Promise<void>
}

export interface OpenFile {
  readonly path: string
  size(): Promise<number>
  /** Fewer bytes than asked for only where the file ends. */
  read(position: number, length: number): Promise<Uint8Array>
  write(position: number, bytes: Uint8Array): Promise<void>
  truncate(length: number): Promise<void>
  /** Whether `path` leads to this file: not once it was removed, moved away or replaced. */
  isAt(path: string): Promise<boolean>
  /** Everything written so far, and the size, survives power loss. */
  sync(): Promise<void>
  close(): Promise<void>
}

export interface DurableFile extends OpenFile {
  /**
   * A write that survives power loss once it resolves. It says nothing of what write() wrote before:
   * that needs sync().
   */
  writeDurably(position: number, bytes: Uint8Array): Promise<void>
}
