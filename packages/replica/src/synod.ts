/**
 * Synod: a few nodes agree on one value, once. Composes a HeartbeatNode of core with a transport, a
 * durability adapter and a clock. (The Synod is the single-decree parliament of Lamport's
 * Part-Time Parliament, §2.) It must never report a value that is not chosen.
 */
import {
  DecodeError,
  majority,
  MAX_VALUE_BYTES,
  requireFunction,
  requireMethods,
  requireOptions,
} from '@paxos/core'
import type { Durability, Envelope, Event, Message, NodeId, Opened, Transport } from '@paxos/core'
import { HeartbeatNode } from '@paxos/core/functional'
import { requireLogger, requireWait } from './arguments.ts'
import type { Clock } from './clock.ts'
import { encodeReadably, json } from './codec.ts'
import type { Codec, Json } from './codec.ts'
import { COMMON_OPTIONS, commonSettingsOf } from './common-options.ts'
import type { CommonSettings } from './common-options.ts'
import { ClosedError, ValueTooLargeError } from './errors.ts'
import { Host } from './host.ts'
import type { DropReason, Observation, SavingStatus } from './host.ts'
import { without } from './members.ts'
import { Outcome } from './outcome.ts'
import type { WaitOptions } from './outcome.ts'
import type { PeerStatus } from './peer-book.ts'
import { incarnationsOf, platformRandomBytes } from './random-bytes.ts'
import { noLogger, noMetrics } from './telemetry.ts'
import type { Logger } from './telemetry.ts'
import { Watch } from './watch.ts'
import type { Notice } from './watch.ts'

/** Something that a node did, for logs, traces and tests. */
export type SynodObservation =
  | Observation<Message<Uint8Array>, Event<Uint8Array>>
  | { readonly type: 'notice'; readonly notice: Notice }

export interface SynodOptions<V = Json> {
  /** The name of the cluster, up to 255 bytes; frames of others are dropped. Default: 'paxos'. */
  readonly cluster?: string | undefined
  /** This node: one of the members. */
  readonly id: NodeId
  /** Every node of the cluster, this one included, and where it listens. The same on all nodes. */
  readonly members: Readonly<Record<NodeId, string>>
  /** How frames travel. A fresh adapter: it is opened here, and closed by close(). */
  readonly transport: Transport
  /** Where promises are kept. A fresh adapter: it is opened here, and closed by close(). */
  readonly durability: Durability
  /** Values to bytes and back, the same on all nodes. Default: JSON. */
  readonly codec?: Codec<V> | undefined
  /** How often a leader sends a heartbeat, in milliseconds, > 0. Default: 200. */
  readonly heartbeatPeriodMs?: number | undefined
  /** How long a leader may be silent, in milliseconds, above the period. Default: 1000. */
  readonly livenessWindowMs?: number | undefined
  /** How long to wait for answers before asking again, in milliseconds, > 0. Default: 200. */
  readonly retransmitIntervalMs?: number | undefined
  /** How long close() waits for the transport and the disk, in milliseconds, > 0. Default: 10,000. */
  readonly closeTimeoutMs?: number | undefined
  /** Takes what an operator should know, in words. Default: nobody does. */
  readonly logger?: Logger | undefined
  /** Told of every message, save, event, dropped frame and notice, as it happens. Must not throw. */
  readonly observe?: ((observation: SynodObservation) => void) | undefined
  /** Default: the clock of this machine. */
  readonly clock?: Clock | undefined
  /** Numbers in [0, 1), for jitter; no safety rests on them. Default: Math.random. */
  readonly random?: (() => number) | undefined
}

/** What a node knows of itself. */
export interface SynodStatus {
  readonly id: NodeId
  /** What it is doing about leading; 'closed' from close() on, 'stopped' once it had to stop. */
  readonly phase: 'idle' | 'preparing' | 'leading' | 'closed' | 'stopped'
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
  /** What the disk has not confirmed yet. */
  readonly saving: SavingStatus
  /** What this node knows of each other member. */
  readonly peers: Readonly<Record<NodeId, PeerStatus>>
}

