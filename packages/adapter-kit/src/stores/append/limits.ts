/**
 * The limits of what is appended, with the reason for each number; those of every store are in
 * ../limits.ts. A limit that is reached is an error that names it, never a value that was cut.
 */
import { GROUP_TARGET_BYTES, MAX_CHANGE_BYTES } from '../limits.ts'

/** One save of a DurableObject. Each is written whole, so 64 MiB is already a second of disk. */
export const MAX_OBJECT_BYTES = 64 << 20

/** The largest group that exists: one short of its target that took one more change. */
export const MAX_GROUP_BYTES = GROUP_TARGET_BYTES + MAX_CHANGE_BYTES

/** Below this size a log is not worth rewriting: 4 MiB are read back in some milliseconds. */
export const COMPACT_ABOVE_BYTES = 4 << 20

/**
 * A log is rewritten when it is this many times what is alive in it: each byte is then copied about
 * once more in its life, and the disk holds at most about three times the state.
 */
export const COMPACT_AT_RATIO = 2

/** A group is under a synced mark after this long. Long beside a sync, short beside a power cut. */
export const MARK_AFTER_MS = 100

/**
 * Room that is written ahead of small groups: a write into it changes no size and no block list, so
 * that the disk writes one thing and not two. 64 KiB are more than a hundred small groups.
 */
export const RESERVE_BYTES = 64 << 10

/** Larger groups fill a reserve too fast for it to pay. */
export const RESERVE_FOR_GROUPS_BELOW_BYTES = 4 << 10

/** What a log is read in: large enough that a small group costs no call of its own. */
export const READ_WINDOW_BYTES = 1 << 20

/** Snapshots are written in pieces of this size, so that timers and sockets get their turn. */
export const SNAPSHOT_PIECE_BYTES = 4 << 20

/** A snapshot is synced after so many of them: 64 MiB, a second of disk. */
export const SYNC_AFTER_PIECES = 16

/** So many pieces of snapshots that are read stay in memory: one for each of two readers. */
export const CACHED_PIECES = 2
