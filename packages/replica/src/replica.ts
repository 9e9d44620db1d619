/**
 * Replica: a state machine that lives on several nodes at once (Schneider, 1990, by Paxos Made
 * Simple §3). Composes MultiPaxos of core with a transport, a durability adapter, a clock and the
 * application's state machine. This file is what an application sees; `replica-node.ts` behind it
 * connects the parts. Must never report a result of a command that is not chosen.
 */
import { requireOptions } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { requireBoolean, requireWait } from './arguments.ts'
import type { ProposeOptions, QueryOptions } from './call-arguments.ts'
import type { Json } from './codec.ts'
import { isComposition } from './compose.ts'
import { addParts } from './parts.ts'
import type {
  AnswerOf,
  ComposedCommand,
  CommandOf,
  ComposedQuery,
  Part,
  QueryOf,
  ResultOf,
  ComposedResult,
  Composition,
  Parts,
} from './composed-types.ts'
import type { MembersChange } from './member-changes.ts'
import { requireId } from './members-arguments.ts'
import type { ChangeMembersOptions } from './members-arguments.ts'
import { MembersRequests } from './members-requests.ts'
import type { AddMemberOptions } from './members-requests.ts'
import type { ReplicaMembers } from './members-view.ts'
import type { WaitOptions } from './outcome.ts'
import { openReplicaNode } from './replica-node.ts'
import type { ReplicaNode } from './replica-node.ts'
import type { ReplicaClient } from './replica-client.ts'
import type { ReplicaOptions } from './replica-options.ts'
import type { ReplicaEvent, ReplicaStatus } from './replica-status.ts'

/** How to close. */
export interface CloseOptions {
  /** Whether another node is to lead first, if this one does. Default: true. */
  readonly transfer?: boolean | undefined
}

/** What a replica of several state machines is opened with: the codecs are theirs. */
export type ComposedOptions<P extends Parts> = Omit<
  ReplicaOptions<ComposedCommand<P>, ComposedResult<P>, ComposedQuery<P>, AnswerOf<P[keyof P]>>,
  'stateMachine' | 'commandCodec' | 'resultCodec'
> & { readonly stateMachine: Composition<P> }

/** One node of a replicated state machine. */
export class Replica<
  Command = Json,
  Result = Json,
  Query = never,
  Answer = never,
