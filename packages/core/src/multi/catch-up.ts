/**
 * How a node gets what was chosen without it: entries in pages, or a snapshot in pieces where the
 * entries are gone. It asks, one request at a time, and asks again; who answers keeps no state for
 * it. It takes what is chosen from anybody who knows, not only from the leader, so that a node which
 * does not hear the leader learns all the same (the chained case of Omni-Paxos).
 *
 * It must never allocate on the word of a header, nor restart a transfer because one answer was lost.
 */
import type { Ballot, NodeId } from '../ballot.ts'
import type { Member, Slot, Snapshot } from '../durability.ts'
import type { LogStep } from './effects.ts'
import { MAX_MEMBERS, MAX_SNAPSHOT_BYTES } from './limits.ts'
import { MAX_UNANSWERED_CHUNKS, MAX_UNANSWERED_FETCHES } from './limits.ts'
import type { FetchedMessage, FetchEntriesMessage, FetchSnapshotMessage } from './messages.ts'
import type { SnapshotChunkMessage } from './messages.ts'

/** The request that is in flight. */
interface Request {
  readonly peer: NodeId
  readonly message: FetchEntriesMessage | FetchSnapshotMessage
  readonly sentAtMs: number
  /** How many like it were sent before and not answered. */
  readonly unanswered: number
}

/** A snapshot that is coming in. */
interface Transfer {
  readonly peer: NodeId
  readonly ballot: Ballot
  readonly through: Slot
  readonly members: readonly Member[]
  readonly totalBytes: number
  readonly parts: Uint8Array[]
  received: number
}

/** What this node knows, and what time it is. */
export interface CatchUpView {
  readonly chosenThrough: Slot
  /** Asked before others, if it knows more. */
  readonly leader: NodeId | null
  readonly nowMs: number
}

/** A snapshot that came in whole, and the ballot that must be promised with it. */
export interface Fetched {
  readonly snapshot: Snapshot
  readonly ballot: Ballot
}

/** The side that asks. */
export class CatchUp {
  readonly #intervalMs: number
  /** By node: through which slot it said last that it knows what was chosen. */
  readonly #known = new Map<NodeId, Slot>()
  #request: Request | null = null
  #transfer: Transfer | null = null
  /** What was asked besides, of a node that is not known to know more. */
  #poll: { readonly peer: NodeId; readonly from: Slot } | null = null

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** Whether an answer is awaited, as far as anybody is known who can give it. */
  get isAsking(): boolean {
    return this.#request !== null
  }

  /** How much of a snapshot has come in. */
  get received(): number {
    return this.#transfer?.received ?? 0
  }

  /** When an answer is overdue; `null` when none is awaited. */
  get nextTickAtMs(): number | null {
    return this.#request === null ? null : this.#request.sentAtMs + this.#intervalMs
  }

  /** `peer` says that it knows what was chosen through `slot`. */
  note(peer: NodeId, slot: Slot): void {
    this.#known.set(peer, slot)
  }

  /** Through which slot `peer` knows what was chosen, as far as is known; 0 when it is not. */
  knownTo(peer: NodeId): Slot {
    return this.#known.get(peer) ?? 0
  }

  /** What `peer` sent was of no use: it is not asked again before it says something. */
  forget(peer: NodeId): void {
    this.#known.delete(peer)
  }

