/**
 * A cluster of logs on a simulated network, disks and clock. Everything has its time on one virtual
 * clock: messages travel for some milliseconds, saves take some, and links lose, duplicate, delay
 * and cut as the test says. The same seed gives the same run. Each node has a host that does what
 * `effects.ts` says, keeps a queue of commands and a state machine, and takes snapshots. After every
 * step everything in `safety.ts` is checked; a failure shows the last steps.
 */
import { majority } from '@paxos/core'
import type { NodeId, Outgoing, QuorumSystem, Saved, Slot } from '@paxos/core'
import { isMultiPaxosMessage, MultiPaxos, type LogEffects, type LogEvent } from '@paxos/core/multi'
import type { LeaseRule, MultiPaxosMessage, MultiPaxosOptions } from '@paxos/core/multi'
import { decode, encode } from '@paxos/core/wire'
import { seededRandom } from '../cluster.ts'
import { Disk } from '../disk.ts'
import { Trace } from '../trace.ts'
import { LogSafety } from './safety.ts'
import { StateMachine } from './state-machine.ts'
import { showBytes, showLogChange, showLogEvent, showLogMessage } from './trace.ts'

export interface LogClusterOptions {
  readonly ids?: readonly NodeId[]
  readonly quorums?: QuorumSystem
  readonly seed?: number
  /** How long a message travels, at least and at most. */
  readonly latencyMs?: readonly [number, number]
  /** How long a save takes. */
  readonly saveMs?: readonly [number, number]
  /** A host takes a snapshot after so many slots; never by default. */
  readonly snapshotEvery?: number
  /** Leaders may have one: then who votes is a configuration, which never changes. Default: none. */
  readonly lease?: LeaseRule | null
  /** How fast clocks run, by id: so many of their milliseconds are one. Default: 1. */
  readonly rates?: Readonly<Record<NodeId, number>>
  readonly options?: Partial<MultiPaxosOptions>
  /** Somebody lies, and what must hold between honest nodes is not checked. Default: false. */
  readonly hasLiars?: boolean
}

/** Something that will happen. */
interface Due {
  readonly atMs: number
  readonly order: number
  readonly action: () => void
}

interface Running {
  readonly engine: MultiPaxos
  readonly machine: StateMachine
  /** What came of reads: the slot, or `null` when they failed. */
  readonly reads: Map<number, Slot | null>
  /** Commands that this host wants chosen, and has not seen chosen yet. */
  readonly queue: Uint8Array[]
  readonly events: LogEvent[]
  /** How many of the queue are proposed by this leadership. */
  proposed: number
  forwardAtMs: number
}

interface Host {
  readonly disk: Disk<Uint8Array>
  readonly then: (readonly Outgoing<Uint8Array, MultiPaxosMessage>[])[]
  running: Running | null
  life: number
  holdsSaves: boolean
}

const SHOWN_LINES = 60

/** What a clock that runs wrong is read later than it is wanted, in ms. */
const CLOCK_MS = 1e-6

export class LogCluster {
  readonly ids: readonly NodeId[]
  readonly trace = new Trace()
  readonly safety: LogSafety
  /** How likely it is that a message is lost, or comes twice. */
  loss = 0
  duplication = 0
  /** Sees each message that arrives, and may say that it does not. */
  filter: (from: NodeId, to: NodeId, message: MultiPaxosMessage) => boolean = () => true
  /** Asked before a save is finished: whether its node crashes instead, and what the disk holds then. */
  crashAtSave: (id: NodeId, count: number) => 'lost' | 'reached' | null = () => null
  /** Reads that were answered at once, and no message left for them. */
  leaseReads = 0
  readonly #saves = new Map<NodeId, number>()
  readonly #options: LogClusterOptions
  readonly #random: () => number
  readonly #hosts = new Map<NodeId, Host>()
  readonly #cut = new Set<string>()
  #due: Due[] = []
  #order = 0
  #nowMs = 0
  #commands = 0

