/** Every limit of WebSockets beside those of links and sockets, with the reason for its number. */
import { MAX_HELLO_BYTES } from '@paxos/adapter-kit/links'

/**
 * What may come from the other side before it has said who it is, with what WebSocket puts around:
 * one hello, and some pings.
 */
export const MAX_UNIDENTIFIED_BYTES = MAX_HELLO_BYTES

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
