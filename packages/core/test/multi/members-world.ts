/**
 * Nodes whose members change, on a network and disks that do what a list of random numbers says:
 * messages are delivered in any order, lost, doubled and long late, nodes crash with or without what
 * they were saving, start again, and lose their disks. No time passes but what the schedule lets
 * pass, and each machine has a clock of its own for it. After every step each slot must have one
 * value, whoever learnt it, in whatever life; a read, by a lease or not, must miss nothing that was
 * told as chosen before it; a snapshot must bring the members of its slot; and a change that is told
 * as complete must be on the disks of a quorum.
 */
import type { Ballot, Change, NodeId, Saved, Slot } from '@paxos/core'
import { EMPTY_SAVED } from '@paxos/core'
import { configurationAfter, decodeConfiguration, decodeEntry } from '@paxos/core/multi'
import { encodeEntry, MultiPaxos, quorumsOf } from '@paxos/core/multi'
import type { Configuration, ConfiguredMember, LogEffects, LogEvent } from '@paxos/core/multi'
import type { MembersEntry, MultiPaxosMessage, MultiPaxosOptions } from '@paxos/core/multi'
import type { QuorumRule } from '@paxos/core/multi'
import { seededRandom } from '../cluster.ts'

interface Save {
  readonly change: Change
  readonly then: LogEffects['send']
}

interface Machine {
  readonly id: NodeId
  incarnation: string
  saved: Saved
  engine: MultiPaxos | null
  saves: Save[]
  /** What others handed over to it, and it has not proposed. */
  queue: Uint8Array[]
  /** It was removed, and its host has stopped for good. */
  isGone: boolean
  /** How fast its clock runs: so many of its milliseconds are one. */
  rate: number
}

export interface Packet {
  readonly from: NodeId
  readonly to: NodeId
  readonly message: MultiPaxosMessage
}

/** Who is to be in the cluster. */
export interface Wanted {
  readonly voters: readonly NodeId[]
  readonly learners: readonly NodeId[]
  readonly quorums?: QuorumRule
  /** By voter. Default: 1. */
  readonly weights?: Readonly<Record<NodeId, number>>
  /** By voter. Default: 0. */
  readonly priorities?: Readonly<Record<NodeId, number>>
  readonly lease?: Configuration['lease']
}

const MAJORITY: QuorumRule = { type: 'majority' }

/** Lines of the log that a failure shows. */
const SHOWN_LINES = 80

/** What a clock is read later than it is wanted, in ms. */
const CLOCK_MS = 1e-6

/** So many ticks may be wanted without that time goes on, or anything comes of them. */
const MAX_IDLE_TICKS = 50

export class MembersWorld {
  readonly machines = new Map<NodeId, Machine>()
  readonly packets: Packet[] = []
  /** By slot: what was told as chosen. */
  readonly chosen = new Map<Slot, Uint8Array>()
  /** Ascending versions: what follows from what was told as chosen. */
  readonly configurations: Configuration[]
  readonly log: string[] = []
  nowMs = 0
  completed: Slot = 0
  changes = 0
  readsAnswered = 0
  /** Those of them that were answered at once, and no message left for them. */
  leaseReads = 0
  installed = 0
  wiped = 0
  /** Sees what leaves. Says whether it goes on its way. */
  passes: (packet: Packet) => boolean = () => true
  /** Through here everything was looked at for `configurations`. */
  #followedThrough: Slot = 0
  #toldByAnybody: Slot = 0
  readonly #options: Partial<MultiPaxosOptions>
  readonly #reads = new Map<number, Slot>()
  readonly #random: () => number
  #drawn = 0
  #commands = 0

