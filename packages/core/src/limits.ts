/**
 * Every limit of core, with the reason for its number. Nothing here may be read from outside: a
 * limit that nodes of one cluster disagree about is no limit.
 */

/**
 * Every transport carries frames up to this size. 1 MiB holds any sane command, and a queue of a
 * few frames for a slow peer still fits in the memory of a small machine.
 */
export const MAX_FRAME_BYTES = 1 << 20

/** Node and cluster ids, in UTF-8 bytes: 255 fits the longest host name (RFC 1035). */
export const MAX_ID_BYTES = 255

/**
 * The largest value that every message can carry. The rest of a frame is for the envelope: the
 * cluster id, the sender and two ballots take less than 1,200 bytes at the longest ids.
 */
export const MAX_VALUE_BYTES = MAX_FRAME_BYTES - 2048

/**
 * The configuration in a snapshot, which durability adapters store as it is: more than twice what the
 * most members with the longest names and addresses take.
 */
export const MAX_CONFIGURATION_BYTES = 1 << 20

/** Rounds, and slots too, are exact in a double and in the wire format's uint64 up to here. */
export const MAX_ROUND = Number.MAX_SAFE_INTEGER

/**
 * How far above a round that it knows a node believes others at once. An honest node uses one an
 * election: a year of one a second is 30 steps, and a node that missed it makes up for it in 6 s.
 */
export const ROUNDS_STEP = 2 ** 20

/**
 * How often what a node believes may rise, in milliseconds: about as often as leaders say that they
 * lead. At this pace rounds last for 2^33 rises, which is 54 years.
 */
export const CEILING_INTERVAL_MS = 200

/**
 * How many acceptances of one acceptor a learner of one decree keeps: those of the highest ballots.
 * A quorum is seen as long as its acceptances come within so many ballots of each other, which is
 * half a minute of leaders that are deposed every second; what comes later is learnt at a higher
 * ballot, at which the same value must be proposed. An acceptor that lies pushes out only its own.
 */
export const MAX_ACCEPTANCES = 32

/**
 * Up to how many acceptors a quorum system is asked about every set of them: 4,096 sets at 12, in a
 * few milliseconds, and twice as many for each acceptor more.
 */
export const MAX_CHECKED_ACCEPTORS = 12
