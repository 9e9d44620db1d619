/**
 * What may happen to members that change, as random steps; and what must come of it once nothing
 * happens any more. It must never lose more disks at a time than the rules allow.
 */
import type { NodeId, Slot } from '@paxos/core'
import { quorumsOf } from '@paxos/core/multi'
import type { Configuration } from '@paxos/core/multi'
import { MembersWorld } from './members-world.ts'
import type { Packet, Wanted } from './members-world.ts'

/** Packets that may come in long after they left. */
const MAX_LATE = 200

/** Time in which a cluster must come to something, in ms: 200 liveness windows. */
const BOUND_MS = 20_000

/** How wrong any clock runs, in parts of one. */
const DRIFT = 0.2

/** Leases that are safe with such clocks: of a window or so, and of some. Most members have one. */
const LEASES: readonly Configuration['lease'][] = [
  undefined,
  { durationMs: 50, maxDriftPpm: 200_000 },
  { durationMs: 150, maxDriftPpm: 200_000 },
  { durationMs: 400, maxDriftPpm: 250_000 },
]

class MembersChaos {
  readonly world: MembersWorld
  readonly #late: Packet[] = []
  #wanted: Wanted | null = null

  constructor(seed: number) {
    const lease = LEASES[seed % LEASES.length]
    this.world = new MembersWorld(['a', 'b', 'c'], ['d', 'e', 'f'], seed, {}, { lease })
    const { world } = this
    for (const id of world.ids) {
      world.crash(id)
      // At the ends of what is allowed, or in between.
      const off = world.pick([-1, 1, world.chance() * 2 - 1]) ?? 0
      world.setRate(id, 1 + off * DRIFT)
      world.start(id)
    }
  }

  step(): void {
    const { world } = this
    const dice = world.chance()
    const id = world.pick(world.ids) ?? 'a'
    const { engine } = world.machine(id)
    if (dice < 0.5) this.#deliver()
    else if (dice < 0.52) world.packets.splice(Math.floor(world.chance() * world.packets.length), 1)
    else if (dice < 0.54) this.#deliverLate()
    else if (dice < 0.74) world.finishSave(id)
    else if (dice < 0.82) world.pass(5)
    else if (dice < 0.86) world.propose()
    else if (dice < 0.88) world.proposeQueued(id)
    else if (dice < 0.89 && engine !== null) world.forward(id, world.command())
    else if (dice < 0.91) world.read(id, world.chance() < 0.7)
    else if (dice < 0.94) this.#change()
    else if (dice < 0.945) this.#wanted = null
    else if (dice < 0.955) this.#snapshot(id)
    else if (dice < 0.965) this.#wipe(id)
    else if (dice < 0.97 && engine !== null) world.crash(id)
    else if (dice < 0.974) this.#leave()
    else if (dice < 0.976) this.#transfer(id)
    else if (dice < 0.979) this.#relay(id)
    else if (dice < 0.98 && engine !== null) world.carryOut(id, engine.lead())
    else if (dice < 0.986) this.#spell(id)
    else if (engine === null && (!world.machine(id).isGone || world.chance() < 0.05))
      world.start(id)
    if (world.packets.length > 300) this.#late.push(...world.packets.splice(0, 100))
    if (this.#late.length > MAX_LATE) this.#late.splice(0, this.#late.length - MAX_LATE)
  }

  /**
   * For a while all that is sent arrives, so that a leader comes to have its lease. Then one machine,
   * mostly that one, is heard no more, and somebody else is told to lead.
   */
  #spell(id: NodeId): void {
    const { world } = this
    const before = 3 + world.chance() * 10
    for (let round = 0; round < before; round += 1) this.#round(10)
    const away = world.chance() < 0.7 ? (world.leader?.id ?? id) : id
    world.passes = ({ from, to }) => from !== away && to !== away
    const rivals = world.ids.filter((each) => each !== away)
    for (const each of rivals) if (world.chance() < 0.3) this.#restart(each)
    const { engine } = world.machine(world.pick(rivals) ?? id)
    if (engine !== null) world.carryOut(engine.id, engine.lead())
    const after = world.chance() * 30
    for (let round = 0; round < after; round += 1) this.#round(5)
    world.passes = () => true
  }

