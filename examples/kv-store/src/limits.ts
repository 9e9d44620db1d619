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

/** Reads and writes in a batch. */
export const MAX_BATCH_ITEMS = 64

/** A batch as JSON, in bytes: 64 values of 16 KB, or some of the largest. */
export const MAX_BATCH_BYTES = 1 << 20

/** Characters of values in the answer to a batch, as on a page; who reads more reads the rest again. */
export const MAX_BATCH_ANSWER_CHARACTERS = 1 << 20

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

/**
 * How long a change of members may wait, in milliseconds: a new node learns some gigabytes meanwhile,
 * and the fetch of Node.js gives up on an answer after five minutes. Who takes longer is promoted later.
 */
export const MAX_MEMBERS_TIMEOUT_MS = 240_000

/** How long the command line waits, in milliseconds, when nobody says: time to start the new node. */
export const DEFAULT_MEMBERS_TIMEOUT_MS = 120_000

/** What says how to change the members, in bytes: an id of 255, an address of 1024, and some. */
export const MAX_MEMBERS_REQUEST_BYTES = 8192

/** How often it is looked how far a change of members has come, in milliseconds, for whoever waits. */
export const MEMBERS_PROGRESS_EVERY_MS = 500

/** How long it waits when nobody says: longer than a new leader takes to be elected. */
export const DEFAULT_TIMEOUT_MS = 5000

/**
 * A node that has more slots than this still to apply is not ready: a second of a busy log. What the
 * others chose in the last heartbeat periods is less, so that a node which keeps up stays ready.
 */
export const MAX_READY_BEHIND = 10_000

/**
 * Connections to one node, where the system allows so many. An idle one costs some kilobytes, and
 * the one that was idle longest makes room for a new one; memory and work have limits of their own.
 */
export const MAX_CONNECTIONS = 8192

/**
 * The part of all connections, requests and watches that one address may have: one stranger shuts
 * nobody out, and a proxy in front of all clients still gets half.
 */
export const SHARE_OF_ADDRESS = 0.5

/**
 * Descriptors that are not given to clients: the log, snapshots, the other nodes and the listeners
 * come first, as a node that cannot open a file has to stop.
 */
export const RESERVED_DESCRIPTORS = 128

/** Descriptors of a process, where the system does not say. */
export const ASSUMED_DESCRIPTORS = 1024

/**
 * Requests of one node that are answered at once. A connection has one of them, and others that it
 * has sent ahead wait for their turn.
 */
export const MAX_REQUESTS = 1024

/** Requests that one connection has sent ahead before no more of them are read. */
export const MAX_SENT_AHEAD = 16

/** Requests of all connections that were sent ahead: some kilobytes each. */
export const MAX_SENT_AHEAD_IN_ALL = 16_384

/** Streams of one node: for programs that ask much, while a page or a script asks over HTTP. */
export const MAX_STREAMS = 256

/** Requests of one stream that are answered at once; others that it has sent wait for their turn. */
export const MAX_STREAM_REQUESTS = 256

/**
 * A message of a client on a stream, in bytes: the largest value of plain text fits. Larger ones go
 * over HTTP, which takes them in steps, and holds nobody up behind them. Of all streams at once no
 * more than the bodies of HTTP may take is being received.
 */
export const MAX_STREAM_MESSAGE_BYTES = 256 * 1024

/** What is written to a stream and not taken, in bytes, before no more of its requests are begun. */
export const MAX_STREAM_UNSENT_BYTES = 1 << 20

/** How long a stream may take to open, in milliseconds: some round trips. */
export const STREAM_OPEN_WITHIN_MS = 2000

/** How long a node that opens no stream is asked over HTTP before it is tried again, in milliseconds. */
export const STREAM_AGAIN_MS = 60_000

/**
 * A request that is given up after so long on a stream on which nothing was heard meanwhile ends the
 * stream, in milliseconds: the node is frozen or gone, and whatever else was asked there is asked
 * elsewhere.
 */
export const STREAM_SILENCE_MS = 1000

/** Bytes of all bodies that are being received, or belong to writes that are not answered. */
export const MAX_RECEIVED_BYTES = 64 << 20

/** Bytes of all answers that their clients have not taken: five of the largest pages. */
export const MAX_UNSENT_BYTES = 32 << 20

/** An answer that is sent even when that memory is used up, in bytes: refusals, results of writes. */
export const SMALL_ANSWER_BYTES = 4096

/** What is handed to the system at once of an answer, in bytes: progress is seen in such steps. */
export const SEND_STEP_BYTES = 16 * 1024

/**
 * How long a client may take none of an answer, in milliseconds, before it is cut off: 16 KiB in
 * that time is slower than any network that people use.
 */
export const SEND_STEP_WITHIN_MS = 30_000

