/**
 * Phase 2 of a leadership: which slots are proposed, who holds them, and what is chosen by that. A
 * window bounds what is in flight, so that a full one makes the host's queue grow and the next
 * Accept take many commands: batches come from load alone. It takes nothing that a quorum could not
 * be sent at once. It must never give a slot a second value, nor propose a new one before what phase
 * 1 recovered.
 */
import { excused } from '../absence.ts'
import type { Absence } from '../absence.ts'
import { sameBallot } from '../ballot.ts'
import type { Ballot, NodeId } from '../ballot.ts'
import type { Slot } from '../durability.ts'
import { earliest } from '../leadership.ts'
import type { Electorate } from './electorate.ts'
import { Flow } from './flow.ts'
import type { Batch } from './flow.ts'
import { MAX_BATCH_VALUES, PAGE_BYTES, VALUE_OVERHEAD_BYTES } from './limits.ts'

/** How much may be in flight at once. */
export interface Window {
  readonly accepts: number
  readonly bytes: number
}

/** What the next Accept may take. Both are 0 when it has to wait. */
export interface Room {
  readonly values: number
  /** Of values and VALUE_OVERHEAD_BYTES for each; a single value may exceed it. */
  readonly bytes: number
}

/** What the leader knows of another node. */
interface Peer {
  /** It holds everything from `base` through here. */
  through: Slot
  chosenThrough: Slot
  /** No crash takes from it what was chosen through here. */
  storedThrough: Slot
  /** As which incarnation it says so; '' where it does not say. */
  incarnation: string
  heardAtMs: number
  /** Since when it was never silent. */
  steadySinceMs: number
  readonly flow: Flow
}

/** What a node says that it knows. */
export interface Known {
  readonly chosenThrough: Slot
  readonly storedThrough: Slot
}

/** An Accept and who gets it. */
export interface Delivery {
  readonly batch: Batch
  readonly to: readonly NodeId[]
}

/** No room at all. */
export const NO_ROOM: Room = { values: 0, bytes: 0 }

const NOTHING: readonly Uint8Array[] = []

export interface Phase2Options {
  readonly id: NodeId
  readonly ballot: Ballot
  readonly base: Slot
  /** What is proposed first, in the slots from `base` on. */
  readonly recovered: readonly Uint8Array[]
  readonly electorate: Electorate
  readonly limits: Window
  /** For how long an answer is awaited at least. */
  readonly intervalMs: number
  /** Who was not heard for so long is silent. */
  readonly silentAfterMs: number
  readonly nowMs: number
}

/** One leadership, from the promises of a quorum to its end. */
export class Phase2 {
  readonly ballot: Ballot
  readonly base: Slot
  readonly #id: NodeId
  #electorate: Electorate
  readonly #limits: Window
  readonly #silentAfterMs: number
  readonly #intervalMs: number
  readonly #recovered: readonly Uint8Array[]
  /** What has to be proposed before anything new. */
  #first: readonly Uint8Array[]
  #recoveredThrough: Slot
  /** The slot of a members entry that is proposed and not known to be chosen. */
  #barrier: Slot | null = null
  #nextSlot: Slot
  #batches: Batch[] = []
  readonly #peers = new Map<NodeId, Peer>()
  /** Those of `#peers` but this node: they are looked at with each input, and seldom others. */
  #others: readonly (readonly [NodeId, Peer])[] = []
  readonly #refusedBy = new Set<NodeId>()
  #refusedAtMs: number | null = null

  constructor(options: Phase2Options) {
    this.#id = options.id
    this.ballot = options.ballot
    this.base = options.base
    this.#recovered = options.recovered
    this.#first = options.recovered
    this.#recoveredThrough = options.base + options.recovered.length - 1
    this.#electorate = options.electorate
    this.#limits = options.limits
    this.#silentAfterMs = options.silentAfterMs
    this.#intervalMs = options.intervalMs
    this.#nextSlot = options.base
    this.#admit(options.nowMs)
  }

  /** Others vote from the next slot on. What a former incarnation of a voter held is lost. */
  setElectorate(electorate: Electorate, nowMs: number): void {
    this.#electorate = electorate
    this.#barrier = null
    for (const [id, { incarnation }] of this.#peers) {
      const named = electorate.named(id) ?? incarnation
      if (!electorate.isVoter(id) || named !== incarnation) this.#peers.delete(id)
    }
    this.#admit(nowMs)
  }

  /** What is to be proposed before anything new, in the next slots. */
  recover(values: readonly Uint8Array[]): void {
    this.#first = [...this.#first, ...values]
    this.#recoveredThrough = this.#nextSlot + this.#first.length - 1
  }

