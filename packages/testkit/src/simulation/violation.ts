/**
 * What a simulation can find. Must never be raised where a node could catch it: a node that runs on
 * after a broken promise would hide it.
 */

/** What must hold in every run. */
export type Invariant =
  /** No two nodes differ on what is chosen in a slot. */
  | 'agreement'
  /** Only what a client asked for is chosen. */
  | 'validity'
  /** At one ballot one value is proposed in a slot, and it is that which is chosen already. */
  | 'one-value-a-ballot'
  /** A leader has the promises of a quorum; a node uses a ballot in one life alone. */
  | 'ballot-ownership'
  /** An acceptor takes back nothing that it made durable. */
  | 'promise-kept'
  /** Nothing leaves before that on which it rests is durable. */
  | 'durable-before-sent'
  /** A disk shows what it said is saved. */
  | 'disk-keeps'
  /** A disk that cannot be read whole is not opened. */
  | 'corruption-surfaces'
  /** What a client was told is in the log or the snapshot of a quorum. */
  | 'acknowledged-in-quorum'
  /** A disk in the place of one that had voted votes only where the members name it. */
  | 'empty-disk-waits'
  /** Nothing is proposed behind a change of the members that is not chosen. */
  | 'members-barrier'
  /** A change is called complete when a quorum of those who vote holds all that was chosen before. */
  | 'members-complete'
  /** A change of the members that resolved was made once, and one that was refused is never made. */
  | 'changed-as-told'
  /** A command is applied once, in the order of the slots. */
  | 'applied-once'
  /** Those who applied the same slots are in the same state. */
  | 'same-state'
  /** The history of the clients could have come from one copy. */
  | 'linearizable'
  /** What may be some time old shows all that was answered before that. */
  | 'as-fresh-as-asked'
  /** Calls end as the Replica says. */
  | 'calls-end-as-promised'
  /** A node whose disk works does not stop. */
  | 'node-runs'
  /** Nobody asks to be woken at once for ever. */
  | 'time-passes'
  /** Without faults a command commits, on every live node, within the bound. */
  | 'commits-again'
  /** Without faults all live nodes get to the same slot within the bound. */
  | 'converges'

/** One promise that was broken. */
export interface Violation {
  readonly invariant: Invariant
  /** When, in virtual milliseconds. */
  readonly atMs: number
  /** Where it showed; `null` when it is nobody's alone. */
  readonly node: string | null
  readonly problem: string
}

/** Takes a violation. Must not throw. */
export type Report = (invariant: Invariant, node: string | null, problem: string) => void
