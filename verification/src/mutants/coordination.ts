/**
 * Mistakes in what is held, and in several state machines as one. Most of them would be seen once a year,
 * by two holders of one lock.
 */
import type { Mutant } from './mutant.ts'

const COORDINATION = 'packages/coordination/src'
const REPLICA = 'packages/replica/src'

const BY_LOCKS = [{ type: 'tests', file: 'locks.test.ts' }] as const
const BY_MACHINE = [{ type: 'tests', file: 'machine.test.ts' }] as const
const BY_SCHEDULE = [{ type: 'tests', file: 'schedule.test.ts' }] as const
const BY_SEMAPHORES = [{ type: 'tests', file: 'semaphores.test.ts' }] as const
const BY_VALUES = [{ type: 'tests', file: 'values.test.ts' }] as const
const BY_COMPOSE = [{ type: 'tests', file: 'compose.test.ts' }] as const

export const COORDINATION_MUTANTS: readonly Mutant[] = [
  {
    name: 'coordination: a hold expires although it was renewed since',
    file: `${COORDINATION}/holds.ts`,
    from: 'if (this.#find(which)?.renewed === renewed) this.release(which, revision)',
    to: 'if ((this.#find(which)?.renewed ?? -1) >= renewed) this.release(which, revision)',
    caughtBy: BY_MACHINE,
  },
  {
    name: 'coordination: to be granted is no renewal',
    file: `${COORDINATION}/holds.ts`,
    from: 'lease.renewed = revision\n  }',
    to: 'lease.renewed += 0\n  }',
    caughtBy: BY_MACHINE,
  },
  {
    name: 'coordination: who wants little passes who wants much',
    file: `${COORDINATION}/holds.ts`,
    from: "if (resource.kind !== 'barrier' && !fits(resource, lease.weight)) break",
    to: "if (resource.kind !== 'barrier' && !fits(resource, lease.weight)) continue",
    caughtBy: BY_MACHINE,
  },
  {
    name: 'coordination: what is released keeps its permits',
    file: `${COORDINATION}/holds.ts`,
    from: 'resource.taken -= held.weight',
    to: 'resource.taken -= 0 * held.weight',
    caughtBy: BY_MACHINE,
  },
  {
    name: 'coordination: who would not wait passes those who do',
    file: `${COORDINATION}/holds.ts`,
    from: "kind !== 'barrier' && resource.waiters.size === 0 && fits",
    to: "kind !== 'barrier' && fits",
    caughtBy: BY_MACHINE,
  },
  {
    name: 'coordination: a snapshot forgets how much is taken',
    file: `${COORDINATION}/holds.ts`,
    from: 'resource.taken += lease.weight\n      }',
    to: 'resource.taken += 0\n      }',
    caughtBy: BY_MACHINE,
  },
  {
    name: 'coordination: a holder counts its whole time to live, without a drift of clocks',
    file: `${COORDINATION}/context.ts`,
    from: 'return (ttlMs * (1 - this.#drift)) / (1 + this.#drift)',
    to: 'return ttlMs + 0 * this.#drift',
    caughtBy: BY_LOCKS,
  },
  {
    name: 'coordination: a holder counts from when a renewal was answered',
    file: `${COORDINATION}/hold.ts`,
    from: "if (standing.type === 'held') this.#since = since",
    to: "if (standing.type === 'held') this.#since = new Since(this.#context.clock)",
    caughtBy: BY_LOCKS,
  },
  {
    name: 'coordination: a holder does not look at the clock on the wall',
    file: `${COORDINATION}/clock.ts`,
    from: 'return Math.max(passedMs, wallMs - this.#wallMs)',
    to: 'return Math.max(passedMs, 0 * wallMs)',
    caughtBy: BY_LOCKS,
  },
  {
    name: 'coordination: who watches counts from a renewal before the newest',
    file: `${COORDINATION}/expiry.ts`,
    from: 'before !== undefined && before.renewed === lease.renewed',
    to: 'before !== undefined',
    caughtBy: BY_LOCKS,
  },
  {
    name: 'coordination: who gives up leaves a place in the line',
    file: `${COORDINATION}/acquisition.ts`,
    from: 'void context.leave(which, asked).catch(() => undefined)',
    to: 'void which',
    caughtBy: BY_LOCKS,
  },
  {
    name: 'coordination: a place is given up before it was asked for',
    file: `${COORDINATION}/acquisition.ts`,
    from: 'void context.leave(which, asked).catch(() => undefined)',
    to: 'void context.leave(which).catch(() => undefined)',
    caughtBy: BY_LOCKS,
  },
  {
    name: 'coordination: who was away for long is told that all passed the barrier with it',
    file: `${COORDINATION}/acquisition.ts`,
    from: "if (kind === 'barrier') throw missed()",
    to: 'void missed',
    caughtBy: BY_SEMAPHORES,
  },
  {
    name: 'coordination: an item that came back goes to the end',
    file: `${COORDINATION}/queues.ts`,
    from: 'const from = queue.returned.size > 0 ? queue.returned : queue.fresh',
    to: 'const from = queue.fresh.size > 0 ? queue.fresh : queue.returned',
    caughtBy: BY_MACHINE,
  },
  {
    name: 'coordination: an item is forgotten with who took it',
    file: `${COORDINATION}/queues.ts`,
    from: 'if (item !== null) queue.returned.set(item.id, item)',
    to: 'void item',
    caughtBy: BY_MACHINE,
  },
  {
    name: 'coordination: who watches a map is not told that removals are forgotten',
    file: `${COORDINATION}/entries.ts`,
    from: 'isIncomplete: after > 0 && after < forgottenThrough,',
    to: 'isIncomplete: after > 0 && after > forgottenThrough + 1e9,',
    caughtBy: BY_VALUES,
  },
  {
    name: 'coordination: a time is begun again where a run was cut, unasked',
    file: `${COORDINATION}/schedule.ts`,
    from: "if (cut === 'run') {",
    to: "if (cut !== 'run') {",
    caughtBy: BY_SCHEDULE,
  },
  {
    name: 'coordination: a time that somebody has begun is begun again',
    file: `${COORDINATION}/schedule.ts`,
    from: 'if (before.through >= due) return',
    to: 'if (before.through > due) return',
    caughtBy: BY_SCHEDULE,
  },
  {
    name: 'replica: what a part held is dropped when nobody names it',
    file: `${REPLICA}/compose.ts`,
    from: 'if (this.#machines.has(name) || this.#retired.has(name)) continue',
    to: 'if (name !== null) continue',
    caughtBy: BY_COMPOSE,
  },
  {
    name: 'replica: a node goes on without a part whose command it has',
    file: `${REPLICA}/compose.ts`,
    from: 'if (found === undefined) throw lacking(part)',
    to: 'if (found === undefined) return { part, command: null }',
    caughtBy: BY_COMPOSE,
  },
  {
    name: 'replica: a part that a snapshot lacks stays as it is when that is restored',
    file: `${REPLICA}/compose.ts`,
    from: 'machine.restore(states.get(name) ?? new Uint8Array(empty))',
    to: 'states.has(name) ? machine.restore(states.get(name) ?? empty) : undefined',
    caughtBy: BY_COMPOSE,
  },
]
