/**
 * Synod: a few nodes agree on one value, once. Composes a HeartbeatNode of core with a transport, a
 * durability adapter and a clock. (The Synod is the single-decree parliament of Lamport's
 * Part-Time Parliament, §2.) It must never report a value that is not chosen.
 */
import { DecodeError, majority, MAX_VALUE_BYTES } from '@paxos/core'
import type { Durability, Envelope, Event, Message, NodeId, Saved, Transport } from '@paxos/core'
import { HeartbeatNode } from '@paxos/core/functional'
import { platformClock } from './clock.ts'
import type { Clock } from './clock.ts'
import { json } from './codec.ts'
import type { Codec, Json } from './codec.ts'
import { ClosedError, ValueTooLargeError } from './errors.ts'
import { Host } from './host.ts'
import type { DropReason, Observation } from './host.ts'
import { drawIncarnation } from './incarnation.ts'
import { DEFAULT_CLUSTER, requireMembers } from './members.ts'
import { Outcome } from './outcome.ts'
import type { WaitOptions } from './outcome.ts'

/** Something that a node did, for logs, traces and tests. */
export type SynodObservation = Observation<Message<Uint8Array>, Event<Uint8Array>>

export interface SynodOptions<V = Json> {
  /** The name of the cluster, up to 255 bytes; frames of others are dropped. Default: 'paxos'. */
  readonly cluster?: string
  /** This node: one of the members. */
  readonly id: NodeId
  /** Every node of the cluster, this one included, and where it listens. The same on all nodes. */
  readonly members: Readonly<Record<NodeId, string>>
  /** How frames travel. A fresh adapter: it is opened here, and closed by close(). */
  readonly transport: Transport
  /** Where promises are kept. A fresh adapter: it is opened here, and closed by close(). */
  readonly durability: Durability
  /** Values to bytes and back, the same on all nodes. Default: JSON. */
  readonly codec?: Codec<V>
  /** How often a leader sends a heartbeat, in milliseconds, > 0. Default: 200. */
  readonly heartbeatPeriodMs?: number | undefined
  /** How long a leader may be silent, in milliseconds, above the period. Default: 1000. */
  readonly livenessWindowMs?: number | undefined
  /** How long to wait for answers before asking again, in milliseconds, > 0. Default: 200. */
  readonly retransmitIntervalMs?: number | undefined
  /** Told of every message, save, event and dropped frame, as it happens. Must not throw. */
  readonly observe?: (observation: SynodObservation) => void
  /** Default: the clock of this machine. */
  readonly clock?: Clock
  /** Numbers in [0, 1), for jitter; no safety rests on them. Default: Math.random. */
  readonly random?: () => number
}

/** What a node knows of itself. */
export interface SynodStatus {
  readonly id: NodeId
  /** What this node is doing about leading. */
  readonly phase: 'idle' | 'preparing' | 'leading'
  /** The node that leads as far as this one knows, itself included. */
  readonly leader: NodeId | null
  /** Whether the chosen value is known here. */
  readonly isChosen: boolean
  /**
   * The nodes that are known to have the chosen value on stable storage, by their acceptances that
   * were heard since this node started. There may be more.
   */
  readonly holders: readonly NodeId[]
  /** How many frames were dropped, and why. */
  readonly dropped: Readonly<Record<DropReason, number>>
}

/** One node of a cluster that agrees on one value. */
export class Synod<V = Json> {
  readonly #engine: HeartbeatNode<Uint8Array>
  readonly #host: Host<Message<Uint8Array>, Event<Uint8Array>>
  readonly #codec: Codec<V>
  readonly #outcome: Outcome<V>

  /**
   * The chosen value. Rejects with ClosedError or StoppedError when this node ends without knowing
   * it, and with DecodeError when the codec cannot read it. Nobody need listen.
   */
  readonly chosen: Promise<V>

  /**
   * Opens the durability, takes up what it holds, and joins the cluster. Rejects with
   * InvalidArgumentError, or with the error of the adapter that would not open (a LockedError, a
   * CorruptionError, a TransportError, …); then nothing is left open.
   */
  static async open<V = Json>(options: SynodOptions<V>): Promise<Synod<V>> {
    const { cluster = DEFAULT_CLUSTER, id } = options
    const members = requireMembers(cluster, id, options.members)
    const saved = await options.durability.open({ cluster, id, kind: 'decree', drawIncarnation })
    let synod: Synod<V>
    try {
      synod = new Synod(options, members, saved)
    } catch (error) {
      await options.durability.close()
      throw error
    }
    await synod.#host.start()
    return synod
  }

