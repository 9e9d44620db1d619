/**
 * The limits of the replica, with the reason for each number.
 */
import { MAX_VALUE_BYTES } from '@paxos/core'
import { MAX_SNAPSHOT_BYTES } from '@paxos/core/multi'

/**
 * Saves that may run at once before further frames are dropped. A disk that is 1,024 saves behind
 * will not catch up sooner for more of them, and Paxos retransmits.
 */
export const MAX_RUNNING_SAVES = 1024

/**
 * The same in bytes of what they write, without snapshots: with what a leader has in flight besides,
 * half of what the adapters let wait. The rest is for what is not counted here.
 */
export const MAX_RUNNING_SAVE_BYTES = 64 << 20

/**
 * What close() waits for a transport and a disk, in milliseconds, by default: what a slow disk takes
 * for all that may be waiting to be saved, and less than what supervisors wait before they kill.
 */
export const CLOSE_TIMEOUT_MS = 10_000

/** setTimeout's own limit, about 24.8 days: a longer wait would fire at once. */
export const MAX_TIMEOUT_MS = 2 ** 31 - 1

/**
 * What commands that are handed over and not applied may take, in bytes; later ones wait. Far more
 * than any network has in flight, and little beside the memory of a server.
 */
export const MAX_PENDING_BYTES = 64 << 20

/**
 * What the commands of one entry take together, in bytes; a single one may exceed it. What is the same
 * for each entry is little beside it, and a slow link carries it in half a second.
 */
export const MAX_TOGETHER_BYTES = 32 << 10

/**
 * So many entries with commands of its own a node has on their way before a further one has to carry
 * several: one for the disk, one for the network, and as many behind them.
 */
export const FREE_ENTRIES = 4

/** What commands that wait their turn may take besides, in bytes; more are refused. */
export const MAX_WAITING_BYTES = 256 << 20

/**
 * What lies between two looks at two clocks, and what they are rounded by, in milliseconds: above
 * that, one of them has jumped or stood still.
 */
export const CLOCKS_APART_MS = 5

/** What a command that waits counts beside its bytes: more than its promise and timer take. */
export const CALL_OVERHEAD_BYTES = 1024

/**
 * Doublings at most of the interval after which a value is handed over again that may be lost, while
 * nothing arrives. Few, for at each time less is sent, in the end one value: a link that comes and goes
 * is met within a second or two.
 */
export const MAX_MISSES = 1

/** What takes more than so many intervals to arrive is held up by a queue, and not by a long way. */
export const HELD_UP_FACTOR = 4

/** Doublings at most of the time after which another relay is taken. */
export const MAX_ROUTE_BACKOFFS = 2

/**
 * What may be on its way to another node without a sign that it arrived, in bytes, while nothing is
 * known of the way: a second of a bad link. Less where nothing arrives; a single value may exceed it.
 */
export const MIN_FORWARDED_BYTES = 64 << 10

/** The same where everything arrives: more than is on its way in any network that has no queue. */
export const MAX_FORWARDED_BYTES = 1 << 20

/** After so long a node that has taken a relay tries whether it reaches the leader without one. */
export const RELAYED_FOR_MS = 30_000

/**
 * What may wait on its way to the leader or into its window, in bytes; more is dropped, and handed
 * over again by whoever wants it.
 */
export const MAX_OUTBOX_BYTES = 64 << 20

/** Of that a leader's own values take half at most: whoever hands over to it finds a place. */
export const MAX_OWN_OUTBOX_BYTES = MAX_OUTBOX_BYTES / 2

/**
 * What a result may take, in bytes: it is kept, and goes into every snapshot, until its client has
 * acknowledged it. As much as a command.
 */
export const MAX_RESULT_BYTES = MAX_VALUE_BYTES

/**
 * What is kept of the results of one entry with several commands, in bytes, until it is acknowledged:
 * as much as of one command. Of those behind it is kept only that they are not: whoever waits for them
 * where they are applied is told them, and who has to look for them later is not.
 */
export const MAX_KEPT_RESULTS_BYTES = 1 + MAX_RESULT_BYTES

/**
 * A snapshot that is due is taken so much later: what was sent before has then left the process, and
 * reached the others on most networks.
 */
