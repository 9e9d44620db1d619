/**
 * Every limit of the gRPC transport, with the reason for its number. What waits is counted with the
 * overhead below, so that many small things are bounded too.
 */

/** What may wait for one peer before the oldest frame is dropped: a few of the largest. */
export const MAX_OUTBOX_BYTES = 8 << 20

/**
 * What a waiting frame counts beside its bytes: more than its objects take, so that a queue of
 * empty frames stays short enough to be cheap.
 */
export const FRAME_OVERHEAD_BYTES = 1_024

/**
 * How long a frame waits for a peer that is away. Whoever still needs an answer has sent another
 * one since; what is older would only hold up what is new when the peer comes back.
 */
export const FRAME_LIFETIME_MS = 10_000

/** The first wait after a dial that failed: a peer that is about to be ready is found at once. */
export const FIRST_RETRY_MS = 50

/** The longest wait between two dials: a peer that comes back is found within this time. */
export const MAX_RETRY_MS = 2_000

/** A stream that stood this long was no mere flicker, and the waits begin anew after it. */
export const STEADY_AFTER_MS = 1_000

/**
 * How long the node with the larger id leaves it to the other one to dial: some round trips, so
 * that in most cases only one stream is ever made.
 */
export const PATIENCE_MS = 500

/** How long a dial may take, look-up and TLS included: some round trips around the world. */
export const DIAL_TIMEOUT_MS = 5_000

/** Streams on one connection: one is used, and the next may come while it ends. */
export const MAX_STREAMS_PER_CONNECTION = 4

/**
 * Frames other than DATA, WINDOW_UPDATE and PING that one connection may bring in the window below;
 * with more it is closed. A peer brings the few that make a stream, and each costs this node a turn
 * of the loop. (Pings have a limit of their own in HTTP/2: answers that nobody reads.)
 */
export const MAX_CONTROL_FRAMES_PER_WINDOW = 1_000

/** Long enough that a burst which a slow network has held up is still within the limit above. */
export const CONTROL_WINDOW_MS = 10_000

/**
 * What HTTP/2 may keep in memory for one connection, in megabytes, which is the unit of Node. A
 * frame on its way in and one on its way out take two, headers take less.
 */
export const MAX_SESSION_MEGABYTES = 16

/** The default time between two pings, and from a ping to the end of a connection without answer. */
export const DEFAULT_PING_INTERVAL_MS = 5_000

/** The shortest that may be asked for: below it, a busy machine looks like a dead one. */
export const MIN_PING_INTERVAL_MS = 100

/** The longest that may be asked for: a firewall forgets a silent connection soon after. */
export const MAX_PING_INTERVAL_MS = 60_000

/** How long close() waits for what was sent to leave: a second carries a full queue at 70 Mbit/s. */
export const DRAIN_TIMEOUT_MS = 1_000
