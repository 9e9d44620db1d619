/**
 * Runs whole replicas on virtual time, does to them what a plan says, and watches. Everything that
 * happens follows from the plan. Must never use real time, real I/O or chance that is not seeded.
 */
import type { NodeId } from '@paxos/core'
import { SessionExpiredError, TimeoutError } from '@paxos/replica'
import { memoryHub } from '@paxos/transport-memory'
import { isEndOfNode } from './asking.ts'
import { Changes } from './changes.ts'
import type { ChangeCounts } from './changes.ts'
import { Client } from './client.ts'
import { Faults } from './faults.ts'
import { Freshness } from './freshness.ts'
import { History } from './history.ts'
import { OPERATORS } from './members-plan.ts'
import { Operator } from './operator.ts'
import { drawPlan } from './plan.ts'
import type { Plan } from './plan.ts'
import type { Profile } from './profile.ts'
import { randomOf } from './random.ts'
import { recoveryBoundOf } from './recovery.ts'
import { Recorder } from './recorder.ts'
import type { Happening } from './recorder.ts'
import type { Command } from './registers.ts'
import { SimulatedNode } from './simulated-node.ts'
import { Site } from './site.ts'
import type { Violation } from './violation.ts'
import { VirtualTime } from './virtual-time.ts'
import { Watcher } from './watcher.ts'
import { count } from './world.ts'
import type { InjectedKind, Parts, World } from './world.ts'

/** That a node began to lead, with a ballot of its own. */
export interface Leadership {
  readonly node: NodeId
  /** When it first said so to others, in virtual milliseconds. */
  readonly atMs: number
}

/** What came of one run. */
export interface RunResult {
  readonly plan: Plan
  /** The first promise that was broken; `null` when all were kept. */
  readonly violation: Violation | null
  /** How long the cluster ran, in virtual milliseconds. */
  readonly virtualMs: number
  readonly events: number
  /** What clients asked, and how much of that was answered. */
  readonly operations: { readonly asked: number; readonly answered: number }
  readonly injected: Readonly<Partial<Record<InjectedKind, number>>>
  /** What operators asked for, and what came of it. */
  readonly changes: ChangeCounts
  /** Who led, in order: the first leadership, and one more for each change, also to the same node. */
  readonly leaderships: readonly Leadership[]
  /** From the end of the faults until the first new command was answered, in virtual milliseconds. */
  readonly firstAnswerAfterMs: number | null
  /** The same until all live nodes had answered one and were at one slot. */
  readonly recoveredAfterMs: number | null
  /** The last happenings, in order. */
  readonly last: readonly Happening[]
  /** Everything, a line each; empty unless it was asked for. */
  readonly trace: readonly string[]
}

/** How to run. */
export interface RunOptions {
  /** Whether to write everything down. Default: false. */
  readonly trace?: boolean | undefined
  /** How long the recovery may take, in virtual milliseconds. Default: what recoveryBoundOf says. */
  readonly recoveryBoundMs?: number | undefined
  /** Called when the faults are over. Must not throw. */
  readonly onFaultsEnd?: (() => void) | undefined
  /** Parts in the place of the simulation's, for tests of the simulation itself. */
  readonly parts?: Parts | undefined
}

/** Turns of the microtask queue that a node gets before time goes on; its longest chain takes 20. */
const TURNS_AN_EVENT = 24

const ONE_TURN = Promise.resolve()

/** More events at one moment than the busiest cluster has, by far: someone wakes itself for ever. */
const MAX_EVENTS_A_MOMENT = 20_000

/** The simulation of one plan. */
export class Simulation {
  readonly #plan: Plan
  readonly #time = new VirtualTime()
  readonly #recorder: Recorder
  readonly #world: World
  readonly #nodes: readonly [SimulatedNode, ...SimulatedNode[]]
  readonly #site: Site
  readonly #operators: readonly Operator[]
  readonly #faults: Faults
  readonly #timedTurns: { turnsLeft: number; readonly callback: () => void }[] = []
  readonly #boundMs: number
  readonly #onFaultsEnd: (() => void) | undefined
  readonly #leaderships: Leadership[] = []
  #violation: Violation | null = null
  #firstAnswerAfterMs: number | null = null
  #probes = 0
  #events = 0
  #momentMs = 0
  #eventsBefore = 0