  constructor(
    initial: readonly NodeId[],
    spare: readonly NodeId[],
    seed: number,
    options: Partial<MultiPaxosOptions> = {},
    first: Pick<Wanted, 'lease' | 'priorities'> = {},
  ) {
    this.#options = options
    this.#random = seededRandom(seed)
    const members = initial.map((id) => preferring(member(id, null), first.priorities?.[id]))
    const { lease } = first
    this.configurations = [
      { version: 0, members, quorums: MAJORITY, former: [], ...(lease !== undefined && { lease }) },
    ]
    for (const id of [...initial, ...spare]) {
      const state = { incarnation: '', saved: EMPTY_SAVED, engine: null, saves: [], queue: [] }
      this.machines.set(id, { id, ...state, isGone: false, rate: 1 })
      this.wipe(id)
    }
    this.wiped = 0
  }

  machine(id: NodeId): Machine {
    const machine = this.machines.get(id)
    if (machine === undefined) throw new Error(`there is no ${id}`)
    return machine
  }

  engine(id: NodeId): MultiPaxos {
    const { engine } = this.machine(id)
    if (engine === null) throw new Error(`${id} is crashed`)
    return engine
  }

  get ids(): readonly NodeId[] {
    return [...this.machines.keys()]
  }

  get engines(): readonly MultiPaxos[] {
    return [...this.machines.values()].flatMap(({ engine }) => engine ?? [])
  }

  /** Of those that lead, the one whose ballot is the highest. */
  get leader(): MultiPaxos | null {
    const leading = this.engines.filter(({ phase }) => phase === 'leading')
    return leading.toSorted((a, b) => (b.ballot?.round ?? 0) - (a.ballot?.round ?? 0))[0] ?? null
  }

  /** Who is in the cluster behind what was told as chosen. */
  get configuration(): Configuration {
    const newest = this.configurations.at(-1)
    if (newest === undefined) throw new Error('there is always one')
    return newest
  }

  /** A machine of that name, with nothing on its disk. */
  wipe(id: NodeId): void {
    const machine = this.machine(id)
    this.#drawn += 1
    this.wiped += 1
    machine.incarnation = `${id}#${this.#drawn}`
    machine.saved = { ...EMPTY_SAVED, admitted: false }
    this.note(`${id} begins as ${machine.incarnation}`)
    this.start(id)
  }

