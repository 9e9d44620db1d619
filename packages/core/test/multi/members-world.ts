/**
 * Nodes whose members change, on a network and disks that do what a list of random numbers says:
 * messages are delivered in any order, lost and doubled, nodes crash with or without what they were
 * saving, start again, and lose their disks. No time passes but what the schedule lets pass. After
 * every step each slot must have one value, whoever learnt it, in whatever life.
 */
import type { Change, NodeId, Saved } from '@paxos/core'
import { EMPTY_SAVED } from '@paxos/core'
import { encodeEntry, MultiPaxos } from '@paxos/core/multi'
import type { Configuration, ConfiguredMember, LogEffects } from '@paxos/core/multi'
import type { MultiPaxosMessage, MultiPaxosOptions } from '@paxos/core/multi'
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
}

interface Packet {
  readonly from: NodeId
  readonly to: NodeId
  readonly message: MultiPaxosMessage
}

const FOREVER_MS = 1e9

export class MembersWorld {
  readonly machines = new Map<NodeId, Machine>()
  readonly packets: Packet[] = []
  /** By slot: what was told as chosen. */
  readonly chosen = new Map<number, string>()
  readonly log: string[] = []
  nowMs = 0
  completed = 0
  /** Puts another rule in the place of one of ours, to see that the world notices. */
  options: Partial<MultiPaxosOptions> = {}
  readonly #initial: Configuration
  readonly #random: () => number
  #drawn = 0
  #commands = 0

