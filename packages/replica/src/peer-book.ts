/**
 * What a host sees of each other node that it knows: when it was heard, how many frames went either
 * way, and what is wrong with it. Must never grow with anything but those, nor decide anything but
 * whether a node began with other members.
 */
import type { NodeId, PeerFigures, PeerProblemReason, Transport } from '@paxos/core'
import { MEMBERS_DIFFER_FOR_MS } from './limits.ts'

/** What is wrong with a peer. */
export type PeerTroubleReason =
  /** It began with other members: its frames are refused, and ours by it. */
  | 'members'
  /** What comes from its address is of another cluster, or of another engine. */
  | 'cluster'
  /** As the transport says. */
  | PeerProblemReason

/** What is wrong with a peer, for programs and for people. */
export interface PeerTrouble {
  readonly reason: PeerTroubleReason
  /** One sentence. */
  readonly message: string
}

/** What a node knows of another one, since it was opened or came to know of it. */
export interface PeerStatus {
  /** How long ago the last frame came that counted, in milliseconds; `null` for never. */
  readonly heardAgoMs: number | null
  /** Frames that were given to the transport for it. */
  readonly sent: number
  /** Frames that came from it and counted. */
  readonly received: number
  /** Frames that came from it and were dropped here, for whatever reason. */
  readonly dropped: number
  /** Whether a connection stands; `null` where the transport has none, or does not tell. */
  readonly connected: boolean | null
  /** What is wrong with it as far as anybody here knows; `null` when nothing is. */
  readonly problem: PeerTrouble | null
}

interface Page {
  heardAtMs: number | null
  sent: number
  received: number
  dropped: number
  foreignAtMs: number | null
  differedAtMs: number | null
  answeredAtMs: number | null
}

/** A page for each peer. */
export class PeerBook {
  readonly #pages = new Map<NodeId, Page>()

  constructor(peers: Iterable<NodeId>) {
    this.keep(peers)
  }

  /** These are the peers from now on: a page for each that is new, and none for who left. */
  keep(peers: Iterable<NodeId>): void {
    const kept = new Set(peers)
    for (const peer of this.#pages.keys()) if (!kept.has(peer)) this.#pages.delete(peer)
    for (const peer of kept) if (!this.#pages.has(peer)) this.#pages.set(peer, emptyPage())
  }

  has(peer: NodeId): boolean {
    return this.#pages.has(peer)
  }

  sent(peer: NodeId): void {
    const page = this.#pages.get(peer)
    if (page !== undefined) page.sent += 1
  }

  /** A frame of it counts, and with it that it speaks for the same cluster and members. */
  heard(peer: NodeId, nowMs: number): void {
    const page = this.#pages.get(peer)
    if (page === undefined) return
    page.heardAtMs = nowMs
    page.received += 1
    page.foreignAtMs = null
    page.differedAtMs = null
  }

  dropped(peer: NodeId): void {
    const page = this.#pages.get(peer)
    if (page !== undefined) page.dropped += 1
  }

  /** A frame of another cluster or engine came from where it is. */
  foreign(peer: NodeId, nowMs: number): void {
    const page = this.#pages.get(peer)
    if (page !== undefined) page.foreignAtMs = nowMs
  }

  /** It began with other members. Whether to answer it: not more often than every `intervalMs`. */
  differs(peer: NodeId, nowMs: number, intervalMs: number): boolean {
    const page = this.#pages.get(peer)
    if (page === undefined) return false
    page.differedAtMs = nowMs
    if (page.answeredAtMs !== null && nowMs - page.answeredAtMs < intervalMs) return false
    page.answeredAtMs = nowMs
    return true
  }

  /** Whether one has spoken for other members lately, and not for these since. */
  hasDiffering(nowMs: number): boolean {
    for (const { differedAtMs } of this.#pages.values()) {
      if (differedAtMs !== null && nowMs - differedAtMs < MEMBERS_DIFFER_FOR_MS) return true
    }
    return false
  }

  /** Those that have said nothing yet, neither right nor wrong. */
  get silent(): NodeId[] {
    return [...this.#pages]
      .filter(([, { heardAtMs, differedAtMs }]) => heardAtMs === null && differedAtMs === null)
      .map(([peer]) => peer)
  }

  /** All of them, the one that was heard last first. */
  get lastHeardFirst(): NodeId[] {
    const pages = [...this.#pages].toSorted(([, a], [, b]) => agoOrder(a, b))
    return pages.map(([peer]) => peer)
  }

  /** When `count` of `among` had been heard last, all of them; `null` while fewer were ever heard. */
  heardAtMs(count: number, among: readonly NodeId[]): number | null {
    const times = among.flatMap((peer) => this.#pages.get(peer)?.heardAtMs ?? [])
    return times.toSorted((a, b) => b - a)[count - 1] ?? null
  }

  /** Those that were heard at that time or later. */
  heardSince(sinceMs: number): ReadonlySet<NodeId> {
    const heard = [...this.#pages].filter(([, { heardAtMs }]) => (heardAtMs ?? -1) >= sinceMs)
    return new Set(heard.map(([peer]) => peer))
  }

  /** Everything, with what the transport knows. */
  status(transport: Transport, nowMs: number): Readonly<Record<NodeId, PeerStatus>> {
    const figures = figuresOf(transport)
    return Object.fromEntries(
      [...this.#pages].map(([peer, page]) => [peer, statusOf(page, figures?.get(peer), nowMs)]),
    )
  }
}

function emptyPage(): Page {
  return {
    heardAtMs: null,
    sent: 0,
    received: 0,
    dropped: 0,
    foreignAtMs: null,
    differedAtMs: null,
    answeredAtMs: null,
  }
}

function agoOrder(a: Page, b: Page): number {
  return (b.heardAtMs ?? -1) - (a.heardAtMs ?? -1)
}

/** They are for people only: an adapter that fails to tell must not take the node with it. */
function figuresOf(transport: Transport): ReadonlyMap<NodeId, PeerFigures> | undefined {
  try {
    return transport.figures?.().peers
  } catch {
    return undefined
  }
}

function statusOf(page: Page, figures: PeerFigures | undefined, nowMs: number): PeerStatus {
  const { heardAtMs, sent, received, dropped } = page
  return {
    heardAgoMs: heardAtMs === null ? null : Math.round(nowMs - heardAtMs),
    sent,
    received,
    dropped,
    connected: figures?.isConnected ?? null,
    problem: troubleOf(page) ?? figures?.problem ?? null,
  }
}

function troubleOf({ differedAtMs, foreignAtMs }: Page): PeerTrouble | null {
  if (differedAtMs !== null) {
    return {
      reason: 'members',
      message:
        'It was started with other members. Give all nodes the same, and start those that were ' +
        'wrong from an empty durability while nothing is chosen.',
    }
  }
  if (foreignAtMs === null) return null
  return {
    reason: 'cluster',
    message:
      'What is there belongs to another cluster, or is no node of this kind. Correct its address ' +
      'or the name of the cluster.',
  }
}