  /** Nothing is proposed behind this slot until it is chosen. */
  stopAt(slot: Slot): void {
    this.#barrier = slot
  }

  /** The slot behind which nothing is proposed now; `null` when there is none. */
  get barrier(): Slot | null {
    return this.#barrier
  }

  /** The highest slot that was proposed at this ballot; `base - 1` before the first. */
  get lastSlot(): Slot {
    return this.#nextSlot - 1
  }

  get batches(): readonly Batch[] {
    return this.#batches
  }

  /** The last of the slots that phase 1 found something for. */
  get recoveredThrough(): Slot {
    return this.#recoveredThrough
  }

  /** With what this leadership began, in the slots from `base` on. */
  get recovered(): readonly Uint8Array[] {
    return this.#recovered
  }

  /** Whether everything is proposed that phase 1 found. */
  get isRecovered(): boolean {
    return this.#first.length === 0
  }

  /** What new commands the next Accept may take. */
  room(nowMs: number): Room {
    return this.isRecovered && this.#barrier === null ? this.#room(nowMs) : NO_ROOM
  }

  /** When an acknowledgement is overdue; `null` when none is awaited. */
  get overdueAtMs(): number | null {
    let atMs: number | null = null
    for (const [, { flow }] of this.#others) atMs = earliest(atMs, flow.overdueAtMs)
    return atMs
  }

  get peers(): ReadonlyMap<NodeId, Readonly<Peer>> {
    return this.#peers
  }

  /** The next of the recovered values that fit in the window; none when they have to wait. */
  nextRecovered(nowMs: number): readonly Uint8Array[] {
    if (this.isRecovered) return NOTHING
    const room = this.#room(nowMs)
    const rest = this.#first.slice(0, room.values)
    let bytes = 0
    const count = rest.findIndex((value, index) => {
      bytes += batchBytes([value])
      return index > 0 && bytes > room.bytes
    })
    const batch = count < 0 ? rest : rest.slice(0, count)
    this.#first = this.#first.slice(batch.length)
    return batch
  }

  /** Gives `values` their slots, and takes room in the window for them. Returns the first slot. */
  assign(values: readonly Uint8Array[]): Slot {
    const first = this.#nextSlot
    this.#nextSlot += values.length
    this.#batches.push({ first, last: this.#nextSlot - 1, bytes: batchBytes(values) })
    return first
  }

  /** An acceptor holds everything through `through`; nobody can hold what was not proposed. */
  receiveAccepted(from: NodeId, incarnation: string, through: Slot, nowMs: number): void {
    const peer = this.#peers.get(from)
    if (peer === undefined || !this.#electorate.counts(from, incarnation)) return
    const held = Math.min(through, this.lastSlot)
    peer.incarnation = incarnation
    if (held <= peer.through) return
    peer.through = held
    peer.flow.acknowledge(held, nowMs)
  }

  /** A node is alive and follows this leadership. */
  hear(from: NodeId, incarnation: string, nowMs: number, known?: Known): void {
    const peer = this.#peers.get(from)
    if (peer === undefined || !this.#electorate.counts(from, incarnation)) return
    if (this.#isSilent(peer, nowMs)) {
      peer.flow.heardAgain()
      peer.steadySinceMs = nowMs
    }
    peer.heardAtMs = nowMs
    peer.chosenThrough = Math.max(peer.chosenThrough, known?.chosenThrough ?? 0)
    peer.storedThrough = Math.max(peer.storedThrough, known?.storedThrough ?? 0)
  }

  /** Whether a quorum holds, so that no crash can undo it, what was chosen through `slot`. */
  isStored(slot: Slot): boolean {
    return this.#isQuorum(({ storedThrough }) => storedThrough >= slot)
  }

  /** The highest slot through which a quorum holds everything. */
  get chosenThrough(): Slot {
    const ends = new Set<Slot>()
    for (const { through } of this.#peers.values()) ends.add(through)
    const isChosen = (end: Slot) => this.#isQuorum(({ through }) => through >= end)
    return [...ends].toSorted((a, b) => b - a).find(isChosen) ?? this.base - 1
  }

  /** What is chosen is no longer in flight. */
  settle(chosenThrough: Slot): void {
    this.#batches = this.#batches.filter(({ last }) => last > chosenThrough)
  }

  /** Whether a quorum, this node included, was heard within the last `withinMs`. */
  isFollowed(nowMs: number, withinMs: number): boolean {
    const isHeard = ({ heardAtMs }: Peer) => nowMs - heardAtMs < withinMs
    return this.#isQuorum((peer, id) => id === this.#id || isHeard(peer))
  }

  /** This node was away for a time in which it could hear nobody. */
  excuse(absence: Absence, windowMs: number): void {
    for (const peer of this.#peers.values()) {
      peer.heardAtMs = excused(peer.heardAtMs + windowMs, absence, windowMs) - windowMs
    }
    if (this.#refusedAtMs !== null) this.#refusedAtMs += absence.awayMs
  }

  /** A refusal came. Says whether it ends the leadership: the others hold no quorum any more. */
  receiveNack(from: NodeId, ballot: Ballot, nowMs: number): boolean {
    if (!sameBallot(ballot, this.ballot) || !this.#peers.has(from)) return false
    this.#refusedBy.add(from)
    this.#refusedAtMs ??= nowMs
    return !this.#isQuorum((_, id) => !this.#refusedBy.has(id))
  }

  /** Since when some acceptor is known to refuse this ballot. */
  get refusedAtMs(): number | null {
    return this.#refusedAtMs
  }

  /** Gives up what was not acknowledged in time: it leaves again, as far as it is not chosen. */
  expire(chosenThrough: Slot, nowMs: number): void {
    for (const [, { flow }] of this.#others) flow.expire(chosenThrough, nowMs)
  }

  /** What leaves now: what an acceptor lacks and is not on its way to it, as far as there is room. */
  deliveries(nowMs: number): readonly Delivery[] {
    const to = new Map<Batch, NodeId[]>()
    for (const [id, peer] of this.#others) {
      const missing = this.#missing(peer)
      for (const batch of peer.flow.next(missing, this.#isSilent(peer, nowMs), nowMs)) {
        to.set(batch, [...(to.get(batch) ?? []), id])
      }
    }
    return this.#batches.flatMap((batch) => {
      const receivers = to.get(batch)
      return receivers === undefined ? [] : [{ batch, to: receivers }]
    })
  }

  /** What is in flight and not known to be held by `peer`. */
  #missing({ through }: Peer): readonly Batch[] {
    return this.#batches.filter(({ last }) => last > through)
  }

  #isSilent({ heardAtMs }: Peer, nowMs: number): boolean {
    return nowMs - heardAtMs > this.#silentAfterMs
  }

  #room(nowMs: number): Room {
    const inFlight = this.#batches.reduce((sum, { bytes }) => sum + bytes, 0)
    const isFull = this.#batches.length >= this.#limits.accepts || inFlight >= this.#limits.bytes
    const paced = isFull ? 0 : this.#pacedBytes(nowMs)
    if (paced === 0) return NO_ROOM
    const bytes = Math.min(PAGE_BYTES, this.#limits.bytes - inFlight, paced)
    return { values: MAX_BATCH_VALUES, bytes }
  }

  /** How many bytes can leave for a quorum at once, this node included. */
  #pacedBytes(nowMs: number): number {
    const rooms = new Map<NodeId, number>([[this.#id, PAGE_BYTES]])
    for (const [id, peer] of this.#others) {
      const hasMore = this.#missing(peer).some((batch) => peer.flow.lacks(batch))
      rooms.set(id, hasMore ? 0 : peer.flow.room(this.#isSilent(peer, nowMs)))
    }
    const sizes = [...new Set(rooms.values())].toSorted((a, b) => b - a)
    const isEnough = (size: number) => this.#isQuorum((_, id) => (rooms.get(id) ?? 0) >= size)
    return sizes.find(isEnough) ?? 0
  }

  /** Those who count and are not known yet. */
  #admit(nowMs: number): void {
    for (const id of this.#electorate.quorums.acceptors) {
      if (this.#peers.has(id)) continue
      const incarnation = this.#electorate.named(id) ?? ''
      const flow = new Flow(this.#intervalMs)
      const through = this.base - 1
      const unknown = { through, chosenThrough: 0, storedThrough: 0, incarnation }
      this.#peers.set(id, { ...unknown, heardAtMs: nowMs, steadySinceMs: nowMs, flow })
    }
    this.#others = [...this.#peers].filter(([id]) => id !== this.#id)
  }

  /** Whether those that the condition holds for are a phase 2 quorum. */
  #isQuorum(condition: (peer: Peer, id: NodeId) => boolean): boolean {
    const held = new Set<NodeId>()
    for (const [id, peer] of this.#peers) if (condition(peer, id)) held.add(id)
    return this.#electorate.quorums.isPhase2Quorum(held)
  }
}

/** What a batch takes of the window. */
export function batchBytes(values: readonly Uint8Array[]): number {
  return values.reduce((sum, { length }) => sum + length + VALUE_OVERHEAD_BYTES, 0)
}