export const SNAPSHOT_AFTER_MS = 5

/**
 * A snapshot is due after so many times as many commands as slots: where slots hold more, a start has
 * no more to apply than that. Fewer would have a busy node write snapshots all the time, and more make
 * a start of seconds.
 */
export const SLOT_COMMANDS = 16

/** After each snapshot that fails, twice as much is applied before the next; so often at most. */
export const MAX_SNAPSHOT_BACKOFFS = 6

/**
 * What the state may take, in bytes, by default: 128 MiB below what core and the disks take of a
 * snapshot, for what is on its way when it is reached, and for the sessions' results.
 */
export const MAX_STATE_BYTES = MAX_SNAPSHOT_BYTES - (128 << 20)

/**
 * The same at most, where the state comes in pieces and the durability adapter takes them: none of it is
 * in memory but what the application keeps there, so this is only what no disk of today should fill up
 * with on the word of another node.
 */
export const MAX_STREAMED_STATE_BYTES = 2 ** 36

/**
 * What is read, written and handed over at once of a state that comes in pieces: less than a
 * millisecond's copying, and a few thousand calls to the disk for each GiB.
 */
export const STATE_PIECE_BYTES = 256 << 10

/** What a snapshot may take besides the state: its sessions, and what was on its way. */
export const SNAPSHOT_SPARE_BYTES = 128 << 20

/**
 * What the log may take in bytes, above the newest snapshot, while snapshots fail: it is in memory
 * and on the disk whole. Four times what leads to a snapshot by default.
 */
export const MAX_LOG_BYTES = 256 << 20

/** The state is measured anew before a command is refused, after so long at the earliest. */
export const MEASURE_AGAIN_AFTER_MS = 10_000

/** What is kept of an error's message, in UTF-16 units: some sentences. */
export const MAX_MESSAGE_CHARACTERS = 1000

/**
 * When a command that failed was undone by applying so many others again, the state is kept as it
 * then is: the next failure is undone from there. Few enough that undoing takes about as long as
 * restoring does, however long the log is.
 */
export const CHECKPOINT_AFTER_COMMANDS = 100

/**
 * Lists and objects in one another that JSON may hold: far more than anybody writes by hand, and so
 * few that a recursive function goes through them on the smallest of stacks.
 */
export const MAX_JSON_DEPTH = 500

/** Events that a listener has not read; older ones are lost, and it is told how many. */
export const MAX_BUFFERED_EVENTS = 1024

/** Linearizable reads of one node that wait; more are refused. Each is a few objects. */
export const MAX_PENDING_READS = 10_000

/** Sessions that one entry of the log expires: some kilobytes. */
export const MAX_EXPIRED_AT_ONCE = 1000

/**
 * A node that has chosen nothing greets those that it has not heard so often: several times before
 * the first leader can be elected with the default window, and few bytes for one that is away.
 */
export const GREETING_INTERVAL_MS = 200

/** A node with other members is answered, so that it is told too, at most so often. */
export const MEMBERS_ANSWER_INTERVAL_MS = 1000

/**
 * For so long a node with other members keeps those that have chosen nothing from choosing, after
 * it was heard last: several answers, so that one that is lost does not let them go on.
 */
export const MEMBERS_DIFFER_FOR_MS = 5000

/** What a node says about nobody being there is said again after longer and longer, at most this. */
export const MAX_WARNING_INTERVAL_MS = 300_000

/** The same warning of a transport, or about the same peer, is said at most so often. */
export const WARNING_INTERVAL_MS = 60_000

/** Changes of members that wait on one node; more are refused. Operators make few. */
export const MAX_MEMBERS_CALLS = 16

/** A new voter that says nothing new for so long is not waited for any longer. */
export const NEW_VOTER_PATIENCE_MS = 30_000

/**
 * A new voter has caught up when it has stored what was chosen so many heartbeat periods ago: twice
 * the time after which a learner says how far it has come, and some.
 */
export const VOTER_BEHIND_PERIODS = 25

/** A learner that says nothing for so many heartbeat periods is not there: two of its words, and some. */
export const LEARNER_SILENT_PERIODS = 25

/** State machines in one composition: a byte says how many there are; people have a handful. */
export const MAX_PARTS = 64