  crash(id: NodeId): void {
    const machine = this.machine(id)
    // A running save may have reached the disk, whole.
    for (const { change } of machine.saves.splice(0)) {
      if (this.#random() < 0.5) break
      machine.saved = applied(machine.saved, change)
    }
    machine.engine = null
    this.note(`${id} crashes`)
  }

  /** What was not saved is lost. */
  losePower(id: NodeId): void {
    const machine = this.machine(id)
    machine.saves = []
    machine.engine = null
    this.note(`${id} loses power`)
  }

  start(id: NodeId): void {
    const machine = this.machine(id)
    const { incarnation, saved } = machine
    machine.saves = []
    machine.queue = []
    this.note(`${id} starts as ${incarnation}`)
    machine.engine = new MultiPaxos({
      id,
      configuration: this.configurations[0],
      incarnation,
      saved,
      random: seededRandom(this.#drawn * 7919 + this.nowMs),
      heartbeatPeriodMs: 20,
      livenessWindowMs: 100,
      retransmitIntervalMs: 20,
      ...this.#options,
    })
    this.carryOut(id, machine.engine.tick(this.clock(id)))
  }

  /** What the clock of `id` shows. */
  clock(id: NodeId): number {
    return this.nowMs * this.machine(id).rate
  }

  /** From its next start on, the clock of `id` runs so fast. */
  setRate(id: NodeId, rate: number): void {
    const machine = this.machine(id)
    if (machine.engine !== null) throw new Error(`the clock of ${id} runs`)
    machine.rate = rate
  }

  carryOut(id: NodeId, { send, save, events }: LogEffects): void {
    const machine = this.machine(id)
    for (const event of events) this.#take(id, event)
    this.post(id, send)
    if (save === undefined) return
    machine.saves.push({ change: structuredClone(save.change), then: save.then })
  }

  post(from: NodeId, send: LogEffects['send']): void {
    for (const { to, message } of send) {
      const receivers =
        to === 'all' ? [...this.engine(from).told].filter((id) => id !== from) : [to]
      for (const receiver of receivers) {
        const packet = { from, to: receiver, message }
        if (this.passes(packet)) this.packets.push(packet)
      }
    }
  }

  deliver(at: number): void {
    const [packet] = this.packets.splice(at, 1)
    if (packet !== undefined) this.receive(packet)
  }

  receive({ from, to, message }: Packet): void {
    const { engine } = this.machines.get(to) ?? {}
    if (engine === null || engine === undefined) return
    this.carryOut(to, engine.receive(from, message))
  }

  finishSave(id: NodeId): void {
    const machine = this.machine(id)
    const save = machine.saves.shift()
    if (save === undefined || machine.engine === null) return
    machine.saved = applied(machine.saved, save.change)
    this.post(id, save.then)
    this.carryOut(id, machine.engine.saved())
  }

  pass(ms: number): void {
    this.nowMs += ms
    for (const { id, engine } of this.machines.values()) {
      if (engine !== null) this.carryOut(id, engine.tick(this.clock(id)))
    }
  }

  /** A command that nobody else gives. */
  command(): Uint8Array {
    this.#commands += 1
    const nonce = new Uint8Array(16)
    new DataView(nonce.buffer).setUint32(0, this.#commands)
    return encodeEntry({ type: 'open-session', space: 'caller', nonce })
  }

  propose(values: readonly Uint8Array[] = [this.command()]): void {
    const { leader } = this
    if (leader === null || leader.room.values === 0) return
    this.carryOut(leader.id, leader.propose(values).effects)
  }

  /** Whoever that is, it proposes, if it may. */
  proposeAt(id: NodeId): void {
    const engine = this.engine(id)
    if (engine.room.values > 0) this.carryOut(id, engine.propose([this.command()]).effects)
  }

  /** What others handed over comes into the log. */
  proposeQueued(id: NodeId): void {
    const { engine, queue } = this.machine(id)
    if (engine === null || engine.room.values === 0 || queue.length === 0) return
    this.carryOut(id, engine.propose(queue.splice(0)).effects)
  }

  forward(id: NodeId, value: Uint8Array): void {
    this.carryOut(id, this.engine(id).forward([value]))
  }

  read(id: NodeId, byLease = false): void {
    const { engine } = this.machine(id)
    if (engine === null) return
    this.#commands += 1
    this.#reads.set(this.#commands, this.#toldByAnybody)
    const effects = engine.read(this.#commands, byLease)
    const isAnswered = effects.events.some(({ type }) => type === 'read-ready')
    if (byLease && isAnswered && effects.send.length === 0) this.leaseReads += 1
    this.carryOut(id, effects)
  }

  /** The host of `id` has applied what it was told, and takes a snapshot of it. */
  snapshot(id: NodeId, through: Slot): void {
    const { engine } = this.machine(id)
    if (engine === null || through < 1 || through > engine.chosenThrough) return
    this.carryOut(id, engine.snapshot({ through, bytes: stateThrough(this.chosen, through) }))
  }

  /** Whoever leads is given other members, named as the machines are now. Says whether it proposed them. */
  change(wanted: Wanted): boolean {
    const { leader } = this
    if (leader === null) return false
    const value = encodeEntry(this.entry(leader.configuration, wanted))
    const { first, effects } = leader.propose([value])
    this.carryOut(leader.id, effects)
    if (first !== null) this.note(`${leader.id} proposes ${shownWanted(wanted)} in slot ${first}`)
    return first !== null
  }

  /** Whoever leads is given that value, alone. Says whether it proposed it. */
  offer(value: Uint8Array): boolean {
    const { leader } = this
    if (leader === null) return false
    const { first, effects } = leader.propose([value])
    this.carryOut(leader.id, effects)
    return first !== null
  }

  /** The members are changed to those, and the leader goes on. */
  make(wanted: Wanted): void {
    const before = this.configuration.version
    this.settle(() => {
      if (this.configuration.version === before) this.change(wanted)
      return this.configuration.version > before && (this.leader?.room.values ?? 0) > 0
    })
  }

  /** The disk of `id` has what it accepted, and has lost, or never had, what of that is chosen. */
  forget(id: NodeId): void {
    const machine = this.machine(id)
    machine.saved = { ...machine.saved, chosenThrough: machine.saved.snapshot?.through ?? 0 }
    machine.engine = null
  }

  /** It has promised that, as far as its disk goes. */
  promise(id: NodeId, promised: Ballot): void {
    const machine = this.machine(id)
    machine.saved = { ...machine.saved, promised }
  }

  lead(id: NodeId): void {
    this.carryOut(id, this.engine(id).lead())
  }

  /** From now on packets of that kind are kept back, in the list that is returned. */
  hold(isHeld: (packet: Packet) => boolean): readonly Packet[] {
    const held: Packet[] = []
    this.passes = (packet) => {
      if (!isHeld(packet)) return true
      held.push(packet)
      return false
    }
    return held
  }

  /** `id` takes a snapshot, and keeps nothing of the log below it. */
  compact(id: NodeId): void {
    this.snapshot(id, this.engine(id).chosenThrough)
    this.exhaust()
    this.crash(id)
    this.start(id)
  }

  /** Time passes, and everything arrives. */
  passFor(ms: number): void {
    const endMs = this.nowMs + ms
    while (this.nowMs < endMs) {
      this.pass(5)
      this.exhaust()
    }
  }

  entry({ version, members, former }: Configuration, wanted: Wanted): MembersEntry {
    const named = (id: NodeId) => member(id, this.machine(id).incarnation)
    const { voters, learners, quorums = MAJORITY, weights, priorities, lease } = wanted
    const stay = [...voters, ...learners]
    const left = [...members, ...former].filter(({ id }) => !stay.includes(id))
    const [seen, leavers] = [new Set<NodeId>(), left]
    const unique = leavers.filter(({ id }) => !seen.has(id) && seen.add(id))
    return {
      type: 'members',
      replaces: version,
      members: [
        ...voters.map((id) => preferring(weighing(named(id), weights?.[id]), priorities?.[id])),
        ...learners.map((id) => ({ ...named(id), role: 'learner' as const })),
      ],
      quorums,
      former: unique.slice(0, 4).map(({ id, address }) => ({ id, address })),
      ...(lease !== undefined && { lease }),
    }
  }

  /** Everything arrives and is saved; when nothing is left, time goes on to the next tick that is wanted. */
  settle(condition: () => boolean, withinMs = 20_000): void {
    const untilMs = this.nowMs + withinMs
    let idle = 0
    for (;;) {
      this.exhaust()
      if (condition()) return
      const nextMs = Math.min(...this.ids.map((id) => this.#nextTickMs(id)))
      if (nextMs > untilMs) this.fail(`it did not come to that; the next tick is at ${nextMs}`)
      idle = nextMs <= this.nowMs ? idle + 1 : 0
      if (idle > MAX_IDLE_TICKS) this.fail('ticks are wanted again and again, and do nothing')
      this.nowMs = Math.max(this.nowMs, nextMs)
      for (const { id, engine } of this.machines.values()) {
        if (engine !== null && this.#nextTickMs(id) <= this.nowMs) {
          this.carryOut(id, engine.tick(this.clock(id)))
        }
      }
    }
  }

  /** When, in time and not on its clock, the engine of `id` wants to be told what its clock shows. */
  #nextTickMs(id: NodeId): number {
    const { engine, rate } = this.machine(id)
    const atMs = engine?.nextTickAtMs ?? Infinity
    // What is lost in the last digit must not leave it one short.
    return atMs <= this.clock(id) ? this.nowMs : atMs / rate + CLOCK_MS
  }

  /** Everything that is on its way arrives, and every save ends. */
  exhaust(): void {
    for (let round = 0; round < 10_000; round += 1) {
      for (let count = this.packets.length; count > 0; count -= 1) this.deliver(0)
      for (const id of this.ids) {
        while (this.machine(id).saves.length > 0 && this.machine(id).engine !== null) {
          this.finishSave(id)
        }
      }
      if (this.packets.length === 0) return
    }
    this.fail('messages beget messages for ever')
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.#random() * items.length)]
  }

  chance(): number {
    return this.#random()
  }

  note(line: string): void {
    this.log.push(`${this.nowMs} ${line}`)
  }

  fail(reason: string): never {
    const states = this.engines.map(
      (engine) =>
        `${engine.id} ${engine.phase} ${engine.standing} follows ${engine.leader} promised ` +
        `${engine.promised?.round}.${engine.promised?.node} chosen ${engine.chosenThrough} version ` +
        `${engine.configuration.version} complete ${engine.completeVersion} waits ${engine.waitsFor.join()} ` +
        `next ${engine.nextTickAtMs} room ${engine.room.values}`,
    )
    const told = shown(this.configuration)
    throw new Error(
      `${reason}\n${this.log.slice(-SHOWN_LINES).join('\n')}\n${states.join('\n')}\n` +
        `now ${this.nowMs}; version ${this.configuration.version}: ${told}`,
    )
  }

  #take(id: NodeId, event: LogEvent): void {
    switch (event.type) {
      case 'configuration-changed': {
        const { configuration } = event
        return this.note(`${id} knows version ${configuration.version}: ${shown(configuration)}`)
      }
      case 'configuration-complete':
        this.note(`${id} knows that ${event.version} is complete`)
        this.#checkComplete(event.version)
        this.completed = Math.max(this.completed, event.version)
        return
      case 'leadership-acquired':
        return this.note(`${id} leads with ${event.ballot.round}`)
      case 'leadership-lost':
        return this.note(`${id} leads no longer`)
      case 'admitted':
        return this.note(`${id} is admitted`)
      case 'chosen':
        for (const [at, value] of event.values.entries()) this.#learn(id, event.first + at, value)
        return
      case 'snapshot-installed': {
        const { through, bytes, configuration } = event.snapshot
        this.installed += 1
        this.note(`${id} installs a snapshot through ${through}`)
        this.#learnState(id, bytes)
        const truth = this.configurations.findLast(({ version }) => version <= through)
        const said = configuration === undefined ? null : decodeConfiguration(configuration)
        if (JSON.stringify(said) !== JSON.stringify(truth)) {
          this.fail(`the snapshot through ${through} names others: ${JSON.stringify(said)}`)
        }
        return
      }
      case 'forwarded':
        this.machine(id).queue.push(...event.values)
        return
      case 'read-ready': {
        const least = this.#reads.get(event.id) ?? 0
        this.readsAnswered += 1
        if (event.slot < least) this.fail(`${id} reads at ${event.slot}, and ${least} was told`)
        return
      }
      case 'disbelieved':
        return this.fail(`${id} does not believe ${event.from}: ${event.reason}`)
      case 'piece-wanted':
      case 'piece-received':
      case 'transfer-dropped':
      case 'snapshot-unused':
        return this.fail(`${id} is asked to keep a snapshot in pieces: ${event.type}`)
      case 'leader-changed':
      case 'preempted':
      case 'forward-refused':
      case 'read-failed':
      case 'transfer-failed':
    }
  }

  #learn(id: NodeId, slot: Slot, value: Uint8Array): void {
    const before = this.chosen.get(slot)
    if (before !== undefined && Buffer.compare(before, value) !== 0) {
      this.fail(`slot ${slot} has two values, by ${id}`)
    }
    this.chosen.set(slot, value)
    this.#toldByAnybody = Math.max(this.#toldByAnybody, slot)
    while (this.chosen.has(this.#followedThrough + 1)) this.#follow((this.#followedThrough += 1))
  }

  #follow(slot: Slot): void {
    const value = this.chosen.get(slot)
    const entry = value === undefined ? null : decodeEntry(value)
    if (entry?.type !== 'members') return
    const next = configurationAfter(this.configuration, slot, entry)
    if (next === this.configuration) return
    this.configurations.push(next)
    this.changes += 1
  }

  #learnState(id: NodeId, bytes: Uint8Array): void {
    const values = valuesIn(bytes)
    for (const [at, value] of values.entries()) this.#learn(id, at + 1, value)
  }

  /** The disks of a quorum, taken alone, must know everything through that version. */
  #checkComplete(version: Slot): void {
    if (version <= this.completed) return
    const configuration = this.configurations.find((each) => each.version === version)
    if (configuration === undefined) return this.fail(`${version} is complete, and is none`)
    const voters = configuration.members.filter(({ role }) => role === 'voter')
    const isWhole = voters.every(
      ({ id, incarnation }) =>
        this.machine(id).incarnation === (incarnation ?? this.machine(id).incarnation),
    )
    const holders = voters.filter(({ id }) => this.machine(id).saved.chosenThrough >= version)
    const held = new Set(holders.map(({ id }) => id))
    if (!isWhole || quorumsOf(configuration).isPhase2Quorum(held)) return
    this.fail(`${version} is complete, and known by the disks of ${[...held].join(' ')} alone`)
  }
}

/** Those that are let in and led. */
export function ledWorld(
  initial: readonly NodeId[],
  spare: readonly NodeId[] = [],
  seed = 1,
  first: Pick<Wanted, 'lease' | 'priorities'> = {},
): MembersWorld {
  const world = new MembersWorld(initial, spare, seed, {}, first)
  world.settle(() => world.leader !== null && world.leader.room.values > 0)
  return world
}

export function member(id: NodeId, incarnation: string | null): ConfiguredMember {
  return { id, address: `memory://${id}`, role: 'voter', incarnation }
}

function weighing(voter: ConfiguredMember, weight: number | undefined): ConfiguredMember {
  return weight === undefined ? voter : { ...voter, weight }
}

function preferring(voter: ConfiguredMember, priority: number | undefined): ConfiguredMember {
  return priority === undefined ? voter : { ...voter, priority }
}

/** What the slots through `through` lead to: all of them, one after the other. */
function stateThrough(chosen: ReadonlyMap<Slot, Uint8Array>, through: Slot): Uint8Array {
  const values = Array.from({ length: through }, (_, at) => chosen.get(at + 1) ?? new Uint8Array())
  return Buffer.from(JSON.stringify(values.map((value) => Buffer.from(value).toString('hex'))))
}

function valuesIn(bytes: Uint8Array): Uint8Array[] {
  const read: unknown = JSON.parse(Buffer.from(bytes).toString())
  if (!Array.isArray(read)) throw new Error('a snapshot is none')
  return read.map((value) => Uint8Array.from(Buffer.from(String(value), 'hex')))
}

function applied(
  saved: Saved,
  { promised, accepted, chosenThrough, snapshot, admitted }: Change,
): Saved {
  const bySlot = new Map(saved.accepted.map((entry) => [entry.slot, entry]))
  for (const entry of accepted ?? []) bySlot.set(entry.slot, entry)
  const covered = snapshot?.through ?? 0
  const kept = [...bySlot.values()].filter(({ slot }) => slot > covered)
  return {
    promised: promised ?? saved.promised,
    accepted: kept.toSorted((a, b) => a.slot - b.slot),
    chosenThrough: Math.max(chosenThrough ?? saved.chosenThrough, covered),
    snapshot: snapshot ?? saved.snapshot,
    admitted: saved.admitted === true || admitted === true,
  }
}

function shownWanted({ voters, learners }: Wanted): string {
  return [...voters, ...learners.map((id) => `${id}?`)].join(' ')
}

function shown({ members }: Configuration): string {
  return members
    .map(
      ({ id, role, incarnation }) => `${id}${role === 'voter' ? '' : '?'}(${incarnation ?? '-'})`,
    )
    .join(' ')
}
