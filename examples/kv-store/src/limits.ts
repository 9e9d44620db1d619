/**
 * Every limit of the service, with the reason for its number. What comes from outside is held
 * against these before anything is done with it.
 */

/** A key, in UTF-8 bytes: a path of a file fits, and percent-encoded in a URL it stays below 2 KB. */
export const MAX_KEY_BYTES = 512

/**
 * A value, in UTF-8 bytes. A command travels as JSON, where a control character takes six bytes:
 * even a value of nothing else fits into a frame of 1 MiB.
 */
export const MAX_VALUE_BYTES = 128 * 1024

/** Entries on a page of a list: enough to read thousands of records in a few requests. */
export const MAX_PAGE_ENTRIES = 1000

/** Entries on a page when nobody asks for another number. */
export const DEFAULT_PAGE_ENTRIES = 100

/**
 * Characters of keys and values on a page, so that a page of the largest values stays small. At
 * least one entry is on it all the same.
 */
export const MAX_PAGE_CHARACTERS = 1 << 20

/** How long a request may wait, in milliseconds. A client that wants longer retries. */
export const MAX_TIMEOUT_MS = 60_000

/** How long it waits when nobody says: longer than a new leader takes to be elected. */
export const DEFAULT_TIMEOUT_MS = 5000

/** Connections to one node. Each carries one request, with at most one value in memory. */
export const MAX_CONNECTIONS = 1024

/** Watches on one node. Each keeps a connection, and the others are left to everybody else. */
export const MAX_WATCHES = 256

/** Changes that a node remembers for watches that are behind: some seconds of a busy cluster. */
export const MAX_REMEMBERED_CHANGES = 10_000

/** Characters of keys and values in those changes: the memory that slow watchers may cost at most. */
export const MAX_REMEMBERED_CHARACTERS = 16 << 20

/** How often a watch says that it is alive, in milliseconds: below the patience of most proxies. */
export const WATCH_HEARTBEAT_MS = 15_000

/** How long a request may take to arrive, in milliseconds: a value is sent in far less. */
export const RECEIVE_WITHIN_MS = 30_000

/**
 * How long a connection may wait for its next request, in milliseconds: longer than clients keep one
 * in their pools, so that they do not send into one that is being closed.
 */
export const IDLE_CONNECTION_MS = 30_000

/** How long requests that are running may take when the server is to end, in milliseconds. */
export const FINISH_WITHIN_MS = 5000

/** Different series of metrics; more of them would be a mistake in somebody's attributes. */
export const MAX_SERIES = 1000

/** How long a call of the client may take, in milliseconds, when nobody says: several elections. */
export const DEFAULT_CALL_TIMEOUT_MS = 15_000

/** How long one node may take before the client asks another, in milliseconds: an election's time. */
export const DEFAULT_ATTEMPT_TIMEOUT_MS = 2000

/** What an answer may take on its way, in milliseconds, after the node has given up waiting. */
export const ANSWER_WITHIN_MS = 500

/** The first pause after all nodes have failed, in milliseconds; each later one is twice as long. */
export const FIRST_BACKOFF_MS = 20

/** The longest pause, in milliseconds: a cluster that comes back is noticed within a second. */
export const MAX_BACKOFF_MS = 1000

/** An answer that the client takes, in bytes: a page of control characters, escaped, fits. */
export const MAX_ANSWER_BYTES = 16 << 20

/** Writes of one client at once: each needs a session of its own, which all nodes remember. */
export const MAX_SESSIONS = 64

/** Writes of one client that wait for a session. More of them are a mistake in the caller's loop. */
export const MAX_WAITING_WRITES = 10_000

/** When to try again to open a session, in seconds: places become free as others' sessions expire. */
export const OPEN_SESSION_AGAIN_S = 60

/** A watch that has heard nothing for so long, three heartbeats, is taken to be cut off. */
export const WATCH_SILENCE_MS = 3 * WATCH_HEARTBEAT_MS
