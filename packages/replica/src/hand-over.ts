/**
 * What this node wants in the log, on its way to who puts it there: given away at once, watched, and
 * given away again when it may be lost. On the way to another node little is under way at once, less
 * when it gets lost, and more when it arrives: so a backlog never fills a link with copies. What is
 * seen in the leader's own Accepts has arrived. Must never give up a value before its fate is known,
 * nor give away again what the leader has, while its leadership lasts.
 */
import { invariant } from '@paxos/core'
import { entryKey, entryKeys, VALUE_OVERHEAD_BYTES } from '@paxos/core/multi'
import { HELD_UP_FACTOR, MAX_FORWARDED_BYTES, MIN_FORWARDED_BYTES } from './limits.ts'
import { MAX_MISSES } from './limits.ts'

/** Where this node stands. */
export interface Standing {
  /** Another one for every ballot, and for every node that is followed. */
  readonly leadership: string
  /** 'leads': nothing is lost on the way. 'waits': nobody is there to whom to give anything. */
  readonly role: 'leads' | 'follows' | 'waits'
}

export interface HandOverOptions {
  /** Gives a value away. False when there is no room for it. */
  readonly give: (value: Uint8Array) => boolean
  readonly standing: () => Standing
  readonly nowMs: () => number
  /** In [0, 1). */
  readonly random: () => number
  /** How long a value takes to arrive where nothing holds it up, at most. */
  readonly retryAfterMs: number
  /** A value has arrived. */
  readonly arrived: () => void
}

interface Item {
  readonly value: Uint8Array
  readonly bytes: number
  /** `null` before it was given away. */
  firstGivenAtMs: number | null
  givenAtMs: number
  /** The leader was seen to have it: that it is applied tells nothing about the way. */
  readonly isTaken: boolean
}

/** The values of one node, from when they are wanted to when they are applied. */
export class HandOver {
  readonly #options: HandOverOptions
  /** Each with the oldest first. */
  #waiting = new Map<string, Item>()
  readonly #given = new Map<string, Item>()
  readonly #taken = new Map<string, Item>()
  #givenBytes = 0
  #windowBytes = MIN_FORWARDED_BYTES
  /** How often in a row nothing arrived for so long that it was given away again. */
  #misses = 0
  #jitter: number
  #arrivedAtMs = -Infinity
  /** When the newest of what has arrived was given away. */
  #newestArrivedMs = -Infinity
  /** How long it takes until a value arrives, on the average of late. */
  #takesMs = 0
  #leadership = ''

  constructor(options: HandOverOptions) {
    this.#options = options
    this.#jitter = options.random()
  }

  /** Whether some are not known to have arrived. */
  get areWaiting(): boolean {
    return this.#waiting.size + this.#given.size > 0
  }

