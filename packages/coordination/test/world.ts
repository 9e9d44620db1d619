/**
 * Processes over one log that is never slow and never wrong, for tests of what coordination makes of it: a
 * process may be cut off from it, frozen, or have a clock that drifts. Must never look at the real time.
 */
import { Coordination, coordinationMachine } from '@paxos/coordination'
import type {
  Answer,
  Command,
  CoordinationOptions,
  CoordinationSource,
  Query,
  Result,
} from '@paxos/coordination'
import { ProcessClock, settled, VirtualClock } from './virtual-clock.ts'

/** The log, which tells all when something was applied. */
export class Log {
  machine = coordinationMachine()
  readonly applied: Command[] = []
  readonly listeners = new Set<() => void>()
  #revision = 0

  apply(command: Command): Result {
    this.#revision += 1
    this.applied.push(command)
    const { commandCodec } = this.machine
    const read = commandCodec?.decode(commandCodec.encode(command)) ?? command
    const result = this.machine.apply(read, this.#revision)
    for (const listener of this.listeners) listener()
    return result
  }

  ask(query: Query): Answer {
    const answer: unknown = this.machine.query?.(query)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the machine's type says
    return answer as Answer
  }

  /** All nodes start again from what they have on their disks. */
  restart(): void {
    const bytes = this.machine.snapshot()
    this.machine = coordinationMachine()
    // oxlint-disable-next-line typescript/no-floating-promises -- a state machine answers at once
    this.machine.restore(bytes)
  }
}

/** A process: its clock, its way to the log, and its coordination. */
export class Process implements CoordinationSource {
  readonly clock: ProcessClock
  readonly coordination: Coordination
  readonly #log: Log
  readonly #virtual: VirtualClock
  /** What it proposes and asks waits here while it is cut off. */
  #waiting: (() => void)[] | null = null
  /** How long a proposal takes to the log, and its result back. */
  delayMs = 1
  /** How long a result takes back, where that is another time. */
  answerMs: number | null = null

  constructor(log: Log, virtual: VirtualClock, rate: number, options: CoordinationOptions) {
    this.#log = log
    this.#virtual = virtual
    this.clock = new ProcessClock(virtual, rate)
    let drawn = 0
    this.coordination = new Coordination(this, {
      clock: this.clock,
      random: () => (drawn = (drawn + 0.377) % 1),
      ...options,
    })
  }

  async propose(command: Command): Promise<Result> {
    await this.#way()
    const result = this.#log.apply(command)
    await this.#way(this.answerMs ?? this.delayMs)
    return result
  }

  async query(query: Query): Promise<Answer> {
    await this.#connected()
    return this.#log.ask(query)
  }

  watch(listener: () => void): () => void {
    const call = (): void => {
      if (this.#waiting === null) listener()
      else this.#waiting.push(listener)
    }
    this.#log.listeners.add(call)
    return () => this.#log.listeners.delete(call)
  }

  /** Nothing of it reaches the log, and it hears nothing. */
  cut(): void {
    this.#waiting ??= []
  }

  mend(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = null
    for (const go of waiting) go()
  }

  async #way(delayMs = this.delayMs): Promise<void> {
    if (delayMs > 0) await new Promise<void>((go) => this.#virtual.schedule(delayMs, go))
    await this.#connected()
  }

  async #connected(): Promise<void> {
    if (this.#waiting !== null) await new Promise<void>((go) => this.#waiting?.push(go))
  }
}

export interface World {
  readonly clock: VirtualClock
  readonly log: Log
  /** Another process; its clock runs `rate` times as fast as time. */
  readonly process: (rate?: number, options?: CoordinationOptions) => Process
  /** Lets time pass until `promise` is settled, at most ten minutes of it. */
  readonly within: <T>(promise: Promise<T>, stepMs?: number) => Promise<T>
}

export function world(): World {
  const clock = new VirtualClock()
  const log = new Log()
  return {
    clock,
    log,
    process: (rate = 1, options = {}) => new Process(log, clock, rate, options),
    async within(promise, stepMs = 50) {
      const watch = { isSettled: false }
      const watched = promise.finally(() => (watch.isSettled = true))
      watched.catch(() => undefined)
      await settled()
      for (let ms = 0; ms < 600_000 && !watch.isSettled; ms += stepMs) await clock.advance(stepMs)
      if (!watch.isSettled) throw new Error('It did not happen within ten minutes.')
      return await watched
    },
  }
}

/** Whether a promise is settled by now. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const seen = { isSettled: false }
  const see = (): void => {
    seen.isSettled = true
  }
  promise.then(see, see)
  await settled()
  return seen.isSettled
}
