/**
 * What a replica is opened with, and what an option that is left out stands for. Only types: what may
 * be given is checked in replica-settings.ts.
 */
import type { Durability, NodeId, Transport } from '@paxos/core'
import type { LeaseRule } from '@paxos/core/multi'
import type { Clock } from './clock.ts'
import type { Codec, Json } from './codec.ts'
import type { AnyStateMachine } from './state-machine.ts'
import type { Logger, Metrics } from './telemetry.ts'

/** A lease, as it may be given. */
export type LeaseOptions = { readonly [Name in keyof LeaseRule]?: LeaseRule[Name] | undefined }

export interface ReplicaOptions<Command = Json, Result = Json, Query = never, Answer = never> {
  /** The name of the cluster, up to 255 bytes; frames of others are dropped. Default: 'paxos'. */
  readonly cluster?: string | undefined
  /** This node: one of `members`. */
  readonly id: NodeId
  /**
   * Of a new cluster: every node, this one included, and where it listens; the same on all nodes. A
   * node that joins a cluster, or was started before, learns the members from it: then these are where
   * it listens, and some others by which it finds the rest.
   */
  readonly members: Readonly<Record<NodeId, string>>
  /** How frames travel. A fresh adapter: it is opened here, and closed by close(). */
  readonly transport: Transport
  /** Where promises and the log are kept. A fresh adapter, opened here and closed by close(). */
  readonly durability: Durability
  /** What is replicated: one for this node, in its state before any command. */
  readonly stateMachine: AnyStateMachine<Command, Result, Query, Answer>
  /** Commands to bytes and back, the same on all nodes. Default: that of the state machine, or JSON. */
  readonly commandCodec?: Codec<Command> | undefined
  /**
   * Results to bytes and back, for answering a retry; the same on all nodes. Default: that of the state
   * machine, or JSON, or nothing at all.
   */
  readonly resultCodec?: Codec<Result> | undefined
  /**
   * That this disk is empty because it never held anything, and no other disk of this node was ever
   * in use in this cluster: the node votes at once, and does not wait for the word of all others. If
   * that is not so, writes that were acknowledged may be lost, and nodes differ for ever. Only a first
   * start asks for it, and only where a member cannot come. Default: false.
   */
  readonly trustEmptyDisk?: boolean | undefined
  /**
   * With a first start: that leaders have a lease, and 'lease' reads ask no quorum while it holds. It
   * rests on clocks, and on nothing else that the rest does not rest on: no clock of the cluster may run
   * faster or slower than time by more than `maxDriftPpm` parts of a million (500 to 250,000; default:
   * 10,000, which is 1 %). A node that was restarted neither leads nor lets anybody else lead for
   * `durationMs`, whole milliseconds (default: four fifths of the liveness window). The same on all nodes. A cluster that
   * runs has what its log says: see changeMembers(). Default: none.
   */
  readonly lease?: LeaseOptions | undefined
  /**
   * How often a leader sends a heartbeat, in milliseconds, > 0. Default: 200. Which values suit a
   * network is in docs/operating.md: at most a fifth of the window, so that some may be lost.
   */
  readonly heartbeatPeriodMs?: number | undefined
  /**
   * How long a leader may be silent, in milliseconds, above the period; a multiple of the longest
   * round trip: 4 or more. Jitter makes it up to half as long again. Default: 1000.
   */
  readonly livenessWindowMs?: number | undefined
  /**
   * How long to wait for answers before asking again, in milliseconds, > 0; a round trip with two
   * syncs, or more. Default: 200.
   */
  readonly retransmitIntervalMs?: number | undefined
  /**
   * How long close() waits for the transport and the disk, in milliseconds, > 0. Default: 10,000.
   */
  readonly closeTimeoutMs?: number | undefined
  /**
   * A snapshot is taken when the log has come past a multiple of this, >= 1, or past a multiple of 16
   * times as many commands, where a slot holds many. Every node then takes it at the same slot: one
   * that is slow holds up all nodes at once, and none misses another.
   * Default: 10,000.
   */
  readonly snapshotEveryEntries?: number | undefined
  /** And after so many bytes of them, >= 1. Default: 64 MiB. */
  readonly snapshotEveryBytes?: number | undefined
  /**
   * What the state may take, in bytes of its snapshot, from 1 to MAX_STATE_BYTES, or with a
   * StreamedStateMachine to MAX_STREAMED_STATE_BYTES: past it, commands are refused with
   * StateTooLargeError. Also bounds what a node takes on the word of another: give the same on all
   * nodes. Above MAX_STATE_BYTES it needs a durability adapter that stages snapshots. Default:
   * MAX_STATE_BYTES, 896 MiB.
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