  private constructor(
    options: SynodOptions<V>,
    members: ReadonlyMap<NodeId, string>,
    saved: Saved,
  ) {
    const { cluster = DEFAULT_CLUSTER, clock = platformClock, observe } = options
    this.#codec = options.codec ?? json()
    this.#engine = new HeartbeatNode({
      id: options.id,
      quorums: majority(members.keys()),
      saved,
      isValue: (value) => canDecode(this.#codec, value),
      heartbeatPeriodMs: options.heartbeatPeriodMs,
      livenessWindowMs: options.livenessWindowMs,
      retransmitIntervalMs: options.retransmitIntervalMs,
      random: options.random ?? Math.random,
    })
    this.#outcome = new Outcome(clock)
    this.chosen = this.#outcome.wait()
    this.chosen.catch(() => undefined)
    this.#host = new Host({
      cluster,
      id: options.id,
      members,
      engine: this.#engine,
      understands: isMessage,
      transport: options.transport,
      durability: options.durability,
      clock,
      observe: (observation) => {
        observe?.(observation)
        if (observation.type !== 'event' || observation.event.type !== 'chosen') return
        this.#learnt(observation.event.value)
      },
      onStopped: (error) => this.#outcome.reject(error),
    })
    if (this.#engine.chosen !== null) this.#learnt(this.#engine.chosen.value)
  }

  /**
   * Wants `value` to be chosen, and resolves with the value that is: this one, or somebody else's.
   * The first value that is proposed on a node stands for it; another one only waits. Giving up
   * does not take the value back: it may still be chosen.
   *
   * Rejects with ValueTooLargeError or InvalidArgumentError before anything is sent; with
   * TimeoutError or the signal's reason, after which the outcome is unknown; with ClosedError or
   * StoppedError.
   */
  async propose(value: V, options: WaitOptions = {}): Promise<V> {
    const bytes = this.#codec.encode(value)
    if (bytes.byteLength > MAX_VALUE_BYTES) {
      throw new ValueTooLargeError(
        `The value takes ${bytes.byteLength} bytes, and ${MAX_VALUE_BYTES} fit into a frame. ` +
          'Store it elsewhere, and agree on where it is.',
      )
    }
    const chosen = this.#outcome.wait(options)
    this.#host.input(() => this.#engine.propose(bytes))
    return await chosen
  }

  /** Resolves with the chosen value, without proposing one. Gives up as propose does. */
  async learn(options: WaitOptions = {}): Promise<V> {
    return await this.#outcome.wait(options)
  }

  /** What this node knows of itself, now. */
  status(): SynodStatus {
    const { id, phase, leader, chosen, holders } = this.#engine
    const { dropped } = this.#host
    return { id, phase, leader, isChosen: chosen !== null, holders: [...holders], dropped }
  }

  /**
   * Leaves the cluster: waits for running saves, then releases the transport and the disk. Who
   * still waits is told with ClosedError. May be called again.
   */
  async close(): Promise<void> {
    this.#outcome.reject(
      new ClosedError('The node was closed. The outcome is unknown: open it again to learn it.'),
    )
    await this.#host.close()
  }

  #learnt(bytes: Uint8Array): void {
    try {
      this.#outcome.resolve(this.#codec.decode(bytes))
    } catch (cause) {
      const message =
        'A value is chosen that the codec cannot read. Give every node of the cluster the same codec.'
      this.#outcome.reject(new DecodeError(message, { cause }))
    }
  }
}

function canDecode(codec: Codec<unknown>, bytes: Uint8Array): boolean {
  try {
    codec.decode(bytes)
    return true
  } catch {
    return false
  }
}

/** Every message of a single decree; those of a log are for other engines. */
const TYPES: Readonly<Record<Message<Uint8Array>['type'], true>> = {
  prepare: true,
  promise: true,
  accept: true,
  accepted: true,
  nack: true,
  propose: true,
  heartbeat: true,
  proclamation: true,
  learn: true,
  chosen: true,
}

function isMessage(message: Envelope['message']): message is Message<Uint8Array> {
  return Object.hasOwn(TYPES, message.type)
}
