/**
 * The messages of the replicated log, as plain data, beside the ones of a single decree in
 * `message.ts`; the refusal of both is Nack. They follow Paxos Made Simple §3: one Prepare serves
 * every slot from one on, and Accepts name the slots that they fill.
 *
 * Every answer names the question, so that an answer which comes late, twice or after a restart is
 * never taken for that of another question.
 */
import type { Ballot } from '../ballot.ts'
import type { AcceptedEntry, Member, Slot } from '../durability.ts'

/** Phase 1a: "may I use this ballot for every slot from `from` on?" Asks for a page of them. */
export interface LogPrepareMessage {
  readonly type: 'logPrepare'
  readonly ballot: Ballot
  readonly from: Slot
  /** The version of the configuration that the candidate goes by. Default: 0. */
  readonly version?: Slot | undefined
  /**
   * The incarnation of the acceptor whose promise the candidate will count: that which its
   * configuration names. Absent where it names none.
   */
  readonly names?: string | undefined
  /**
   * The ballot whose leader has asked the sender to take over: it has ended its lease, and those that
   * gave it their word may promise at once. Absent where nobody has asked.
   */
  readonly released?: Ballot | undefined
}

/**
 * Phase 1b: "I accept nothing below `ballot` any more; this is what I had accepted from `from` on",
 * as far as it fits in a page. The promise counts when its last page is in; the pages are asked for
 * one by one, so that a lost one is asked for again.
 */
export interface LogPromiseMessage {
  readonly type: 'logPromise'
  readonly ballot: Ballot
  /** As in the Prepare. */
  readonly from: Slot
  /** Ascending slots, with gaps where nothing was accepted. */
  readonly entries: readonly AcceptedEntry[]
  /** Where the next page begins; 0 when this is the last. */
  readonly next: Slot
  readonly chosenThrough: Slot
  /** Of the slots through this one the values are gone: a snapshot stands for them. */
  readonly compactedThrough: Slot
  /** Whose promise it is: see Identity. Absent from a node that does not say. */
  readonly incarnation?: string | undefined
}

/** Phase 2a: "accept these values at this ballot, in the slots from `first` on." */
export interface LogAcceptMessage {
  readonly type: 'logAccept'
  readonly ballot: Ballot
  /** The first slot of this leadership: below it the leader proposes nothing at this ballot. */
  readonly base: Slot
  readonly first: Slot
  readonly values: readonly Uint8Array[]
  readonly chosenThrough: Slot
}

/**
 * Phase 2b, to the leader: "every slot from `base` through `through` I hold at `ballot`, or know to
 * be chosen." Cumulative, so that a lost one is made good by the next.
 */
export interface LogAcceptedMessage {
  readonly type: 'logAccepted'
  readonly ballot: Ballot
  /** One below `base` when there is none. */
  readonly through: Slot
  /** As in a promise. */
  readonly incarnation?: string | undefined
}

/** Sent by a leader at regular intervals, when something was chosen, and to confirm reads. */
export interface LogHeartbeatMessage {
  readonly type: 'logHeartbeat'
  readonly ballot: Ballot
  readonly base: Slot
  readonly chosenThrough: Slot
  /** The newest round of read confirmation; grows within one ballot, 0 before the first. */
  readonly readId: number
  /** The newest version of the configuration that is known to be complete. Default: 0. */
  readonly complete?: Slot | undefined
  /**
   * With a lease: when the heartbeat left, in whole milliseconds of the leader's own clock. It means
   * nothing to anybody else, and comes back with the answer.
   */
  readonly leaseAt?: number | undefined
  /** With a lease: for how long the acceptor is asked for its word, in milliseconds. */
  readonly leaseMs?: number | undefined
  /** With a lease: that of the configuration by which the word is asked for. Default: 0. */
  readonly version?: Slot | undefined
}

/** "I have promised nothing above `ballot`", and what an Accepted says. */
export interface LogHeartbeatAnswerMessage {
  readonly type: 'logHeartbeatAnswer'
  readonly ballot: Ballot
  readonly through: Slot
  readonly chosenThrough: Slot
  /** That of the heartbeat. */
  readonly readId: number
  /** As in a promise. */
  readonly incarnation?: string | undefined
  /** Every slot through this one is chosen, and no crash takes that from here. Default: 0. */
  readonly storedThrough?: Slot | undefined
  /** That of the heartbeat, where the acceptor gives its word as asked. */
  readonly leaseAt?: number | undefined
}

/** "Would you support me as leader?" Asked before any ballot is raised; it changes nothing. */
export interface CampaignMessage {
  readonly type: 'campaign'
  /** Drawn at random when the asking node started: answers to an earlier run count for nothing. */
  readonly run: number
  /** Counts the node's campaigns of this run. */
  readonly number: number
  readonly chosenThrough: Slot
  /** As in a Prepare. */
  readonly version?: Slot | undefined
}

/** The answer to a campaign. It binds nobody. */
export interface SupportMessage {
  readonly type: 'support'
  readonly run: number
  readonly number: number
  /** False where a live leader is heard, or leads itself. */
  readonly granted: boolean
  /** The highest ballot that was promised, so that the candidate goes above it at once. */
  readonly promised: Ballot | null
  readonly chosenThrough: Slot
}

