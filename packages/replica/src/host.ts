/**
 * Drives an engine of core: feeds it frames, time and finished saves, and carries out its effects
 * in the order that core's `effects.ts` lays down. The only place where an engine meets a
 * transport and a disk. A message that rests on a save must never leave before it; when a save
 * fails, nothing leaves any more.
 */
import { DecodeError, PaxosError } from '@paxos/core'
import type { Change, Durability, Effects, Envelope, NodeId, Outgoing } from '@paxos/core'
import type { Transport, TransportWarning } from '@paxos/core'
import { VALUE_OVERHEAD_BYTES } from '@paxos/core/multi'
import { decode, encode } from '@paxos/core/wire'
import { Attention } from './attention.ts'
import type { Clock } from './clock.ts'
import { StoppedError } from './errors.ts'
import { GREETING_INTERVAL_MS, MAX_RUNNING_SAVE_BYTES, MAX_RUNNING_SAVES } from './limits.ts'
import { MAX_TIMEOUT_MS, MEMBERS_ANSWER_INTERVAL_MS } from './limits.ts'
import { membersDigest } from './members-digest.ts'
import { PeerBook } from './peer-book.ts'
import type { PeerStatus } from './peer-book.ts'
import { Release } from './release.ts'
import { orNull, wordsOf } from './words.ts'

/** Everything that a frame may carry. */
type AnyMessage = Envelope['message']

/** What the host looks at of an event: to count what the engine does not believe, and whose it is. */
interface AnyEvent {
  readonly type: string
  /** Whose message it is about, where it is about one. */
  readonly from?: NodeId
}

/** What the engines of core have in common. `M` are their messages, `E` their events. */
export interface Engine<M extends AnyMessage, E> {
  readonly nextTickAtMs: number | null
  receive(from: NodeId, message: M): Effects<Uint8Array, M, E>
  saved(): Effects<Uint8Array, M, E>
  /** `awayMs` says for how long before now this node stood still: see Attention. */
  tick(nowMs: number, awayMs: number): Effects<Uint8Array, M, E>
}

const NOTHING: Effects<never, never, never> = { send: [], events: [] }

/** Why a frame was dropped. */
export type DropReason =
  /** Not an Envelope. */
  | 'malformed'
  /** From a node of another cluster, or one that runs another engine. */
  | 'foreign'
  /** From nobody in the members, or from another node than the transport says. */
  | 'stranger'
  /** No honest node would say it: it speaks for another, or names a number that is too far ahead. */
  | 'unbelievable'
  /** From a node that began with other members, or while there is one: see `isFresh`. */
  | 'members'
  /** The disk is too far behind. */
  | 'overload'

/** Something that a node did, for logs, traces and tests. */
export type Observation<M, E> =
  | { readonly type: 'sent'; readonly to: NodeId; readonly message: M }
  | { readonly type: 'received'; readonly from: NodeId; readonly message: M }
  | { readonly type: 'saved'; readonly change: Change }
  | { readonly type: 'event'; readonly event: E }
  | { readonly type: 'dropped'; readonly reason: DropReason }
  /** This node stood still for so long, and is back. */
  | { readonly type: 'away'; readonly ms: number }
  /** A frame of a node that began with other members. Told as often as it happens. */
  | { readonly type: 'members-differ'; readonly from: NodeId }
  /** What the transport wants an operator to know. Told as often as it happens. */
  | { readonly type: 'warned'; readonly warning: TransportWarning }

/** What the disk has not confirmed yet. */
export interface SavingStatus {
  /** How many saves run. */
  readonly saves: number
  /** What they have to write, in bytes, but for snapshots. */
  readonly bytes: number
  /** For how long the oldest of them has run, in milliseconds; 0 when none runs. */
  readonly forMs: number
}

/** Where each of the others listens that a node knows of: whoever is not here is a stranger. */
export type Peers = ReadonlyMap<NodeId, string>