  /** What follows from `seed`, a whole number from 0 to 2^32 - 1, under `profile`. */
  static ofSeed(seed: number, profile: Profile, options: RunOptions = {}): Simulation {
    return new Simulation(drawPlan(seed, profile), options)
  }

  constructor(plan: Plan, options: RunOptions = {}) {
    const { trace = false, parts = {}, recoveryBoundMs, onFaultsEnd } = options
    this.#plan = plan
    this.#boundMs = recoveryBoundMs ?? recoveryBoundOf(plan)
    this.#onFaultsEnd = onFaultsEnd
    this.#recorder = new Recorder(trace)
    const report: World['report'] = (invariant, node, problem) => {
      if (parts.blindTo?.includes(invariant) === true) return
      // What follows from the first is of no interest.
      this.#violation ??= { invariant, node, problem, atMs: this.#time.nowMs }
    }
    const changes = new Changes(report)
    const world: World = {
      plan,
      changesMembers: plan.spares !== undefined,
      time: this.#time,
      hub: memoryHub({
        seed: Math.floor(randomOf(plan.seed, 'network').next() * 2 ** 32),
        scheduler: {
          setTimeout: (callback, delayMs) => this.#time.schedule(delayMs, callback),
          clearTimeout: (timer) => {
            if (isTimer(timer)) timer.isCancelled = true
          },
        },
        observe: ({ from, to, frame, outcome }) => {
          if (outcome === 'lost') count(world, 'loss')
          if (outcome === 'duplicated') count(world, 'duplication')
          if (outcome === 'too-large') count(world, 'mtu')
          this.#recorder.add({ type: 'frame', atMs: this.#time.nowMs, from, to, frame, outcome })
        },
      }),
      watcher: new Watcher(
        plan.nodes,
        report,
        (before, after) => changes.made(before, after),
        (node) => this.#leaderships.push({ node, atMs: this.#time.nowMs }),
      ),
      changes,
      history: new History(),
      freshness: new Freshness(report),
      recorder: this.#recorder,
      report,
      parts,
      diskRandom: randomOf(plan.seed, 'disks'),
      injected: new Map(),
      afterTurns: (turns, callback) => this.#timedTurns.push({ turnsLeft: turns, callback }),
    }
    this.#world = world
    const [first, ...others] = [...plan.nodes, ...(plan.spares ?? [])]
    this.#nodes = [
      new SimulatedNode(first ?? plan.nodes[0], world),
      ...others.map((id) => new SimulatedNode(id, world)),
    ]
    const members = Object.fromEntries(plan.nodes.map((id) => [id, `memory://${id}`]))
    for (const node of this.#nodes) {
      const address = members[node.id]
      if (address !== undefined) node.install({ address, others: members })
    }
    this.#site = new Site(world, new Map(this.#nodes.map((node) => [node.id, node])))
    this.#operators = Array.from({ length: OPERATORS }, () => new Operator(world, this.#site))
    this.#faults = new Faults(world, this.#site)
  }

  /** Runs it, once. */
  async run(): Promise<RunResult> {
    const { faultsEndMs } = this.#plan
    this.#schedulePlan()
    await this.#advance(() => this.#time.nextAtMs > faultsEndMs)
    const recoveredAfterMs = this.#violation === null ? await this.#recover() : null
    const unexplained = this.#violation === null ? this.#world.history.judge() : null
    if (unexplained !== null) this.#world.report('linearizable', null, unexplained)
    const violation = this.#violation
    for (const node of this.#nodes) node.end()
    const { asked, answered } = this.#world.history
    return {
      plan: this.#plan,
      violation,
      virtualMs: this.#time.nowMs,
      events: this.#events,
      operations: { asked, answered },
      injected: Object.fromEntries(this.#world.injected),
      changes: this.#world.changes.counts,
      leaderships: this.#leaderships,
      firstAnswerAfterMs: this.#firstAnswerAfterMs,
      recoveredAfterMs,
      last: this.#recorder.last,
      trace: this.#recorder.trace,
    }
  }

  #schedulePlan(): void {
    const { actions, clientsWithSession } = this.#plan
    const clients = new Map<number, Client>()
    for (const node of this.#nodes) this.#time.schedule(0, () => node.start())
    if (this.#world.changesMembers) this.#lookAround(0)
    for (const action of actions) {
      this.#time.schedule(action.atMs, () => {
        if (action.type === 'change') return this.#operators[action.operator]?.perform(action)
        if (action.type !== 'call') return this.#faults.begin(action)
        const { client: number } = action
        const client =
          clients.get(number) ?? new Client(this.#world, this.#nodes, number < clientsWithSession)
        clients.set(number, client)
        client.perform(action)
      })
    }
  }

  /** Now and then an operator looks whether something is to be mended. */
  #lookAround(times: number): void {
    this.#time.schedule(LOOK_EVERY_MS, () => {
      const [trouble] = this.#site.look()
      const operator = this.#operators[times % this.#operators.length]
      const isOver = this.#time.nowMs >= this.#plan.faultsEndMs
      // A cluster of few voters works as well.
      if (trouble !== undefined && !(isOver && trouble.type === 'promote'))
        operator?.mend(trouble, times)
      this.#lookAround(times + 1)
    })
  }

  /** One event after another, until `isOver`, or a promise is broken. */
  async #advance(isOver: () => boolean): Promise<void> {
    await this.#settle()
    while (this.#violation === null && !isOver()) {
      try {
        if (!this.#time.step()) return
      } catch (error) {
        this.#world.report('node-runs', null, `A callback throws ${String(error)}`)
      }
      this.#events += 1
      await this.#settle()
      this.#requireProgress()
    }
  }

  #requireProgress(): void {
    const { nowMs } = this.#time
    // A millionth of a millisecond is no progress either.
    if (nowMs > this.#momentMs + 1e-6) {
      this.#momentMs = nowMs
      this.#eventsBefore = this.#events
    }
    if (this.#events - this.#eventsBefore < MAX_EVENTS_A_MOMENT) return
    const problem = `${MAX_EVENTS_A_MOMENT} events have happened at ${nowMs} ms.`
    this.#world.report('time-passes', null, problem)
  }

  /**
   * Lets promises settle. A fixed number of turns is enough: nothing in a simulated node waits for
   * anything outside, so the order of all turns is always the same, and what takes more turns goes
   * on after the next event, as on a slow machine.
   */
  async #settle(): Promise<void> {
    for (let turn = 0; turn < TURNS_AN_EVENT; turn += 1) {
      await ONE_TURN
      if (this.#timedTurns.length > 0) this.#countTurn()
    }
  }

  #countTurn(): void {
    for (const timed of this.#timedTurns.slice()) {
      timed.turnsLeft -= 1
      if (timed.turnsLeft > 0) continue
      this.#timedTurns.splice(this.#timedTurns.indexOf(timed), 1)
      timed.callback()
    }
  }

  /** Ends the faults, and sees whether the cluster does its work again. */
  async #recover(): Promise<number | null> {
    const endMs = this.#plan.faultsEndMs
    await this.#until(endMs)
    this.#onFaultsEnd?.()
    this.#faults.endAll()
    const boundMs = endMs + this.#boundMs
    if (this.#world.changesMembers) {
      this.#refreshAt(endMs + this.#boundMs / 2)
      await this.#settleMembers(boundMs)
    }
    const live = this.#live
    const missing = new Set<NodeId>(live.map(({ id }) => id))
    for (const node of live) void this.#probe(node, boundMs, missing)
    await this.#advance(() => missing.size === 0 || this.#time.nextAtMs > boundMs)
    const problem = `${[...missing].join(', ')}: no command after ${Math.ceil(this.#boundMs)} ms without faults.`
    if (missing.size > 0) this.#world.report('commits-again', null, problem)
    await this.#advance(() => this.#isConverged || this.#time.nextAtMs > boundMs)
    if (this.#violation === null && !this.#isConverged) {
      const through = [...this.#live, ...this.#site.leftovers].map(
        ({ id, replica }) => `${id} ${replica?.status().appliedThrough ?? 'down'}`,
      )
      this.#world.report('converges', null, `Applied: ${through.join(', ')}.`)
    }
    return this.#violation === null ? this.#time.nowMs - endMs : null
  }

  /** The operators finish what they began, and mend what is lost. */
  async #settleMembers(boundMs: number): Promise<void> {
    for (const operator of this.#operators) operator.forget()
    const isSettled = (): boolean =>
      this.#operators.every(({ isIdle }) => isIdle) && this.#site.isWhole
    await this.#advance(() => isSettled() || this.#time.nextAtMs > boundMs)
    if (this.#violation !== null || isSettled()) return
    const { newest } = this.#world.watcher.choices
    const problem = `Not all members run on disks that count: ${JSON.stringify(newest.members)}.`
    this.#world.report('commits-again', null, problem)
  }

  /** Who was away for long may know nobody any more, or be known by nobody: he is started again. */
  #refreshAt(atMs: number): void {
    this.#time.schedule(Math.max(0, atMs - this.#time.nowMs), () => {
      const { through } = this.#world.watcher.choices
      const behind = this.#live.filter(
        ({ replica }) => (replica?.status().appliedThrough ?? 0) < through,
      )
      for (const node of [...behind, ...this.#site.leftovers]) this.#site.refresh(node)
    })
  }

  /** Those that have to come to one state. */
  get #live(): readonly SimulatedNode[] {
    if (this.#world.changesMembers) return this.#site.members
    return this.#nodes.filter(({ isDamaged }) => !isDamaged)
  }

  async #until(ms: number): Promise<void> {
    let isThere = this.#time.nowMs >= ms
    if (!isThere) this.#time.schedule(ms - this.#time.nowMs, () => (isThere = true))
    await this.#advance(() => isThere)
  }

  /** Proposes on a node, and reads all registers there, as soon as it answers. */
  async #probe(node: SimulatedNode, untilMs: number, missing: Set<NodeId>): Promise<void> {
    const { history, watcher } = this.#world
    while (node.replica === null) {
      if (this.#time.nowMs > untilMs) return
      // What nobody waited for any more was made meanwhile: it has left.
      if (!this.#live.includes(node)) return void missing.delete(node.id)
      await new Promise<void>((resolve) => void this.#time.schedule(50, resolve))
    }
    const { replica } = node
    const id = PROBES_FROM + this.#probes
    this.#probes += 1
    const command: Command = { type: 'put', id, key: 'probe', value: node.id }
    watcher.issued(command)
    const timeoutMs = Math.max(1, untilMs - this.#time.nowMs)
    const answered = history.begin(command)
    try {
      answered(await replica.propose(command, { timeoutMs }))
      watcher.acknowledged(command.id)
      this.#firstAnswerAfterMs ??= this.#time.nowMs - this.#plan.faultsEndMs
      const reads = ['x', 'y', 'z', 'probe'].map(async (key) => {
        const read = history.begin({ type: 'get', key })
        read({ changed: false, value: await replica.query(key, { timeoutMs }) })
      })
      await Promise.all(reads)
      missing.delete(node.id)
    } catch (error) {
      // That it took too long is told by who waits for all.
      if (error instanceof TimeoutError) return
      // It was started again, or shut out.
      if (this.#world.changesMembers && isEndOfNode(error))
        return this.#probe(node, untilMs, missing)
      if (error instanceof SessionExpiredError) {
        // The slots that could tell what became of it are in a snapshot: it has to be said, and ends
        // this command. The next one is in a new session.
        await new Promise<void>((resolve) => void this.#time.schedule(50, resolve))
        return this.#probe(node, untilMs, missing)
      }
      this.#world.report('calls-end-as-promised', node.id, `A probe ends with ${String(error)}`)
    }
  }

  get #isConverged(): boolean {
    const through = this.#live.map(({ replica }) => replica?.status().appliedThrough)
    const isOne = through.every((slot) => slot !== undefined && slot === through[0])
    return isOne && this.#site.leftovers.length === 0
  }
}

const LOOK_EVERY_MS = 1000

const PROBES_FROM = 1_000_000

function isTimer(timer: unknown): timer is { isCancelled: boolean } {
  return typeof timer === 'object' && timer !== null && 'isCancelled' in timer
}
