/**
 * Every limit of links, with the reason for its number. Sizes are in bytes; what is kept is counted
 * with the overhead below, so that many small things are bounded too.
 */
import { MAX_FRAME_BYTES } from '@paxos/core'

/** What a channel must carry in one message: a frame, and what it takes to escape one. */
export const MAX_MESSAGE_BYTES = MAX_FRAME_BYTES + 64

/**
 * What may come from the other side before it has said who it is: the longest hello has 1,298 bytes,
 * and the rest is for how a medium frames it, and for what later versions say.
 */
export const MAX_HELLO_BYTES = 2_048

/** What may wait for one peer before the oldest frame is dropped: a few of the largest. */
export const MAX_OUTBOX_BYTES = 8 << 20

/**
 * What a waiting frame counts beside its bytes: more than its objects take, so that a queue of
 * empty frames stays short enough to be cheap.
 */
export const FRAME_OVERHEAD_BYTES = 1_024

/**
 * What is handed to a channel before the next waits for it to be written, with the overhead above:
 * one of the largest frames, and enough to keep a fast network busy.
 */
export const MAX_BATCH_BYTES = 1 << 20

/**
 * A frame that waited longer for a connection is not sent when there is one at last: its sender
 * has retransmitted it, and what has changed since matters more.
 */
export const FRAME_LIFETIME_MS = 5_000

/**
 * Accepted connections that have not said who they are; beyond that the oldest is closed. More
 * than any cluster has peers; what a medium keeps for each is bounded by MAX_HELLO_BYTES.
 */
export const MAX_UNIDENTIFIED_CONNECTIONS = 128

/** How long connecting may take, from the first packet to the last hello: a slow link and TLS. */
export const IDENTIFY_TIMEOUT_MS = 10_000

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
 * How long close() waits in all for what was sent to leave, and for the others to say goodbye. A
 * medium gives one channel no more for its goodbye.
 */
export const CLOSE_TIMEOUT_MS = 2_000