export interface HostOptions<M extends AnyMessage, E extends AnyEvent> {
  readonly cluster: string
  readonly id: NodeId
  /** This node's: whoever expects another refuses it. */
  readonly incarnation: string
  /** Where this node listens. */
  readonly listen: string
  /** Where each of the others listens that this node knows of at first: see setPeers(). */
  readonly peers: Peers
  /** Those to whom goes what the engine says to all. */
  readonly all: () => Iterable<NodeId>
  /** The members that the log or the decree began with, for the digest in each frame. */
  readonly firstMembers: Iterable<NodeId>
  /**
   * Whether this node knows of no other members than those that it began with. Only then does it say
   * with which it began, and listen to what others say of theirs.
   */
  readonly knowsFirstMembersOnly: () => boolean
  readonly engine: Engine<M, E>
  /** Whether a message is one of the engine's. */
  readonly understands: (message: AnyMessage) => message is M
  /**
   * Whether this node knows nothing to be chosen. Then it takes part in nothing while a member is
   * there that began with other members: two lists can have majorities that do not meet.
   */
  readonly isFresh: () => boolean
  readonly transport: Transport
  readonly durability: Durability
  readonly clock: Clock
  /** The engine's. */
  readonly livenessWindowMs: number
  /** How long close() waits, in milliseconds. */
  readonly closeTimeoutMs: number
  /** Told of everything, as it happens. Must not throw: what it throws stops the node. */
  readonly observe: (observation: Observation<M, E>) => void
  /** The node had to stop by itself. Called once; never after close(). */
  readonly onStopped: (error: StoppedError) => void
}

