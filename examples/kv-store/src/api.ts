/**
 * What travels between a client and a server, as both have to understand it. The server writes it,
 * and the client believes nothing that does not have this form.
 */
import { z } from 'zod'

/** The media type of values: text in UTF-8, whatever it says. */
export const TEXT = 'text/plain; charset=utf-8'

/** The media type of a watch. */
export const EVENT_STREAM = 'text/event-stream'

/** A write that belongs to a session says so in these headers. */
export const SESSION_HEADER = 'paxos-session'
export const SEQUENCE_HEADER = 'paxos-sequence'

/** Why a request was refused. Programs branch on these, people read the message beside them. */
export const ERROR_CODES = [
  'invalid-argument',
  /** No token, or one that is not known. */
  'unauthorized',
  /** The request was made by a web page of somebody else, or for another host. */
  'forbidden',
  'no-such-path',
  /** There is no such key. */
  'not-found',
  'revision-differs',
  'too-large',
  'session-expired',
  /** No session was opened: all are in use. */
  'too-many-sessions',
  /** A later write of the session came first: this one was answered before, or was given up. */
  'already-answered',
  /**
   * The change of members would be unsafe, or means nothing. Nothing was changed; with an `outcome`, a
   * copy of it may be made yet.
   */
  'members-refused',
  /** The members are of another version than the one that was expected. */
  'members-differ',
  /** A new voter has not caught up, or was not heard: it is a learner until it is promoted. */
  'not-promoted',
  /** The other node did not take over: the same one leads on. */
  'not-transferred',
  /** The write may have happened, or may still happen: ask, or try again with its session. */
  'outcome-unknown',
  /** Nothing was changed; the same request may be answered later, or by another node. */
  'unavailable',
  /** The node runs, and should be asked for nothing now: it knows no leader, or is far behind. */
  'not-ready',
  'internal',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

const revision = z.int().nonnegative()

/** The body of everything that is not 2xx. */
export const errorBody = z.object({
  error: z.object({
    code: z.enum(ERROR_CODES),
    message: z.string(),
    outcome: z.literal('unknown').optional(),
    /** With 'revision-differs': which one the key has; 0 when it is absent. */
    revision: revision.optional(),
    /** With 'members-differ': of which version they are. */
    version: revision.optional(),
  }),
})
export type ErrorBody = z.infer<typeof errorBody>

/** The answer to a write. */
export const writtenBody = z.object({ revision })

/** Where several reads and writes are asked for at once. */
export const BATCH_PATH = '/batch'

/** What became of one of them: what it would have been answered alone. */
const batchResult = z.object({
  status: z.int(),
  revision: revision.optional(),
  /** Of a key that was read. */
  value: z.string().optional(),
  error: errorBody.shape.error.optional(),
})
export type BatchResult = z.infer<typeof batchResult>

/** In the order of the items. */
export const batchBody = z.object({ results: z.array(batchResult) })

/** Who leads after a transfer. */
export const leaderBody = z.object({ leader: z.string().min(1) })

export const sessionBody = z.object({ session: z.string().min(1) })

export const pageBody = z.object({
  entries: z.array(z.object({ key: z.string(), value: z.string(), revision })),
  next: z.string().nullable(),
})

export const summaryBody = z.object({
  through: revision,
  count: z.int().nonnegative(),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
})

/** Who is in the cluster. */
export const membersBody = z.object({
  /** Grows with every change; 0: nothing was changed yet. As a tag it stands in If-Match. */
  version: revision,
  /** Whether a quorum of them is known to hold everything before this version. */
  isComplete: z.boolean(),
  /** Which voters suffice. */
  quorums: z.looseObject({ type: z.string() }),
  members: z.array(
    z.object({
      id: z.string(),
      address: z.string(),
      role: z.enum(['voter', 'learner']),
      /** The only disk of it that counts; `null` where none is named yet. */
      incarnation: z.string().nullable(),
      weight: z.int().positive(),
      /** The voters of the highest one should lead. */
      priority: z.int().nonnegative().default(0),
    }),
  ),
  /** By what a leader has a lease; `null`: none has. */
  lease: z.object({ durationMs: z.int().positive(), maxDriftPpm: z.int().positive() }).nullable(),
})
export type Members = z.infer<typeof membersBody>

const count = z.int().nonnegative()

const peerBody = z.object({
  /** How long ago it was heard, in milliseconds; `null` for never. */
  heardAgoMs: count.nullable(),
  /** Frames to it, frames of it that counted, and frames of it that did not. */
  sent: count,
  received: count,
  dropped: count,
  /** Whether a connection stands; `null` where the transport has none. */
  connected: z.boolean().nullable(),
  /** What is wrong with it as far as the node knows. */
  problem: z.object({ reason: z.string(), message: z.string() }).nullable(),
})

export const statusBody = z.object({
  id: z.string(),
  role: z.enum(['leader', 'follower', 'candidate', 'closed', 'stopped']),
  leader: z.string().nullable(),
  chosenThrough: revision,
  appliedThrough: revision,
  /** How many slots it has still to apply, as far as it knows. */
  behindBy: count.default(0),
  snapshotThrough: revision,
  inFlight: z.int().nonnegative(),
  queued: z.int().nonnegative(),
  sessions: z.int().nonnegative(),
  lag: z.record(z.string(), z.int().nullable()),
  /** Who is in the cluster, as far as the node has applied the log. */
  members: membersBody.optional(),
  /** What the node is among the members: 'voter', 'learner', 'waiting', 'replaced', … */
  standing: z.string().default('none'),
  /** While it is 'waiting' with an empty disk: whose word is missing that they never voted. */
  waitsFor: z.array(z.string()).default([]),
  /** What the node knows of each other one, by id. */
  peers: z.record(z.string(), peerBody).default({}),
  /** Connections and frames of others that the transport turned away, by reason. */
  refused: z.record(z.string(), count).default({}),
})
export type Status = z.infer<typeof statusBody>

/** The node runs. */
export const healthBody = z.object({ isAlive: z.literal(true) })
export type Health = z.infer<typeof healthBody>

/** The node can be asked: it knows a leader, and has applied about what the others have. */
export const readyBody = z.object({
  isReady: z.literal(true),
  leader: z.string(),
  behindBy: count,
})
export type Readiness = z.infer<typeof readyBody>

/** The events of a watch, by name. `id` is always a revision: what to go on behind. */
export const watchEvents = {
  /** Sent first: every change behind this revision will be told. */
  ready: z.object({ revision }),
  change: z.object({ key: z.string(), value: z.string().nullable(), revision }),
  /** Sent last: changes are missing. */
  lagged: z.object({ message: z.string() }),
} as const

/** The revision as an entity tag, quotes and all. */
export function entityTag(of: number): string {
  return `"${of}"`
}

/**
 * The reverse; `null` for what is no tag of a revision. A proxy that compresses makes a tag weak,
 * `W/"12"`: it is the same revision all the same.
 */
export function revisionOf(tag: string): number | null {
  const digits = /^(?:W\/)?"(0|[1-9]\d{0,15})"$/.exec(tag)?.[1]
  return digits !== undefined && Number.isSafeInteger(Number(digits)) ? Number(digits) : null
}
