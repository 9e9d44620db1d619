/**
 * Every limit of the WebSocket transport beside those of links, with the reason for its number.
 */
import { MAX_HELLO_BYTES } from '@paxos/adapter-kit/links'

/**
 * What may come from the other side before it has said who it is, with what WebSocket puts around:
 * one hello, and some pings.
 */
export const MAX_UNIDENTIFIED_BYTES = MAX_HELLO_BYTES

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

/** Headers of one HTTP request: what a browser sends fits, a heap of cookies does not. */
export const MAX_HEADER_BYTES = 8 << 10

/** A browser does not say when it has written; so it is asked again as often as this. */
export const BROWSER_POLL_MS = 20

/** What a browser may still have to write when the next batch is handed to it. */
export const BROWSER_BUFFER_BYTES = 64 << 10

/**
 * How long one of several addresses of a name may take to connect before the next is tried: a slow
 * one is as far as the other side of the world, and a dead one leaves time for others within
 * IDENTIFY_TIMEOUT_MS. Node's own 250 ms would never reach a slow one that is not the last.
 */
export const ADDRESS_TIMEOUT_MS = 2_000

/**
 * Look-ups of names at one time. Each takes one of the four threads that Node.js has for files and
 * all else; with a silent name server it keeps it for half a minute.
 */
export const MAX_LOOKUPS = 2

/**
 * How long close() waits for look-ups: one that is about to end does so. They cannot be cancelled,
 * and with a silent name server they keep the process alive for half a minute; close() does not wait
 * for that, and a host that wants its process to end then has to say so.
 */
export const CLOSE_LOOKUP_MS = 100