/** Drives one engine until close(), or until something that must not fail does. */
export class Host<M extends AnyMessage, E extends AnyEvent> {
  readonly #options: HostOptions<M, E>
  #peers: Peers
  /** What the transport was told last; `null` while it is not open. */
  #told: Peers | null = null
  readonly #book: PeerBook
  readonly #membersDigest: number
  readonly #dropped: Record<DropReason, number> = {
    malformed: 0,
    foreign: 0,
    stranger: 0,
    unbelievable: 0,
    members: 0,
    overload: 0,
  }
  /** The input that is being carried out, then those that wait. */
  readonly #inputs: (() => Effects<Uint8Array, M, E>)[] = []
  readonly #attention: Attention
  #running = true
  /** When each running save was asked for, the oldest first. */
  readonly #savesAtMs: number[] = []
  /** What the running saves have to write, but for snapshots, of which there are few. */
  #runningBytes = 0
  /** Resolves, never rejects, when every save so far is done with. */
  #lastSave: Promise<void> = Promise.resolve()
  /** Of the next tick: when, and what cancels it. */
  #timer: { readonly atMs: number; readonly cancel: () => void } | null = null
  #cancelGreeting: (() => void) | null = null
  readonly #release: Release

  /** `options.durability` must be open already: its state is what the engine was made from. */
  constructor(options: HostOptions<M, E>) {
    this.#options = options
    this.#peers = options.peers
    this.#book = new PeerBook(this.#peers.keys())
    this.#release = new Release(options)
    this.#attention = new Attention(options.livenessWindowMs)
    this.#membersDigest = membersDigest(options.firstMembers)
  }

  /** What is known of each other member. */
  get peers(): Readonly<Record<NodeId, PeerStatus>> {
    const { transport, clock } = this.#options
    const peers = this.#book.status(transport, clock.nowMs())
    if (this.#running) return peers
    return Object.fromEntries(
      Object.entries(peers).map(([peer, status]) => {
        const connected = status.connected === null ? null : false
        return [peer, { ...status, connected }] as const
      }),
    )
  }

  /** When `count` of `among` had been heard last; `null` while fewer were ever heard. */
  heardAtMs(count: number, among: readonly NodeId[]): number | null {
    return this.#book.heardAtMs(count, among)
  }

  /** The peers that were heard since then. */
  heardSince(sinceMs: number): ReadonlySet<NodeId> {
    return this.#book.heardSince(sinceMs)
  }

  /** The peers, the one that was heard last first. */
  get lastHeardFirst(): readonly NodeId[] {
    return this.#book.lastHeardFirst
  }

  /**
   * Whom this node speaks with from now on, and where. The transport is told no incarnations: a node
   * whose disk was lost has to be heard to be told so, and it is the engine that counts no vote of
   * another incarnation than the one that is named.
   */
  setPeers(peers: Peers): void {
    this.#peers = peers
    this.#book.keep(peers.keys())
    if (this.#running) this.#tellPeers()
  }

  /** Tells the transport, unless it knows, or is not open yet. */
  #tellPeers(): void {
    const peers = this.#peers
    if (this.#told === null || sameAddresses(peers, this.#told)) return
    this.#told = peers
    this.#options.transport.setPeers(peers)
    this.#greet()
  }

  /** What the disk has not confirmed yet. */
  get saving(): SavingStatus {
    const nowMs = this.#options.clock.nowMs()
    const [oldestAtMs = nowMs] = this.#savesAtMs
    const forMs = Math.round(nowMs - oldestAtMs)
    return { saves: this.#savesAtMs.length, bytes: this.#runningBytes, forMs }
  }

  /** How many frames were dropped, and why. */
  get dropped(): Readonly<Record<DropReason, number>> {
    return { ...this.#dropped }
  }

  /** Starts listening. When it rejects, nothing is left open. */
  async start(): Promise<void> {
    const { cluster, id, incarnation, listen, transport } = this.#options
    const peers = this.#peers
    try {
      await transport.open({
        id,
        cluster,
        incarnation,
        listen,
        peers,
        receive: (from, frame) => this.#receive(from, frame),
        warn: (warning) => this.#running && this.#options.observe({ type: 'warned', warning }),
      })
    } catch (error) {
      await this.close()
      throw error
    }
    this.#told = peers
    if (this.#running) this.#tellPeers()
    this.input(() => NOTHING)
    this.#greet()
  }

  /**
   * Gives the engine the time and then an input, and carries out what comes of both. An input that
   * comes while another is being carried out (from inside `observe`, say) waits for its turn: the
   * saves must be asked for in the order of the inputs.
   */
  input(give: () => Effects<Uint8Array, M, E>): void {
    this.#inputs.push(give)
    if (this.#inputs.length > 1) return
    for (let next = this.#inputs[0]; next !== undefined; next = this.#inputs[0]) {
      this.#carryOut(next)
      this.#inputs.shift()
    }
  }

  /** Stops at once, then releases the transport and the disk: see Release. May be called again. */
  close(): Promise<void> {
    this.#halt()
    return this.#release.close()
  }

  #carryOut(give: () => Effects<Uint8Array, M, E>): void {
    if (!this.#running) return
    try {
      const nowMs = this.#options.clock.nowMs()
      const awayMs = this.#attention.look(nowMs, this.#options.clock.wallMs?.())
      if (awayMs > 0) this.#options.observe({ type: 'away', ms: awayMs })
      this.#perform(this.#options.engine.tick(nowMs, awayMs))
      this.#perform(give())
      this.#scheduleTick()
    } catch (error) {
      this.#stop(error)
    }
  }

  #receive(from: NodeId, frame: Uint8Array): void {
    if (!this.#running) return
    if (this.#isDiskBehind) return this.#drop('overload', from)
    const envelope = decodeOrNull(frame)
    if (envelope === null) return this.#drop('malformed', from)
    if (envelope.cluster !== this.#options.cluster) return this.#drop('foreign', from)
    if (envelope.from !== from || !this.#book.has(from)) return this.#drop('stranger', from)
    const { message, membersDigest: theirs = this.#membersDigest } = envelope
    const isComparable = this.#options.knowsFirstMembersOnly()
    if (isComparable && theirs !== this.#membersDigest) return this.#refuse(from)
    const nowMs = this.#options.clock.nowMs()
    if (message.type === 'hello') return this.#book.heard(from, nowMs)
    if (!this.#options.understands(message)) return this.#drop('foreign', from)
    this.#book.heard(from, nowMs)
    // Who says nothing of the first members is of a cluster that runs: with him nothing begins.
    const isOfFirst = isComparable && envelope.membersDigest !== undefined
    if (this.#options.isFresh() && isOfFirst && this.#book.hasDiffering(nowMs)) {
      return this.#drop('members', from)
    }
    this.input(() => {
      this.#options.observe({ type: 'received', from, message })
      return this.#options.engine.receive(from, message)
    })
  }

  get #isDiskBehind(): boolean {
    return (
      this.#savesAtMs.length >= MAX_RUNNING_SAVES || this.#runningBytes >= MAX_RUNNING_SAVE_BYTES
    )
  }

  /** A node began with other members. It is told, and so is whoever watches this node. */
  #refuse(from: NodeId): void {
    const isDue = this.#book.differs(from, this.#options.clock.nowMs(), MEMBERS_ANSWER_INTERVAL_MS)
    this.#drop('members', from)
    this.#options.observe({ type: 'members-differ', from })
    if (isDue) this.#hello(from)
  }

  #drop(reason: DropReason, from: NodeId | null): void {
    this.#dropped[reason] += 1
    if (from !== null) this.#book.dropped(from)
    if (from !== null && reason === 'foreign') this.#book.foreign(from, this.#options.clock.nowMs())
    this.#options.observe({ type: 'dropped', reason })
  }

  /**
   * Members that differ must be found before anything is chosen, and an engine may have nothing to
   * say before that: until something is, whoever was not heard is greeted.
   */
  #greet(): void {
    this.#cancelGreeting?.()
    this.#cancelGreeting = null
    const { silent } = this.#book
    if (!this.#running || silent.length === 0 || !this.#options.isFresh()) return
    for (const peer of silent) this.#hello(peer)
    this.#cancelGreeting = this.#options.clock.schedule(GREETING_INTERVAL_MS, () => this.#greet())
  }

  #hello(peer: NodeId): void {
    this.#give(peer, this.#frame({ type: 'hello' }))
  }

  /**
   * What leaves at once leaves before anything is saved. Only where events are to be told the save begins
   * before them: what they lead to takes longer than to hand it over. But a snapshot is saved when the
   * state has been made of it, for one that cannot be restored must not be what the next start finds.
   */
  #perform({ send, save, events }: Effects<Uint8Array, M, E>): void {
    const isSavedFirst =
      events.length > 0 && save !== undefined && save.change.snapshot === undefined
    if (isSavedFirst) this.#save(save.change, save.then)
    for (const event of events) {
      this.#options.observe({ type: 'event', event })
      if (event.type === 'disbelieved') this.#drop('unbelievable', event.from ?? null)
    }
    for (const outgoing of send) this.#send(outgoing)
    if (save !== undefined && !isSavedFirst) this.#save(save.change, save.then)
  }

  #save(change: Change, then: readonly Outgoing<Uint8Array, M>[]): void {
    this.#savesAtMs.push(this.#options.clock.nowMs())
    this.#runningBytes += bytesOf(change)
    const durable = this.#options.durability.save(change)
    // An adapter may resolve a group in any order; the engine counts its saves in theirs.
    this.#lastSave = this.#afterSave(Promise.all([this.#lastSave, durable]), change, then)
  }

  async #afterSave(
    durable: Promise<unknown>,
    change: Change,
    then: readonly Outgoing<Uint8Array, M>[],
  ): Promise<void> {
    try {
      await durable
    } catch (error) {
      return this.#stop(error)
    }
    this.#savesAtMs.shift()
    this.#runningBytes -= bytesOf(change)
    this.input(() => {
      this.#options.observe({ type: 'saved', change })
      for (const outgoing of then) this.#send(outgoing)
      return this.#options.engine.saved()
    })
  }

  #send({ to, message }: Outgoing<Uint8Array, M>): void {
    const frame = this.#frame(message)
    for (const peer of to === 'all' ? this.#options.all() : [to]) {
      if (peer === this.#options.id) continue
      this.#options.observe({ type: 'sent', to: peer, message })
      this.#give(peer, frame)
    }
  }

  #frame(message: AnyMessage): Uint8Array {
    const { cluster, id } = this.#options
    if (!this.#options.knowsFirstMembersOnly()) return encode({ cluster, from: id, message })
    return encode({ cluster, from: id, membersDigest: this.#membersDigest, message })
  }

  #give(peer: NodeId, frame: Uint8Array): void {
    this.#book.sent(peer)
    this.#options.transport.send(peer, frame)
  }

  /** A timer that would fire too early stays: most inputs put off what it is for. */
  #scheduleTick(): void {
    const { engine, clock } = this.#options
    const atMs = this.#attention.nextLookAtMs(engine.nextTickAtMs)
    if (atMs !== null && this.#timer !== null && this.#timer.atMs <= atMs) return
    this.#cancelTimer()
    if (atMs === null) return
    const delayMs = Math.min(Math.max(0, atMs - clock.nowMs()), MAX_TIMEOUT_MS)
    const cancel = clock.schedule(delayMs, () => {
      this.#timer = null
      this.input(() => NOTHING)
    })
    this.#timer = { atMs, cancel }
  }

  #cancelTimer(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #stop(cause: unknown): void {
    if (!this.#running) return
    this.#halt()
    const error = new StoppedError(
      `Node ${JSON.stringify(this.#options.id)} has stopped: ${describe(cause)} ` +
        'Once that is mended, start the node again from the same durability.',
      { cause },
    )
    // Releasing may fail for the same reason as the save did; close() tells whoever asks.
    this.close().catch(() => undefined)
    this.#options.onStopped(error)
  }

  #halt(): void {
    this.#running = false
    this.#cancelTimer()
    this.#cancelGreeting?.()
    this.#cancelGreeting = null
  }
}

function sameAddresses(a: Peers, b: Peers): boolean {
  return a.size === b.size && [...a].every(([id, address]) => b.get(id) === address)
}

/** What a change has to write, without its snapshot. */
function bytesOf({ accepted = [] }: Change): number {
  return accepted.reduce((sum, { value }) => sum + value.byteLength + VALUE_OVERHEAD_BYTES, 0)
}

function decodeOrNull(frame: Uint8Array): ReturnType<typeof decode> | null {
  try {
    return decode(frame)
  } catch (error) {
    if (error instanceof DecodeError) return null
    throw error
  }
}

function describe(cause: unknown): string {
  if (orNull(() => cause instanceof PaxosError) === true) return wordsOf(cause)
  return `${wordsOf(cause)}.`
}
