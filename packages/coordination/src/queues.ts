/**
 * Queues, as a function of the log alone: an item is with one taker at a time, and goes back to the front
 * when it is not acknowledged before it expires (see holds.ts for how that is decided). So each item is
 * processed at least once, and its token and number of deliveries tell a second time from the first. Must
 * never give one item to two, nor forget one that was not acknowledged.
 */
import {
  name as nameShape,
  revision as revisionShape,
  ttlMs as ttlShape,
  value as valueShape,
} from './commands.ts'
import type { CommandOf, LeaseReport, Result, Standing } from './commands.ts'
import { MAX_ITEMS, MAX_LEASES, MAX_QUEUES, MAX_WAITERS } from './limits.ts'
import { integer, list, orNull, record } from './shape.ts'
import type { Read } from './shape.ts'

interface Item {
  readonly id: string
  readonly value: string
  readonly deliveries: number
}

/** One who has an item, or waits for one. */
interface Taker {
  readonly ttlMs: number
  renewed: number
  /** 0 while it waits. */
  token: number
  item: Item | null
}

interface Queue {
  /** Items that came back, before those that nobody had yet. */
  readonly returned: Map<string, Item>
  readonly fresh: Map<string, Item>
  readonly takers: Map<string, Taker>
  /** In the order in which they came. */
  readonly waiters: Map<string, Taker>
}

interface Named {
  readonly name: string
  readonly id: string
}

const itemShape = record({ id: nameShape, value: valueShape, deliveries: integer(0) })
const takersShape = list(
  record({
    id: nameShape,
    ttlMs: ttlShape,
    renewed: revisionShape,
    token: revisionShape,
    item: orNull(itemShape),
  }),
  MAX_LEASES,
)

export const queuesShape = list(
  record({
    name: nameShape,
    returned: list(itemShape, MAX_ITEMS + MAX_LEASES),
    fresh: list(itemShape, MAX_ITEMS),
    takers: takersShape,
    waiters: takersShape,
  }),
  MAX_QUEUES,
)

/** All queues. */
export class Queues {
  #queues = new Map<string, Queue>()
  #leases = 0
  #length = 0

  /** The characters of all values. */
  get length(): number {
    return this.#length
  }

  /** How many have an item or wait for one. */
  get size(): number {
    return this.#leases
  }

