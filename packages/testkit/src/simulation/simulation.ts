/**
 * Simulation: whole replicas, with the real codec, on a network and disks in memory and on a clock
 * that is not the world's, while everything goes wrong that a seed says. In the manner of
 * FoundationDB's simulator and of swarm testing (Groce and others, 2012). The same seed is the same
 * run, to the byte. Must never look at the real time or draw from any other source than the seed.
 */
import type { NodeId } from '@paxos/core'
import { memoryHub } from '@paxos/transport-memory'
import { checkLinearizability } from '../linearizability.ts'
import { History, runClient } from './clients.ts'
import { dice } from './dice.ts'
import type { Dice } from './dice.ts'
import { drawFaults } from './faults.ts'
import type { Fault, FaultKind, ProfileName } from './faults.ts'
import { SimulatedNode } from './node.ts'
import type { Surroundings } from './node.ts'
import { registerModel } from './registers.ts'
import { Trace } from './trace.ts'
import { virtualTime } from './virtual-time.ts'
import type { VirtualTime } from './virtual-time.ts'
import { Watch } from './watch.ts'
import type { Violation } from './watch.ts'
import { Mischief } from './world.ts'

/** Faults happen for so long. */
const FAULTS_MS = 12_000

/**
 * When nothing goes wrong any more, a command commits within this time: a node that was just started
 * or whose clock was behind waits for up to two liveness windows, an election may have to be
 * repeated, and a command that was handed to a leader who is gone is handed over again after up to
 * sixteen retransmission intervals.
 */
export const LIVENESS_BOUND_MS = 15_000

/** Then every node has everything: a few heartbeats, or a snapshot in pieces. */
const CONVERGENCE_BOUND_MS = 15_000

const IDS = ['a', 'b', 'c', 'd', 'e'] as const

export interface SimulationOptions {
  /** From 0 to 2^32 - 1: it decides everything. */
  readonly seed: number
  /** Which faults there are. Default: 'swarm'. */
  readonly profile?: ProfileName | undefined
  /** Those of the schedule to begin, by their places in it. Default: all. For shrinking. */
  readonly only?: readonly number[] | undefined
  /** Told what happens, line by line. Default: nobody is. */
  readonly onLine?: ((line: string) => void) | undefined
  /** Parts to put in the place of honest ones: for showing that the simulation notices. */
  readonly instead?:
    Pick<Surroundings, 'wrapDurability' | 'wrapTransport' | 'makeMachine'> | undefined
}

/** What came of a run. */
export interface SimulationOutcome {
  readonly seed: number
  readonly profile: ProfileName
  /** The broken promise; `null` when all were kept. */
  readonly violation: Violation | null
  /** The schedule that the seed stands for, whole. */
  readonly faults: readonly Fault[]
  /** How often each kind of fault was begun. */
  readonly injected: Readonly<Partial<Record<FaultKind, number>>>
  /** How much time passed in the cluster. */
  readonly virtualMs: number
  /** How many requests clients made, and how many were answered. */
  readonly requests: number
  readonly answered: number
  /** How long after the last fault a command was committed. */
  readonly recoveredAfterMs: number
  /** The last messages and events, as a sequence diagram for Mermaid. */
  readonly diagram: string
}

/** Runs one seed from its beginning to its end, or to the first broken promise. */
export async function simulate(options: SimulationOptions): Promise<SimulationOutcome> {
  return new Simulation(options).run()
}

export class Simulation {
  readonly #options: SimulationOptions
  readonly #profile: ProfileName
  readonly #time: VirtualTime = virtualTime()
  readonly #trace: Trace
  readonly #watch: Watch
  readonly #history = new History()
  readonly #ids: readonly NodeId[]
  readonly #nodes: readonly SimulatedNode[]
  readonly #mischief: Mischief
  readonly #faults: readonly Fault[]
  readonly #dice: Dice
  readonly #injected: Partial<Record<FaultKind, number>> = {}
  #isOver = false

