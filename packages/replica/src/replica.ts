/**
 * Replica: a state machine that lives on several nodes at once (Schneider, 1990, by Paxos Made
 * Simple §3). Composes MultiPaxos of core with a transport, a durability adapter, a clock and the
 * application's state machine. This file is what an application sees; `replica-node.ts` behind it
 * connects the parts. Must never report a result of a command that is not chosen.
 */
import type { Ballot, Durability, Member, NodeId, Slot, Transport } from '@paxos/core'
import type { ProposeOptions, QueryOptions } from './call-arguments.ts'
import type { Clock } from './clock.ts'
import type { Codec, Json } from './codec.ts'
import type { EventsLost } from './event-stream.ts'
import type { DropReason, SavingStatus } from './host.ts'
import type { WaitOptions } from './outcome.ts'
import type { PeerStatus } from './peer-book.ts'
import { openReplicaNode } from './replica-node.ts'
import type { ReplicaNode } from './replica-node.ts'
import type { SnapshotNotice } from './snapshots.ts'
import type { StateMachine } from './state-machine.ts'
import type { Logger, Metrics } from './telemetry.ts'
import type { Notice } from './watch.ts'

export interface ReplicaOptions<Command = Json, Result = Json, Query = never, Answer = never> {
  /** The name of the cluster, up to 255 bytes; frames of others are dropped. Default: 'paxos'. */
  readonly cluster?: string | undefined
  /** This node: one of the members. */
  readonly id: NodeId
  /**
   * Every node of a new cluster, this one included, and where it listens; the same on all nodes. A
   * node that was started before has them on its disk, and trusts that: see 'members-differ'.
   */
  readonly members: Readonly<Record<NodeId, string>>
  /** How frames travel. A fresh adapter: it is opened here, and closed by close(). */
  readonly transport: Transport
  /** Where promises and the log are kept. A fresh adapter, opened here and closed by close(). */
  readonly durability: Durability
  /** What is replicated: one for this node, in its state before any command. */
  readonly stateMachine: StateMachine<Command, Result, Query, Answer>
  /** Commands to bytes and back, the same on all nodes. Default: JSON. */
  readonly commandCodec?: Codec<Command> | undefined
  /**
   * Results to bytes and back, for answering a retry; the same on all nodes. Default: JSON, or
   * nothing at all.
   */
  readonly resultCodec?: Codec<Result> | undefined
  /** How often a leader sends a heartbeat, in milliseconds, > 0. Default: 200. */
  readonly heartbeatPeriodMs?: number | undefined
  /** How long a leader may be silent, in milliseconds, above the period. Default: 1000. */
  readonly livenessWindowMs?: number | undefined
  /** How long to wait for answers before asking again, in milliseconds, > 0. Default: 200. */
  readonly retransmitIntervalMs?: number | undefined
  /**
   * How long close() waits for the transport and the disk, in milliseconds, > 0. Default: 10,000.
   */
  readonly closeTimeoutMs?: number | undefined
  /**
   * A snapshot is taken when the log has come past a multiple of this, >= 1. Every node then takes it
   * at the same slot: one that is slow holds up all nodes at once, and none misses another.
   * Default: 10,000.
   */
  readonly snapshotEveryEntries?: number | undefined
  /** And after so many bytes of them, >= 1. Default: 64 MiB. */
  readonly snapshotEveryBytes?: number | undefined
  /**
   * What the state may take, in bytes of its snapshot, from 1 to MAX_STATE_BYTES: past it, commands
   * are refused with StateTooLargeError. Default: MAX_STATE_BYTES, 896 MiB.
   */
  readonly maxStateBytes?: number | undefined
  /** A session that is idle for so long is expired, in milliseconds, > 0. Default: one hour. */
  readonly sessionTimeoutMs?: number | undefined
  /** Default: the clock of this machine. */
  readonly clock?: Clock | undefined
  /** Numbers in [0, 1), different on each node and in each run. Default: Math.random. */
  readonly random?: (() => number) | undefined
  /**
   * So many bytes that nobody can guess, for the names of sessions and the incarnation of a new disk.
   * Default: `crypto.getRandomValues`. Give another one only in tests that have to repeat themselves:
   * from one that repeats itself two disks would have one incarnation.
   */
  readonly randomBytes?: ((length: number) => Uint8Array) | undefined
  /** Takes measurements. Default: nobody does. */
  readonly metrics?: Metrics | undefined
  /** Takes what the node has to say in words. Default: nobody does. */
  readonly logger?: Logger | undefined
}

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
  /** What this node knows of each other member. */
  readonly peers: Readonly<Record<NodeId, PeerStatus>>
}

/** Something that happened to a node. */
export type ReplicaEvent =
  | { readonly type: 'leader-changed'; readonly leader: NodeId | null }
  | { readonly type: 'leadership-acquired'; readonly ballot: Ballot }
  | { readonly type: 'leadership-lost'; readonly ballot: Ballot }
  | SnapshotNotice
  /** The members on the disk are not those of the options. The disk is trusted. */
  | {
      readonly type: 'members-differ'
      readonly stored: readonly Member[]
      readonly given: readonly Member[]
    }
  | Notice
  /** The node had to stop by itself. It answers nothing any more. */
  | { readonly type: 'stopped'; readonly error: Error }
  | EventsLost

/** One node of a replicated state machine. */
export class Replica<Command = Json, Result = Json, Query = never, Answer = never> {
  readonly #node: ReplicaNode<Command, Result, Query, Answer>

  /**
   * Opens the durability, restores what it holds, and joins the cluster. Rejects with
   * InvalidArgumentError, with DecodeError when a snapshot is of another version, or with the error
   * of the adapter that would not open (a LockedError, a CorruptionError, a TransportError, …); then
   * nothing is left open.
   */
  static async open<Command = Json, Result = Json, Query = never, Answer = never>(
    options: ReplicaOptions<Command, Result, Query, Answer>,
  ): Promise<Replica<Command, Result, Query, Answer>> {
    return new Replica(await openReplicaNode(options))
  }

  private constructor(node: ReplicaNode<Command, Result, Query, Answer>) {
    this.#node = node
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
   * Leaves the cluster: hands leadership over, if it has it, waits for running saves, then releases
   * the transport and the disk. Who still waits is told with ClosedError. May be called again. Rejects
   * with CloseTimeoutError when that takes longer than `closeTimeoutMs`, because a save hangs, say:
   * this node is closed all the same, and the rest is released when it can be.
   */
  close(): Promise<void> {
    return this.#node.close()
  }
}
