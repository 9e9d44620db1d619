/**
 * How a node gets what was chosen without it: entries in pages, or a snapshot in pieces where the
 * entries are gone. It asks, one question at a time, and asks again; who answers keeps no state for
 * it. It takes what is chosen from anybody who knows, not only from the leader, so that a node which
 * does not hear the leader learns all the same (the chained case of Omni-Paxos), and so does one
 * which the leader does not hear.
 *
 * Whom it asks: as long as anybody is known to know more, whoever was of no use longest ago. To be
 * silent is to be of no use, and so is to know no more. A node of which nothing is known may know,
 * too.
 *
 * It must never restart a transfer because one answer was lost, nor ask again faster than a slow
 * network can answer.
 */
import type { Ballot, NodeId } from '../ballot.ts'
import type { Slot } from '../durability.ts'
import type { LogStep } from './effects.ts'
import { MAX_UNANSWERED_CHUNKS, MAX_UNANSWERED_FETCHES, SNAPSHOT_KEPT_FOR_MS } from './limits.ts'
import type { FetchedMessage, SnapshotChunkMessage } from './messages.ts'
import { Source } from './source.ts'
import { isPiece, Transfer } from './transfer.ts'
import type { Fetched, Said } from './transfer.ts'

/** The question of which the answer is awaited. */
interface Question {
  readonly source: Source
  /** When it was asked first, of this node. */
  readonly askedAtMs: number
  readonly dueAtMs: number
}

/** What this node knows, and what time it is. */
export interface CatchUpView {
  readonly chosenThrough: Slot
  /** Asked before others, if it knows more. */
  readonly leader: NodeId | null
  readonly nowMs: number
}

/** A piece that the host is to keep. */
export interface ReceivedPiece {
  readonly transfer: number
  readonly isLast: boolean
}

/** What of snapshots is taken, and how: see MultiPaxosOptions. */
interface Taking {
  readonly retransmitIntervalMs: number
  readonly stagesSnapshots: boolean
  readonly maxSnapshotBytes: number
}

/** The side that asks. */
export class CatchUp {
  readonly #taking: Taking
  readonly #sources = new Map<NodeId, Source>()
  #question: Question | null = null
  /** Counts how often a node was of no use. */
  #turn = 0
  /** How many snapshots were begun. */
  #begun = 0
  /** When to say again that one which is whole is still being looked at; `null` when none is. */
  #stillAtMs: number | null = null

  /** `peers` may be asked; others only once they were heard. */
  constructor(peers: readonly NodeId[], taking: Taking) {
    this.#taking = taking
    for (const peer of peers) this.#source(peer)
  }

