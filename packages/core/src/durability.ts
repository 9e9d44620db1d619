/**
 * The contract of a durability adapter: the stable storage of one acceptor. It keeps small records
 * atomically and must know nothing of Paxos. A single decree is a log with one slot (FIRST_SLOT),
 * so that the same adapters serve every engine.
 */
import type { Ballot, NodeId } from './ballot.ts'
import type { Identity, Owner } from './identity.ts'

/** The position of a value in the log: 1, 2, 3, …; 0 means "before the first". */
export type Slot = number

/** The first slot of a log, and the only one of a single decree. */
export const FIRST_SLOT: Slot = 1

/** What an acceptor accepted in one slot. `V` is bytes wherever it is stored or sent. */
export interface AcceptedEntry<V = Uint8Array> {
  readonly slot: Slot
  readonly ballot: Ballot
  readonly value: V
}

/** A node and where it listens. */
export interface Member {
  readonly id: NodeId
  readonly address: string
}

/** Bytes of a snapshot that a SnapshotStage holds: its name for them, opaque to everybody else. */
export interface StagedSnapshot {
  readonly id: string
  readonly byteLength: number
}

/** The state that the slots up to and with `through` led to. */
export interface Snapshot {
  readonly through: Slot
  readonly members: readonly Member[]
  /** Empty where they are staged. */
  readonly bytes: Uint8Array
  /** Where the bytes are, in their place: only of an adapter that has `snapshots`. */
  readonly staged?: StagedSnapshot | undefined
  /**
   * Who is in the cluster behind `through`: opaque to adapters, and of at most
   * MAX_CONFIGURATION_BYTES. Absent when it was saved without, which is something else than empty.
   */
  readonly configuration?: Uint8Array | undefined
}

/** Everything that completed saves made durable. */
export interface Saved<V = Uint8Array> {
  readonly promised: Ballot | null
  /** Ascending slots, above the snapshot, one entry a slot. */
  readonly accepted: readonly AcceptedEntry<V>[]
  readonly snapshot: Snapshot | null
  /** Every slot up to and with this one is known to be chosen; 0 when none is. */
  readonly chosenThrough: Slot
  /**
   * Whether a save said so: that the owner was let in to vote where nobody is named. Once it is true
   * it stays, whatever is saved later. Of a state whose format is from before it was saved:
   * admittedBefore(). Absent is as good as false.
   */
  readonly admitted?: boolean | undefined
}

/** What open() finds: the state, and whose it is. */
export interface Opened<V = Uint8Array> extends Saved<V> {
  /** Null while no owner has ever opened it. */
  readonly identity: Identity | null
  /**
   * True when there was nothing: no state, and nobody whose it was. False from then on, also after
   * a crash right behind this open().
   */
  readonly isNew: boolean
}

/**
 * One atomic change. A field that is absent stays as it was; one that is there replaces what was,
 * also by something lower: an adapter compares nothing. Slot 0 may stand in `chosenThrough` and in
 * a snapshot, where it means "before the first".
 */
export interface Change<V = Uint8Array> {
  readonly promised?: Ballot
  /** Each replaces the entry with the same slot. */
  readonly accepted?: readonly AcceptedEntry<V>[]
  readonly chosenThrough?: Slot
  /** Entries at or below its slot may be discarded. */
  readonly snapshot?: Snapshot
  /** There is no way back: a change can set it, and none can take it away. */
  readonly admitted?: true
}

/** The state of an acceptor that has saved nothing. */
export const EMPTY_SAVED: Saved<never> = {
  promised: null,
  accepted: [],
  snapshot: null,
  chosenThrough: 0,
  admitted: false,
}

/** How to open. */
export interface OpenOptions {
  /**
   * Whether the snapshot is to be told as `staged`, and not read whole. Means nothing to an adapter
   * without `snapshots`. Default: false.
   */
  readonly staged?: boolean | undefined
}

/** A snapshot on its way to the disk. One call at a time. */
export interface SnapshotWriter {
  /** The next bytes, of any length. They are not to be modified until it resolves. */
  append(piece: Uint8Array): Promise<void>
  /** All of it was appended: resolves once it would survive power loss. The last call. */
  seal(): Promise<StagedSnapshot>
  /** Gives it up, and the room that it takes; also after a call that rejected. The last call. */
  abandon(): Promise<void>
}

/**
 * Where snapshots are written and read in pieces, so that none is ever in memory whole. What is staged
 * means nothing until a save names it; then that one is the snapshot, as if its bytes were in the
 * change. It may fail without harm to what is saved: a failure here poisons nothing.
 *
 * What is in use are the staged snapshot that was saved last, and each that was sealed since the
 * adapter was opened and not discarded, also one that another has followed. Everything else is removed,
 * at the next open() at the latest.
 */
export interface SnapshotStage {
  /** Begins one. Several may be under way. */
  begin(): Promise<SnapshotWriter>
  /**
   * The bytes from `offset` on, as many as `maxBytes`; fewer only at the end. They may be a part of
   * something larger, and are not to be modified. Rejects with CorruptionError when they are not
   * whole, and for what is not there any more.
   */
  read(staged: StagedSnapshot, offset: number, maxBytes: number): Promise<Uint8Array>
  /** It is not needed any more. Does nothing to the one that was saved last, nor to what is gone. */
  discard(staged: StagedSnapshot): Promise<void>
}

/** The stable storage of one acceptor. */
export interface Durability {
  /**
   * Only where the medium can do it: whoever finds it absent hands over whole snapshots. Between
   * open() and close().
   */
  readonly snapshots?: SnapshotStage | undefined
  /**
   * Returns everything that completed saves made durable, or the empty state; it may also hold a
   * save that was running when the process died, whole or not at all. Rejects with
   * CorruptionError when what was durable can no longer be read whole (never returns an older
   * state as if it were the newest), and with LockedError when somebody else has it open. After a
   * rejection nothing is left open.
   *
   * With an `owner`, what is new is given an identity: the owner's cluster, id and kind, and an
   * incarnation that is drawn once. It is durable when this resolves, and no save, crash or
   * rewriting ever changes it. From then on the same cluster, id and kind open it, and every other
   * owner is refused with IdentityError, and nothing is written. A state that an earlier release
   * left has no identity: it is given the owner's, unless what it holds contradicts (see claim()).
   *
   * Without an owner, for tools, whosever it is is opened, and nothing is written about identity.
   *
   * Whether its snapshot was saved whole or staged, it is told as `options` ask for it.
   */
  open(owner?: Owner, options?: OpenOptions): Promise<Opened>
  /**
   * Applies `change` atomically. Resolves once it would survive power loss. Calls may overlap:
   * they take effect in call order, and the adapter syncs many of them at once. After one
   * rejection every later save rejects: the state on disk is no longer known, and only a fresh
   * open() may go on. The bytes in `change` are not to be modified until it resolves.
   */
  save(change: Change): Promise<void>
  /**
   * Waits for running saves, then releases everything; later saves reject from the call on. May be
   * called at any time, and again. Whether the same adapter opens again afterwards is its own
   * affair: a host makes a new one.
   */
  close(): Promise<void>
}
