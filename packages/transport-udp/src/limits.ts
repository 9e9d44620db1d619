/** The limits that are those of sockets and names, with the reason for each number. */

/**
 * The kernel's buffers that are asked for, so that several of the largest frames fit. The kernel
 * may give less.
 */
export const SOCKET_BUFFER_BYTES = 4 << 20

/** How long the address of a name is used before it is looked up again: peers move. */
export const NAME_LIFETIME_MS = 30_000

/** How long a name that was not found is left alone: each look-up takes a thread of the process. */
export const NAME_RETRY_MS = 1_000