  /** Who may be asked from now on, and nobody else. */
  setPeers(peers: ReadonlySet<NodeId>): void {
    for (const [peer, source] of this.#sources) {
      if (peers.has(peer)) continue
      this.#sources.delete(peer)
      if (this.#question?.source === source) this.#question = null
    }
    for (const peer of peers) this.#source(peer)
  }

  /** Whether an answer is awaited, as far as anybody is known who can give it, or is being written. */
  get isAsking(): boolean {
    if (this.#question !== null) return true
    return [...this.#sources.values()].some(({ transfer }) => transfer?.isBusy === true)
  }

  /** The snapshots of which the host keeps pieces. */
  get transfers(): readonly number[] {
    return [...this.#sources.values()].flatMap(({ transfer }) => transfer?.id ?? [])
  }

  /** When there is something to say, or an answer is overdue; `null` when neither is so. */
  get nextTickAtMs(): number | null {
    return this.#question?.dueAtMs ?? this.#stillAtMs
  }

  /** `peer` says that it knows what was chosen through `slot`. */
  note(peer: NodeId, slot: Slot): void {
    this.#source(peer).known = slot
  }

  /** Through which slot `peer` knows what was chosen, as far as is known; 0 when it is not. */
  knownTo(peer: NodeId): Slot {
    return this.#sources.get(peer)?.known ?? 0
  }

  /** Through which slot anybody says that it knows what was chosen; 0 when nobody does. */
  get heardThrough(): Slot {
    return Math.max(0, ...[...this.#sources.values()].map(({ known }) => known))
  }

  /** What `peer` sent was of no use: others come first, and it has to say something before. */
  forget(peer: NodeId): void {
    const source = this.#source(peer)
    source.known = 0
    this.#rest(source)
  }

  /** Asks for the next piece of what this node lacks, unless an answer is awaited. */
  ask(step: LogStep, view: CatchUpView): void {
    const { chosenThrough, nowMs } = view
    for (const source of this.#sources.values()) {
      if ((source.transfer?.through ?? Infinity) <= chosenThrough) source.transfer = null
    }
    const previous = this.#question
    if (previous !== null && nowMs < previous.dueAtMs) return
    if (previous !== null) this.#miss(previous.source)
    this.#question = null
    // One that is whole comes first: what others have may be had from it.
    const whole = [...this.#sources].find(([, { transfer }]) => isLookedAt(transfer))
    if (whole !== undefined) return this.#sayStill(step, whole, nowMs)
    this.#stillAtMs = null
    const next = this.#next(view)
    if (next === null) return
    const [peer, source] = next
    if (source.transfer?.isBusy === true) return
    const isRepeated = previous?.source === source && source.unanswered > 0
    const askedAtMs = isRepeated ? previous.askedAtMs : nowMs
    this.#question = { source, askedAtMs, dueAtMs: nowMs + source.waitMs }
    const { transfer, pageBytes: maxBytes } = source
    if (transfer === null) return this.#askForEntries(step, peer, source, chosenThrough)
    const { through, received: offset } = transfer
    step.send(peer, { type: 'fetchSnapshot', through, offset, maxBytes })
  }

  /** Asks `peer` once whether it knows more, whatever it has said so far. */
  poll(step: LogStep, peer: NodeId, chosenThrough: Slot): void {
    const source = this.#source(peer)
    if (this.#question?.source === source) return
    this.#askForEntries(step, peer, source, chosenThrough)
  }

  /**
   * Entries came in. Says whether they are what they must be, to be stored: asked for, contiguous,
   * and not beyond what is known here but for the next one.
   */
  receiveFetched(from: NodeId, page: FetchedMessage, view: Omit<CatchUpView, 'leader'>): boolean {
    const { chosenThrough, nowMs } = view
    const source = this.#sources.get(from)
    if (source?.asked !== page.from) return false
    source.known = page.chosenThrough
    const isWhole = page.entries.every(({ slot }, index) => slot === page.from + index)
    const last = page.from + page.entries.length - 1
    const isUseful = isWhole && page.from <= chosenThrough + 1 && last > chosenThrough
    const knowsNoMore = page.entries.length === 0 && page.chosenThrough < page.from
    // What came late, and was had from another meanwhile, is an answer all the same.
    const isLate = isWhole && last >= page.from && last <= chosenThrough
    if (!isUseful && !knowsNoMore && !isLate) return false
    this.#answered(source, nowMs)
    if (isUseful) source.uselessAt = 0
    else if (knowsNoMore) this.#rest(source)
    return isUseful
  }

  /**
   * A piece of a snapshot came in. Says whether it was of use; returns it when the host is to keep it,
   * and where this gathers them, the snapshot when it is whole.
   */
  receiveChunk(
    from: NodeId,
    chunk: SnapshotChunkMessage,
    { chosenThrough, nowMs }: Omit<CatchUpView, 'leader'>,
  ): Fetched | ReceivedPiece | boolean {
    if (chunk.through <= chosenThrough) return false
    const source = this.#sources.get(from)
    if (source === undefined) return false
    const isAnswer = this.#question?.source === source
    if (!isAnswer && source.asked === null) return false
    source.known = Math.max(chunk.through, source.known)
    if (!isAnswer || !isPiece(chunk, this.#taking.maxSnapshotBytes)) return false
    if (chunk.offset === 0 && chunk.through > (source.transfer?.through ?? 0)) {
      this.#begun += 1
      const id = this.#taking.stagesSnapshots ? this.#begun : null
      this.#begin(source, new Transfer(chunk, id))
    }
    const { transfer } = source
    if (transfer?.take(chunk) !== true) return false
    this.#answered(source, nowMs)
    source.uselessAt = 0
    const { whole, id, isComplete } = transfer
    if (id !== null) return { transfer: id, isLast: isComplete }
    if (whole !== null) source.transfer = null
    return whole ?? true
  }

  /** The host keeps the piece that it was given last. */
  kept(id: number): void {
    for (const { transfer } of this.#sources.values()) if (transfer?.id === id) transfer.kept()
  }

  /** The host is through with all of it. Says whose and what it is; `null` when it was given up. */
  end(id: number): { from: NodeId; said: Said; ballot: Ballot; isComplete: boolean } | null {
    for (const [from, source] of this.#sources) {
      const { transfer } = source
      if (transfer?.id !== id) continue
      source.transfer = null
      const { said, ballot, isComplete } = transfer
      return { from, said, ballot, isComplete }
    }
    return null
  }

  /** Forgets what was asked, and what has come in: this node leads, and learns by itself. */
  stop(): void {
    this.#question = null
    this.#stillAtMs = null
    for (const source of this.#sources.values()) {
      source.asked = null
      source.transfer = null
    }
  }

  /**
   * However long it takes until the host has made its state of a snapshot, whoever sent it is to keep
   * the log behind it meanwhile: else a newer snapshot would have to follow, and so on for ever.
   */
  #sayStill(step: LogStep, [peer, source]: readonly [NodeId, Source], nowMs: number): void {
    const { transfer, pageBytes: maxBytes } = source
    if (transfer === null || nowMs < (this.#stillAtMs ?? nowMs)) return
    const isFirst = this.#stillAtMs === null
    this.#stillAtMs = nowMs + SNAPSHOT_KEPT_FOR_MS / 4
    if (isFirst) return
    const { through, received: offset } = transfer
    step.send(peer, { type: 'fetchSnapshot', through, offset, maxBytes })
  }

  #askForEntries(step: LogStep, peer: NodeId, source: Source, chosenThrough: Slot): void {
    const from = chosenThrough + 1
    source.asked = from
    step.send(peer, { type: 'fetchEntries', from, maxBytes: source.pageBytes })
  }

  #answered(source: Source, nowMs: number): void {
    source.asked = null
    if (this.#question?.source !== source) return
    source.answers(nowMs - this.#question.askedAtMs)
    this.#question = null
  }

  /** Who does not answer rests, and one that sends no snapshot has to say something before. */
  #miss(source: Source): void {
    source.misses()
    const { transfer, unanswered } = source
    if (unanswered < (transfer === null ? MAX_UNANSWERED_FETCHES : MAX_UNANSWERED_CHUNKS)) return
    if (transfer === null) source.known = 0
    this.#rest(source)
  }

  #rest(source: Source): void {
    this.#turn += 1
    source.rest(this.#turn)
  }

  /** Of those that were begun before only the one that has come furthest is kept. */
  #begin(source: Source, transfer: Transfer): void {
    source.transfer = null
    const begun = [...this.#sources.values()].flatMap((each) => each.transfer ?? [])
    const most = Math.max(...begun.map(({ received }) => received))
    for (const each of this.#sources.values()) {
      if (each.transfer !== null && each.transfer.received < most) each.transfer = null
    }
    source.transfer = transfer
  }

  /** Whom to ask; `null` when nobody is known to know more. */
  #next({ chosenThrough, leader }: CatchUpView): readonly [NodeId, Source] | null {
    const sources = [...this.#sources]
    if (!sources.some(([, { reach }]) => reach > chosenThrough)) return null
    const order = ([id, source]: readonly [NodeId, Source]): readonly number[] => [
      source.uselessAt,
      source.transfer === null ? 1 : 0,
      source.reach > chosenThrough ? 0 : 1,
      id === leader ? 0 : 1,
      -source.reach,
    ]
    const [first] = sources.toSorted((a, b) => compared(order(a), order(b)))
    return first ?? null
  }

  #source(peer: NodeId): Source {
    const source = this.#sources.get(peer) ?? new Source(this.#taking.retransmitIntervalMs)
    this.#sources.set(peer, source)
    return source
  }
}

/** Whether the host has all of it, and has not said yet what it is. */
function isLookedAt(transfer: Transfer | null): boolean {
  return transfer !== null && transfer.id !== null && transfer.isComplete
}

/** The first place where they differ counts. */
function compared(a: readonly number[], b: readonly number[]): number {
  return (
    a.map((value, index) => value - (b[index] ?? 0)).find((difference) => difference !== 0) ?? 0
  )
}