  constructor(options: LogClusterOptions = {}) {
    this.#options = options
    this.ids = options.ids ?? ['a', 'b', 'c']
    this.#random = seededRandom(options.seed ?? 1)
    this.safety = new LogSafety(this.#quorums)
    for (const id of this.ids) {
      const disk = new Disk<Uint8Array>()
      this.#hosts.set(id, { disk, then: [], running: null, life: 0, holdsSaves: false })
      this.#start(id)
    }
  }

  get nowMs(): number {
    return this.#nowMs
  }

  get running(): readonly NodeId[] {
    return this.ids.filter((id) => this.#host(id).running !== null)
  }

  /** Who leads by its own account, with the highest ballot. */
  get leaders(): readonly NodeId[] {
    return this.running.filter((id) => this.engine(id).phase === 'leading')
  }

  engine(id: NodeId): MultiPaxos {
    return this.#running(id).engine
  }

  machine(id: NodeId): StateMachine {
    return this.#running(id).machine
  }

  events(id: NodeId): readonly LogEvent[] {
    return this.#running(id).events
  }

  reads(id: NodeId): ReadonlyMap<number, Slot | null> {
    return this.#running(id).reads
  }

  disk(id: NodeId): Disk<Uint8Array> {
    return this.#host(id).disk
  }

  /** Commands that the host of `id` has not seen chosen. */
  waiting(id: NodeId): readonly string[] {
    return this.#running(id).queue.map(showBytes)
  }

  // ------------------------------------------------------------------ what the world does

  /** Cuts the links between `a` and each of `others`, in both directions. */
  cut(a: NodeId, ...others: readonly NodeId[]): void {
    for (const other of others) {
      this.cutOneWay(a, other)
      this.cutOneWay(other, a)
    }
  }

  cutOneWay(from: NodeId, to: NodeId): void {
    this.#cut.add(`${from} ${to}`)
  }

  isolate(id: NodeId): void {
    this.cut(id, ...this.ids.filter((other) => other !== id))
  }

  /** Only these pairs hear each other. */
  connectOnly(...pairs: readonly (readonly [NodeId, NodeId])[]): void {
    for (const id of this.ids) this.isolate(id)
    for (const [a, b] of pairs) {
      this.#cut.delete(`${a} ${b}`)
      this.#cut.delete(`${b} ${a}`)
    }
  }

  heal(): void {
    this.#cut.clear()
  }

  crash(id: NodeId, reached = 0): void {
    this.#step(() => {
      const host = this.#host(id)
      this.trace.at(id, 'crashes')
      for (let count = 0; count < reached && host.disk.running > 0; count += 1) {
        this.#makeDurable(id)
      }
      for (const change of host.disk.crash(0).lost) {
        this.trace.at(id, `lost: ${showLogChange(change)}`)
      }
      host.then.length = 0
      host.running = null
    })
  }

