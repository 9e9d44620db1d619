/**
 * The limits of both sides of a connection, with the reason for each number. Those that a client keeps
 * are told to it by the server, which ends the connection of one that does not.
 */
import { MAX_VALUE_BYTES } from '@paxos/core'

/** What the head of a frame may take, in bytes: two bytes say how long it is. */
export const MAX_HEAD_BYTES = 0xffff

/** What a client may send in one frame: a command of the largest size, with its head. */
export const MAX_ASKED_BYTES = MAX_VALUE_BYTES + MAX_HEAD_BYTES + 2

/**
 * What an answer may take, in bytes: as much as a large page of a list. A query that asks for more has to
 * ask for it in parts, or the server would hold many of these for who reads slowly.
 */
export const MAX_ANSWER_BYTES = 8 << 20

/** What a server may send in one frame. */
export const MAX_TOLD_BYTES = MAX_ANSWER_BYTES + MAX_HEAD_BYTES + 2

/** Requests of one connection that are under way at once: as many as a session has results. */
export const MAX_REQUESTS = 256

/** And their bytes: sixteen of the largest, or 256 of 64 KiB. */
export const MAX_REQUEST_BYTES = 16 << 20

/** What a request that waits at a client counts beside its bytes: more than its objects take. */
export const REQUEST_OVERHEAD_BYTES = 1024

/** What may wait at a client, in bytes, for a connection or for its turn; more is refused. */
export const MAX_WAITING_BYTES = 64 << 20

/** What is written of a connection and not taken, in bytes, before no more of it is read. */
export const UNSENT_BYTES_TO_WAIT = 1 << 20

/** And before an answer to a query is given up, and a connection ended for one to a command. */
export const MAX_UNSENT_BYTES = 16 << 20

/** The same of all connections of a server together. */
export const MAX_UNSENT_BYTES_OF_ALL = 256 << 20

/** Connections of one server: some thousands of small buffers, and most hosts' descriptors. */
export const MAX_CONNECTIONS = 1024

/** Connections that are about to become one, besides: each for some seconds at most. */
export const MAX_STRANGERS = 256

/** What TLS, the request for a WebSocket and its answer may take together, in milliseconds. */
export const HANDSHAKE_TIMEOUT_MS = 10_000

/** The same for a client, which has another address to try. */
export const DIAL_TIMEOUT_MS = 5000

/** The head of the HTTP request: a long token fits. */
export const MAX_HEADER_BYTES = 16 << 10

/** How often either side says that it is there, in milliseconds, by default. */
export const HEARTBEAT_MS = 5000

/** A side that was not heard for so many heartbeats is gone: one of them may be late. */
export const MISSED_HEARTBEATS = 2

/**
 * A server that knows no leader for so many heartbeats is left for another one: longer than an election
 * takes.
 */
export const LEADERLESS_HEARTBEATS = 2

/** The longest pause between two rounds over all addresses, and the first, in milliseconds. */
export const MAX_BACKOFF_MS = 5000
export const FIRST_BACKOFF_MS = 50

/** What connect() waits for a server, in milliseconds, by default: an election and some rounds. */
export const CONNECT_TIMEOUT_MS = 15_000

/**
 * A client's session that was idle for so long is not used again, in milliseconds, by default: a quarter
 * of the time after which the nodes expire it by default, whatever their clocks think of the way.
 */
export const RENEW_SESSION_AFTER_MS = 900_000

/** What close() of a server waits for requests that are under way, in milliseconds, by default. */
export const DRAIN_TIMEOUT_MS = 5000

/** What either side waits for the other to confirm the end, in milliseconds. */
export const CLOSE_TIMEOUT_MS = 1000

/** Addresses that one client is given: as many as a cluster has members. */
export const MAX_ADDRESSES = 255

/** What is sent of an error's message, in UTF-16 units: more than any of ours has. */
export const MAX_MESSAGE_CHARACTERS = 4000

/** Tokens that a server knows: each is compared with what is shown. */
export const MAX_TOKENS = 100

/** What a token has at least, so that nobody guesses it. */
export const MIN_TOKEN_CHARACTERS = 16
