/**
 * What the service needs of a replica: a part of what Replica offers, so that a test can stand in
 * for it.
 */
import type { TransportFigures } from '@paxos/core'
import type { PeerStatus, ReplicaMembers, Standing } from '@paxos/replica'
import type { Answer, Command, Query, Result } from './commands.ts'
import type { MembersRequest } from './member-requests.ts'

/** How long to wait. */
export interface Wait {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

/** How to change the members. */
export interface ChangeOptions extends Wait {
  /** The version that they are to have before. Default: whichever there is. */
  readonly expected?: number
}

/** A caller's own place in the table of results, and which of its commands this is, from 1 on. */
export interface SessionPlace {
  readonly id: string
  readonly sequence: number
}

/** Whether an answer may miss the newest writes. See QueryOptions of Replica. */
export type Consistency = 'linearizable' | 'lease' | 'local'

/** A part of what a node knows of itself. */
export interface ReplicaStatus {
  readonly id: string
  readonly role: 'leader' | 'follower' | 'candidate' | 'closed' | 'stopped'
  readonly leader: string | null
  readonly chosenThrough: number
  readonly appliedThrough: number
  /** How many slots it has still to apply, of those that are known to be chosen to anybody it hears. */
  readonly behindBy: number
  readonly snapshotThrough: number
  readonly inFlight: number
  readonly queued: number
  readonly sessions: number
  /** By peer, how far behind it is in slots, as far as this node knows. */
  readonly lag: Readonly<Record<string, number | null>>
  /** What this node knows of each other node. */
  readonly peers: Readonly<Record<string, PeerStatus>>
  /** Who is in the cluster, as far as this node has applied the log. */
  readonly members: ReplicaMembers
  /** What this node is among them. */
  readonly standing: Standing
  /** While it is 'waiting' with an empty disk: whose word is missing that they never voted. */
  readonly waitsFor: readonly string[]
}

/** One node of the cluster. */
export interface KeyValueReplica {
  propose(command: Command, options?: Wait & { readonly session?: SessionPlace }): Promise<Result>
  openSession(options?: Wait): Promise<string>
  query(query: Query, options?: Wait & { readonly consistency?: Consistency }): Promise<Answer>
  /** Who is in the cluster; those of whom the leader knows, unless the answer may be old. */
  members(options?: Wait & { readonly consistency?: Consistency }): Promise<ReplicaMembers>
  /** Resolves when the change is complete. */
  changeMembers(request: MembersRequest, options?: ChangeOptions): Promise<ReplicaMembers>
  /** Lets another node lead, and resolves with which. Rejects with NotLeaderError on one that does not. */
  transferLeadership(to: string | undefined, options?: Wait): Promise<string>
  status(): ReplicaStatus
  /** What its transport counts; `null` where it does not. */
  figures(): TransportFigures | null
}
