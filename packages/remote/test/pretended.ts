/**
 * Time that stands still until a test moves it, and servers that say what a test has them say: for what a
 * client does when, and where.
 */
import { decodeAsked, encodeFrame } from '../src/frames.ts'
import type { Asked, Told } from '../src/frames.ts'
import type { Channel, ChannelEvents, Closed, CloseReason, Dial } from '../src/channel.ts'

export class PretendedClock {
  readonly #timers = new Map<number, { readonly atMs: number; readonly callback: () => void }>()
  #made = 0
  #nowMs = 0
  /** What the clock on the wall is ahead by. */
  suspendedMs = 0

  get timers(): number {
    return this.#timers.size
  }

  nowMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return this.#nowMs + this.suspendedMs
  }

  schedule(delayMs: number, callback: () => void): () => void {
    const number = (this.#made += 1)
    this.#timers.set(number, { atMs: this.#nowMs + delayMs, callback })
    return () => this.#timers.delete(number)
  }

  /** As after a pause of the process: time has passed, and nothing has happened meanwhile. */
  jump(ms: number): void {
    this.#nowMs += ms
  }

  /** Lets time pass, and with it everything that follows from it. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await settled()
    for (;;) {
      const due = [...this.#timers].filter(([, { atMs }]) => atMs <= endMs)
      const [next] = due.toSorted(([a, x], [b, y]) => x.atMs - y.atMs || a - b)
      if (next === undefined) break
      this.#timers.delete(next[0])
      this.#nowMs = Math.max(this.#nowMs, next[1].atMs)
      next[1].callback()
      await settled()
    }
    this.#nowMs = endMs
  }
}

/** All promises that can be settled without the passing of time are. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A connection that a client has dialled, from the other side. */
export class Dialled implements Channel {
  readonly address: string
  readonly atMs: number
  readonly asked: Asked[] = []
  readonly unsentBytes = 0
  ended: CloseReason | 'destroyed' | null = null
  pings = 0
  readonly #events: ChannelEvents

  constructor(address: string, atMs: number, events: ChannelEvents) {
    this.address = address
    this.atMs = atMs
    this.#events = events
  }

  send(frame: Uint8Array): void {
    this.asked.push(decodeAsked(frame).head)
  }

  ping(): void {
    this.pings += 1
  }

  pause(): void {}

  resume(): void {}

  close(reason: CloseReason): void {
    this.ended ??= reason
    queueMicrotask(() => this.lose('the client has ended it'))
  }

  destroy(): void {
    this.ended ??= 'destroyed'
  }

  welcome(node = this.address, leader: string | null = node, address: string | null = null): void {
    this.tell({ type: 'welcome', node, requests: 256, requestBytes: 1 << 20 })
    this.tell({ type: 'leader', leader, address })
  }

  tell(told: Told, body?: unknown): void {
    const bytes = body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body))
    this.#events.onHeard()
    this.#events.onFrame(encodeFrame(told, bytes))
  }

  pong(): void {
    this.#events.onHeard()
  }

  lose(problem = 'was lost', type: Closed['type'] = 'lost'): void {
    this.#events.onClosed({ type, problem })
  }

  /** What was asked of one kind. */
  of<Type extends Asked['type']>(type: Type): Extract<Asked, { readonly type: Type }>[] {
    return this.asked.filter((one): one is Extract<Asked, { readonly type: Type }> => {
      return one.type === type
    })
  }
}

/** Dials nobody, and keeps who was dialled. */
export function pretendedDial(clock: PretendedClock): {
  readonly dial: Dial
  readonly dialled: Dialled[]
} {
  const dialled: Dialled[] = []
  return {
    dialled,
    dial: (address, events) => {
      const channel = new Dialled(address, clock.nowMs(), events)
      dialled.push(channel)
      return channel
    },
  }
}
