/**
 * Every limit of the replicated log, with the reason for its number. Nothing here may be read from
 * outside: a limit that nodes of one cluster disagree about is no limit.
 */

/**
 * The values or entries of one message of the log. So many small commands cost one sync and some
 * microseconds each; a frame of millions of empty values would cost its receiver a hundred times
 * its own size.
 */
export const MAX_BATCH_VALUES = 4096

/** The members that a snapshot may name: far more than can agree on anything quickly. */
export const MAX_MEMBERS = 255

/** Former members that a configuration names: those who may come back and ask, within reason. */
export const MAX_FORMER_MEMBERS = 16

/** The address of a member, in UTF-8 bytes: all members fit in a frame beside a piece of snapshot. */
export const MAX_ADDRESS_BYTES = 1024

/**
 * What a message with several values or entries is filled to. Half a frame, so that what surrounds
 * them always fits beside them; a single larger value travels alone.
 */
export const PAGE_BYTES = 512 << 10

/** What a value takes besides its bytes, in a message and in memory: its tag, length and object. */
export const VALUE_OVERHEAD_BYTES = 64

/** Accepts in flight at most: so many fill any network, and more only make the queue invisible. */
export const MAX_WINDOW_ACCEPTS = 16

/**
 * What may be on its way to one node however slow its answers are: a quarter of a second on a link
 * of 0.5 Mbit/s, so that a heartbeat behind it comes in time.
 */
export const LEAST_PACE_BYTES = 16 << 10

/** And at first: some round trips later a fast network carries all that a window holds. */
export const START_PACE_BYTES = 64 << 10

/** What may be on its way to one node at most: what fills 300 Mbit/s over 100 ms. */
export const MAX_PACE_BYTES = 4 << 20

/**
 * A Prepare that is not answered is repeated after twice as long the next time, up to so many
 * retransmit intervals. It is small, and who has answered it does not do so again at once.
 */
export const MAX_PREPARE_FACTOR = 8

/** So many rounds above that of a steady leader are nothing unusual: an election, and a second. */
export const FREE_ROUNDS = 2

/** How many times as long as configured the liveness window may become. */
export const MAX_WINDOW_FACTOR = 16

/** Accepts on their way to one acceptor: one that is slower than a quorum has more than a window. */
export const MAX_FLIGHTS = 8 * MAX_WINDOW_ACCEPTS

/**
 * An answer that does not come is awaited for twice as long the next time, up to so many retransmit
 * intervals: some seconds, after which a link that is whole again is sure to be noticed.
 */
export const MAX_OVERDUE_FACTOR = 32

/**
 * An acceptor takes no slot that is further than this above what it knows to be chosen. Twice what
 * the largest window can hold: a follower that misses more has to catch up first anyway.
 */
export const MAX_SLOTS_AHEAD = 2 * MAX_WINDOW_ACCEPTS * MAX_BATCH_VALUES

/**
 * How far above a slot that it knows a node believes others at once: what a log of 10,000 entries a
 * second takes five days to fill. A node that missed a year of it makes up for it in 15 s.
 */
export const SLOTS_STEP = 2 ** 32

/**
 * Chosen entries that are kept in memory below the snapshot, so that a node which is a little
 * behind needs no snapshot: some seconds of a busy log.
 */
export const TAIL_BYTES = 4 << 20

/** One piece of a snapshot: a few milliseconds of any network, so that heartbeats are not held up. */
export const CHUNK_BYTES = 256 << 10

/** The largest snapshot that is fetched; the same as durability adapters take. */
export const MAX_SNAPSHOT_BYTES = 1 << 30

/** An older snapshot is kept for who is fetching it until nobody has got on with it for this long. */
export const SNAPSHOT_KEPT_FOR_MS = 10_000

/**
 * So much of the log, counted back from the newest snapshot, is kept besides for who is fetching what
 * is before it: what 10 MB a second add in the 13 s in which a snapshot of 64 MiB comes in at 5 MB a
 * second. Who is slower than that gets the newest snapshot instead.
 */
export const MAX_KEPT_LOG_BYTES = 128 << 20

/**
 * What the first answer of a node is asked to hold: what a network of 0.5 Mbit/s carries in a second.
 * More is asked for when it comes, up to PAGE_BYTES.
 */
export const FIRST_PAGE_BYTES = 64 << 10

/** Less than this is never asked for: with what surrounds it, it fits in a packet of any network. */
export const MIN_PAGE_BYTES = 1 << 10

/** When answers were missed, so many must come before more is asked for again. */
export const GROW_AFTER_ANSWERS = 8

/**
 * An answer is waited for so many intervals at most. With the default interval 1.6 s: what a network
 * of 0.5 Mbit/s needs for 100 KB.
 */
export const MAX_WAIT_INTERVALS = 8

/** So many requests for entries may stay unanswered in a row before another node is asked. */
export const MAX_UNANSWERED_FETCHES = 2

/**
 * The same for pieces of a snapshot, after which another node's snapshot is begun from its start:
 * some 6 s by default, so that a network which loses messages does not restart it again and again.
 */
export const MAX_UNANSWERED_CHUNKS = 6

/**
 * By so much of its beginning is a value named that a leader refuses: what an entry says before the
 * bytes of its command, or before the end of its nonce, is shorter. So many as one message of values
 * may hold fit into a frame.
 */
export const REFUSED_HEAD_BYTES = 96

/**
 * A node of a higher priority leads when it was heard without a pause for so many liveness windows:
 * after a restart it has warmed up by then.
 */
export const PRIORITY_WINDOWS = 5

/** And so many times as long, at most, when it was let lead before and did not go on. */
export const MAX_PRIORITY_FACTOR = 64

/** So many learners fetch from one node: 200 are three deep below three voters. */
export const RELAY_FANOUT = 8

/** So many heartbeats pass between two words of a node that does not vote about who it is. */
export const INTRODUCTION_HEARTBEATS = 10

/** So many heartbeats tell who has left that nobody needs it any more; then it has to ask. */
export const FAREWELL_HEARTBEATS = 5

/** What a leader says about a refusal, in UTF-8 bytes: a few sentences. */
export const MAX_REASON_BYTES = 1024

/** Reads that wait for their turn, at most; further ones fail at once, and are to be tried again. */
export const MAX_WAITING_READS = 65_536

/** Sessions of callers that are remembered: some 10 MB with a few results each. */
export const MAX_SESSIONS = 10_000

/**
 * Sessions of nodes that are remembered besides, so that callers cannot take the places that nodes
 * need. A node needs one, and one more each time it starts: far more than members that start again
 * and again while one of them waits for an answer.
 */
export const MAX_NODE_SESSIONS = 1000

/** Results of one session that wait to be acknowledged: entries that one client has in flight. */
export const MAX_RESULTS = 256

/**
 * Commands of one entry: what is the same for each of them, a slot and its bookkeeping, is then too
 * little to be seen, and their results, of 1 MiB each at most, are as much as those of a session.
 */
export const MAX_COMMANDS = 256

/** What is drawn at random for a session: nobody guesses 128 bits. */
export const SESSION_NONCE_BYTES = 16

/** The mark of a session that release 0.0.0 opened. */
export const MAX_NONCE_BYTES = 64
