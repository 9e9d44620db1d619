/**
 * What coordination puts into the log, what comes of it, and what it is asked: plain data, checked where it
 * comes in. Commands name who holds by an id that the client draws, so that each may come twice. None
 * holds a time of day: when something has expired is decided by `expire`, see holds.ts.
 */
import {
  MAX_LEASES,
  MAX_NAME_LENGTH,
  MAX_PERMITS,
  MAX_TTL_MS,
  MAX_VALUE_LENGTH,
  MIN_TTL_MS,
} from './limits.ts'
import { flag, integer, list, only, orNull, record, tagged, text } from './shape.ts'
import type { Read } from './shape.ts'

export const name = text(MAX_NAME_LENGTH)
export const value = text(MAX_VALUE_LENGTH)
export const revision = integer(0)
export const ttlMs = integer(MIN_TTL_MS, MAX_TTL_MS)

/** What can be held, for a while. */
export const HOLD_KINDS = ['lock', 'semaphore', 'read-write', 'election', 'barrier'] as const
export const holdKind = only(...HOLD_KINDS)
const leaseKind = only(...HOLD_KINDS, 'queue')
/** What has a value with a revision. */
export const space = only('map', 'register', 'counter')

export const command = tagged({
  /** To hold something, at once or when it is the turn of this one. */
  acquire: {
    kind: holdKind,
    name,
    id: name,
    ttlMs,
    permits: integer(1, MAX_PERMITS),
    weight: integer(1, MAX_PERMITS),
    /** Whether to wait. */
    waits: flag,
    /** What others may see. */
    value: orNull(value),
  },
  /** The one who holds or waits is there. */
  renew: { kind: leaseKind, name, id: name },
  /** It is over; a taken item goes back. */
  release: { kind: leaseKind, name, id: name },
  /** Nobody has renewed it since `renewed`, for longer than its ttl. */
  expire: { kind: leaseKind, name, id: name, renewed: revision },

  enqueue: { name, item: name, value },
  take: { name, id: name, ttlMs, waits: flag },
  acknowledge: { name, id: name },

  /** `expected`: the revision of what is there, 0 for nothing, or `null` for anything. */
  put: { space, name, key: name, value, expected: orNull(revision) },
  remove: { space, name, key: name, expected: orNull(revision) },
  add: { name, by: integer(-Number.MAX_SAFE_INTEGER) },
})

export type Command = Read<typeof command>
export type CommandOf<Type extends Command['type']> = Extract<Command, { readonly type: Type }>

export type HoldKind = (typeof HOLD_KINDS)[number]
export type LeaseKind = HoldKind | 'queue'
export type Space = Read<typeof space>

/** How somebody stands who wanted to hold something. */
export const standing = tagged({
  /** `token` grows from each holder to the next; `value` and `deliveries` are of a queue's item. */
  held: { token: revision, value: orNull(value), deliveries: integer(0) },
  waiting: {},
  gone: {},
})
export type Standing = Read<typeof standing>

/** What has a value. */
export const entry = record({ key: name, value, revision })
export type Entry = Read<typeof entry>

/** Why a command was not taken, so that clients branch on it. */
export const REFUSALS = [
  'permits-differ',
  'too-many-waiters',
  'too-many-leases',
  'too-many-items',
  'too-many-queues',
  'too-many-maps',
  'too-many-keys',
  'too-large',
  'no-number',
  'number-too-large',
] as const

export const result = tagged({
  standing: { standing },
  /** It is held by others, and this one did not want to wait. */
  busy: {},
  done: {},
  /** `isSet`: whether it was changed; else `entry` is what was there instead. */
  entry: { isSet: flag, entry: orNull(entry) },
  refused: { reason: only(...REFUSALS) },
})
export type Result = Read<typeof result>
export type Refusal = (typeof REFUSALS)[number]

export const query = tagged({
  standing: { kind: leaseKind, name, id: name },
  /** Who holds it, without their ids. */
  holders: { kind: holdKind, name },
  /** Everything that may expire: for who watches over that. */
  leases: {},
  entry: { space, name, key: name },
  /** What has changed behind `after`, in the order of the revisions. */
  changes: { space, name, after: revision },
  queue: { name },
})
export type Query = Read<typeof query>

export interface Holder {
  readonly token: number
  readonly value: string | null
}

/** Something that expires unless it is renewed. */
export interface LeaseReport {
  readonly kind: LeaseKind
  readonly name: string
  readonly id: string
  readonly ttlMs: number
  /** The revision of the newest renewal. */
  readonly renewed: number
}

/** A change of a map. */
export interface Change {
  readonly key: string
  /** `null` where it was removed. */
  readonly value: string | null
  readonly revision: number
}

export const answer = tagged({
  standing: { standing },
  holders: { holders: list(record({ token: revision, value: orNull(value) }), MAX_LEASES) },
  leases: {
    leases: list(record({ kind: leaseKind, name, id: name, ttlMs, renewed: revision }), MAX_LEASES),
  },
  entry: { entry: orNull(entry) },
  changes: {
    changes: list(record({ key: name, value: orNull(value), revision }), MAX_LEASES),
    /** Whether changes behind `after` are forgotten, so that these are not all. */
    isIncomplete: flag,
    /** Whether there are more, behind the last of these. */
    hasMore: flag,
  },
  queue: { ready: integer(0), taken: integer(0), waiting: integer(0) },
})
export type Answer = Read<typeof answer>