  /** Wants a value in the log: a command or an opening. */
  add(value: Uint8Array): void {
    const bytes = value.byteLength + VALUE_OVERHEAD_BYTES
    this.#waiting.set(keyOf(value), {
      value,
      bytes,
      firstGivenAtMs: null,
      givenAtMs: 0,
      isTaken: false,
    })
    this.#give()
  }

  /** It is applied, or refused: it has arrived. */
  settled(value: Uint8Array): void {
    const item = this.#remove(keyOf(value))
    if (item !== null) this.#noteArrival(item)
    this.#give()
  }

  /** Nobody wants it any more. */
  forget(value: Uint8Array): void {
    this.#remove(keyOf(value))
    this.#give()
  }

  /** The leader of this node's leadership has proposed `values`, of whomever. */
  proposed(values: readonly Uint8Array[]): void {
    this.#compare()
    if (this.#given.size + this.#waiting.size === 0) return
    for (const key of values.flatMap(entryKeys)) {
      if (!(this.#given.has(key) || this.#waiting.has(key))) continue
      const item = this.#remove(key)
      if (item === null) continue
      this.#noteArrival(item)
      this.#taken.set(key, { ...item, isTaken: true })
    }
    this.#give()
  }

  /** There is another way now: what is under way does not arrive on the former, for all one knows. */
  again(): void {
    this.#misses = 0
    this.#takeBack(Infinity)
    this.#give()
  }

  /** The leader is heard again after a silence: what was given away before that may be lost. */
  heardAgain(): void {
    const { nowMs, retryAfterMs } = this.#options
    this.#misses = 0
    this.#takeBack(nowMs() - retryAfterMs)
    this.#give()
  }

  /**
   * Gives away what waits, and again what may be lost: what is overdue and was overtaken; or all,
   * when nothing has arrived for longer than it takes.
   */
  retry(): void {
    const { nowMs, retryAfterMs, standing } = this.#options
    if (standing().role === 'follows') {
      this.#compare()
      const waitsMs = retryAfterMs * (1 + this.#jitter)
      this.#takeBack(Math.min(this.#newestArrivedMs, nowMs() - waitsMs))
      const patienceMs = waitsMs * 2 ** this.#misses + this.#takesMs
      const [oldest] = this.#given.values()
      const sinceMs = Math.max(this.#arrivedAtMs, oldest?.givenAtMs ?? Infinity)
      if (nowMs() - sinceMs >= patienceMs) this.#miss()
    }
    this.#give()
  }

  clear(): void {
    for (const items of [this.#waiting, this.#given, this.#taken]) items.clear()
    this.#givenBytes = 0
  }

  /** As much of what waits as may be on its way. A leader gives everything to itself. */
  #give(): void {
    this.#compare()
    const { give, nowMs, standing } = this.#options
    const { role } = standing()
    if (role === 'waits') return
    for (const [key, item] of this.#waiting) {
      const isFull = this.#given.size > 0 && this.#givenBytes + item.bytes > this.#windowBytes
      if ((role === 'follows' && isFull) || !give(item.value)) return
      this.#waiting.delete(key)
      item.givenAtMs = nowMs()
      item.firstGivenAtMs ??= item.givenAtMs
      if (role === 'leads') this.#taken.set(key, item)
      else {
        this.#given.set(key, item)
        this.#givenBytes += item.bytes
      }
    }
  }

  /** Of what another leadership had, nobody knows whether this one has it. */
  #compare(): void {
    const { leadership } = this.#options.standing()
    if (leadership === this.#leadership) return
    this.#leadership = leadership
    this.#misses = 0
    const taken = [...this.#taken].map(([key, item]) => [key, { ...item, isTaken: false }] as const)
    this.#taken.clear()
    this.#takeBack(Infinity)
    this.#waiting = new Map([...taken, ...this.#waiting])
  }

  /** What was given away before is to be given away again. */
  #takeBack(beforeMs: number): void {
    const back = [...this.#given].filter(([, { givenAtMs }]) => givenAtMs < beforeMs)
    if (back.length === 0) return
    for (const [key, { bytes }] of back) {
      this.#given.delete(key)
      this.#givenBytes -= bytes
    }
    this.#waiting = new Map([...back, ...this.#waiting])
  }

  #miss(): void {
    this.#jitter = this.#options.random()
    this.#misses = Math.min(this.#misses + 1, MAX_MISSES)
    this.#windowBytes = Math.min(this.#windowBytes / 2, MIN_FORWARDED_BYTES)
    // What does not get through, for its size perhaps, does not hold up the rest.
    const waiting = this.#waiting
    this.#waiting = new Map()
    this.#takeBack(Infinity)
    this.#waiting = new Map([...waiting, ...this.#waiting])
  }

  #noteArrival({ bytes, firstGivenAtMs, givenAtMs, isTaken }: Item): void {
    if (firstGivenAtMs === null) return
    this.#options.arrived()
    if (isTaken) return
    const { nowMs, retryAfterMs } = this.#options
    const tookMs = nowMs() - firstGivenAtMs
    const heldUpMs = retryAfterMs * HELD_UP_FACTOR
    this.#takesMs += (Math.min(tookMs, heldUpMs) - this.#takesMs) / 8
    // What takes longer waits in some queue already: more under way makes nothing faster.
    const windowBytes = this.#windowBytes + (tookMs <= heldUpMs ? bytes : 0)
    this.#windowBytes = Math.min(Math.max(windowBytes, MIN_FORWARDED_BYTES), MAX_FORWARDED_BYTES)
    this.#misses = 0
    this.#arrivedAtMs = nowMs()
    this.#newestArrivedMs = Math.max(this.#newestArrivedMs, givenAtMs)
  }

  #remove(key: string): Item | null {
    const given = this.#given.get(key)
    if (given !== undefined) this.#givenBytes -= given.bytes
    const item = given ?? this.#waiting.get(key) ?? this.#taken.get(key) ?? null
    for (const items of [this.#waiting, this.#given, this.#taken]) items.delete(key)
    return item
  }
}

function keyOf(value: Uint8Array): string {
  const key = entryKey(value)
  invariant(key !== null, 'what is handed over is neither a command nor an opening')
  return key
}
