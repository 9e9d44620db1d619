/**
 * Watches whether a node hears others, and whether its disk keeps up, and says so when not: a node that
 * reaches nobody, or waits for its disk, would otherwise look like one that has nothing to do. Must never say the same thing often,
 * nor change anything about what the node does.
 */
import type { NodeId, PeerProblemReason, TransportWarning } from '@paxos/core'
import type { Clock } from './clock.ts'
import { WARNING_INTERVAL_MS } from './limits.ts'
import type { SavingStatus } from './host.ts'
import { Nagging } from './nagging.ts'
import type { PeerStatus } from './peer-book.ts'
import type { Logger, Metrics } from './telemetry.ts'

/** What an operator should know. */
export type Notice =
  /**
   * No leader is known, and for `forMs` fewer than a majority of the voters was heard, this node
   * included if it is one. Told after a liveness window or two, and again after longer and longer.
   */
  | {
      readonly type: 'majority-unheard'
      readonly forMs: number
      readonly peers: Readonly<Record<NodeId, PeerStatus>>
    }
  /** After that: a majority is heard again, or a leader known. */
  | { readonly type: 'majority-heard' }
  /**
   * The disk has not confirmed a save for longer than a liveness window: nothing that rests on it
   * leaves this node. Told again after longer and longer; nothing stops because of it.
   */
  | { readonly type: 'disk-behind'; readonly saving: SavingStatus }
  /** After that: the disk confirms saves in time again. */
  | { readonly type: 'disk-caught-up' }
  /** A node began with other members than this one: they refuse each other's frames. */
  | { readonly type: 'members-differ-from-peer'; readonly peer: NodeId }
  /**
   * What the transport says, but for 'no-answer', and how often it did since this was told last.
   */
  | {
      readonly type: 'transport-warning'
      /** Whom it concerns; `null` where nobody can tell. */
      readonly peer: NodeId | null
      readonly reason: PeerProblemReason
      readonly message: string
      readonly times: number
    }

/** What is watched: a part of a host, and of its engine. */
export interface Watched {
  readonly peers: Readonly<Record<NodeId, PeerStatus>>
  readonly saving: SavingStatus
  heardAtMs(count: number, among: readonly NodeId[]): number | null
}

export interface WatchOptions {
  readonly watched: Watched
  readonly id: NodeId
  /** Who votes now, this node included if it does. */
  readonly voters: () => readonly NodeId[]
  readonly isLeaderless: () => boolean
  readonly livenessWindowMs: number
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
  readonly tell: (notice: Notice) => void
}

/** What was said about one thing, and how often it happened since. */
interface Said {
  /** Whom it concerned; `null` where nobody could tell. */
  readonly peer: NodeId | null
  atMs: number
  times: number
}

/** Runs from start() to stop(). */
export class Watch {
  readonly #options: WatchOptions
  /** By what it is about: no more than there are peers and reasons. */
  readonly #said = new Map<string, Said>()
  readonly #counted = new Map<NodeId, { readonly sent: number; readonly received: number }>()
  #startedAtMs = 0
  #cancel: (() => void) | null = null
  readonly #unheardFor = new Nagging()
  readonly #behindFor = new Nagging()

  constructor(options: WatchOptions) {
    this.#options = options
  }

  start(): void {
    this.#startedAtMs = this.#options.clock.nowMs()
    this.#schedule()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
  }