  restart(id: NodeId): void {
    this.#step(() => {
      this.trace.at(id, 'restarts')
      this.#start(id)
    })
  }

  /** Saves of `id` are not finished until they are released. */
  holdSaves(id: NodeId): void {
    this.#host(id).holdsSaves = true
  }

  releaseSaves(id: NodeId): void {
    const host = this.#host(id)
    host.holdsSaves = false
    for (let count = host.disk.running; count > 0; count -= 1) this.#scheduleSave(id)
  }

  // ------------------------------------------------------------------ what applications do

  /** A command for the host of `id`, which goes on until it sees it chosen. Returns its text. */
  propose(id: NodeId, text = `x${(this.#commands += 1)}`, padding = 0): string {
    const command = Buffer.concat([Buffer.from(text), Buffer.alloc(padding, '.')])
    this.#step(() => {
      this.trace.at(id, `wants ${showBytes(command)}`)
      this.safety.proposed([command])
      this.#running(id).queue.push(Uint8Array.from(command))
      this.#pump(id)
    })
    return text
  }

  /** Asks for a linearizable read at `id`; by the lease of the leader, where that is enough. */
  read(id: NodeId, read: number, byLease = false): void {
    this.safety.readAsked(id, read)
    this.input(id, `wants to read, ${read}`, (engine) => {
      const effects = engine.read(read, byLease)
      const isReady = effects.events.some(({ type }) => type === 'read-ready')
      if (byLease && isReady && effects.send.length === 0) this.leaseReads += 1
      return effects
    })
  }

  /** Gives the engine the time and then an input, and carries out the effects of both. */
  input(id: NodeId, what: string, input: (engine: MultiPaxos) => LogEffects): void {
    this.#step(() => {
      if (what !== '') this.trace.at(id, what)
      this.#tick(id)
      this.#carryOut(id, input(this.engine(id)))
      this.#pump(id)
      this.#wake(id)
    })
  }

  /** The host of `id` takes a snapshot of all that it has applied. */
  takeSnapshot(id: NodeId, padding = 0): void {
    this.input(id, 'takes a snapshot', (engine) => {
      const { machine } = this.#running(id)
      return engine.snapshot({ through: machine.applied, bytes: machine.snapshot(padding) })
    })
  }

  /** A message that is not sent by an engine arrives. */
  inject(from: NodeId, to: NodeId, message: MultiPaxosMessage): void {
    this.trace.message(from, '→', to, showLogMessage(message))
    this.input(to, '', (engine) => engine.receive(from, message))
  }

  // ------------------------------------------------------------------ time

  /** Lets time pass, and everything happen that is due in it. */
  run(ms: number): void {
    const untilMs = this.#nowMs + ms
    while (this.#next(untilMs));
    this.#nowMs = untilMs
  }

  /** Lets time pass until `condition` holds. Throws when it does not within `withinMs`. */
  runUntil(condition: () => boolean, withinMs = 20_000): void {
    const untilMs = this.#nowMs + withinMs
    while (!condition()) {
      if (!this.#next(untilMs)) {
        throw new Error(
          `it did not come to that in ${withinMs} ms\n${this.trace.last(SHOWN_LINES)}`,
        )
      }
    }
  }

  /** Lets time pass until somebody leads and is ready to propose. */
  runUntilLed(): NodeId {
    this.runUntil(() => this.leaders.some((id) => this.engine(id).room.values > 0))
    const [leader] = this.leaders.filter((id) => this.engine(id).room.values > 0)
    if (leader === undefined) throw new Error('nobody leads')
    return leader
  }

  /** Whether every running node has applied all that was ever asked of a running node. */
  get isQuiet(): boolean {
    const through = this.safety.chosenThrough
    return this.running.every(
      (id) => this.#running(id).queue.length === 0 && this.machine(id).applied === through,
    )
  }

  // ------------------------------------------------------------------ inside

  get #hasLiars(): boolean {
    return this.#options.hasLiars ?? false
  }

  get #quorums(): QuorumSystem {
    return this.#options.quorums ?? majority(this.ids)
  }

  /** A lease is part of a configuration. */
  get #voters(): Pick<MultiPaxosOptions, 'quorums' | 'configuration'> {
    const { lease } = this.#options
    if (lease === undefined || lease === null) return { quorums: this.#quorums }
    const members = this.ids.map((id) => {
      return { id, address: `memory://${id}`, role: 'voter', incarnation: null } as const
    })
    const quorums = { type: 'majority' } as const
    return { configuration: { version: 0, members, quorums, former: [], lease } }
  }

  /** What the clock of `id` shows. */
  #clock(id: NodeId): number {
    return this.#nowMs * this.#rate(id)
  }

  #rate(id: NodeId): number {
    return this.#options.rates?.[id] ?? 1
  }

  #host(id: NodeId): Host {
    const host = this.#hosts.get(id)
    if (host === undefined) throw new Error(`there is no node ${id}`)
    return host
  }

  #running(id: NodeId): Running {
    const { running } = this.#host(id)
    if (running === null) throw new Error(`${id} is crashed`)
    return running
  }

  #start(id: NodeId): void {
    const host = this.#host(id)
    host.life += 1
    const saved: Saved = structuredClone(host.disk.saved)
    this.safety.started(id, saved)
    const random = seededRandom(this.ids.indexOf(id) * 1000 + host.life + (this.#options.seed ?? 1))
    const voters = this.#voters
    const engine = new MultiPaxos({ id, ...voters, saved, random, ...this.#options.options })
    const machine = new StateMachine()
    if (saved.snapshot !== null) machine.restore(saved.snapshot)
    host.running = {
      engine,
      machine,
      reads: new Map(),
      queue: [],
      events: [],
      proposed: 0,
      forwardAtMs: 0,
    }
    this.#at(this.#nowMs, () => this.#wakeUp(id, engine))
  }

  #at(atMs: number, action: () => void): void {
    this.#order += 1
    const due = { atMs, order: this.#order, action }
    let index = this.#due.length
    while (index > 0 && (this.#due[index - 1]?.atMs ?? 0) > atMs) index -= 1
    this.#due.splice(index, 0, due)
  }

  #next(untilMs: number): boolean {
    const [next] = this.#due
    if (next === undefined || next.atMs > untilMs) return false
    this.#due.shift()
    if (Math.floor(next.atMs) > Math.floor(this.#nowMs)) {
      this.trace.note(`--- ${Math.floor(next.atMs)} ms`)
    }
    this.#nowMs = next.atMs
    this.#step(next.action)
    return true
  }

  #between([least, most]: readonly [number, number]): number {
    return least + this.#random() * (most - least)
  }

  /** Wakes the engine when it wants to be. */
  #wake(id: NodeId): void {
    const { running } = this.#host(id)
    const next = running?.engine.nextTickAtMs ?? null
    if (running === null || next === null) return
    const { engine } = running
    // What is lost in the last digit of another clock must not leave it one short.
    const rate = this.#rate(id)
    const atMs = rate === 1 ? next : next / rate + CLOCK_MS
    this.#at(Math.max(atMs, this.#nowMs), () => {
      // Only if it still wants to be woken now: each input schedules anew.
      if (engine.nextTickAtMs !== null && engine.nextTickAtMs <= this.#clock(id)) {
        this.#wakeUp(id, engine)
      }
    })
  }

  #wakeUp(id: NodeId, engine: MultiPaxos): void {
    if (this.#host(id).running?.engine === engine) this.input(id, '', () => NOTHING)
  }

  #tick(id: NodeId): void {
    const engine = this.engine(id)
    this.#carryOut(id, engine.tick(this.#clock(id)))
    const next = engine.nextTickAtMs
    if (next !== null && next <= this.#clock(id)) throw new Error(`${id} wants a tick without end`)
  }

  #carryOut(id: NodeId, effects: LogEffects): void {
    const { send, save, events } = effects
    const host = this.#host(id)
    if (!this.#hasLiars) this.safety.stepped(id, effects, host.disk.saved)
    for (const event of events) this.#tell(id, event)
    if (save !== undefined) {
      this.trace.at(id, `saves: ${showLogChange(save.change)}`)
      host.disk.save(save.change)
      host.then.push(structuredClone(save.then))
      if (!host.holdsSaves) this.#scheduleSave(id)
    }
    this.#send(id, send)
  }

  #tell(id: NodeId, event: LogEvent): void {
    const running = this.#running(id)
    const { machine, queue, reads } = running
    this.trace.at(id, showLogEvent(event))
    running.events.push(event)
    if (event.type === 'chosen') {
      for (const [index, value] of event.values.entries()) {
        machine.apply(event.first + index, value)
        const at = queue.findIndex((each) => Buffer.compare(each, value) === 0)
        if (at < 0) continue
        queue.splice(at, 1)
        if (at < running.proposed) running.proposed -= 1
      }
    } else if (event.type === 'snapshot-installed') {
      machine.restore(event.snapshot)
      for (const command of machine.commands) {
        const at = queue.findIndex((each) => Buffer.from(each).toString() === command)
        if (at >= 0) queue.splice(at, 1)
      }
      running.proposed = 0
    } else if (event.type === 'forwarded') {
      queue.push(...event.values.filter((value) => !isIn(queue, value)))
    } else if (event.type === 'leadership-lost' || event.type === 'leadership-acquired') {
      running.proposed = 0
      // What others handed over is theirs to hand over again.
    } else if (event.type === 'read-ready') {
      reads.set(event.id, event.slot)
    } else if (event.type === 'read-failed') {
      reads.set(event.id, null)
    }
  }

  /** What a host does with its queue whenever something happened. */
  #pump(id: NodeId): void {
    const running = this.#running(id)
    const { engine, queue, machine } = running
    const { snapshotEvery } = this.#options
    if (snapshotEvery !== undefined) {
      const taken = this.#host(id).disk.saved.snapshot?.through ?? 0
      if (machine.applied >= machine.snapshotThrough + snapshotEvery && machine.applied > taken) {
        const bytes = machine.snapshot()
        this.#carryOut(id, engine.snapshot({ through: machine.applied, bytes }))
      }
    }
    for (;;) {
      const batch = nextBatch(queue.slice(running.proposed), engine.room)
      if (batch.length === 0) break
      const { first, effects } = engine.propose(batch)
      if (first === null) throw new Error(`${id} has room, but takes nothing`)
      running.proposed += batch.length
      this.#carryOut(id, effects)
    }
    const isFollower = engine.leader !== null && engine.leader !== id
    if (!isFollower || queue.length === 0 || this.#nowMs < running.forwardAtMs) return
    running.forwardAtMs = this.#nowMs + 500
    this.#carryOut(id, engine.forward(nextBatch(queue, { values: 100, bytes: 100_000 })))
  }

  #send(from: NodeId, outgoing: readonly Outgoing<Uint8Array, MultiPaxosMessage>[]): void {
    for (const { to, message } of outgoing) {
      const everybody = to === 'all' ? this.ids.filter((id) => id !== from) : [to]
      for (const receiver of everybody) {
        if (receiver === from) throw new Error(`${from} sends ${showLogMessage(message)} to itself`)
        const frame = encode({ cluster: 'test', from, message })
        const copies = this.#random() < this.duplication ? 2 : 1
        for (let copy = 0; copy < copies; copy += 1) {
          const travelMs = this.#between(this.#options.latencyMs ?? [1, 3])
          this.#at(this.#nowMs + travelMs, () => this.#arrive(from, receiver, frame))
        }
      }
    }
  }

  #arrive(from: NodeId, to: NodeId, frame: Uint8Array): void {
    const { message: arrived } = decode(frame)
    if (!isMultiPaxosMessage(arrived)) throw new Error(`a log has no ${arrived.type}`)
    const { running } = this.#host(to)
    const isLost = this.#cut.has(`${from} ${to}`) || this.#random() < this.loss
    if (running === null || isLost || !this.filter(from, to, arrived)) {
      return this.trace.message(from, '✗', to, showLogMessage(arrived))
    }
    this.trace.message(from, '→', to, showLogMessage(arrived))
    this.input(to, '', (engine) => engine.receive(from, arrived))
  }

  #scheduleSave(id: NodeId): void {
    const { life } = this.#host(id)
    // In order: a save is never finished before those that were asked for earlier.
    this.#at(this.#nowMs + this.#between(this.#options.saveMs ?? [1, 3]), () => {
      const host = this.#host(id)
      if (host.life === life && host.running !== null && host.disk.running > 0)
        this.#completeSave(id)
    })
  }

  #completeSave(id: NodeId): void {
    const count = (this.#saves.get(id) ?? 0) + 1
    this.#saves.set(id, count)
    const fate = this.crashAtSave(id, count)
    if (fate !== null) {
      this.crash(id, fate === 'reached' ? 1 : 0)
      return this.restart(id)
    }
    this.#makeDurable(id)
    const { disk, then } = this.#host(id)
    const released = then.shift() ?? []
    if (!this.#hasLiars) {
      for (const { message } of released) this.safety.released(id, message, disk.saved)
    }
    this.#send(id, released)
    this.input(id, '', (engine) => engine.saved())
  }

  #makeDurable(id: NodeId): void {
    const { disk } = this.#host(id)
    const before = disk.saved
    const change = disk.complete()
    this.trace.at(id, `durable: ${showLogChange(change)}`)
    if (!this.#hasLiars) this.safety.saved(id, before, disk.saved)
  }

  #step(action: () => void): void {
    try {
      action()
    } catch (error) {
      if (error instanceof SimulationError) throw error
      const problem = error instanceof Error ? error.message : String(error)
      throw new SimulationError(`${problem}\n${this.trace.last(SHOWN_LINES)}`, { cause: error })
    }
  }
}

class SimulationError extends Error {}

const NOTHING: LogEffects = { send: [], events: [] }

function isIn(queue: readonly Uint8Array[], value: Uint8Array): boolean {
  return queue.some((each) => Buffer.compare(each, value) === 0)
}

/** As many of the first commands as fit in one Accept. */
function nextBatch(
  queue: readonly Uint8Array[],
  room: { readonly values: number; readonly bytes: number },
): readonly Uint8Array[] {
  const batch: Uint8Array[] = []
  let bytes = 0
  for (const command of queue.slice(0, room.values)) {
    bytes += command.length + 64
    if (batch.length > 0 && bytes > room.bytes) break
    batch.push(command)
  }
  return batch
}
