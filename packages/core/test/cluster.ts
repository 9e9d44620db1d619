/**
 * Runs a set of engines over a simulated network, disks and clock. Nothing happens by itself: the
 * test delivers, loses, duplicates, saves, crashes and moves the clock, and after every step
 * everything in `safety.ts` is checked. A failure shows the last steps. Every message and every
 * save is copied, so that no identity survives.
 */
import type { Effects, Message, NodeId, Outgoing, Proposal } from '@paxos/core'
import type { QuorumSystem, Saved } from '@paxos/core'
import { isMultiPaxosMessage } from '@paxos/core/multi'
import { decode, encode } from '@paxos/core/wire'
import { Disk } from './disk.ts'
import { Safety } from './safety.ts'
import { showChange, showEvent, showValue, Trace } from './trace.ts'

/** What Node, HeartbeatNode and ExternalNode share. */
export interface Engine<V> {
  readonly chosen: Proposal<V> | null
  readonly nextTickAtMs: number | null
  propose(value: V): Effects<V>
  receive(from: NodeId, message: Message<V>): Effects<V>
  saved(): Effects<V>
  tick(nowMs: number): Effects<V>
}

/** A message on the network. */
export interface Letter<V> {
  readonly from: NodeId
  readonly to: NodeId
  readonly message: Message<V>
}

export interface ClusterOptions<V, E extends Engine<V>> {
  readonly ids: readonly NodeId[]
  readonly quorums: QuorumSystem
  /** Builds an engine from what its disk holds. `life` counts its starts from 1. */
  readonly create: (id: NodeId, saved: Saved<V>, life: number) => E
  /** How a message travels. Default: as a structured clone. */
  readonly carry?: (from: NodeId, message: Message<V>) => Message<V>
}

interface Host<V, E> {
  readonly disk: Disk<V>
  /** What leaves when each running save is durable. */
  readonly then: (readonly Outgoing<V>[])[]
  engine: E | null
  life: number
}

/** How many lines a failure shows. */
const SHOWN_LINES = 40

/** More steps than any quiet cluster needs to come to rest. */
const MAX_STEPS_TO_REST = 10_000

export class Cluster<V, E extends Engine<V>> {
  readonly ids: readonly NodeId[]
  readonly trace = new Trace()
  readonly safety: Safety<V>
  readonly inFlight: Letter<V>[] = []
  readonly #options: ClusterOptions<V, E>
  readonly #hosts = new Map<NodeId, Host<V, E>>()
  #nowMs = 0

  constructor(options: ClusterOptions<V, E>) {
    this.#options = options
    this.ids = options.ids
    this.safety = new Safety(options.quorums)
    for (const id of options.ids) {
      this.#hosts.set(id, { disk: new Disk(), then: [], engine: null, life: 0 })
      this.#start(id)
    }
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** The nodes that are not crashed. */
  get running(): readonly NodeId[] {
    return this.ids.filter((id) => this.#host(id).engine !== null)
  }

  engine(id: NodeId): E {
    const { engine } = this.#host(id)
    if (engine === null) throw new Error(`${id} is crashed`)
    return engine
  }

  disk(id: NodeId): Disk<V> {
    return this.#host(id).disk
  }

  /** Gives the engine the time and then an input, and carries out the effects of both. */
  input(id: NodeId, what: string, input: (engine: E) => Effects<V>): void {
    this.#step(() => {
      if (what !== '') this.trace.at(id, what)
      this.#tick(id)
      this.#carryOut(id, input(this.engine(id)))
    })
  }

  propose(id: NodeId, value: V): void {
    this.safety.proposed(value)
    this.input(id, `proposes ${showValue(value)}`, (engine) => engine.propose(value))
  }

  /** The message in flight that `index` counts to arrives. It is lost if its receiver is crashed. */
  deliver(index = 0): void {
    const letter = this.#take(index)
    if (this.#host(letter.to).engine === null) {
      return this.trace.message(letter.from, '✗', letter.to, letter.message)
    }
    this.trace.message(letter.from, '→', letter.to, letter.message)
    this.input(letter.to, '', (engine) => engine.receive(letter.from, letter.message))
  }

  /** The message in flight that `index` counts to is lost. */
  lose(index = 0): void {
    const { from, to, message } = this.#take(index)
    this.trace.message(from, '✗', to, message)
  }

  /** The message in flight that `index` counts to will arrive once more, after all others. */
  duplicate(index = 0): void {
    const letter = this.#take(index)
    this.inFlight.splice(index, 0, letter)
    this.inFlight.push(structuredClone(letter))
  }

  /** Where the oldest message of this description is in flight. */
  find(from: NodeId, to: NodeId, type: Message<V>['type']): number {
    const index = this.inFlight.findIndex(
      (letter) => letter.from === from && letter.to === to && letter.message.type === type,
    )
    if (index < 0) throw new Error(`no ${type} is in flight from ${from} to ${to}`)
    return index
  }

