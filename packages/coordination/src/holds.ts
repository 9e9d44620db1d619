/**
 * Who holds what: locks, semaphores, read-write locks, elections and barriers, as a function of the log
 * alone. Each of them gives out permits: a lock has one; a reader takes one of many and a writer all; a
 * barrier gives to all at once when enough have come. Whoever waits, waits in one line, and nobody passes
 * another. Must never give more permits than there are, nor a token that is not above those before it.
 *
 * How something expires, and why its holder knows before anybody else can have it:
 *
 * 1. Each hold and each waiter has a time to live, T, and the revision of its newest renewal. Being granted
 *    is a renewal too.
 * 2. Whoever watches (see expiry.ts) counts from when it *saw* that renewal applied, on its own monotonic
 *    clock, and after more than T proposes `expire` with that revision. It is applied only where nothing was
 *    renewed since; that is decided here, by the log, and by no clock.
 * 3. The holder (see hold.ts) counts from when it *began to propose* its newest renewal of those that it
 *    knows to be applied, and takes its hold as lost after T (1 - r) / (1 + r) on its own clock.
 *
 * Let the newest renewal in the log be applied first at a, and `expire` be proposed at e. The renewal that
 * the holder counts from was proposed at s and is that one or an earlier one, for a later one would have kept
 * `expire` from being applied, or would have been answered with 'gone': so s <= a. Where no clock runs faster
 * or slower than time by more than r, the holder's signal aborts before s + T (1 - r) / (1 + r) / (1 - r) =
 * s + T / (1 + r), and e > a + T / (1 + r) >= s + T / (1 + r). So it aborts before `expire` is proposed, and
 * nobody else is granted before that is applied. What a clock
 * shows does not matter. A restart of every node forgets nothing of this state; who watches begins to count
 * anew, which only makes it later.
 */
import { invariant } from '@paxos/core'
import {
  holdKind,
  name as nameShape,
  revision as revisionShape,
  ttlMs as ttlShape,
  value as valueShape,
} from './commands.ts'
import type {
  CommandOf,
  Holder,
  HoldKind,
  LeaseKind,
  LeaseReport,
  Refusal,
  Result,
  Standing,
} from './commands.ts'
import { MAX_LEASES, MAX_PERMITS, MAX_WAITERS } from './limits.ts'
import { integer, list, orNull, record } from './shape.ts'
import type { Read } from './shape.ts'

/** One who holds or waits. */
interface Lease {
  readonly weight: number
  readonly ttlMs: number
  readonly value: string | null
  renewed: number
  /** 0 while it waits. */
  token: number
}

interface Resource {
  readonly kind: HoldKind
  readonly name: string
  readonly permits: number
  /** Of the permits. */
  taken: number
  readonly holders: Map<string, Lease>
  /** In the order in which they came. */
  readonly waiters: Map<string, Lease>
}

/** Which one, of all who hold and wait. */
interface Named {
  readonly kind: LeaseKind
  readonly name: string
  readonly id: string
}

const GONE: Standing = { type: 'gone' }
const WAITING: Standing = { type: 'waiting' }

const leaseShape = record({
  id: nameShape,
  weight: integer(1, MAX_PERMITS),
  ttlMs: ttlShape,
  value: orNull(valueShape),
  renewed: revisionShape,
  token: revisionShape,
})
const leasesShape = list(leaseShape, MAX_LEASES)

export const holdsShape = list(
  record({
    kind: holdKind,
    name: nameShape,
    permits: integer(1, MAX_PERMITS),
    holders: leasesShape,
    waiters: leasesShape,
  }),
  MAX_LEASES,
)

/** All that can be held. */
export class Holds {
  #resources = new Map<string, Resource>()
  #leases = 0
  #length = 0

  /** How many hold and wait. */
  get size(): number {
    return this.#leases
  }

  /** The characters of all values. */
  get length(): number {
    return this.#length
  }

