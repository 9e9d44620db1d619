/**
 * Rewrites a log without what no longer counts, while saves go on in the old one.
 *
 *   1. A new log is begun aside, with everything but the entries.        saves go on
 *   2. The entries that still count are copied.                          saves go on
 *   3. The groups that came meanwhile are copied, in order.              saves go on
 *   4. Between two groups: the rest of those; the new log is synced      saves wait
 *      whole, renamed over the old one, and the directory is synced.
 *
 * Before the rename is durable the old log is the log and has every save that was answered; after
 * it the new one is, and has them too: no save is answered between (P12). A new log that did not
 * get its name is garbage. Every group is verified as it is read, so damage is not copied into a
 * new log as if it were sound.
 *
 * Must never let a save be answered that is only in the log which is about to lose its name.
 */
import { CorruptionError, type Identity } from '@paxos/core'
import { join } from 'node:path'
import { damagedMessage } from '../failure.ts'
import type { FileSystem } from './file-system.ts'
import type { Group, GroupReader } from './group-reader.ts'
import { GROUP_TARGET_BYTES } from '../limits.ts'
import { COMPACT_ABOVE_BYTES, COMPACT_AT_RATIO } from './limits.ts'
import { Log } from './log.ts'
import { decodeRecords, recordsIn, type Records } from './record.ts'
import { State } from './state.ts'

export const LOG_NAME = 'log'
export const NEW_LOG_NAME = 'log.new'

/** A log and what its records amount to. */
export interface LogAndState {
  readonly log: Log
  readonly state: State
}

/** Steps 1 to 3 done. Exactly one of the two is to be called, when no save is being written. */
export interface Compaction {
  /** Step 4. The old log is closed when this resolves. */
  finish(): Promise<LogAndState>
  /** Gives the new log up. */
  abandon(): Promise<void>
}

export function needsCompaction({ log, state }: LogAndState): boolean {
  return log.end > COMPACT_ABOVE_BYTES && log.end > COMPACT_AT_RATIO * state.entryBytes
}

/**
 * To be called when no save is being written. `abandoned` is asked between groups. Resolves with
 * null when it said yes; then, and after a rejection, nothing is left open. The new log is that of
 * `identity`: of the same owner as the old one, or of its first one.
 */
export async function beginCompaction(
  fs: FileSystem,
  directory: string,
  old: LogAndState,
  abandoned: () => boolean,
  identity: Identity | null = old.log.identity,
): Promise<Compaction | null> {
  const basis = old.state.basis()
  const start = old.log.end
  const log = await Log.create(fs, join(directory, NEW_LOG_NAME), identity)
  const target = { log, state: new State() }
  try {
    const reader = old.log.reader()
    await write(target, [basis])
    await copyEntries(old, reader, start, target, abandoned)
    await copyGroups(reader, old.log.durable, target, abandoned)
    if (!abandoned()) {
      return {
        finish: () => finish(fs, directory, old.log, reader, target),
        abandon: () => log.close(),
      }
    }
  } catch (error) {
    await log.close()
    throw error
  }
  await log.close()
  return null
}

/** Step 2. An entry that is replaced meanwhile comes in step 3, so either choice is right. */
async function copyEntries(
  old: LogAndState,
  reader: GroupReader,
  to: number,
  target: LogAndState,
  abandoned: () => boolean,
): Promise<void> {
  let gathered: Records[] = []
  let bytes = 0
  while (reader.end < to && !abandoned()) {
    const group = await nextGroup(reader, to)
    for (const record of decodeRecords(group.payload, LOG_NAME)) {
      if (record.type !== 'accepted') continue
      if (!old.state.holds(record.entry.slot, group.position + record.offset)) continue
      // A copy: the payload is a view of a window that moves on.
      const copy = new Uint8Array(group.payload.subarray(record.offset).subarray(0, record.bytes))
      gathered.push({ bytes: copy, list: [{ ...record, offset: 0 }] })
      bytes += record.bytes
    }
    if (bytes < GROUP_TARGET_BYTES) continue
    await write(target, gathered)
    gathered = []
    bytes = 0
  }
  if (gathered.length > 0) await write(target, gathered)
}

/** Step 3, and the rest of it in step 4. */
async function copyGroups(
  reader: GroupReader,
  to: number,
  target: LogAndState,
  abandoned: () => boolean,
): Promise<void> {
  while (reader.end < to && !abandoned()) {
    const group = await nextGroup(reader, to)
    await write(target, [recordsIn(group.payload, LOG_NAME)])
  }
}

async function finish(
  fs: FileSystem,
  directory: string,
  old: Log,
  reader: GroupReader,
  target: LogAndState,
): Promise<LogAndState> {
  try {
    await copyGroups(reader, old.durable, target, () => false)
    await target.log.seal()
    // Before the rename: Windows does not replace a file that is open.
    await old.close()
    await fs.rename(join(directory, NEW_LOG_NAME), join(directory, LOG_NAME))
    await fs.syncDirectory(directory)
    return target
  } catch (error) {
    await target.log.close()
    throw error
  }
}

async function write({ log, state }: LogAndState, group: readonly Records[]): Promise<void> {
  state.applyGroup(group, await log.write(group.map(({ bytes }) => bytes)))
}

async function nextGroup(reader: GroupReader, to: number): Promise<Group> {
  const group = await reader.next(to)
  if (group !== null) return group
  throw new CorruptionError(
    damagedMessage(
      `The log was durable up to byte ${to} and is now whole only up to byte ${reader.end}`,
    ),
  )
}