  /** Time passes, everything arrives, and whoever leads writes and reads. */
  #round(ms: number): void {
    const { world } = this
    world.pass(world.chance() * ms)
    world.exhaust()
    this.#steer(world.pick(world.ids) ?? 'a')
    for (const { id, phase } of world.engines) {
      if (phase !== 'leading') continue
      if (world.chance() < 0.3) world.proposeAt(id)
      world.read(id, true)
    }
  }

  #restart(id: NodeId): void {
    const { world } = this
    if (world.machine(id).engine === null) return
    world.crash(id)
    world.start(id)
  }

  /** What happens to leaders that have leases. */
  #steer(id: NodeId): void {
    const { world } = this
    const dice = world.chance()
    const { engine } = world.machine(id)
    if (dice < 0.06) this.#restart(id)
    else if (dice < 0.12 && engine !== null) world.carryOut(id, engine.lead())
    else if (dice < 0.15) this.#change()
    else if (dice < 0.18) this.#transfer(id)
  }

  /** Nothing goes wrong any more, and everybody who may be needed runs. */
  calm(): void {
    const { world } = this
    world.packets.splice(0)
    world.note('calm')
    const needed = this.#needed
    for (const id of world.ids) {
      const { engine, isGone } = world.machine(id)
      const runs = needed.has(id) || (!isGone && world.chance() < 0.5)
      if (runs && engine === null) world.start(id)
      else if (!runs && engine !== null) world.crash(id)
    }
    this.#expectWrite()
  }

  /** Others take over, everybody else goes, the power fails: all that was chosen is still there. */
  succeed(): void {
    const { world } = this
    const whole = world.ids.filter((id) => world.machine(id).engine !== null)
    for (const id of world.ids) world.machine(id).isGone = false
    const voters = whole.slice(0, 3)
    const learners = whole.slice(3)
    world.settle(() => {
      const { configuration } = world
      const named = configuration.members.every(
        ({ id, incarnation }) => incarnation === world.machine(id).incarnation,
      )
      const isSo = configuration.members.map(({ id }) => id).join() === whole.join()
      if (named && isSo && isVoting(world, voters)) return world.completed >= configuration.version
      world.change({ voters, learners })
      return false
    }, BOUND_MS)
    for (const id of world.ids) if (!whole.includes(id)) world.crash(id)
    for (const id of whole) world.losePower(id)
    for (const id of whole) world.start(id)
    this.#expectWrite()
    const { version } = world.configuration
    const last = Math.max(...world.chosen.keys())
    world.settle(
      () =>
        whole.every((id) => {
          const { configuration, chosenThrough } = world.engine(id)
          return configuration.version === version && chosenThrough >= last
        }),
      BOUND_MS,
    )
    for (const id of learners) this.#expectService(id)
  }

  #expectWrite(): void {
    const { world } = this
    const before = new Set(world.chosen.keys())
    const value = world.command()
    const untold = Math.max(0, ...before)
    world.settle(() => {
      const { leader } = world
      if (leader !== null && leader.room.values > 0 && leader.slotsInFlight === 0) {
        world.propose([value])
      }
      return [...world.chosen].some(
        ([slot, bytes]) => slot > untold && Buffer.compare(bytes, value) === 0,
      )
    }, BOUND_MS)
  }

  /** A learner reads, and hands over commands. */
  #expectService(id: NodeId): void {
    const { world } = this
    const { readsAnswered } = world
    const value = world.command()
    let untilMs = 0
    world.settle(() => {
      if (world.nowMs >= untilMs) {
        untilMs = world.nowMs + 50
        world.read(id, true)
        world.forward(id, value)
      }
      if (world.leader !== null) world.proposeQueued(world.leader.id)
      const isThere = [...world.chosen.values()].some((each) => Buffer.compare(each, value) === 0)
      return isThere && world.readsAnswered > readsAnswered
    }, BOUND_MS)
  }

  /** Who may be in a configuration that counts, or that may come to count. */
  get #needed(): ReadonlySet<NodeId> {
    const { world } = this
    const needed = new Set<NodeId>()
    for (const { version, members } of world.configurations) {
      if (version < world.completed) continue
      for (const { id } of members) needed.add(id)
    }
    // What was proposed, and told to nobody, may have been chosen.
    for (const id of this.#proposed) needed.add(id)
    return needed
  }

  readonly #proposed = new Set<NodeId>()
  /** In whose place others were proposed: who they are may be chosen, and told to nobody. */
  readonly #replaced = new Set<Slot>()

  #deliver(): void {
    const { world } = this
    const at = Math.floor(world.chance() * world.packets.length)
    const packet = world.packets[at]
    if (packet !== undefined && world.chance() < 0.05) this.#late.push(packet)
    world.deliver(at)
  }

  #deliverLate(): void {
    const { world } = this
    const packet = world.pick(this.#late)
    if (packet !== undefined) world.receive(packet)
  }

  #change(): void {
    const { world } = this
    this.#wanted ??= this.#draw()
    const version = world.leader?.configuration.version ?? 0
    if (!world.change(this.#wanted)) return
    this.#replaced.add(version)
    for (const id of [...this.#wanted.voters, ...this.#wanted.learners]) this.#proposed.add(id)
    this.#wanted = null
  }

  /** Who votes next: whoever the dice say; or the same, as they are named now. */
  #draw(): Wanted {
    const { world } = this
    const dice = world.chance()
    const { members } = world.configuration
    const lease = world.pick(LEASES)
    if (dice < 0.3) {
      const voters = members.filter(({ role }) => role === 'voter').map(({ id }) => id)
      const learners = members.filter(({ role }) => role === 'learner').map(({ id }) => id)
      return { voters, learners, lease }
    }
    const drawn = world.ids.filter(
      (id) => world.machine(id).engine !== null && world.chance() < 0.6,
    )
    const voters = drawn.length > 0 ? drawn : [...world.ids]
    for (const id of voters) world.machine(id).isGone = false
    const learners = world.ids.filter((id) => !voters.includes(id) && world.chance() < 0.3)
    for (const id of learners) world.machine(id).isGone = false
    if (dice > 0.9 && voters.length >= 3) {
      const quorums = { type: 'flexible', phase1: voters.length, phase2: 2 } as const
      return { voters, learners, quorums, lease }
    }
    const priorities = world.chance() < 0.3 ? { [world.pick(voters) ?? '']: 1 } : {}
    return { voters, learners, priorities, lease }
  }

  #snapshot(id: NodeId): void {
    const { engine } = this.world.machine(id)
    if (engine === null) return
    const { compactedThrough, chosenThrough } = engine
    const ahead = Math.floor(this.world.chance() * (chosenThrough - compactedThrough + 1))
    this.world.snapshot(id, compactedThrough + ahead)
  }

  /** A disk is lost, where the rules say that one may be. */
  #wipe(id: NodeId): void {
    const { world } = this
    const { configuration } = world
    const voters = configuration.members.filter(({ role }) => role === 'voter')
    const isVoter = voters.some((voter) => voter.id === id)
    if (!isVoter) {
      if (world.chance() < 0.2 && !this.#needed.has(id)) world.wipe(id)
      return
    }
    if (voters.length < 3 || world.completed < configuration.version) return
    if (this.#replaced.has(configuration.version)) return
    const isWhole = voters.every(({ id: voter, incarnation }) => {
      const machine = world.machine(voter)
      return incarnation === null ? machine.saved.admitted : machine.incarnation === incarnation
    })
    const rest = new Set(voters.map((voter) => voter.id).filter((voter) => voter !== id))
    const quorums = quorumsOf(configuration)
    if (!isWhole || !quorums.isPhase1Quorum(rest) || !quorums.isPhase2Quorum(rest)) return
    world.wipe(id)
  }

  /** The host of a removed node stops, once it may. */
  #leave(): void {
    const { world } = this
    for (const engine of world.engines) {
      const { id, standing, completeVersion, configuration } = engine
      if (standing !== 'removed' || completeVersion < configuration.version) continue
      if (this.#needed.has(id)) continue
      world.machine(id).isGone = true
      world.crash(id)
    }
  }

  #transfer(id: NodeId): void {
    const { leader } = this.world
    if (leader === null || leader.id === id) return
    const isVoter = leader.configuration.members.some(
      (each) => each.id === id && each.role === 'voter',
    )
    if (isVoter) this.world.carryOut(leader.id, leader.transfer(id, 1000))
  }

  #relay(id: NodeId): void {
    const { engine } = this.world.machine(id)
    if (engine === null) return
    const others = engine.configuration.members.filter(
      (each) => each.id !== id && each.role === 'voter',
    )
    const relay = this.world.chance() < 0.5 ? null : (this.world.pick(others)?.id ?? null)
    this.world.carryOut(id, engine.relayBy(relay))
  }
}

function isVoting({ configuration }: MembersWorld, ids: readonly NodeId[]): boolean {
  const voters = configuration.members.filter(({ role }) => role === 'voter')
  return voters.map(({ id }) => id).join() === ids.join()
}

/** One run: chaos for so many steps, then calm, then a succession. A check that does not hold throws. */
export function runChaos(seed: number, steps: number): MembersWorld {
  const chaos = new MembersChaos(seed)
  const { world } = chaos
  world.settle(() => world.leader !== null)
  for (let count = 0; count < steps; count += 1) chaos.step()
  chaos.calm()
  chaos.succeed()
  return world
}