/** And when the memory is used up and others want it. A lost packet is sent again in less. */
export const STALLED_AFTER_MS = 2000

/** How long the head of a request may take, in milliseconds: it fits into a few packets. */
export const HEAD_WITHIN_MS = 10_000

/** How long a TLS handshake may take, in milliseconds: some round trips. */
export const HANDSHAKE_WITHIN_MS = 10_000

/** How often connections are looked at for those two and RECEIVE_WITHIN_MS, in milliseconds. */
export const DEADLINES_EVERY_MS = 1000

/**
 * How long a body that nobody wants is read and thrown away, in milliseconds and bytes, so that the
 * client gets to read why: a connection that is closed while it sends may lose the answer.
 */
export const DISCARD_WITHIN_MS = 5000
export const MAX_DISCARDED_BYTES = 16 << 20

/**
 * How long idle connections are kept when the server is to end, in milliseconds: a request that is
 * on its way is answered, and told that it was the last. As long again for those that were told so
 * and do not close; and as long before, at most, to take in connections that have come already.
 */
export const LAST_REQUEST_WITHIN_MS = 500

/** Tokens that a server knows: enough for one a client, and for a rotation. All are looked at. */
export const MAX_TOKENS = 100

/** A token, in characters: below that it could be guessed. `openssl rand -hex 32` makes 64. */
export const MIN_TOKEN_CHARACTERS = 16

/** A file with a key, tokens or certificates, in bytes: a long chain of certificates has 20,000. */
export const MAX_SECRET_BYTES = 1 << 20

/**
 * How often those files are looked at, in milliseconds: whoever replaces one waits for so long, and a
 * look costs no more than a few microseconds.
 */
export const SECRETS_EVERY_MS = 2000

/** How often it is looked whether a certificate has expired, in milliseconds. */
export const CERTIFICATES_EVERY_MS = 3_600_000

/** A certificate that expires within that time is complained about, in milliseconds: two weeks. */
export const CERTIFICATE_EXPIRES_SOON_MS = 14 * 24 * 3_600_000

/** Watches on one node. Each is a place in the feed, and looks at each change. */
export const MAX_WATCHES = 1024

/** What a watch is told at once of what it has missed, in characters: less than a millisecond. */
export const WATCH_SLICE_CHARACTERS = 16 * 1024

/**
 * Rounds of the event loop between two slices of such work. A round accepts one connection, however
 * many have come: on a busy machine they would wait for as many slices.
 */
export const ROUNDS_BETWEEN_SLICES = 8

/** An event that is kept for other watches, in characters: all that are remembered fit in 10 MiB. */
export const MAX_KEPT_EVENT_CHARACTERS = 1024

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

/** How long the process may live on when all is closed, in milliseconds. */
export const EXIT_WITHIN_MS = 500

/** Different series of metrics; more of them would be a mistake in somebody's attributes. */
export const MAX_SERIES = 1000

/** The longest timer of Node.js, in milliseconds, 24.8 days: a longer wait is taken for this one. */
export const MAX_TIMER_MS = 2 ** 31 - 1

/** How long a call of the client may take, in milliseconds, when nobody says: several elections. */
export const DEFAULT_CALL_TIMEOUT_MS = 15_000

/** How long one node may take before the client asks another, in milliseconds: an election's time. */
export const DEFAULT_ATTEMPT_TIMEOUT_MS = 2000

/**
 * How long the client goes on when every node refuses the connection, in milliseconds: a node that
 * is started again is there by then, and an address that is wrong is told soon.
 */
export const DEFAULT_UNREACHABLE_TIMEOUT_MS = 2000

/** What an answer may take on its way, in milliseconds, after the node has given up waiting. */
export const ANSWER_WITHIN_MS = 500

/** The first pause after all nodes have failed, in milliseconds; each later one is twice as long. */
export const FIRST_BACKOFF_MS = 20

/** The longest pause, in milliseconds: a cluster that comes back is noticed within a second. */
export const MAX_BACKOFF_MS = 1000

/** An answer that the client takes, in bytes: a page of control characters, escaped, fits. */
export const MAX_ANSWER_BYTES = 16 << 20

/**
 * Writes of one client at once: each needs a session of its own, which all nodes remember. As many as
 * a stream has under way; 39 clients that write so much at once find room in what the nodes remember.
 */
export const MAX_SESSIONS = 256

/** Writes of one client that wait for a session. More of them are a mistake in the caller's loop. */
export const MAX_WAITING_WRITES = 10_000

/** When to try again to open a session, in seconds: places become free as others' sessions expire. */
export const OPEN_SESSION_AGAIN_S = 60

/** A watch that has heard nothing for so long, three heartbeats, is taken to be cut off. */
export const WATCH_SILENCE_MS = 3 * WATCH_HEARTBEAT_MS