/** One node of a cluster that agrees on one value. */
export class Synod<V = Json> {
  readonly #engine: HeartbeatNode<Uint8Array>
  readonly #host: Host<Message<Uint8Array>, Event<Uint8Array>>
  readonly #codec: Codec<V>
  readonly #outcome: Outcome<V>
  readonly #watch: Watch
  #over: 'closed' | 'stopped' | null = null

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
    const settings = settingsOf(options)
    const { cluster, id, durability } = settings
    const drawIncarnation = incarnationsOf(platformRandomBytes)
    const saved = await durability.open({ cluster, id, kind: 'decree', drawIncarnation })
    let synod: Synod<V>
    try {
      synod = new Synod(settings, saved)
    } catch (error) {
      await settings.durability.close()
      throw error
    }
    await synod.#host.start()
    if (synod.#over === null) synod.#watch.start()
    return synod
  }

  private constructor(settings: SynodSettings<V>, saved: Opened) {
    const { cluster, id, members, clock, random, transport, durability, observe } = settings
    this.#codec = settings.codec
    this.#engine = new HeartbeatNode({
      ...settings.timing,
      id,
      quorums: majority(members.keys()),
      saved,
      isValue: (value) => canDecode(this.#codec, value),
      random,
    })
    this.#outcome = new Outcome(clock)
    this.chosen = this.#outcome.wait()
    this.chosen.catch(() => undefined)
    this.#host = new Host({
      cluster,
      id,
      incarnation: saved.identity?.incarnation ?? '',
      listen: members.get(id) ?? '',
      peers: without(id, members),
      all: () => members.keys(),
      firstMembers: members.keys(),
      knowsFirstMembersOnly: () => true,
      engine: this.#engine,
      understands: isMessage,
      isFresh: () => this.#engine.chosen === null,
      transport,
      durability,
      clock,
      livenessWindowMs: settings.timing.livenessWindowMs,
      closeTimeoutMs: settings.closeTimeoutMs,
      observe: (observation) => {
        observe(observation)
        if (observation.type === 'members-differ') this.#watch.membersDiffer(observation.from)
        else if (observation.type === 'warned') this.#watch.warned(observation.warning)
        else if (observation.type === 'event' && observation.event.type === 'chosen') {
          this.#learnt(observation.event.value)
        }
      },
      onStopped: (error) => {
        settings.logger.error('stopped', { error })
        this.#end('stopped', error)
      },
    })
    this.#watch = new Watch({
      watched: this.#host,
      id,
      voters: () => [...members.keys()],
      // Once the value is known, nobody need be heard.
      isLeaderless: () => this.#engine.leader === null && this.#engine.chosen === null,
      livenessWindowMs: settings.timing.livenessWindowMs,
      clock,
      logger: settings.logger,
      metrics: noMetrics,
      tell: (notice) => observe({ type: 'notice', notice }),
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
    requireWait('propose', options)
    const bytes = encodeReadably(this.#codec, value)
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
    requireWait('learn', options)
    return await this.#outcome.wait(options)
  }

  /** What this node knows of itself, now. */
  status(): SynodStatus {
    const { id, phase, leader, chosen, holders } = this.#engine
    const { dropped, peers, saving } = this.#host
    return {
      id,
      phase: this.#over ?? phase,
      leader: this.#over === null ? leader : null,
      isChosen: chosen !== null,
      holders: [...holders],
      dropped,
      saving,
      peers,
    }
  }

  /**
   * Leaves the cluster: waits for running saves, then releases the transport and the disk. Who
   * still waits is told with ClosedError. May be called again. Rejects with CloseTimeoutError when
   * that takes longer than `closeTimeoutMs`: this node is closed all the same.
   */
  async close(): Promise<void> {
    const text = 'The node was closed. The outcome is unknown: open it again to learn it.'
    this.#end('closed', new ClosedError(text))
    await this.#host.close()
  }

  #end(how: 'closed' | 'stopped', error: Error): void {
    if (this.#over !== null) return
    this.#over = how
    this.#watch.stop()
    this.#outcome.reject(error)
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

/** Options with their defaults. */
interface SynodSettings<V> extends CommonSettings {
  readonly codec: Codec<V>
  readonly logger: Logger
  readonly observe: (observation: SynodObservation) => void
}

const OPTIONS = [
  ...COMMON_OPTIONS,
  'codec',
  'logger',
  'observe',
] as const satisfies readonly (keyof SynodOptions)[]

/** Throws InvalidArgumentError for options that can never work. */
function settingsOf<V>(options: SynodOptions<V>): SynodSettings<V> {
  requireOptions('Synod.open', options, OPTIONS)
  const { codec = json<V>(), logger = noLogger, observe = () => undefined } = options
  requireMethods('codec', codec, ['encode', 'decode'], 'an object with both, such as json()')
  requireLogger(logger)
  requireFunction('observe', observe)
  return { ...commonSettingsOf(options), codec, logger, observe }
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
