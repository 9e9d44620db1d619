/**
 * Every limit of the WebSocket transport, with the reason for its number. Sizes are in bytes; what
 * is kept is counted with the overhead below, so that many small things are bounded too.
 */

/** What may wait for one peer before the oldest frame is dropped: a few of the largest. */
export const MAX_OUTBOX_BYTES = 8 << 20

/**
 * What a waiting frame counts beside its bytes: more than its objects take, so that a queue of
 * empty frames stays short enough to be cheap.
 */
export const FRAME_OVERHEAD_BYTES = 1_024

/**
 * What is handed to a socket before the next waits for it to be written, with the overhead above:
 * one of the largest frames, and enough to keep a fast network busy.
 */
export const MAX_BATCH_BYTES = 1 << 20

/**
 * A frame that waited longer for a connection is not sent when there is one at last: its sender
 * has retransmitted it, and what has changed since matters more.
 */
export const FRAME_LIFETIME_MS = 5_000

/**
 * What may come from the other side before it has said who it is. The longest hello takes 526
 * bytes on the wire; the rest is for pings.
 */
export const MAX_UNIDENTIFIED_BYTES = 1_024

/**
 * Accepted connections that have not said who they are; beyond that the oldest is closed. More
 * than any cluster has peers; with what the system reads at once, some 10 MiB.
 */
export const MAX_UNIDENTIFIED_CONNECTIONS = 128

/**
 * What may wait to be written to a connection when a ping is answered; beyond that it is not. A
 * batch and its overhead are written, and what is more is kept for a side that reads nothing.
 */
export const MAX_UNREAD_PONG_BYTES = 2 << 20

/** How long connecting may take, from the first packet to the last hello: a slow link and TLS. */
export const IDENTIFY_TIMEOUT_MS = 10_000

/** Headers of one HTTP request: what a browser sends fits, a heap of cookies does not. */
export const MAX_HEADER_BYTES = 8 << 10

/**
 * Connections with one peer, those included that are being closed. Two are what nodes that dial
 * each other at once have; what is more comes from a peer that gives up faster than it closes.
 */
export const MAX_CONNECTIONS_PER_PEER = 4

/** How long to wait after the first failure to connect: a peer that just restarts is back soon. */
export const FIRST_RETRY_MS = 50

/** How long to wait at most between two attempts: often enough for a peer that was away. */
export const MAX_RETRY_MS = 2_000

/** A connection that lasted as long was a success: the next failure is the first again. */
export const STABLE_MS = 5_000

/**
 * How long the node with the larger id leaves it to the other to dial: more than connecting takes
 * in one data centre, less than a leader needs to be missed.
 */
export const DIAL_PATIENCE_MS = 300

/** The default time between two pings: two of them lost are noticed in 15 seconds at the latest. */
export const DEFAULT_PING_INTERVAL_MS = 5_000

/** The shortest interval that may be asked for: below, a busy machine looks dead. */
export const MIN_PING_INTERVAL_MS = 10

/** The longest interval that may be asked for: an hour. */
export const MAX_PING_INTERVAL_MS = 3_600_000

/**
 * So many pings without a sign of life, and the connection is given up when the next is due. Two,
 * so that a process that stood still itself reads what came meanwhile before it judges.
 */
export const MAX_UNANSWERED_PINGS = 2

/**
 * How long the other side may take to close before the connection is ended without it; and how long
 * close() waits in all for what was sent to leave, and for the others to say goodbye.
 */
export const CLOSE_TIMEOUT_MS = 2_000

/** A browser does not say when it has written; so it is asked again as often as this. */
export const BROWSER_POLL_MS = 20

/** What a browser may still have to write when the next batch is handed to it. */
export const BROWSER_BUFFER_BYTES = 64 << 10

/**
 * Look-ups of names at one time. Each takes one of the four threads that Node.js has for files and
 * all else; with a silent name server it keeps it for half a minute.
 */
export const MAX_LOOKUPS = 2

/**
 * How long close() waits for look-ups. They cannot be cancelled, and keep the process alive; a name
 * server that is silent must not keep the node from closing all the same.
 */
export const CLOSE_LOOKUP_MS = 1_000
