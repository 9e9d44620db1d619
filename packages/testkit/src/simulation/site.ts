/**
 * The machines of a simulated cluster as whoever runs it sees them: which there are and where, which
 * disks are lost, and how many more may be. It knows the limit within which nothing is lost: those
 * disks that are left must be quorums of the newest configuration, of each that is not complete, and of
 * each that may yet come about. Must never have a disk lost beyond that: no protocol could bear it.
 */
import { InvalidArgumentError } from '@paxos/core'
import type { NodeId, Slot } from '@paxos/core'
import { quorumsOf } from '@paxos/core/multi'
import type { Configuration, ConfiguredMember } from '@paxos/core/multi'
import type { MembersChange } from '@paxos/replica'
import { votersAfter } from './changes.ts'
import { isQuorum } from './choices.ts'
import type { Place, SimulatedNode } from './simulated-node.ts'
import type { World } from './world.ts'

/** What is wrong with a member, and has to be mended by a change of the members. */
export type Trouble =
  /** Its disk is lost; the machine is there. */
  | { readonly type: 'renew'; readonly id: NodeId }
  /** Its machine is lost. */
  | { readonly type: 'replace'; readonly id: NodeId }
  /** There are few voters, and it could be one. */
  | { readonly type: 'promote'; readonly id: NodeId }

/**
 * How long a node with an empty disk waits by itself to be taken in, and one that has moved for the
 * change to be complete, in milliseconds.
 */
const WAITS_MS = 4000

/** Fewer voters bear no loss. */
const FEWEST_VOTERS = 3

/** The machines of one run. */
export class Site {
  readonly #world: World
  readonly #nodes: ReadonlyMap<NodeId, SimulatedNode>
  readonly #addresses = new Map<NodeId, number>()
  /** By a machine that was put up in the course of the run: the version that there was. */
  /** Learners whose disk was lost since they were put up. */
  readonly #lostLearners = new Set<NodeId>()
  readonly #putUpAt = new Map<NodeId, Slot>()
  /** By address: since when somebody says that a member is there. */
  readonly #movedSince = new Map<string, number>()
  /** Since when a member waits with an empty disk. */
  readonly #waitingSince = new Map<NodeId, number>()

  constructor(world: World, nodes: ReadonlyMap<NodeId, SimulatedNode>) {
    this.#world = world
    this.#nodes = nodes
  }

