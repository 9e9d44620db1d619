/**
 * The limits of every store, with the reason for each number. A limit that is reached is an error
 * that names it, never a value that was cut.
 */

/** One change without its snapshot: more than 60 values of the largest size that travels. */
export const MAX_CHANGE_BYTES = 64 << 20

/** One snapshot. It is held in memory whole when it is saved and when it is read back. */
export const MAX_SNAPSHOT_BYTES = 1 << 30

/** One that is staged: 64 GiB. It is never in memory; a length above that is no length. */
export const MAX_STAGED_BYTES = 2 ** 36

/**
 * A group takes waiting changes until it has this many bytes. 4 MiB is written in the time of a
 * few syncs, so that the first of a group does not wait long for the last.
 */
export const GROUP_TARGET_BYTES = 4 << 20

/**
 * Saves that wait, in bytes without their snapshots: past it a save is refused, for its caller does
 * not wait for any. A snapshot waits as long as a disk takes for it, and its host has few of them:
 * what is saved behind a large one must not be refused for its sake.
 */
export const MAX_WAITING_BYTES = 256 << 20
