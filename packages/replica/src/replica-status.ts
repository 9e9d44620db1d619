/**
 * What a replica tells of itself: how it stands when it is asked, and what happens to it. Only types;
 * must hold nothing that tells of what was proposed.
 */
import type { Ballot, NodeId, Slot } from '@paxos/core'
import type { TransferFailure } from '@paxos/core/multi'
import type { EventsLost } from './event-stream.ts'
import type { DropReason, SavingStatus } from './host.ts'
import type { MembersNotice, Standing } from './membership.ts'
import type { ReplicaMembers } from './members-view.ts'
import type { PeerStatus } from './peer-book.ts'
import type { SnapshotNotice } from './snapshots.ts'
import type { Notice } from './watch.ts'

/** What a node knows of itself. */
export interface ReplicaStatus {
  readonly id: NodeId
  /** 'closed' from close() on, 'stopped' once it had to stop by itself. */
  readonly role: 'leader' | 'candidate' | 'follower' | 'closed' | 'stopped'
  /** The ballot that it leads with, or tries to; `null` when it follows. */
  readonly ballot: Ballot | null
  /** The node that leads as far as this one knows, itself included. */
  readonly leader: NodeId | null
  /** Every slot through this one is known to be chosen. */
  readonly chosenThrough: Slot
  /** Every slot through this one has been applied to the state machine. */
  readonly appliedThrough: Slot
  /**
   * How many slots this node has still to apply, of those that it or anybody it hears knows to be
   * chosen. A node that hears nobody does not know how far it is behind: `leader` is `null` then.
   */
  readonly behindBy: number
  /** The newest snapshot stands for the slots through this one; 0 when there is none. */
  readonly snapshotThrough: Slot
  /** For each other node, how many slots it lacks; empty where this node does not lead. */
  readonly lag: Readonly<Record<NodeId, number>>
  /** Slots that this node has proposed and that are not known to be chosen. */
  readonly inFlight: number
  /** Commands of this node that are on their way and not applied. */
  readonly pending: number
  /** Commands of this node that wait for others to be answered. */
  readonly waiting: number
  /** Values that wait to be proposed or handed to the leader. */
  readonly queued: number
  /** Linearizable reads that are not answered. */
  readonly reads: number
  /** Sessions that are remembered. */
  readonly sessions: number
  /** About what the state takes: the newest snapshot, and what was applied since, in bytes. */
  readonly stateBytes: number
  /** How many frames were dropped, and why. */
  readonly dropped: Readonly<Record<DropReason, number>>
  /** What the disk has not confirmed yet. */
  readonly saving: SavingStatus
  /** What this node knows of each other node that it speaks with: members, and who left lately. */
  readonly peers: Readonly<Record<NodeId, PeerStatus>>
  /** Who is in the cluster, as far as this node has applied the log. */
  readonly members: ReplicaMembers
  /**
   * What this node is among them: a 'voter' or a 'learner'; 'waiting' as long as it may not vote with
   * its empty disk; 'replaced' where another disk of it votes; 'removed', or 'none' where it has not
   * been a member yet, or is over.
   */
  readonly standing: Standing
  /** While it is 'waiting': whose word is missing that they never voted. */
  readonly waitsFor: readonly NodeId[]
}

/** Something that happened to a node. */
export type ReplicaEvent =
  | { readonly type: 'leader-changed'; readonly leader: NodeId | null }
  | { readonly type: 'leadership-acquired'; readonly ballot: Ballot }
  | { readonly type: 'leadership-lost'; readonly ballot: Ballot }
  /** Another node was to lead, and did not take over in time: this one leads on. */
  | {
      readonly type: 'transfer-failed'
      readonly to: NodeId | null
      readonly reason: TransferFailure
    }
  | SnapshotNotice
  | MembersNotice
  | Notice
  /** The node had to stop by itself. It answers nothing any more. */
  | { readonly type: 'stopped'; readonly error: Error }
  | EventsLost
