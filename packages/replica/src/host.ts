/**
 * Drives an engine of core: feeds it frames, time and finished saves, and carries out its effects
 * in the order that core's `effects.ts` lays down. The only place where an engine meets a
 * transport and a disk. A message that rests on a save must never leave before it; when a save
 * fails, nothing leaves any more.
 */
import { DecodeError, PaxosError } from '@paxos/core'
import type { Change, Durability, Effects, Envelope, NodeId, Outgoing } from '@paxos/core'
import type { Transport } from '@paxos/core'
import { VALUE_OVERHEAD_BYTES } from '@paxos/core/multi'
import { decode, encode } from '@paxos/core/wire'
import type { Clock } from './clock.ts'
import { StoppedError } from './errors.ts'
import { MAX_RUNNING_SAVE_BYTES, MAX_RUNNING_SAVES, MAX_TIMEOUT_MS } from './limits.ts'

/** Everything that a frame may carry. */
type AnyMessage = Envelope['message']

/** Of an event the host looks at its type alone, to count what the engine does not believe. */
interface AnyEvent {
  readonly type: string
}

/** What the engines of core have in common. `M` are their messages, `E` their events. */
export interface Engine<M extends AnyMessage, E> {
  readonly nextTickAtMs: number | null
  receive(from: NodeId, message: M): Effects<Uint8Array, M, E>
  saved(): Effects<Uint8Array, M, E>
  tick(nowMs: number): Effects<Uint8Array, M, E>
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
  /** The disk is too far behind. */
  | 'overload'

/** Something that a node did, for logs, traces and tests. */
export type Observation<M, E> =
  | { readonly type: 'sent'; readonly to: NodeId; readonly message: M }
  | { readonly type: 'received'; readonly from: NodeId; readonly message: M }
  | { readonly type: 'saved'; readonly change: Change }
  | { readonly type: 'event'; readonly event: E }
  | { readonly type: 'dropped'; readonly reason: DropReason }

export interface HostOptions<M extends AnyMessage, E extends AnyEvent> {
  readonly cluster: string
  readonly id: NodeId
  /** Where each member listens, this node included. */
  readonly members: ReadonlyMap<NodeId, string>
  readonly engine: Engine<M, E>
  /** Whether a message is one of the engine's. */
  readonly understands: (message: AnyMessage) => message is M
  readonly transport: Transport
  readonly durability: Durability
  readonly clock: Clock
  /** Told of everything, as it happens. Must not throw: what it throws stops the node. */
  readonly observe: (observation: Observation<M, E>) => void
  /** The node had to stop by itself. Called once; never after close(). */
  readonly onStopped: (error: StoppedError) => void
}

/** Drives one engine until close(), or until something that must not fail does. */
export class Host<M extends AnyMessage, E extends AnyEvent> {
  readonly #options: HostOptions<M, E>
  readonly #peers: readonly NodeId[]
  readonly #dropped: Record<DropReason, number> = {
    malformed: 0,
    foreign: 0,
    stranger: 0,
    unbelievable: 0,
    overload: 0,
  }
  /** The input that is being carried out, then those that wait. */
  readonly #inputs: (() => Effects<Uint8Array, M, E>)[] = []
  #running = true
  #runningSaves = 0
  /** What the running saves have to write, but for snapshots, of which there are few. */
  #runningBytes = 0
  /** Resolves, never rejects, when every save so far is done with. */
  #lastSave: Promise<void> = Promise.resolve()
  #cancelTimer: (() => void) | null = null
  #closing: Promise<void> | null = null

  /** `options.durability` must be open already: its state is what the engine was made from. */
  constructor(options: HostOptions<M, E>) {
    this.#options = options
    this.#peers = [...options.members.keys()].filter((id) => id !== options.id)
  }

  /** How many frames were dropped, and why. */
  get dropped(): Readonly<Record<DropReason, number>> {
    return { ...this.#dropped }
  }

  /** Starts listening. When it rejects, nothing is left open. */
  async start(): Promise<void> {
    const { id, members, transport } = this.#options
    const peers = new Map([...members].filter(([peer]) => peer !== id))
    try {
      await transport.open({
        id,
        listen: members.get(id) ?? '',
        peers,
        receive: (from, frame) => this.#receive(from, frame),
      })
    } catch (error) {
      await this.close()
      throw error
    }
    this.input(() => NOTHING)
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

  /** Stops at once, then releases the transport and the disk. May be called again. */
  close(): Promise<void> {
    this.#halt()
    this.#closing ??= this.#release()
    return this.#closing
  }

  async #release(): Promise<void> {
    try {
      await this.#options.transport.close()
    } finally {
      await this.#options.durability.close()
    }
  }

  #carryOut(give: () => Effects<Uint8Array, M, E>): void {
    if (!this.#running) return
    try {
      this.#perform(this.#options.engine.tick(this.#options.clock.nowMs()))
      this.#perform(give())
      this.#scheduleTick()
    } catch (error) {
      this.#stop(error)
    }
  }

  #receive(from: NodeId, frame: Uint8Array): void {
    if (!this.#running) return
    if (this.#isDiskBehind) return this.#drop('overload')
    const envelope = decodeOrNull(frame)
    if (envelope === null) return this.#drop('malformed')
    if (envelope.cluster !== this.#options.cluster) return this.#drop('foreign')
    if (envelope.from !== from || !this.#peers.includes(from)) return this.#drop('stranger')
    const { message } = envelope
    if (!this.#options.understands(message)) return this.#drop('foreign')
    this.input(() => {
      this.#options.observe({ type: 'received', from, message })
      return this.#options.engine.receive(from, message)
    })
  }

  get #isDiskBehind(): boolean {
    return this.#runningSaves >= MAX_RUNNING_SAVES || this.#runningBytes >= MAX_RUNNING_SAVE_BYTES
  }

  #drop(reason: DropReason): void {
    this.#dropped[reason] += 1
    this.#options.observe({ type: 'dropped', reason })
  }

  #perform({ send, save, events }: Effects<Uint8Array, M, E>): void {
    for (const event of events) {
      this.#options.observe({ type: 'event', event })
      if (event.type === 'disbelieved') this.#drop('unbelievable')
    }
    for (const outgoing of send) this.#send(outgoing)
    if (save !== undefined) this.#save(save.change, save.then)
  }

  #save(change: Change, then: readonly Outgoing<Uint8Array, M>[]): void {
    this.#runningSaves += 1
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
    this.#runningSaves -= 1
    this.#runningBytes -= bytesOf(change)
    this.input(() => {
      this.#options.observe({ type: 'saved', change })
      for (const outgoing of then) this.#send(outgoing)
      return this.#options.engine.saved()
    })
  }

  #send({ to, message }: Outgoing<Uint8Array, M>): void {
    const { cluster, id, transport, observe } = this.#options
    const frame = encode({ cluster, from: id, message })
    for (const peer of to === 'all' ? this.#peers : [to]) {
      observe({ type: 'sent', to: peer, message })
      transport.send(peer, frame)
    }
  }

  #scheduleTick(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    const { engine, clock } = this.#options
    if (engine.nextTickAtMs === null) return
    const delayMs = Math.max(0, engine.nextTickAtMs - clock.nowMs())
    this.#cancelTimer = clock.schedule(Math.min(delayMs, MAX_TIMEOUT_MS), () => {
      this.input(() => NOTHING)
    })
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
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }
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
  if (cause instanceof PaxosError) return cause.message
  return `${cause instanceof Error ? cause.message : String(cause)}.`
}
