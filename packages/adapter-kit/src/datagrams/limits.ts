/**
 * Every limit of the datagram transport, with the reason for its number. Sizes are in bytes; what
 * is kept is counted with the overheads below, so that many small things are bounded too.
 */

/**
 * The default size of a datagram, header included: it fits every path of IPv6 (1,280 bytes less 48
 * of headers), so that nothing on the way has to fragment it or lose it for its size.
 */
export const DEFAULT_DATAGRAM_BYTES = 1_200

/** The smallest size that may be asked for: with the longest id and a tag 186 bytes of frame fit. */
export const MIN_DATAGRAM_BYTES = 512

/** The largest size that may be asked for: what IPv4 leaves of its 65,535 bytes. */
export const MAX_DATAGRAM_BYTES = 65_507

/**
 * The size of the largest word about cookies: header, id, kind, nonce, cookie, epoch, the names of
 * cluster and incarnation, and a tag. A question has this size where datagrams may.
 */
export const MAX_WORD_BYTES = 7 + 255 + 1 + 16 + 16 + 8 + 2 * 256 + 16

/** A frame in more fragments is not believed: the largest in the smallest datagrams has 5,638. */
export const MAX_FRAGMENTS = 5_696

/**
 * Frames in one datagram: what the byte that counts them can say. Empty frames could fill the
 * largest datagram with 32,000, and the receiver has work with each.
 */
export const MAX_FRAMES_PER_DATAGRAM = 255

/** The least bytes of a key: as many as the hash has, below which RFC 2104, section 3, warns. */
export const MIN_KEY_BYTES = 32

/**
 * Keys that are accepted, the one that signs included: a rotation needs two. Each is one more tag
 * to compute for a datagram that is forged.
 */
export const MAX_KEYS = 4

/**
 * How many datagrams to one peer the system may have before the next waits for one to be done:
 * more than a burst of fragments, so that it bounds memory and not speed.
 */
export const MAX_DATAGRAMS_IN_FLIGHT = 64

/**
 * What may leave for one peer in a millisecond, with the overhead below. Linux gives a socket at
 * least 208 KiB to receive, so the peer may be late by two bursts. Fragments of the default size
 * flow at about 270 Mbit/s.
 */
export const BURST_BYTES = 64 << 10

/** What a datagram counts in a burst beside its bytes: about what Linux takes to hold it. */
export const DATAGRAM_OVERHEAD_BYTES = 1_024

/** What may wait for one peer before the oldest frame is dropped: a few of the largest. */
export const MAX_OUTBOX_BYTES = 8 << 20

/**
 * What a waiting frame counts beside its bytes: more than its objects take, so that a queue of
 * empty frames stays short enough to be cheap.
 */
export const FRAME_OVERHEAD_BYTES = 1_024

/**
 * How long a frame waits for a peer that cannot be sent to yet. Whoever still needs an answer has
 * sent another one since.
 */
export const FRAME_LIFETIME_MS = 5_000

/** The first wait after a question for a cookie: a round trip around the world is about as long. */
export const FIRST_QUESTION_RETRY_MS = 100

/** The longest wait between two questions: a peer that comes back is found within this time. */
export const MAX_QUESTION_RETRY_MS = 1_000

/** So many questions without an answer, some 1.5 seconds, and a peer is said not to answer. */
export const QUESTIONS_BEFORE_PROBLEM = 4

/** So many without an answer, and the next address is asked of a name that has several. */
export const QUESTIONS_AT_ONE_ADDRESS = 2

/**
 * Invitations of which it is remembered who was invited, until the first datagram comes of one: only
 * the latest count, and others may ask in the name of a peer.
 */
export const MAX_INVITED = 8

/** How often one peer is told that its cookie is not known: each time it asks for one. */
export const UNKNOWN_INTERVAL_MS = 50

/**
 * Sequence numbers below the highest that are still believed, once each: what two of the largest
 * frames take in datagrams of the default size may overtake each other. A bit each.
 */
export const REPLAY_WINDOW = 2_048

/** What half-received frames of one sender may take before its oldest is dropped. */
export const MAX_PARTIAL_BYTES_PER_SENDER = 4 << 20

/** What half-received frames of all senders may take before the oldest is dropped. */
export const MAX_PARTIAL_BYTES = 32 << 20

/** Half-received frames of one sender; a sender sends one at a time, the rest are late or lost. */
export const MAX_PARTIAL_FRAMES_PER_SENDER = 32

/** What a fragment counts beside its bytes: its header, and about what its objects take. */
export const FRAGMENT_OVERHEAD_BYTES = 512

/**
 * How long a half-received frame is kept. A frame of 1 MiB takes a second at 10 Mbit/s; after five
 * its sender has retransmitted it as another one.
 */
export const PARTIAL_LIFETIME_MS = 5_000