  constructor(initial: readonly NodeId[], spare: readonly NodeId[], seed: number) {
    this.#random = seededRandom(seed)
    const members = initial.map((id) => member(id, null))
    this.#initial = { version: 0, members, quorums: { type: 'majority' }, former: [] }
    for (const id of [...initial, ...spare]) {
      this.machines.set(id, { id, incarnation: '', saved: EMPTY_SAVED, engine: null, saves: [] })
      this.wipe(id)
    }
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

  get engines(): readonly MultiPaxos[] {
    return [...this.machines.values()].flatMap(({ engine }) => engine ?? [])
  }

  get leader(): MultiPaxos | null {
    return this.engines.find(({ phase }) => phase === 'leading') ?? null
  }

  /** A machine of that name, with nothing on its disk. */
  wipe(id: NodeId): void {
    const machine = this.machine(id)
    this.#drawn += 1
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

  start(id: NodeId): void {
    const machine = this.machine(id)
    const { incarnation, saved } = machine
    machine.saves = []
    machine.engine = new MultiPaxos({
      id,
      configuration: this.#initial,
      incarnation,
      saved,
      random: seededRandom(this.#drawn * 7919 + this.nowMs),
      heartbeatPeriodMs: 20,
      livenessWindowMs: 100,
      retransmitIntervalMs: 20,
      ...this.options,
    })
    this.carryOut(id, machine.engine.tick(this.nowMs))
  }

  carryOut(id: NodeId, { send, save, events }: LogEffects): void {
    const machine = this.machine(id)
    for (const event of events) {
      if (event.type === 'configuration-changed') {
        this.note(
          `${id} knows version ${event.configuration.version}: ${shown(event.configuration)}`,
        )
      }
      if (event.type === 'configuration-complete')
        this.completed = Math.max(this.completed, event.version)
      if (event.type === 'leadership-acquired') this.note(`${id} leads with ${event.ballot.round}`)
      if (event.type !== 'chosen') continue
      for (const [index, value] of event.values.entries())
        this.learn(id, event.first + index, value)
    }
    this.post(id, send)
    if (save === undefined) return
    machine.saves.push({ change: structuredClone(save.change), then: save.then })
  }

  post(from: NodeId, send: LogEffects['send']): void {
    for (const { to, message } of send) {
      const receivers =
        to === 'all' ? [...this.engine(from).told].filter((id) => id !== from) : [to]
      for (const receiver of receivers) this.packets.push({ from, to: receiver, message })
    }
  }

  learn(id: NodeId, slot: number, value: Uint8Array): void {
    const text = Buffer.from(value).toString('hex')
    const before = this.chosen.get(slot)
    if (before !== undefined && before !== text) {
      throw new Error(`slot ${slot} has two values, by ${id}\n${this.log.slice(-80).join('\n')}`)
    }
    this.chosen.set(slot, text)
  }

  deliver(at: number): void {
    const [packet] = this.packets.splice(at, 1)
    if (packet === undefined) return
    const { engine } = this.machines.get(packet.to) ?? {}
    if (engine === null || engine === undefined) return
    this.carryOut(packet.to, engine.receive(packet.from, packet.message))
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
      if (engine !== null) this.carryOut(id, engine.tick(this.nowMs))
    }
  }

  propose(): void {
    const { leader } = this
    if (leader === null || leader.room.values === 0) return
    this.#commands += 1
    const nonce = new Uint8Array(16)
    new DataView(nonce.buffer).setUint32(0, this.#commands)
    const value = encodeEntry({ type: 'open-session', space: 'caller', nonce })
    this.carryOut(leader.id, leader.propose([value]).effects)
  }

  /** Whoever leads is given other members, named as the machines are now. Says whether it proposed them. */
  change(voters: readonly NodeId[], learners: readonly NodeId[] = []): boolean {
    const { leader } = this
    if (leader === null) return false
    const named = (id: NodeId) => member(id, this.machine(id).incarnation)
    const followers = learners.map((id) => ({ ...member(id, null), role: 'learner' as const }))
    const value = encodeEntry({
      type: 'members',
      replaces: leader.configuration.version,
      members: [...voters.map(named), ...followers],
      quorums: { type: 'majority' },
      former: [],
    })
    const { first, effects } = leader.propose([value])
    this.carryOut(leader.id, effects)
    if (first !== null) this.note(`${leader.id} proposes ${voters.join(' ')} in slot ${first}`)
    return first !== null
  }

  /** Everything arrives and is saved, and time passes, until `condition` holds. */
  settle(condition: () => boolean, rounds = 2000): void {
    for (let round = 0; !condition(); round += 1) {
      if (round === rounds)
        throw new Error(`it did not come to that\n${this.log.slice(-60).join('\n')}`)
      for (let count = this.packets.length; count > 0; count -= 1) this.deliver(0)
      for (const id of this.machines.keys()) {
        while (this.machine(id).saves.length > 0 && this.machine(id).engine !== null)
          this.finishSave(id)
      }
      if (this.packets.length === 0) this.pass(5)
    }
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.#random() * items.length)]
  }

  chance(): number {
    return this.#random()
  }

  note(line: string): void {
    this.log.push(`${this.nowMs} ${line}`)
    if (this.log.length > FOREVER_MS) this.log.shift()
  }
}

export function member(id: NodeId, incarnation: string | null): ConfiguredMember {
  return { id, address: `memory://${id}`, role: 'voter', incarnation }
}

function applied(
  saved: Saved,
  { promised, accepted, chosenThrough, snapshot, admitted }: Change,
): Saved {
  const bySlot = new Map(saved.accepted.map((entry) => [entry.slot, entry]))
  for (const entry of accepted ?? []) bySlot.set(entry.slot, entry)
  return {
    promised: promised ?? saved.promised,
    accepted: [...bySlot.values()].toSorted((a, b) => a.slot - b.slot),
    chosenThrough: chosenThrough ?? saved.chosenThrough,
    snapshot: snapshot ?? saved.snapshot,
    admitted: saved.admitted === true || admitted === true,
  }
}

function shown({ members }: Configuration): string {
  return members
    .map(
      ({ id, role, incarnation }) => `${id}${role === 'voter' ? '' : '?'}(${incarnation ?? '-'})`,
    )
    .join(' ')
}
