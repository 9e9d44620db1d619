/**
 * Somebody who runs the cluster: changes its members all the time, and mends what is lost by the
 * documented procedure. Asks one node, and when that does not answer another, for the same change of
 * the same version, so that it is made once (P33); another operator does the same meanwhile. Must never
 * ask for what the disks that are left could not bear, but by what the Replica refuses itself.
 */
import { InvalidArgumentError } from '@paxos/core'
import {
  MembersConflictError,
  MembersRefusedError,
  NotPromotedError,
  OverloadedError,
  TimeoutError,
} from '@paxos/replica'
import type { MembersChange, ReplicaMembers } from '@paxos/replica'
import { ask, isEndOfNode } from './asking.ts'
import type { Reply } from './asking.ts'
import type { Ending, Intention } from './changes.ts'
import { otherLease } from './leases-plan.ts'
import type { ChangeCall, Want } from './members-plan.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { fitting, isSized, otherQuorums } from './other-quorums.ts'
import type { Site, Trouble } from './site.ts'
import { note } from './world.ts'
import type { World } from './world.ts'

/** A change, or something to mend. */
type Task = ChangeCall | (Trouble & Pick<ChangeCall, 'through' | 'attemptMs' | 'patienceMs'>)

/** What an operator knows of a change in the end. */
interface Told {
  readonly ending: Ending
  readonly mayBeMade: boolean
}

const TIMED_OUT: Told = { ending: 'timedOut', mayBeMade: true }

/** How long to wait when nobody was there, or between two attempts, in milliseconds. */
const PAUSE_MS = 200

/** Trouble is mended with more patience than a change is asked for: a new voter has to learn. */
const MENDING = { attemptMs: 20_000, patienceMs: 40_000 } as const

export class Operator {
  readonly #world: World
  readonly #site: Site
  readonly #tasks: Task[] = []
  #isBusy = false

  constructor(world: World, site: Site) {
    this.#world = world
    this.#site = site
  }

  get isIdle(): boolean {
    return !this.#isBusy
  }

  /** Asks for it when what was asked before has ended. */
  perform(call: ChangeCall): void {
    this.#begin(call)
  }

  /** Mends it, unless there is something to do already. `through` is the first node to ask. */
  mend(trouble: Trouble, through: number): void {
    if (this.isIdle) this.#begin({ ...trouble, ...MENDING, through })
  }

  /** What was asked for and has not begun is not wanted any more. */
  forget(): void {
    this.#tasks.length = 0
  }

  #begin(task: Task): void {
    this.#tasks.push(task)
    if (!this.#isBusy) void this.#performAll()
  }

