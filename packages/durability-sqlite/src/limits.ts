/**
 * The limits of this package, with the reason for each number; those of every store are in
 * @paxos/adapter-kit. A limit that is reached is an error
 * that names it, never a value that was cut.
 */

/**
 * A snapshot is stored in rows of this size: SQLite takes no value above 10⁹ bytes, and hashing
 * one piece holds up the event loop for about a millisecond.
 */
export const PIECE_BYTES = 1 << 20

/** What goes to the thread, or comes back from it, in one message: no longer to copy than that. */
export const MESSAGE_BYTES = 1 << 20

/**
 * Pages of 4 KiB after which a commit moves the write-ahead log into the database: 4 MiB, which are
 * read back in some milliseconds after a crash. The log keeps everything until the database is
 * synced; what fails of this is done again by the next commit.
 */
export const CHECKPOINT_AFTER_PAGES = 1000

/** What the write-ahead log is cut to when a large snapshot made it larger: four checkpoints. */
export const MAX_IDLE_LOG_BYTES = 16 << 20