  /** A frame came from a node that began with other members. */
  membersDiffer(peer: NodeId): void {
    if (this.#isDue('members', peer) === null) return
    const { logger, tell } = this.#options
    const text = 'a member was started with other members; the two refuse each other'
    logger.warn(text, { peer })
    tell({ type: 'members-differ-from-peer', peer })
  }

  /**
   * The transport says something. That a peer does not answer is no news of its own: it is so at
   * every start, status() shows it, and when too many do not, the majority is missed.
   */
  warned({ peer, reason, message }: TransportWarning): void {
    if (reason === 'no-answer') return
    const { logger, metrics, tell, watched } = this.#options
    metrics.counter('paxos.transport.warnings', 1, { reason })
    const known = peer !== null && Object.hasOwn(watched.peers, peer) ? peer : null
    const times = this.#isDue(reason, known)
    if (times === null) return
    logger.warn('transport', { peer: known, reason, problem: message, times })
    tell({ type: 'transport-warning', peer: known, reason, message, times })
  }

  #schedule(): void {
    const { clock, livenessWindowMs } = this.#options
    const dueAtMs = clock.nowMs() + livenessWindowMs / 2
    this.#cancel = clock.schedule(livenessWindowMs / 2, () => {
      // Late by as much again, this node stood still itself: what others said may not be read yet.
      const wasAway = clock.nowMs() >= dueAtMs + livenessWindowMs / 2
      this.#schedule()
      this.#checkDisk()
      if (!wasAway) this.#check()
      this.#count()
    })
  }

  #check(): void {
    const { watched, isLeaderless, livenessWindowMs, clock } = this.#options
    const nowMs = clock.nowMs()
    const { others, needed } = this.#majority
    if (needed === 0) return this.#heard()
    const heardAtMs = watched.heardAtMs(needed, others)
    const forMs = nowMs - (heardAtMs ?? this.#startedAtMs)
    // Nodes that have greeted each other may be silent for a window before they look for a leader.
    const allowedMs = (heardAtMs === null ? 1 : 1.5) * livenessWindowMs
    if (forMs < allowedMs || !isLeaderless()) return this.#heard()
    if (this.#unheardFor.isDue(nowMs, livenessWindowMs)) this.#unheard(Math.round(forMs))
  }

  /** How many of the other voters make a majority, with this node if it is one. */
  get #majority(): { readonly others: readonly NodeId[]; readonly needed: number } {
    const { id, voters } = this.#options
    const all = voters()
    const others = all.filter((voter) => voter !== id)
    const own = all.length - others.length
    return { others, needed: Math.floor(all.length / 2) + 1 - own }
  }

  #checkDisk(): void {
    const { watched, livenessWindowMs, clock, logger, metrics, tell } = this.#options
    const { saving } = watched
    if (saving.forMs < livenessWindowMs) {
      if (!this.#behindFor.ends()) return
      logger.info('the disk confirms saves in time again')
      return tell({ type: 'disk-caught-up' })
    }
    if (!this.#behindFor.isDue(clock.nowMs(), livenessWindowMs)) return
    logger.warn('the disk has not confirmed a save for long', { ...saving })
    metrics.counter('paxos.disk.behind', 1)
    tell({ type: 'disk-behind', saving })
  }

  #unheard(forMs: number): void {
    const { watched, logger, metrics, tell } = this.#options
    const { peers } = watched
    const seen = Object.entries(peers).map(([peer, status]) => `${peer}: ${inWords(status)}`)
    logger.warn(`no majority is heard; ${seen.join('; ')}`, { forMs, peers })
    metrics.counter('paxos.majority.unheard', 1)
    tell({ type: 'majority-unheard', forMs, peers })
  }

  #heard(): void {
    if (!this.#unheardFor.ends()) return
    this.#options.logger.info('a majority is heard again')
    this.#options.tell({ type: 'majority-heard' })
  }

  /** Now and then rather than at each frame, of which there are many. */
  #count(): void {
    const { watched, metrics } = this.#options
    const { peers } = watched
    for (const peer of this.#counted.keys()) {
      if (!Object.hasOwn(peers, peer)) this.#counted.delete(peer)
    }
    for (const [key, { peer }] of this.#said) {
      if (peer !== null && !Object.hasOwn(peers, peer)) this.#said.delete(key)
    }
    for (const [peer, { sent, received }] of Object.entries(peers)) {
      const before = this.#counted.get(peer)
      this.#counted.set(peer, { sent, received })
      metrics.counter('paxos.peer.frames.sent', sent - (before?.sent ?? 0), { peer })
      metrics.counter('paxos.peer.frames.received', received - (before?.received ?? 0), { peer })
    }
  }

  /** How often it happened since it was said last, this time included; `null` when not to say it. */
  #isDue(what: string, peer: NodeId | null): number | null {
    const nowMs = this.#options.clock.nowMs()
    const key = peer === null ? `* ${what}` : `${what} ${peer}`
    const said = this.#said.get(key) ?? { peer, atMs: -Infinity, times: 0 }
    this.#said.set(key, said)
    said.times += 1
    if (nowMs - said.atMs < WARNING_INTERVAL_MS) return null
    const { times } = said
    said.atMs = nowMs
    said.times = 0
    return times
  }
}

function inWords({ heardAgoMs, problem }: PeerStatus): string {
  const heard = heardAgoMs === null ? 'never heard' : `heard ${heardAgoMs} ms ago`
  return problem === null ? heard : `${heard}, ${problem.reason} (${problem.message})`
}