  /** Asks for the next piece of what this node lacks, unless an answer is awaited. */
  ask(step: LogStep, view: CatchUpView): void {
    if (this.#transfer !== null && this.#transfer.through <= view.chosenThrough) this.#drop()
    const previous = this.#request
    if (previous !== null && view.nowMs < previous.sentAtMs + this.#intervalMs) return
    if (previous !== null) this.#countUnanswered(previous, view.chosenThrough)
    const peer = this.#transfer?.peer ?? this.#whoKnowsMore(view)
    this.#request = null
    if (peer === null) return
    const message = this.#next(view.chosenThrough)
    const isRepeated = previous?.peer === peer && previous.message.type === message.type
    const unanswered = isRepeated ? previous.unanswered + 1 : 0
    this.#request = { peer, message, sentAtMs: view.nowMs, unanswered }
    step.send(peer, message)
  }

  /** Asks `peer` once whether it knows more, whatever it has said so far. */
  poll(step: LogStep, peer: NodeId, chosenThrough: Slot): void {
    const from = chosenThrough + 1
    this.#poll = { peer, from }
    step.send(peer, { type: 'fetchEntries', from })
  }

  /**
   * Entries came in. Says whether they are what they must be, to be stored: asked for, contiguous,
   * and not beyond what is known here but for the next one.
   */
  receiveFetched(from: NodeId, page: FetchedMessage, chosenThrough: Slot): boolean {
    const isAnswer = this.#hasAsked(from, page.from)
    const isPolled = this.#poll?.peer === from && this.#poll.from === page.from
    if (!isAnswer && !isPolled) return false
    this.note(from, page.chosenThrough)
    const isWhole = page.entries.every(({ slot }, index) => slot === page.from + index)
    const last = page.from + page.entries.length - 1
    const isUseful = isWhole && page.from <= chosenThrough + 1 && last > chosenThrough
    const isUpToDate = page.chosenThrough <= chosenThrough
    if (isUseful || isUpToDate) {
      if (isAnswer) this.#request = null
      if (isPolled) this.#poll = null
    }
    return isUseful
  }

  /** A piece of a snapshot came in. Returns the snapshot when it was the last one. */
  receiveChunk(from: NodeId, chunk: SnapshotChunkMessage, chosenThrough: Slot): Fetched | null {
    if (chunk.through <= chosenThrough) return null
    const isAnswer = this.#request?.peer === from
    if (!isAnswer && this.#poll?.peer !== from) return null
    this.note(from, Math.max(chunk.through, this.knownTo(from)))
    if (!isAnswer) return null
    if (!isPiece(chunk)) return null
    if (this.#begins(chunk)) {
      const { ballot, through, members, totalBytes } = chunk
      this.#transfer = { peer: from, ballot, through, members, totalBytes, parts: [], received: 0 }
    }
    const transfer = this.#transfer
    if (transfer === null || !continues(transfer, chunk)) return null
    this.#request = null
    transfer.parts.push(chunk.bytes)
    transfer.received += chunk.bytes.length
    if (transfer.received < transfer.totalBytes) return null
    this.#transfer = null
    const { through, members, ballot } = transfer
    return { snapshot: { through, members, bytes: joined(transfer) }, ballot }
  }

  /** Forgets a request and a transfer: this node leads, and learns by itself. */
  stop(): void {
    this.#drop()
    this.#request = null
  }

  /** Whether entries from `from` on are what `peer` was asked for last. */
  #hasAsked(peer: NodeId, from: Slot): boolean {
    if (this.#request?.peer !== peer) return false
    const { message } = this.#request
    return message.type === 'fetchEntries' && message.from === from
  }

  #next(chosenThrough: Slot): FetchEntriesMessage | FetchSnapshotMessage {
    const transfer = this.#transfer
    if (transfer === null) return { type: 'fetchEntries', from: chosenThrough + 1 }
    return { type: 'fetchSnapshot', through: transfer.through, offset: transfer.received }
  }

  /** A node that does not answer is not asked again before it says something, if another can be. */
  #countUnanswered({ peer, unanswered }: Request, chosenThrough: Slot): void {
    const limit = this.#transfer === null ? MAX_UNANSWERED_FETCHES : MAX_UNANSWERED_CHUNKS
    if (unanswered + 1 < limit) return
    const others = [...this.#known].some(([id, slot]) => id !== peer && slot > chosenThrough)
    if (others || this.#transfer === null) {
      this.#known.delete(peer)
      this.#drop()
    }
  }

  #whoKnowsMore({ chosenThrough, leader }: CatchUpView): NodeId | null {
    const knows = (id: NodeId): Slot => this.knownTo(id)
    if (leader !== null && knows(leader) > chosenThrough) return leader
    const [best] = [...this.#known.keys()].toSorted((a, b) => knows(b) - knows(a))
    return best !== undefined && knows(best) > chosenThrough ? best : null
  }

  /** Whether `chunk` is the first of a newer snapshot than the one coming in. */
  #begins({ through, offset }: SnapshotChunkMessage): boolean {
    return offset === 0 && through > (this.#transfer?.through ?? 0)
  }

  #drop(): void {
    this.#transfer = null
  }
}

/** Whether a chunk can be a piece of a snapshot that this node would take. */
function isPiece({ bytes, offset, totalBytes, members }: SnapshotChunkMessage): boolean {
  if (totalBytes > MAX_SNAPSHOT_BYTES || members.length > MAX_MEMBERS) return false
  const isProgress = bytes.length > 0 || totalBytes === 0
  return isProgress && offset + bytes.length <= totalBytes
}

function continues(transfer: Transfer, chunk: SnapshotChunkMessage): boolean {
  const { through, totalBytes, received } = transfer
  return chunk.through === through && chunk.totalBytes === totalBytes && chunk.offset === received
}

function joined({ parts, received }: Transfer): Uint8Array {
  const bytes = new Uint8Array(received)
  let position = 0
  for (const part of parts) {
    bytes.set(part, position)
    position += part.length
  }
  return bytes
}