  enqueue({ name, item: id, value }: CommandOf<'enqueue'>, revision: number): Result {
    const found = this.#queues.get(name)
    if (found === undefined && this.#queues.size >= MAX_QUEUES) return refused('too-many-queues')
    const queue = found ?? newQueue()
    if (holds(queue, id)) return { type: 'done' }
    if (queue.fresh.size + queue.returned.size >= MAX_ITEMS) return refused('too-many-items')
    queue.fresh.set(id, { id, value, deliveries: 0 })
    this.#length += value.length
    this.#queues.set(name, queue)
    give(queue, revision)
    return { type: 'done' }
  }

  /** `others` is how many leases there are besides. */
  take(asked: CommandOf<'take'>, revision: number, others: number): Result {
    const { name, id, ttlMs, waits } = asked
    const before = this.renew(asked, revision)
    if (before.type !== 'gone') return { type: 'standing', standing: before }
    const found = this.#queues.get(name)
    const queue = found ?? newQueue()
    const isFree = queue.fresh.size + queue.returned.size > 0
    if (!isFree && !waits) return { type: 'busy' }
    if (this.#leases + others >= MAX_LEASES) return refused('too-many-leases')
    if (queue.waiters.size >= MAX_WAITERS) return refused('too-many-waiters')
    if (found === undefined && this.#queues.size >= MAX_QUEUES) return refused('too-many-queues')
    queue.waiters.set(id, { ttlMs, renewed: revision, token: 0, item: null })
    this.#queues.set(name, queue)
    this.#leases += 1
    give(queue, revision)
    return { type: 'standing', standing: this.standing(asked) }
  }

  /** The item is done with, if this one still has it; else its standing says that it has not. */
  acknowledge(which: Named): Standing {
    const before = this.standing(which)
    const queue = this.#queues.get(which.name)
    if (queue === undefined || before.type !== 'held') return before
    queue.takers.delete(which.id)
    this.#leases -= 1
    this.#length -= before.value?.length ?? 0
    this.#tidy(which.name, queue)
    return before
  }

  renew(which: Named, revision: number): Standing {
    const taker = this.#find(which)
    if (taker !== null) taker.renewed = revision
    return this.standing(which)
  }

  release({ name, id }: Named, revision: number): void {
    const queue = this.#queues.get(name)
    if (queue === undefined) return
    const item = queue.takers.get(id)?.item ?? null
    if (!queue.takers.delete(id) && !queue.waiters.delete(id)) return
    this.#leases -= 1
    if (item !== null) queue.returned.set(item.id, item)
    give(queue, revision)
    this.#tidy(name, queue)
  }

  expire(which: Named, renewed: number, revision: number): void {
    if (this.#find(which)?.renewed === renewed) this.release(which, revision)
  }

  standing(which: Named): Standing {
    const taker = this.#find(which)
    if (taker === null) return { type: 'gone' }
    const { token, item } = taker
    if (item === null) return { type: 'waiting' }
    return { type: 'held', token, value: item.value, deliveries: item.deliveries }
  }

  sizes(name: string): {
    readonly ready: number
    readonly taken: number
    readonly waiting: number
  } {
    const { fresh, returned, takers, waiters } = this.#queues.get(name) ?? newQueue()
    return { ready: fresh.size + returned.size, taken: takers.size, waiting: waiters.size }
  }

  leases(): readonly LeaseReport[] {
    return [...this.#queues].flatMap(([name, { takers, waiters }]) =>
      [...takers, ...waiters].map(([id, { ttlMs, renewed }]) => ({
        kind: 'queue' as const,
        name,
        id,
        ttlMs,
        renewed,
      })),
    )
  }

  report(): Read<typeof queuesShape> {
    return [...this.#queues].map(([name, { returned, fresh, takers, waiters }]) => ({
      name,
      returned: [...returned.values()],
      fresh: [...fresh.values()],
      takers: listed(takers),
      waiters: listed(waiters),
    }))
  }

  restore(report: Read<typeof queuesShape>): void {
    this.#queues = new Map()
    this.#leases = 0
    this.#length = 0
    for (const { name, returned, fresh, takers, waiters } of report) {
      const queue = newQueue()
      for (const item of returned) queue.returned.set(item.id, { ...item })
      for (const item of fresh) queue.fresh.set(item.id, { ...item })
      for (const { id, item, ...rest } of takers) {
        queue.takers.set(id, { ...rest, item: item === null ? null : { ...item } })
      }
      for (const { id, ...rest } of waiters) queue.waiters.set(id, { ...rest, item: null })
      this.#queues.set(name, queue)
      this.#leases += queue.takers.size + queue.waiters.size
      const items = [...returned, ...fresh, ...takers.flatMap(({ item }) => item ?? [])]
      for (const { value } of items) this.#length += value.length
    }
  }

  #find({ name, id }: Named): Taker | null {
    const queue = this.#queues.get(name)
    return queue?.takers.get(id) ?? queue?.waiters.get(id) ?? null
  }

  #tidy(name: string, { fresh, returned, takers, waiters }: Queue): void {
    if (fresh.size + returned.size + takers.size + waiters.size === 0) this.#queues.delete(name)
  }
}

function listed(takers: ReadonlyMap<string, Taker>) {
  return [...takers].map(([id, taker]) => ({ id, ...taker }))
}

/** Gives what there is to those who wait. */
function give(queue: Queue, revision: number): void {
  for (const [id, taker] of queue.waiters) {
    const from = queue.returned.size > 0 ? queue.returned : queue.fresh
    const [item] = from.values()
    if (item === undefined) return
    from.delete(item.id)
    queue.waiters.delete(id)
    queue.takers.set(id, taker)
    taker.item = { ...item, deliveries: item.deliveries + 1 }
    taker.token = revision
    taker.renewed = revision
  }
}

function holds({ fresh, returned, takers }: Queue, id: string): boolean {
  if (fresh.has(id) || returned.has(id)) return true
  for (const { item } of takers.values()) if (item?.id === id) return true
  return false
}

function newQueue(): Queue {
  return { returned: new Map(), fresh: new Map(), takers: new Map(), waiters: new Map() }
}

function refused(
  reason: 'too-many-queues' | 'too-many-items' | 'too-many-leases' | 'too-many-waiters',
): Result {
  return { type: 'refused', reason }
}