  async #performAll(): Promise<void> {
    this.#isBusy = true
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) {
      await this.#perform(task)
    }
    this.#isBusy = false
  }

  async #perform(task: Task): Promise<void> {
    const { time, changes } = this.#world
    const untilMs = time.nowMs + task.patienceMs
    const seen = await this.#members(task, untilMs)
    if (seen === null) return
    const wanted = this.#changeFor(task, seen)
    const change = wanted === null ? null : fitting(wanted, seen)
    if (change === null || (task.type === 'change' && !this.#site.bears(change))) return
    for (const [id, { address }] of Object.entries(change.add ?? {})) {
      if (this.#site.free.includes(id)) this.#site.putUp(id, address)
    }
    note(
      this.#world,
      null,
      `an operator wants ${JSON.stringify(change)} of version ${seen.version}`,
    )
    const intention = changes.begin(change, seen.version)
    const { ending, mayBeMade } = await this.#carryOut(intention, task, untilMs)
    note(this.#world, null, `an operator ends with ${ending}: ${JSON.stringify(change)}`)
    changes.end(intention, ending, time.nowMs, mayBeMade)
  }

  /** Whoever answers says who the members are: it may be behind. */
  async #members({ through }: Task, untilMs: number): Promise<ReplicaMembers | null> {
    const { time } = this.#world
    for (let attempt = through; time.nowMs < untilMs; attempt += 1) {
      const reply = await this.#ask(attempt, 100, async (replica) => replica.members())
      if (reply.type === 'answer') return reply.value
      await this.#pause()
    }
    return null
  }

  /** Whether somebody who has not been let in yet, and knows only whom it was told of. */
  #isOutside({ replica }: SimulatedNode): boolean {
    const isFirst = this.#world.watcher.choices.newest.version === 0
    return !isFirst && replica?.members().version === 0
  }

  /** Asks until somebody says what came of it. */
  async #carryOut(intention: Intention, task: Task, untilMs: number): Promise<Told> {
    const { time, changes } = this.#world
    const { change, expected } = intention
    for (let attempt = task.through; time.nowMs < untilMs; attempt += 1) {
      const timeoutMs = Math.max(1, Math.min(task.attemptMs, untilMs - time.nowMs))
      const replica = this.#nodeAt(attempt)?.replica
      // One that stands still is asked all the same: it reads that when it goes on.
      if (replica !== null && replica !== undefined) intention.attempts += 1
      const reply = await this.#ask(attempt, timeoutMs + 1000, (asked) =>
        asked.changeMembers(change, { expected, timeoutMs }),
      )
      const isOver = reply.type === 'error' && isEndOfNode(reply.error)
      const isDown = reply.type === 'silence' && this.#nodeAt(attempt)?.replica !== replica
      if (isOver || isDown) changes.cut()
      const ending = this.#endingOf(reply, intention)
      if (ending !== null) return ending
      await this.#pause()
    }
    return TIMED_OUT
  }

  #endingOf(reply: Reply<ReplicaMembers>, { attempts }: Intention): Told | null {
    if (reply.type === 'answer') return { ending: 'completed', mayBeMade: false }
    if (reply.type !== 'error') return null
    const { error } = reply
    // A former attempt may still be on its way when a later one is refused.
    const wasAsked = attempts > 1
    if (error instanceof MembersRefusedError) {
      return { ending: 'refused', mayBeMade: wasAsked || error.outcome === 'unknown' }
    }
    // Where it was asked before, it may be this change that was made.
    if (error instanceof MembersConflictError) {
      return wasAsked ? TIMED_OUT : { ending: 'conflicts', mayBeMade: false }
    }
    if (error instanceof NotPromotedError) return { ending: 'notPromoted', mayBeMade: true }
    if (error instanceof InvalidArgumentError) return { ending: 'refused', mayBeMade: wasAsked }
    const isPromised =
      error instanceof TimeoutError || error instanceof OverloadedError || isEndOfNode(error)
    if (isPromised) return null
    this.#world.report('calls-end-as-promised', null, `A change ends with ${String(error)}`)
    return TIMED_OUT
  }

  #ask<T>(
    attempt: number,
    patienceMs: number,
    call: Parameters<typeof ask<T>>[3],
  ): Promise<Reply<T>> {
    const node = this.#nodeAt(attempt)
    if (node === undefined || this.#isOutside(node)) return Promise.resolve({ type: 'nobody' })
    return ask(this.#world, node, patienceMs, call)
  }

  #nodeAt(attempt: number): SimulatedNode | undefined {
    const { nodes } = this.#site
    return nodes[attempt % nodes.length]
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#world.time.schedule(PAUSE_MS, resolve))
  }

  #changeFor(task: Task, seen: ReplicaMembers): MembersChange | null {
    // A voter that learns anew does not vote meanwhile: sizes that fit all of them are in the way.
    if (task.type !== 'change' && isSized(seen)) return { quorums: { type: 'majority' } }
    switch (task.type) {
      case 'change':
        return this.#wanted(task.want, task.pick, seen)
      case 'renew':
        return renewing(seen, task.id)
      case 'replace':
        return this.#replacing(seen, task.id)
      case 'promote':
        return this.#isLearner(seen, task.id) ? { promote: [task.id] } : null
    }
  }

  /** `null` where nobody is there whom it could concern. */
  #wanted(want: Want, pick: number, seen: ReplicaMembers): MembersChange | null {
    const all = seen.members.map(({ id }) => id)
    const one = chosenFrom(all, pick)
    switch (want) {
      case 'add-voter':
        return this.#adding(pick, 'voter')
      case 'add-learner':
        return this.#adding(pick, 'learner')
      case 'remove':
        return one === undefined ? null : { remove: [one] }
      case 'replace':
        return one === undefined ? null : this.#replacing(seen, one)
      case 'move':
        return one === undefined ? null : { move: { [one]: this.#site.freshAddress(one) } }
      case 'promote': {
        const id = chosenFrom(
          all.filter((each) => this.#isLearner(seen, each)),
          pick,
        )
        return id === undefined ? null : { promote: [id] }
      }
      case 'demote': {
        const id = chosenFrom(
          all.filter((each) => this.#isVoter(seen, each)),
          pick,
        )
        return id === undefined ? null : { demote: [id] }
      }
      case 'quorums':
        return otherQuorums(seen, pick)
      case 'exchange':
        return this.#exchanging(seen)
      case 'prioritize':
        return one === undefined ? null : { prioritize: { [one]: Math.floor(pick * 40) % 4 } }
      case 'lease':
        return this.#leasing(pick)
      case 'mistake':
        return mistaken(seen, pick)
    }
  }

  #adding(pick: number, role: 'voter' | 'learner'): MembersChange | null {
    const id = chosenFrom(this.#site.free, pick)
    return id === undefined
      ? null
      : { add: { [id]: { address: this.#site.freshAddress(id), role } } }
  }

  #replacing({ members }: ReplicaMembers, old: string): MembersChange | null {
    const role = members.find(({ id }) => id === old)?.role
    const [id] = this.#site.free.filter((each) => each !== old)
    if (role === undefined) return null
    if (id === undefined) return members.length > 1 ? { remove: [old] } : null
    return { add: { [id]: { address: this.#site.freshAddress(id), role } }, remove: [old] }
  }

  /** As many others as there are: the old and the new share no member. */
  #exchanging({ members }: ReplicaMembers): MembersChange | null {
    const free = this.#site.free.slice(0, FEW)
    if (free.length < Math.min(FEW, members.length)) return null
    const add = free.map((id) => [id, { address: this.#site.freshAddress(id) }] as const)
    return { add: Object.fromEntries(add), remove: members.map(({ id }) => id) }
  }

  /** No clock runs more wrong than the lease says with which the cluster starts, or may start. */
  #leasing(pick: number): MembersChange | null {
    const { leases } = this.#world.plan
    return leases === undefined ? null : { lease: otherLease(pick, leases.maxDriftPpm) }
  }

  #isVoter({ members }: ReplicaMembers, id: string): boolean {
    return members.some((member) => member.id === id && member.role === 'voter')
  }

  #isLearner({ members }: ReplicaMembers, id: string): boolean {
    return members.some((member) => member.id === id && member.role === 'learner')
  }
}

/** So many take over from all. */
const FEW = 3

/** Where the members say that it is now: it may have moved since its disk was lost. */
function renewing({ members }: ReplicaMembers, id: string): MembersChange | null {
  const member = members.find((each) => each.id === id)
  return member?.role === 'voter' ? { renew: { [id]: member.address } } : null
}

function mistaken({ members }: ReplicaMembers, pick: number): MembersChange | null {
  const [first] = members
  if (first === undefined) return null
  const address = `memory://${first.id}.mistake`
  const mistakes: readonly [MembersChange, ...MembersChange[]] = [
    { add: { [first.id]: { address } } },
    { remove: ['nobody'] },
    { remove: members.map(({ id }) => id) },
    { add: { nobody: { address: first.address } } },
    { move: { nobody: address } },
    {},
  ]
  return chosenFrom(mistakes, pick) ?? mistakes[0]
}

function chosenFrom<T>(items: readonly T[], pick: number): T | undefined {
  return items[Math.floor(pick * items.length)]
}