/** A leader asks another node to take its place at once. It has ended its lease. */
export interface HandOverMessage {
  readonly type: 'handOver'
  /** The ballot with which the sender leads. */
  readonly ballot: Ballot
}

/**
 * A follower hands commands to the leader; or to another follower, which hands them to its leader.
 * What was chosen shows what came in; only what is not proposed is answered, with ForwardRefused.
 */
export interface ForwardMessage {
  readonly type: 'forward'
  readonly values: readonly Uint8Array[]
  /** They are another node's. Such a message is not handed on again, so that none goes in circles. */
  readonly relayed?: true | undefined
}

/**
 * To who handed them over: "these values I do not propose." It speaks for this leader and this time
 * alone: another copy of the same value may have come into the log, or may come in yet.
 */
export interface ForwardRefusedMessage {
  readonly type: 'forwardRefused'
  /**
   * The first REFUSED_HEAD_BYTES of each value, or all of it where it is a members entry: enough to
   * know an entry again.
   */
  readonly heads: readonly Uint8Array[]
  /** One sentence for people that says why, and the way out. Absent where that is of the values. */
  readonly reason?: string | undefined
}

/**
 * A follower asks the leader: "through which slot must I have applied the log to read now?" Or it
 * asks another follower, which asks its leader and passes the answer back.
 */
export interface ReadIndexMessage {
  readonly type: 'readIndex'
  /** As in a campaign. */
  readonly run: number
  /** Counts the node's questions of this run. */
  readonly number: number
  /** Another node waits for the answer too. As in a Forward. */
  readonly relayed?: true | undefined
  /** The leader's lease is enough for all that wait for the answer. */
  readonly byLease?: true | undefined
}

/** The answer to a read index request. */
export interface ReadIndexAnswerMessage {
  readonly type: 'readIndexAnswer'
  readonly run: number
  readonly number: number
  /** 0 when the node does not lead and knows nobody who does, or that ended before it could tell. */
  readonly slot: Slot
}

/** "Send me what was chosen from `from` on." Answered with Fetched, or with a SnapshotChunk. */
export interface FetchEntriesMessage {
  readonly type: 'fetchEntries'
  readonly from: Slot
  /** About how much the answer may hold; one entry may be larger. Default: as much as a page holds. */
  readonly maxBytes?: number | undefined
}

/** Chosen entries, contiguous, as far as they fit in a page. */
export interface FetchedMessage {
  readonly type: 'fetched'
  /** That of the FetchEntries, and the slot of the first entry, if there is one. */
  readonly from: Slot
  readonly entries: readonly AcceptedEntry[]
  readonly chosenThrough: Slot
  /** As in a heartbeat: for those who hear none, because they do not vote. */
  readonly complete?: Slot | undefined
}

/** "Send me the snapshot through that slot, from that byte on." */
export interface FetchSnapshotMessage {
  readonly type: 'fetchSnapshot'
  readonly through: Slot
  readonly offset: number
  /** The largest piece that is wanted. Default: CHUNK_BYTES. */
  readonly maxBytes?: number | undefined
}

/** A piece of a snapshot: the one that was asked for, or the first of a newer one. */
export interface SnapshotChunkMessage {
  readonly type: 'snapshotChunk'
  /** No slot of the snapshot was chosen at a higher ballot. Who installs it promises this one. */
  readonly ballot: Ballot
  readonly through: Slot
  readonly members: readonly Member[]
  readonly totalBytes: number
  readonly offset: number
  readonly bytes: Uint8Array
  /** That of the snapshot. Absent when it has none. */
  readonly configuration?: Uint8Array | undefined
}

/**
 * "This is who I am, and how far": from a node that does not vote, or not yet. A new one asks in the
 * same breath whether the others have voted before they heard of it.
 */
export interface IntroductionMessage {
  readonly type: 'introduction'
  /** Never empty. */
  readonly incarnation: string
  /** As in a heartbeat's answer. */
  readonly storedThrough: Slot
  /** Wants an IntroductionAnswer. */
  readonly asks: boolean
}

/** The answer to a new node. It binds nobody, but who gives it remembers to whom. */
export interface IntroductionAnswerMessage {
  readonly type: 'introductionAnswer'
  /** The incarnation that asked: an answer to a former one counts for nothing. */
  readonly to: string
  readonly incarnation: string
  /** Whether this node had promised or accepted anything before it heard of the one that asks. */
  readonly hadVoted: boolean
  readonly chosenThrough: Slot
}

/** Everything that only nodes of a replicated log send each other. Its values are bytes. */
export type LogMessage =
  | LogPrepareMessage
  | LogPromiseMessage
  | LogAcceptMessage
  | LogAcceptedMessage
  | LogHeartbeatMessage
  | LogHeartbeatAnswerMessage
  | CampaignMessage
  | SupportMessage
  | HandOverMessage
  | ForwardMessage
  | ForwardRefusedMessage
  | ReadIndexMessage
  | ReadIndexAnswerMessage
  | FetchEntriesMessage
  | FetchedMessage
  | FetchSnapshotMessage
  | SnapshotChunkMessage
  | IntroductionMessage
  | IntroductionAnswerMessage