  /** `others` is how many leases there are besides. */
  acquire(asked: CommandOf<'acquire'>, revision: number, others: number): Result {
    const { kind, name, id, permits } = asked
    const key = keyOf(kind, name)
    const found = this.#resources.get(key)
    if (found !== undefined && found.permits !== permits) return refused('permits-differ')
    if (asked.weight > permits) return refused('permits-differ')
    const before = this.renew(asked, revision)
    if (before.type !== 'gone') return { type: 'standing', standing: before }

    const resource = found ?? newResource(kind, name, permits)
    const isFree = kind !== 'barrier' && resource.waiters.size === 0 && fits(resource, asked.weight)
    if (!isFree && !asked.waits) return { type: 'busy' }
    if (this.#leases + others >= MAX_LEASES) return refused('too-many-leases')
    if (resource.waiters.size >= MAX_WAITERS) return refused('too-many-waiters')
    const { weight, ttlMs, value } = asked
    resource.waiters.set(id, { weight, ttlMs, value, renewed: revision, token: 0 })
    this.#resources.set(key, resource)
    this.#leases += 1
    this.#length += value?.length ?? 0
    grant(resource, revision)
    return { type: 'standing', standing: this.standing(asked) }
  }

  renew(which: Named, revision: number): Standing {
    const lease = this.#find(which)
    if (lease !== null) lease.renewed = revision
    return this.standing(which)
  }

  release(which: Named, revision: number): void {
    const key = keyOf(which.kind, which.name)
    const resource = this.#resources.get(key)
    if (resource === undefined) return
    const held = resource.holders.get(which.id)
    const lease = held ?? resource.waiters.get(which.id)
    if (held !== undefined) {
      resource.holders.delete(which.id)
      resource.taken -= held.weight
    } else if (!resource.waiters.delete(which.id)) return
    this.#leases -= 1
    this.#length -= lease?.value?.length ?? 0
    grant(resource, revision)
    if (resource.holders.size + resource.waiters.size === 0) this.#resources.delete(key)
  }

  expire(which: Named, renewed: number, revision: number): void {
    if (this.#find(which)?.renewed === renewed) this.release(which, revision)
  }

  standing(which: Named): Standing {
    const lease = this.#find(which)
    if (lease === null) return GONE
    return lease.token === 0
      ? WAITING
      : { type: 'held', token: lease.token, value: null, deliveries: 0 }
  }

  holders(kind: HoldKind, name: string): readonly Holder[] {
    const { holders } = this.#resources.get(keyOf(kind, name)) ?? {
      holders: new Map<string, Lease>(),
    }
    return [...holders.values()].map(({ token, value }) => ({ token, value }))
  }

  leases(): readonly LeaseReport[] {
    return [...this.#resources.values()].flatMap(({ kind, name, holders, waiters }) =>
      [...holders, ...waiters].map(([id, { ttlMs, renewed }]) => ({
        kind,
        name,
        id,
        ttlMs,
        renewed,
      })),
    )
  }

  report(): Read<typeof holdsShape> {
    return [...this.#resources.values()].map(({ kind, name, permits, holders, waiters }) => ({
      kind,
      name,
      permits,
      holders: listed(holders),
      waiters: listed(waiters),
    }))
  }

  restore(report: Read<typeof holdsShape>): void {
    this.#resources = new Map()
    this.#leases = 0
    this.#length = 0
    for (const { kind, name, permits, holders, waiters } of report) {
      const resource = newResource(kind, name, permits)
      for (const { id, ...lease } of holders) {
        resource.holders.set(id, lease)
        resource.taken += lease.weight
      }
      for (const { id, ...lease } of waiters) resource.waiters.set(id, lease)
      this.#resources.set(keyOf(kind, name), resource)
      this.#leases += resource.holders.size + resource.waiters.size
      for (const { value } of [...holders, ...waiters]) this.#length += value?.length ?? 0
    }
  }

  #find({ kind, name, id }: Named): Lease | null {
    const resource = this.#resources.get(keyOf(kind, name))
    return resource?.holders.get(id) ?? resource?.waiters.get(id) ?? null
  }
}

function listed(leases: ReadonlyMap<string, Lease>) {
  return [...leases].map(([id, lease]) => ({ id, ...lease }))
}

/** Gives to those whose turn it is. */
function grant(resource: Resource, revision: number): void {
  if (resource.kind === 'barrier' && resource.waiters.size < resource.permits) return
  for (const [id, lease] of resource.waiters) {
    // Nobody passes the first one, or one who wants much would wait for ever.
    if (resource.kind !== 'barrier' && !fits(resource, lease.weight)) break
    resource.taken += lease.weight
    resource.waiters.delete(id)
    resource.holders.set(id, lease)
    lease.token = revision
    lease.renewed = revision
  }
  const isOver = resource.kind !== 'barrier' && resource.taken > resource.permits
  invariant(!isOver, 'more permits are given than there are')
}

function fits({ taken, permits }: Resource, weight: number): boolean {
  return taken + weight <= permits
}

function newResource(kind: HoldKind, name: string, permits: number): Resource {
  return { kind, name, permits, taken: 0, holders: new Map(), waiters: new Map() }
}

function keyOf(kind: LeaseKind, name: string): string {
  return `${kind}/${name}`
}

function refused(reason: Refusal): Result {
  return { type: 'refused', reason }
}
