/**
 * The limits of the replica, with the reason for each number.
 */

/**
 * Saves that may run at once before further frames are dropped. A disk that is 1,024 saves behind
 * will not catch up sooner for more of them, and Paxos retransmits.
 */
export const MAX_RUNNING_SAVES = 1024

/** setTimeout's own limit, about 24.8 days: a longer wait would fire at once. */
export const MAX_TIMEOUT_MS = 2 ** 31 - 1

/**
 * What commands that are handed over and not applied may take, in bytes; later ones wait. Far more
 * than any network has in flight, and little beside the memory of a server.
 */
export const MAX_PENDING_BYTES = 64 << 20

/**
 * What may wait on its way to the leader or into its window, in bytes; more is dropped, and handed
 * over again by whoever wants it.
 */
export const MAX_OUTBOX_BYTES = 64 << 20

/** Events that a listener has not read; older ones are lost, and it is told how many. */
export const MAX_BUFFERED_EVENTS = 1024

/** Linearizable reads of one node that wait; more are refused. Each is a few objects. */
export const MAX_PENDING_READS = 10_000

/** Sessions that one entry of the log expires: some kilobytes. */
export const MAX_EXPIRED_AT_ONCE = 1000
