/**
 * Stands in for a replica: one node in memory that applies at once, with sessions that keep their
 * results. It can be told to wait, or to fail, as a replica may.
 */
import {
  AlreadyAnsweredError,
  MembersConflictError,
  SessionExpiredError,
  TimeoutError,
  TooManySessionsError,
} from '@paxos/replica'
import type { ReplicaMembers } from '@paxos/replica'
import type { Answer, Command, Query, Result } from '../src/commands.ts'
import type { MembersRequest } from '../src/member-requests.ts'
import type { ChangeOptions, KeyValueReplica, ReplicaStatus } from '../src/replica.ts'
import type { SessionPlace, Wait } from '../src/replica.ts'
import type { Store } from '../src/store.ts'

interface Kept {
  sequence: number
  result: Result | null
}

export class Solo implements KeyValueReplica {
  /** What is called before a call is answered; rejects to make it fail without an effect. */
  before: (wait: Wait) => Promise<void> = () => Promise.resolve()
  /** What is called after a command is applied; rejects to lose its answer. */
  after: () => Promise<void> = () => Promise.resolve()
  /** What it says of itself otherwise than it is. */
  pretends: Partial<ReplicaStatus> = {}
  /** Every call's options, in order. */
  readonly waits: Wait[] = []
  /** How many sessions there may be. */
  places = Infinity
  /** Every change of members that was asked for, in order. */
  readonly requests: MembersRequest[] = []
  readonly #store: Store
  readonly #sessions = new Map<string, Kept>()
  #slot = 0
  #opened = 0

  constructor(store: Store) {
    this.#store = store
  }

  get slot(): number {
    return this.#slot
  }

  async propose(
    command: Command,
    wait: Wait & { readonly session?: SessionPlace } = {},
  ): Promise<Result> {
    this.waits.push(wait)
    await this.before(wait)
    const result = this.#once(command, wait.session)
    await this.after()
    return result
  }

  async openSession(wait: Wait = {}): Promise<string> {
    this.waits.push(wait)
    await this.before(wait)
    if (this.#sessions.size >= this.places) {
      throw new TooManySessionsError('All are in use. Try again later.')
    }
    this.#slot += 1
    this.#opened += 1
    const id = `session-${this.#opened}`
    this.#sessions.set(id, { sequence: 0, result: null })
    return id
  }

  async query(query: Query, wait: Wait = {}): Promise<Answer> {
    this.waits.push(wait)
    await this.before(wait)
    return this.#store.query(query)
  }

  async members(wait: Wait = {}): Promise<ReplicaMembers> {
    this.waits.push(wait)
    await this.before(wait)
    return this.#members
  }

  async changeMembers(
    request: MembersRequest,
    { expected, ...wait }: ChangeOptions = {},
  ): Promise<ReplicaMembers> {
    this.waits.push(wait)
    await this.before(wait)
    const { version } = this.#members
    if (expected !== undefined && expected !== version) {
      throw new MembersConflictError('They are others. Look again.', { expected, actual: version })
    }
    this.requests.push(request)
    this.#slot += 1
    await this.after()
    return this.#members
  }

  /** Its version grows with each change; who is in it does not matter here. */
  get #members(): ReplicaMembers {
    return { ...MEMBERS, version: this.requests.length }
  }

  async transferLeadership(to = 'b', wait: Wait = {}): Promise<string> {
    this.waits.push(wait)
    await this.before(wait)
    return to
  }

  status(): ReplicaStatus {
    return {
      id: 'a',
      role: 'leader',
      leader: 'a',
      chosenThrough: this.#slot,
      appliedThrough: this.#slot,
      behindBy: 0,
      snapshotThrough: 0,
      inFlight: 0,
      queued: 0,
      sessions: this.#sessions.size,
      lag: { b: null, c: 3 },
      peers: { b: UNHEARD },
      members: this.#members,
      standing: 'voter',
      waitsFor: [],
      ...this.pretends,
    }
  }

  figures(): null {
    return null
  }

  expireSessions(): void {
    this.#sessions.clear()
  }

  #once(command: Command, place: SessionPlace | undefined): Result {
    if (place === undefined) return this.#apply(command)
    const kept = this.#sessions.get(place.id)
    if (kept === undefined) throw new SessionExpiredError('The session is over. Open another.')
    if (place.sequence === kept.sequence && kept.result !== null) return kept.result
    if (place.sequence <= kept.sequence) {
      throw new AlreadyAnsweredError('A later one came first. Use the next sequence.')
    }
    kept.sequence = place.sequence
    kept.result = this.#apply(command)
    return kept.result
  }

  #apply(command: Command): Result {
    this.#slot += 1
    return this.#store.apply(command, this.#slot)
  }
}

const MEMBERS: ReplicaMembers = {
  version: 0,
  isComplete: true,
  quorums: { type: 'majority' },
  lease: null,
  members: [
    { id: 'a', address: 'udp://h:1', role: 'voter', incarnation: 'f00d', weight: 1, priority: 0 },
    { id: 'b', address: 'udp://h:2', role: 'learner', incarnation: null, weight: 1, priority: 0 },
  ],
}

const UNHEARD: ReplicaStatus['peers'][string] = {
  heardAgoMs: null,
  sent: 3,
  received: 0,
  dropped: 0,
  connected: false,
  problem: { reason: 'refused', message: 'Whoever is there refuses the connection.' },
}

/** A wait that ends only with the caller's patience. */
export function forEver({ signal, timeoutMs = 0 }: Wait): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setTimeout(
      () => reject(new TimeoutError('Nobody answered. Try again.')),
      timeoutMs,
    )
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}