  constructor(options: SimulationOptions) {
    this.#options = options
    this.#profile = options.profile ?? 'swarm'
    this.#dice = dice(options.seed)
    this.#ids = IDS.slice(0, this.#dice.chance(0.75) ? 3 : 5)
    this.#trace = new Trace(() => this.#time.nowMs, options.onLine ?? null)
    this.#watch = new Watch(this.#ids)
    const hub = memoryHub({
      seed: this.#dice.below(2 ** 32),
      delayMs: { min: 0, max: 3 },
      scheduler: {
        setTimeout: (callback, delayMs) => this.#time.schedule(delayMs, callback),
        clearTimeout: (cancel) => {
          if (typeof cancel === 'function') cancel()
        },
      },
    })
    const around: Surroundings = {
      time: this.#time,
      hub,
      watch: this.#watch,
      trace: this.#trace,
      members: Object.fromEntries(this.#ids.map((id) => [id, `memory://${id}`])),
      snapshotEveryEntries: this.#dice.pick([5, 20, 10_000]),
      sessionTimeoutMs: this.#dice.pick([2000, 3_600_000]),
      ...options.instead,
    }
    this.#nodes = this.#ids.map((id) => new SimulatedNode(id, around, this.#dice.fork()))
    const world = { nodes: this.#nodes, dice: this.#dice.fork() }
    this.#mischief = new Mischief(hub, this.#time, world)
    const schedule = { nodes: this.#ids.length, durationMs: FAULTS_MS, dice: this.#dice.fork() }
    this.#faults = drawFaults(this.#profile, schedule)
  }

  async run(): Promise<SimulationOutcome> {
    for (const node of this.#nodes) void node.start()
    this.#scheduleFaults()
    const clients = this.#startClients()
    await this.#pass(FAULTS_MS)
    this.#trace.add({ type: 'note', at: null, text: 'the faults are over' })
    this.#mischief.mend()
    this.#isOver = true
    const recoveredAfterMs = await this.#requireLiveness()
    await this.#requireConvergence()
    this.#requireLinearizability()
    await this.#close(clients)
    return this.#outcome(recoveredAfterMs)
  }

  #scheduleFaults(): void {
    const only = this.#options.only === undefined ? null : new Set(this.#options.only)
    for (const [index, fault] of this.#faults.entries()) {
      if (only !== null && !only.has(index)) continue
      this.#time.schedule(fault.atMs, () => {
        const { kind, nodes, forMs } = fault
        this.#injected[kind] = (this.#injected[kind] ?? 0) + 1
        const who = nodes.map((node) => this.#ids[node]).join('')
        this.#trace.add({ type: 'note', at: null, text: `${kind} (${who}) for ${forMs} ms` })
        this.#mischief.begin(fault)
      })
    }
  }

  #startClients(): readonly Promise<void>[] {
    const world = {
      time: this.#time,
      watch: this.#watch,
      trace: this.#trace,
      history: this.#history,
      replicas: () => this.#nodes.flatMap(({ replica }) => replica ?? []),
      isOver: () => this.#isOver,
    }
    return Array.from({ length: this.#dice.between(2, 4) }, async () => {
      try {
        await runClient(world, 25, this.#dice.fork())
      } catch (error) {
        this.#watch.violate('no stop without a reason', `a client met ${String(error)}`)
      }
    })
  }

  /** Lets time pass until `done` says so, `ms` at most, or until a promise is broken. */
  async #pass(ms: number, done: () => boolean = () => false): Promise<void> {
    const endMs = this.#time.nowMs + ms
    await settled()
    while (this.#watch.violation === null && !done() && this.#time.step(endMs)) await settled()
  }

  /** Some node answers a command, brought in again and again as a client would. */
  async #requireLiveness(): Promise<number> {
    const beganMs = this.#time.nowMs
    let committedMs: number | null = null
    const ask = async (): Promise<void> => {
      for (let number = 0; committedMs === null; number += 1) {
        const replica = this.#nodes[number % this.#nodes.length]?.replica
        const committed = await replica
          ?.propose({ type: 'put', key: 'last', value: String(number) }, { timeoutMs: 5000 })
          .then(() => true)
          .catch(() => false)
        if (committed === true) committedMs = this.#time.nowMs
        else await new Promise<void>((resolve) => void this.#time.schedule(100, resolve))
      }
    }
    void ask()
    await this.#pass(LIVENESS_BOUND_MS, () => committedMs !== null)
    const committedAfterMs = committedMs ?? Infinity
    committedMs ??= Infinity
    if (committedAfterMs === Infinity) {
      this.#watch.violate('liveness', `no command was committed within ${LIVENESS_BOUND_MS} ms`)
    }
    return committedAfterMs - beganMs
  }

  async #requireConvergence(): Promise<void> {
    const states = (): readonly string[] =>
      this.#nodes
        .filter((node) => !node.isDamaged)
        .map(({ replica, digest }) => `${replica?.status().appliedThrough ?? 'down'} ${digest}`)
    await this.#pass(CONVERGENCE_BOUND_MS, () => new Set(states()).size === 1)
    if (new Set(states()).size > 1) {
      this.#watch.violate('convergence', `the nodes are at ${states().join(', ')}`)
    }
  }

  #requireLinearizability(): void {
    const verdict = checkLinearizability(registerModel, this.#history.operations)
    if (verdict.linearizable) return
    const [unexplained] = verdict.unexplained
    this.#watch.violate(
      'linearizability',
      `register ${verdict.partition}: ${JSON.stringify(unexplained)} fits nowhere`,
    )
  }

  async #close(clients: readonly Promise<void>[]): Promise<void> {
    for (const node of this.#nodes) node.crash()
    // Those who still wait are told, and those who pause go on to see that it is over.
    const waiting = new Set(clients)
    for (const client of clients) void client.finally(() => waiting.delete(client))
    while (waiting.size > 0 && this.#time.step(Infinity)) await settled()
  }

  #outcome(recoveredAfterMs: number): SimulationOutcome {
    const { operations } = this.#history
    return {
      seed: this.#options.seed,
      profile: this.#profile,
      violation: this.#watch.violation,
      faults: this.#faults,
      injected: this.#injected,
      virtualMs: this.#time.nowMs,
      requests: operations.length,
      answered: operations.filter(({ answer }) => answer !== null).length,
      recoveredAfterMs,
      diagram: this.#trace.diagram(this.#ids),
    }
  }
}

/** Everything that follows without the passing of time has followed. */
function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
