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
