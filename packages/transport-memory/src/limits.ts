/**
 * Every limit of the in-process network, with the reason for its number.
 */

/**
 * How much one node may have on its way to one other, before the oldest is dropped. It holds a
 * few frames of the largest size, and hubs of a dozen nodes in one test process stay small.
 */
export const MAX_QUEUED_BYTES = 16 << 20

/**
 * What a frame on its way counts beside its bytes: more than its object and its timer take, so
 * that a queue of empty frames stays short enough to be cheap.
 */
export const FRAME_OVERHEAD_BYTES = 1_024

/** The longest delay that every platform's setTimeout keeps: beyond 2^31 - 1 they fire at once. */
export const MAX_DELAY_MS = 2 ** 31 - 1

/** What a frame takes on a link beside its bytes: the headers of Ethernet, IP and UDP, with room. */
export const HEADER_BYTES = 60

/**
 * A link that becomes faster or slower does so after so long at the latest, also in the midst of a
 * large frame, and a link of any speed asks for few timers.
 */
export const SLICE_MS = 100
