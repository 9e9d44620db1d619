/**
 * Values on their way into the log: to the engine while this node leads, to the leader while another
 * does. Batches come from load alone: what is added in one turn, or while the engine has enough under
 * way, leaves together, and commands that leave together take one slot. While this node leads it knows
 * the copies of what waits, is in flight, or was there when it began to lead. Must never make
 * a value wait for time, nor for company while little is under way; hold more than its bound; nor
 * propose what this leadership proposes already.
 */
import type { NodeId } from '@paxos/core'
import { bundled, commandCount, entryKey, entryKeys } from '@paxos/core/multi'
import { MAX_BATCH_VALUES, MAX_COMMANDS, PAGE_BYTES, VALUE_OVERHEAD_BYTES } from '@paxos/core/multi'
import type { LogEffects, Proposed, Room } from '@paxos/core/multi'
import { FREE_ENTRIES, MAX_OUTBOX_BYTES, MAX_TOGETHER_BYTES } from './limits.ts'

/** What an outbox needs of the engine. */
export interface Log {
  readonly id: NodeId
  readonly leader: NodeId | null
  readonly forwardsTo: readonly NodeId[]
  readonly room: Room
  readonly slotsInFlight: number
  propose(values: readonly Uint8Array[]): Proposed
  forward(values: readonly Uint8Array[]): LogEffects
}

/** What a message to the leader may carry. */
const FORWARD_ROOM: Room = { values: MAX_BATCH_VALUES, bytes: PAGE_BYTES }

/** A queue of values. What leaves it may be lost on the way: who cares adds it again. */
export class Outbox {
  readonly #log: Log
  readonly #input: (give: () => LogEffects) => void
  #values: Uint8Array[] = []
  #bytes = 0
  /** Of what waits; of a leader also of what it has begun to choose, and has not applied. */
  readonly #keys = new Set<string>()
  #flushing = false

  /** `input` carries out an input of the engine. */
  constructor(log: Log, input: (give: () => LogEffects) => void) {
    this.#log = log
    this.#input = input
  }

  /** How many values wait. */
  get length(): number {
    return this.#values.length
  }

  /**
   * Adds a value, to leave when this turn is over, unless a copy of it is there or has left. False
   * when more than `maxBytes` would wait then.
   */
  add(value: Uint8Array, maxBytes = MAX_OUTBOX_BYTES): boolean {
    const key = entryKey(value)
    if (key !== null && this.#keys.has(key)) return true
    const bytes = value.byteLength + VALUE_OVERHEAD_BYTES
    if (this.#bytes + bytes > maxBytes) return false
    this.#values.push(value)
    this.#bytes += bytes
    if (key !== null) this.#keys.add(key)
    this.flushSoon()
    return true
  }

  /** This node leads now, and will have `recovered` chosen. */
  begin(recovered: readonly Uint8Array[]): void {
    for (const value of recovered) for (const key of entryKeys(value)) this.#keys.add(key)
  }

  /** A value is applied: the sessions know its copies from now on. */
  applied(value: Uint8Array): void {
    this.#forget(value)
  }

  clear(): void {
    this.#values = []
    this.#bytes = 0
    this.#keys.clear()
  }

  /** The engine may have room again. */
  flushSoon(): void {
    if (this.#flushing || this.#values.length === 0) return
    this.#flushing = true
    // In a turn of its own: an input that is given inside another is carried out after it.
    queueMicrotask(() => {
      this.#flushing = false
      this.#flush()
    })
  }

  #flush(): void {
    const { leader, id, forwardsTo } = this.#log
    if (leader === id) while (this.#values.length > 0 && this.#propose());
    else if (forwardsTo.length > 0) while (this.#values.length > 0) this.#forward()
  }

  /** Whether the engine took some. */
  #propose(): boolean {
    const { room } = this.#log
    if (room.values === 0 || this.#gathers) return false
    const values = this.#take(room)
    this.#input(() => {
      const { first, effects } = this.#log.propose(bundled(values, MAX_TOGETHER_BYTES))
      if (first === null) this.#putBack(values)
      return effects
    })
    return true
  }

  /**
   * Whether more commands may come until something under way is chosen: one is worth a slot while few
   * are under way, and twice as many are each further one. What fills a slot waits for nothing.
   */
  get #gathers(): boolean {
    const further = this.#log.slotsInFlight - FREE_ENTRIES
    if (further < 0 || this.#bytes >= MAX_TOGETHER_BYTES) return false
    const enough = Math.min(2 ** (further + 1), MAX_COMMANDS)
    let commands = 0
    for (const value of this.#values) {
      const count = commandCount(value)
      commands += count
      if (count === 0 || commands >= enough) return false
    }
    return true
  }

  #forward(): void {
    const values = this.#take(FORWARD_ROOM)
    for (const value of values) this.#forget(value)
    this.#input(() => this.#log.forward(values))
  }

  /** The oldest values, as many as fit, at least one. */
  #take(room: Room): readonly Uint8Array[] {
    let [count, bytes] = [0, 0]
    for (const value of this.#values) {
      const next = bytes + value.byteLength + VALUE_OVERHEAD_BYTES
      if (count === room.values || (count > 0 && next > room.bytes)) break
      count += 1
      bytes = next
    }
    const taken = this.#values.slice(0, count)
    this.#values = this.#values.slice(count)
    this.#bytes -= bytes
    return taken
  }

  #forget(value: Uint8Array): void {
    if (this.#keys.size > 0) for (const key of entryKeys(value)) this.#keys.delete(key)
  }

  #putBack(values: readonly Uint8Array[]): void {
    this.#values.unshift(...values)
    for (const { byteLength } of values) this.#bytes += byteLength + VALUE_OVERHEAD_BYTES
  }
}
