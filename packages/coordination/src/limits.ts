/**
 * The limits of coordination, with the reason for each number. They are part of what the log means: a
 * node with others would come to another state.
 */

/** Characters (UTF-16 units) of a name, of a key of a map, and of the id of a hold. */
export const MAX_NAME_LENGTH = 256

/** Characters of a value as JSON: what people agree on is small; store elsewhere what is large. */
export const MAX_VALUE_LENGTH = 65_536

/** Who waits for one lock, semaphore, barrier or queue; more are refused. Their keepalives are commands. */
export const MAX_WAITERS = 10_000

/** Holds and waiters of everything together; more are refused. Some 20 MB of a snapshot. */
export const MAX_LEASES = 100_000

/** Permits of a semaphore. */
export const MAX_PERMITS = 1_000_000

/** Items of one queue that nobody has taken; more are refused. A snapshot holds them all. */
export const MAX_ITEMS = 100_000

/** Queues that hold an item or have somebody at them. */
export const MAX_QUEUES = 10_000

/** Maps, registers and counters that were ever written. */
export const MAX_MAPS = 100_000

/** Keys of one map. */
export const MAX_KEYS = 100_000

/**
 * Removed keys that a map remembers, so that who watches it from a revision on is told of them. Who is
 * further behind begins anew.
 */
export const MAX_REMEMBERED_REMOVALS = 1024

/** Changes that one answer holds; who watches asks again. */
export const MAX_CHANGES_AT_ONCE = 1000

/** The shortest time to live of a hold, in milliseconds: some round trips with their syncs on a LAN. */
export const MIN_TTL_MS = 100

/** The longest: a day. Until then nobody else can have what a dead process held. */
export const MAX_TTL_MS = 86_400_000

/** Levels of lists and objects in a value. */
export const MAX_DEPTH = 100

/**
 * Characters of all values together: a snapshot is one text, and platforms have none of more than some 500
 * million characters. More is refused.
 */
export const MAX_TOTAL_LENGTH = 128 << 20