  /** The oldest running save of `id` becomes durable, and the engine is told. */
  completeSave(id: NodeId): void {
    this.#step(() => {
      this.#makeDurable(id)
      const { disk, then } = this.#host(id)
      const released = then.shift() ?? []
      for (const each of released) this.safety.released(id, each, disk.saved)
      this.#send(id, released)
      this.#tick(id)
      this.#carryOut(id, this.engine(id).saved())
    })
  }

  /** The node stops. Of its running saves the oldest `reached` are on disk, though nobody knows. */
  crash(id: NodeId, reached = 0): void {
    this.#step(() => {
      const host = this.#host(id)
      this.trace.at(id, 'crashes')
      for (let count = 0; count < reached && host.disk.running > 0; count += 1) {
        this.#makeDurable(id)
      }
      for (const change of host.disk.crash(0).lost) this.trace.at(id, `lost: ${showChange(change)}`)
      host.then.length = 0
      host.engine = null
    })
  }

  /** A crashed node starts again from its disk. */
  restart(id: NodeId): void {
    this.#step(() => {
      this.trace.at(id, 'restarts')
      this.#start(id)
    })
  }

  /** Moves the clock, and ticks each engine whenever it wants to be. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (let at = this.#nextTickAtMs(); at !== null && at <= untilMs; at = this.#nextTickAtMs()) {
      this.#setClock(at)
    }
    this.#setClock(untilMs)
  }

  /** Delivers everything and completes every save, oldest first, until nothing is left to do. */
  settle(): void {
    for (let steps = 0; this.#stepToRest(); steps += 1) {
      if (steps > MAX_STEPS_TO_REST) throw this.#failure(new Error('the cluster never rests'))
    }
  }

  /** A time without faults: nothing is slow, nothing is lost, and the clock goes on. */
  run(ms: number, between: () => void = () => undefined): void {
    const untilMs = this.#nowMs + ms
    while (this.#nowMs < untilMs) {
      this.settle()
      between()
      const next = this.#nextTickAtMs() ?? untilMs
      this.#setClock(Math.min(Math.max(next, this.#nowMs + 1), untilMs))
    }
    this.settle()
  }

  #host(id: NodeId): Host<V, E> {
    const host = this.#hosts.get(id)
    if (host === undefined) throw new Error(`there is no node ${id}`)
    return host
  }

  #start(id: NodeId): void {
    const host = this.#host(id)
    if (host.engine !== null) throw new Error(`${id} is running`)
    host.life += 1
    this.safety.started(id, host.disk.saved)
    host.engine = this.#options.create(id, structuredClone(host.disk.saved), host.life)
  }

  #tick(id: NodeId): void {
    const engine = this.engine(id)
    this.#carryOut(id, engine.tick(this.#nowMs))
    const next = engine.nextTickAtMs
    if (next !== null && next <= this.#nowMs) throw new Error(`${id} wants a tick without end`)
  }

  #carryOut(id: NodeId, effects: Effects<V>): void {
    const { send, save, events } = effects
    const host = this.#host(id)
    for (const event of events) this.trace.at(id, showEvent(event))
    this.safety.stepped(id, effects, host.disk.saved)
    if (save !== undefined) {
      this.trace.at(id, `saves: ${showChange(save.change)}`)
      host.disk.save(save.change)
      host.then.push(structuredClone(save.then))
    }
    this.#send(id, send)
  }

  #send(from: NodeId, outgoing: readonly Outgoing<V>[]): void {
    const { carry = (_, message) => structuredClone(message) } = this.#options
    for (const each of outgoing) {
      const everybody = each.to === 'all' ? this.ids.filter((id) => id !== from) : [each.to]
      for (const to of everybody) {
        this.inFlight.push({ from, to, message: carry(from, each.message) })
      }
    }
  }

  #makeDurable(id: NodeId): void {
    const { disk } = this.#host(id)
    const before = disk.saved
    const change = disk.complete()
    this.trace.at(id, `durable: ${showChange(change)}`)
    this.safety.saved(id, before, disk.saved)
  }

  #take(index: number): Letter<V> {
    const [letter] = this.inFlight.splice(index, 1)
    if (letter === undefined) throw new Error(`no message ${index} is in flight`)
    return letter
  }

  #stepToRest(): boolean {
    if (this.inFlight.length > 0) {
      this.deliver()
      return true
    }
    const saving = this.ids.find((id) => this.disk(id).running > 0)
    if (saving !== undefined) this.completeSave(saving)
    return saving !== undefined
  }

  #nextTickAtMs(): number | null {
    const times = this.running.map((id) => this.engine(id).nextTickAtMs ?? Infinity)
    const next = Math.min(...times, Infinity)
    return next === Infinity ? null : Math.max(next, this.#nowMs)
  }

  #setClock(nowMs: number): void {
    this.#step(() => {
      if (nowMs > this.#nowMs) this.trace.note(`--- ${Math.round(nowMs)} ms`)
      this.#nowMs = nowMs
      for (const id of this.running) this.#tick(id)
    })
  }

  /** Everything that happens goes through here, so that everything is checked. */
  #step(action: () => void): void {
    try {
      action()
      for (const id of this.running) this.safety.knows(id, this.engine(id).chosen)
    } catch (error) {
      throw this.#failure(error)
    }
  }

  #failure(cause: unknown): Error {
    const problem = cause instanceof Error ? cause.message : String(cause)
    return new Error(`${problem}\n${this.trace.last(SHOWN_LINES)}`, { cause })
  }
}

/** Carries messages as bytes, the way a transport does. */
export function onTheWire(from: NodeId, message: Message<Uint8Array>): Message<Uint8Array> {
  const arrived = decode(encode({ cluster: 'test', from, message })).message
  if ((isMultiPaxosMessage(arrived) && arrived.type !== 'nack') || arrived.type === 'hello') {
    throw new Error(`${message.type} became ${arrived.type}`)
  }
  return arrived
}

/** A seeded source of numbers in [0, 1): the same seed, the same numbers. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