> implements ReplicaClient<Command, Result, Query, Answer> {
  readonly #node: ReplicaNode<Command, Result, Query, Answer>
  readonly #changes: MembersRequests

  /**
   * Opens the durability, restores what it holds, and joins the cluster. Rejects with
   * InvalidArgumentError, with DecodeError when a snapshot is of another version, or with the error
   * of the adapter that would not open (a LockedError, a CorruptionError, a TransportError, …); then
   * nothing is left open. With several state machines, that compose() made one of, the replica has each
   * of them under its name.
   */
  static open<P extends Parts>(options: ComposedOptions<P>): Promise<ComposedReplica<P>>
  static open<Command = Json, Result = Json, Query = never, Answer = never>(
    options: ReplicaOptions<Command, Result, Query, Answer>,
  ): Promise<Replica<Command, Result, Query, Answer>>
  static async open<Command, Result, Query, Answer>(
    options: ReplicaOptions<Command, Result, Query, Answer>,
  ): Promise<Replica<Command, Result, Query, Answer>> {
    const replica = new Replica(await openReplicaNode(options))
    const { stateMachine } = options
    return isComposition(stateMachine)
      ? addParts(replica, Object.keys(stateMachine.parts))
      : replica
  }

  private constructor(node: ReplicaNode<Command, Result, Query, Answer>) {
    this.#node = node
    this.#changes = new MembersRequests(node)
  }

  /**
   * Has `command` applied, once, on all nodes, and resolves with its result once it is chosen and
   * applied here. On a follower it is handed to the leader. Without a majority it waits; while too
   * many commands are on their way, it waits its turn. Giving up does not take the command back: it
   * may still be applied.
   *
   * Rejects with ValueTooLargeError, InvalidArgumentError, OverloadedError or StateTooLargeError
   * before anything is sent; with CommandRefusedError or CommandFailedError when the state machine
   * did not apply it; with TimeoutError, RefusedByLeaderError or the signal's reason, after which
   * the outcome is unknown; with SessionExpiredError or AlreadyAnsweredError; with ClosedError or
   * StoppedError, after which the outcome is unknown too.
   */
  propose(command: Command, options: ProposeOptions = {}): Promise<Result> {
    return this.#node.calls.propose(command, options)
  }

  /**
   * Opens a session for a caller that retries its commands by itself, perhaps on another node: see
   * ProposeOptions. Resolves with its id, 32 hexadecimal digits that nobody can guess. A session
   * that is idle for `sessionTimeoutMs` expires, on all nodes alike; so may one that was never used,
   * when others are opened by the thousand.
   *
   * Rejects with TooManySessionsError when 10,000 sessions are in use: none of them has to leave for
   * a new one. Otherwise as propose() does.
   */
  openSession(options: WaitOptions = {}): Promise<string> {
    return this.#node.calls.openSession(options)
  }

  /**
   * Asks the state machine, without a write. Rejects with InvalidArgumentError when it takes no
   * queries, with OverloadedError when too many wait, with TimeoutError, with the signal's reason,
   * with ClosedError or StoppedError.
   */
  query(query: Query, options: QueryOptions = {}): Promise<Answer> {
    return this.#node.calls.query(query, options)
  }

  /**
   * Takes a new node into the cluster. It is started with its own address and those of some members,
   * from an empty durability, before this or after. A voter (the default) learns first, and votes when
   * it has caught up. Resolves when the change is complete; a new learner need not be there for that.
   *
   * Rejects with NotPromotedError when a new voter is not heard, or says nothing new, for 30 seconds:
   * then it is a learner, and changeMembers({ promote: [id] }) tries again. Otherwise as
   * changeMembers() does.
   */
  addMember(id: NodeId, address: string, options: AddMemberOptions = {}): Promise<ReplicaMembers> {
    return this.#changes.add(id, address, options)
  }

  /**
   * Takes a node out of the cluster, this one too. It serves the others until the change is complete,
   * learns that it was removed if anybody can tell it, and stops with RemovedError. Rejects as
   * changeMembers() does.
   */
  removeMember(id: NodeId, options: ChangeMembersOptions = {}): Promise<ReplicaMembers> {
    return this.#changes.remove(id, options)
  }

  /**
   * Puts a new node in the place of `old`, with its role and weight: it learns, and with the entry by
   * which it votes the old one leaves. With the same id, the member begins anew from an empty disk: for
   * a disk that was lost. See that the old one does not run any more. Rejects as addMember() does.
   */
  replaceMember(
    old: NodeId,
    id: NodeId,
    address: string,
    options: ChangeMembersOptions = {},
  ): Promise<ReplicaMembers> {
    return this.#changes.replace(old, id, address, options)
  }

  /**
   * Says where a member listens from now on, this one too. It keeps its disk, and is started again
   * there; the others speak with it where it is until it ends there. Rejects as changeMembers() does.
   */
  moveMember(
    id: NodeId,
    address: string,
    options: ChangeMembersOptions = {},
  ): Promise<ReplicaMembers> {
    return this.#changes.move(id, address, options)
  }

  /**
   * Changes several things at a time, and how many voters suffice. Works on every node; several calls
   * on one node are made one after the other. Resolves with the members when the change is complete:
   * when a quorum of them holds, durably, everything that was chosen before. It is made once, however
   * often it travelled, and undoes nothing that somebody else has changed.
   *
   * Rejects with InvalidArgumentError before anything is asked; with MembersRefusedError for what would
   * be unsafe or means nothing, whose `outcome` says whether it may be made yet; with MembersConflictError when the members are not of the version
   * `expected`; with NotPromotedError as addMember() does; with OverloadedError when 16 calls wait on
   * this node; with MembersTimeoutError, which says how far it came, or the signal's reason: then it
   * may yet be made, and new voters are learners until they are promoted; with ClosedError, StoppedError, RemovedError or LostDiskError when this node is over.
   */
  changeMembers(
    change: MembersChange,
    options: ChangeMembersOptions = {},
  ): Promise<ReplicaMembers> {
    return this.#changes.change(change, options)
  }

  /**
   * Lets another node lead: `to`, or by default the one that suits best, which is the voter of the
   * highest priority, and among those the one that holds the most. This node takes nothing new
   * meanwhile: what is under way is chosen first, and what waits goes to the new leader by itself. Resolves with
   * who leads then, once this node follows it; at once when `to` leads already.
   *
   * Rejects with NotLeaderError, which names the leader, on another node; with InvalidArgumentError for
   * who is no other voter; with TransferFailedError, which says why, when the other did not take over
   * within `timeoutMs`, and a liveness window at most, after which this node leads on; with
   * TransferTimeoutError when twice that passed and nobody is known to lead; with the signal's reason,
   * after which it may yet be made; with ClosedError or StoppedError.
   */
  async transferLeadership(to?: NodeId, options: WaitOptions = {}): Promise<NodeId> {
    requireWait('transferLeadership', options)
    if (to !== undefined) requireId(to)
    return await this.#node.transferLeadership(to ?? null, options)
  }

  /** Who is in the cluster, as far as this node has applied the log. */
  members(): ReplicaMembers {
    return this.status().members
  }

  /** What this node knows of itself, now; after close() what it knew last, and that it is closed. */
  status(): ReplicaStatus {
    return this.#node.status()
  }

  /**
   * What happens to this node from now on, until it is closed. A listener that falls behind loses
   * the oldest events, and is told how many.
   */
  events(): AsyncIterableIterator<ReplicaEvent> {
    return this.#node.events.listen()
  }

  /**
   * Calls `listener` when commands or a snapshot were applied here, or this node is over: the state may
   * be another one. Once for all of a turn of the event loop, after it; so look again with a 'local' query,
   * and expect no call for each command. Returns what ends it.
   */
  watch(listener: () => void): () => void {
    return this.#node.watchers.add(listener)
  }

  /**
   * Leaves the cluster: lets another node lead, if this one does, and waits a liveness window at most;
   * waits for running saves, then releases the transport and the disk. Who still waits is told with
   * ClosedError. May be called again. Rejects with CloseTimeoutError when that takes longer than
   * `closeTimeoutMs`, because a save hangs, say: this node is closed all the same, and the rest is
   * released when it can be.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    requireOptions('close', options, ['transfer'])
    const { transfer = true } = options
    requireBoolean('transfer', transfer)
    await this.#node.close(transfer)
  }

  /** As close(), for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** A replica of a composition: each part under its name. */
export type ComposedReplica<P extends Parts> = Replica<
  ComposedCommand<P>,
  ComposedResult<P>,
  ComposedQuery<P>,
  AnswerOf<P[keyof P]>
> & {
  readonly [Name in keyof P & string]: Part<
    CommandOf<P[Name]>,
    ResultOf<P[Name]>,
    QueryOf<P[Name]>,
    AnswerOf<P[Name]>
  >
}