  get nodes(): readonly SimulatedNode[] {
    return [...this.#nodes.values()]
  }

  node(id: NodeId): SimulatedNode | undefined {
    return this.#nodes.get(id)
  }

  /** The members by the log, as their machines. */
  get members(): readonly SimulatedNode[] {
    return this.#newest.members.flatMap(({ id }) => this.#nodes.get(id) ?? [])
  }

  /**
   * Nodes that run, were members once, and are none any more: they have to stop. But those that left
   * long ago know nobody where he is now, and nobody knows them.
   */
  get leftovers(): readonly SimulatedNode[] {
    const { chain } = this.#world.watcher.choices
    return this.nodes.filter(({ id, isUp, address }) => {
      if (!isUp || memberOf(this.#newest, id) !== null) return false
      const since = this.#putUpAt.get(id) ?? -1
      const wasMember = chain.some((each) => each.version > since && memberOf(each, id) !== null)
      const isKnown = this.#newest.former.some((each) => each.id === id && each.address === address)
      return wasMember && isKnown && this.#knowsSomebody(id)
    })
  }

  /** Whether a voter is where that node believes it to be. */
  #knowsSomebody(id: NodeId): boolean {
    const known = this.#nodes.get(id)?.replica?.members().members ?? []
    return known.some(({ id: each, address }) => {
      const member = memberOf(this.#newest, each)
      return member?.role === 'voter' && member.address === address
    })
  }

  /** An address at which nobody ever was. */
  freshAddress(id: NodeId): string {
    const number = (this.#addresses.get(id) ?? 0) + 1
    this.#addresses.set(id, number)
    return `memory://${id}.${number}`
  }

  /** Those that could join: no members, and whatever they held is needed by nobody. */
  get free(): readonly NodeId[] {
    return this.nodes
      .filter((node) => {
        const isMember = this.#relevant.some((each) => memberOf(each, node.id) !== null)
        const isJoining = this.#possible.some((change) => node.id in (change.add ?? {}))
        return !isMember && !isJoining && !node.isUp
      })
      .map(({ id }) => id)
  }

  /** Puts up a new machine, with an empty disk, and starts it. */
  putUp(id: NodeId, address: string): void {
    const node = this.#nodes.get(id)
    if (node === undefined) return
    // Its old disk, if it had one, is thrown away.
    node.wipe()
    this.#lostLearners.delete(id)
    node.install(this.#placeFor(id, address))
    node.startIfWell()
    this.#putUpAt.set(id, this.#newest.version)
  }

  /**
   * Its disk is lost. One that was told of nobody else when the cluster began with it alone is told of
   * the others now: it would begin anew, and nobody could say that it must not. So is one that has left:
   * with others that have, and have lost their disks too, it would begin the cluster anew.
   */
  wipe(node: SimulatedNode): void {
    const { address, isToldOfNobody } = node
    if (memberOf(this.#newest, node.id)?.role === 'learner') this.#lostLearners.add(node.id)
    node.wipe()
    const hasLeft = this.#newest.version > 0 && memberOf(this.#newest, node.id) === null
    if (address !== null && (isToldOfNobody || hasLeft)) {
      node.install(this.#placeFor(node.id, address))
    }
  }

  /** Whether that disk may be lost now. */
  mayLose(id: NodeId): boolean {
    const isLeft = (each: NodeId, named: string | null): boolean =>
      each !== id && this.#isWhole(each, named)
    const possible = this.#possible.map((change) => configurationBehind(this.#newest, change))
    return (
      this.#relevant.every((each) => bears(each, isLeft)) &&
      possible.every((each) => bears(each, isLeft)) &&
      this.#relevant.every((each) => this.#bearsUnnamed(each, id)) &&
      this.#bearsLearner(id, isLeft)
    )
  }

  /**
   * Whether that machine may be lost for good. At a first start each waits for the word of all others:
   * where one of them never comes, only an option would let it vote.
   */
  mayVanish(id: NodeId): boolean {
    const { watcher } = this.#world
    const voters = this.#newest.members.filter(({ role }) => role === 'voter')
    const isFirstStart = voters.some(
      (each) => each.id !== id && each.incarnation === null && !watcher.isAdmitted(each.id),
    )
    return !isFirstStart && this.mayLose(id)
  }

  /** Whether enough disks are whole for what would be after `change`. */
  bears(change: MembersChange): boolean {
    const isWhole = (id: NodeId, named: string | null): boolean =>
      change.add?.[id] !== undefined || this.#isWhole(id, named)
    return bears(configurationBehind(this.#newest, change), isWhole)
  }

  /**
   * Does what needs no change of the members: a machine whose member has moved is started there, one
   * whose disk cannot be read gets another, and one that was shut out is started again. Returns what
   * does need one.
   */
  look(): readonly Trouble[] {
    const troubles: Trouble[] = []
    for (const member of this.#newest.members) {
      const node = this.#nodes.get(member.id)
      if (node === undefined) continue
      if (node.address === null) {
        troubles.push({ type: 'replace', id: member.id })
        continue
      }
      if (node.address !== member.address && this.#isToMove(member)) {
        node.move(this.#placeFor(member.id, member.address))
      }
      if (node.isDamaged) {
        this.wipe(node)
        node.startIfWell()
      }
      if (node.leftBecause !== null) node.startIfWell()
      if (this.#isWaiting(member)) troubles.push({ type: 'renew', id: member.id })
    }
    return troubles.length > 0 ? troubles : this.#promotion
  }

  /** Whether every member is there, with a disk that counts. */
  get isWhole(): boolean {
    return this.#newest.members.every(({ id, role, incarnation, address }) => {
      const node = this.#nodes.get(id)
      const isThere = node !== undefined && node.isUp && node.address === address
      return isThere && (role === 'learner' || this.#isWhole(id, incarnation))
    })
  }

  /**
   * Starts it anew, and tells it of the present members: of those that it knew, nobody may be left where
   * he was. That is how who was away for long finds the others.
   */
  refresh(node: SimulatedNode): void {
    if (node.address !== null) node.move(this.#placeFor(node.id, node.address))
  }

  get #newest(): Configuration {
    return this.#world.watcher.choices.newest
  }

  get #possible(): readonly MembersChange[] {
    const { changes, time } = this.#world
    return changes.possible(time.nowMs, this.#newest.version).map(({ change }) => change)
  }

  /** The configurations on whose disks something may rest that is on no others. */
  get #relevant(): readonly Configuration[] {
    const { choices, complete } = this.#world.watcher
    const first = choices.chain.findLastIndex(({ version }) => version <= complete)
    return choices.chain.slice(Math.max(0, first))
  }

  #placeFor(id: NodeId, address: string): Place {
    const others = this.#newest.members.filter((member) => member.id !== id)
    return {
      address,
      others: Object.fromEntries(others.map((member) => [member.id, member.address])),
    }
  }

  /** Whether a voter has the disk that counts. */
  #isWhole(id: NodeId, named: string | null): boolean {
    const { watcher } = this.#world
    const node = this.#nodes.get(id)
    if (node === undefined || node.address === null || node.isDamaged) return false
    if (named !== null) return watcher.incarnationOf(id) === named
    // An entry that lets it vote may be on its way, and name the disk that it had.
    const isLearner = memberOf(this.#newest, id)?.role === 'learner'
    if (isLearner && this.#lostLearners.has(id)) return false
    return !watcher.isInPlaceOfAnother(id)
  }

  /** Where no disk is named, one may be lost at a time. */
  #bearsUnnamed(configuration: Configuration, id: NodeId): boolean {
    const { watcher } = this.#world
    const unnamed = configuration.members.filter(
      ({ role, incarnation }) => role === 'voter' && incarnation === null,
    )
    if (unnamed.every((each) => each.id !== id)) return true
    // Those that wait to be let in may be told that it is too late, by who had voted with this one.
    const votes = (each: NodeId, named: string | null): boolean =>
      each !== id && (named !== null || watcher.isAdmitted(each))
    if (watcher.isAdmitted(id) && !bears(configuration, votes)) return false
    return unnamed.every((each) => each.id === id || !watcher.isInPlaceOfAnother(each.id))
  }

  /** A learner may be on the way to vote, with the disk that it is about to lose. */
  #bearsLearner(id: NodeId, isLeft: (id: NodeId, named: string | null) => boolean): boolean {
    const { watcher } = this.#world
    if (memberOf(this.#newest, id)?.role !== 'learner') return true
    const learners = this.#newest.members.filter((each) => each.role === 'learner')
    const lost = learners.filter((each) => each.id === id || watcher.isInPlaceOfAnother(each.id))
    const promote = lost.map((each) => each.id)
    return bears(configurationBehind(this.#newest, { promote }), isLeft)
  }

  #isWaiting({ id, role, incarnation }: ConfiguredMember): boolean {
    const { time } = this.#world
    if (role !== 'voter' || this.#isWhole(id, incarnation)) {
      this.#waitingSince.delete(id)
      return false
    }
    const sinceMs = this.#waitingSince.get(id) ?? time.nowMs
    this.#waitingSince.set(id, sinceMs)
    return time.nowMs >= sinceMs + WAITS_MS || incarnation !== null
  }

  /**
   * Whether somebody says that it listens elsewhere, and that the change is complete: before that, those
   * who would find it there may be too few. But of who moves nothing is heard where it was, so that it
   * may never be complete before.
   */
  #isToMove({ id, address }: ConfiguredMember): boolean {
    const { time } = this.#world
    const views = this.nodes.flatMap(({ replica }) => replica?.members() ?? [])
    const knowing = views.filter(({ members }) =>
      members.some((each) => each.id === id && each.address === address),
    )
    if (knowing.length === 0) return false
    const sinceMs = this.#movedSince.get(address) ?? time.nowMs
    this.#movedSince.set(address, sinceMs)
    return knowing.some(({ isComplete }) => isComplete) || time.nowMs >= sinceMs + WAITS_MS
  }

  get #promotion(): readonly Trouble[] {
    const { members } = this.#newest
    const voters = members.filter(({ role }) => role === 'voter')
    const learner = members.find(({ id, role }) => role === 'learner' && this.#nodes.get(id)?.isUp)
    const isFew = voters.length < FEWEST_VOTERS && learner !== undefined
    return isFew ? [{ type: 'promote', id: learner.id }] : []
  }
}

type Counts = (id: NodeId, named: string | null) => boolean

function bears(configuration: Configuration, counts: Counts): boolean {
  // With nobody who votes, or quorums that do not meet: that is refused.
  if (!isPossible(configuration)) return true
  return isQuorum(1, configuration, counts) && isQuorum(2, configuration, counts)
}

function isPossible(configuration: Configuration): boolean {
  try {
    quorumsOf(configuration)
    return true
  } catch (error) {
    if (error instanceof InvalidArgumentError) return false
    throw error
  }
}

/** What would be behind `change`, but for who does not vote. */
function configurationBehind(before: Configuration, change: MembersChange): Configuration {
  const { add = {}, weigh = {}, quorums = before.quorums } = change
  const voters = votersAfter(before, change)
  // Who is being added may have come in already, as a learner.
  const ids = new Set([...before.members.map(({ id }) => id), ...Object.keys(add)])
  const members = [...ids]
    .filter((id) => voters.has(id))
    .map((id) => ({
      id,
      address: `memory://${id}`,
      role: 'voter' as const,
      incarnation: namedIn(before, id),
      weight: weigh[id] ?? add[id]?.weight ?? memberOf(before, id)?.weight,
    }))
  return { ...before, members, quorums }
}

function namedIn(configuration: Configuration, id: NodeId): string | null {
  const member = memberOf(configuration, id)
  return member?.role === 'voter' ? member.incarnation : null
}

function memberOf({ members }: Configuration, id: NodeId): ConfiguredMember | null {
  return members.find((member) => member.id === id) ?? null
}
