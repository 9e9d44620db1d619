/** What somebody waits for, and that nothing is left of it when he goes. */
import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { platformClock } from '@paxos/replica'
import { CallQueue } from '../src/call-queue.ts'
import type { Call } from '../src/call-queue.ts'
import { EventStream } from '../src/event-stream.ts'
import { CALL_OVERHEAD_BYTES, MAX_BUFFERED_EVENTS } from '../src/limits.ts'
import { Outcome } from '../src/outcome.ts'
import { replicaCluster } from './replica-cluster.ts'
import { VirtualClock } from './virtual-clock.ts'

const END = { done: true, value: undefined }

describe('a listener', () => {
  it('is told of an event that happened before the first was asked for', async () => {
    const stream = new EventStream<number>()
    const events = stream.listen()
    stream.push(1)
    expect(await events.next()).toEqual({ done: false, value: 1 })
  })

  it('that leaves before its first event is forgotten', async () => {
    const stream = new EventStream<number>()
    for (let count = 0; count < 100; count += 1) await stream.listen().return?.()
    expect(stream.size).toBe(0)
  })

  it('that leaves while it waits is released at once, and so is everybody who waits', async () => {
    const stream = new EventStream<number>()
    const events = stream.listen()
    const waits = [events.next(), events.next()]
    expect(await events.return?.()).toEqual(END)
    expect(await Promise.all(waits)).toEqual([END, END])
    expect(stream.size).toBe(0)
  })

  it('that has left gets nothing more, not even what was buffered', async () => {
    const stream = new EventStream<number>()
    const events = stream.listen()
    stream.push(1)
    await events.return?.()
    stream.push(2)
    expect(await events.next()).toEqual(END)
  })

  it('that is left by an error is forgotten, and the error is its own', async () => {
    const stream = new EventStream<number>()
    const events = stream.listen()
    const reason = new Error('enough')
    await expect(events.throw?.(reason)).rejects.toBe(reason)
    expect(stream.size).toBe(0)
    expect(await events.next()).toEqual(END)
  })

  it('that breaks out of its loop is forgotten', async () => {
    const stream = new EventStream<number>()
    const events = stream.listen()
    stream.push(1)
    for await (const _ of events) break
    expect(stream.size).toBe(0)
  })

  it('that asks several times at once gets the events in order, each once', async () => {
    const stream = new EventStream<number>()
    const events = stream.listen()
    const reads = [events.next(), events.next(), events.next()]
    for (const event of [1, 2, 3, 4]) stream.push(event)
    expect((await Promise.all(reads)).map(({ value }) => value)).toEqual([1, 2, 3])
    expect(await events.next()).toEqual({ done: false, value: 4 })
  })

  it('that reads late gets what is left, then the end, although the stream has ended', async () => {
    const stream = new EventStream<number>()
    const events = stream.listen()
    for (let event = 0; event <= MAX_BUFFERED_EVENTS; event += 1) stream.push(event)
    stream.end()
    const read: unknown[] = []
    for await (const event of events) read.push(event)
    expect(read.slice(0, 2)).toEqual([{ type: 'events-lost', count: 1 }, 1])
    expect(read).toHaveLength(1 + MAX_BUFFERED_EVENTS)
    expect(await stream.listen().next()).toEqual(END)
    expect(stream.size).toBe(0)
  })

  it('that reads late is told how many events it has lost, each time since the last', async () => {
    const stream = new EventStream<number>()
    const events = stream.listen()
    for (const lost of [3, 2]) {
      for (let event = 0; event < MAX_BUFFERED_EVENTS + lost; event += 1) stream.push(event)
      expect((await events.next()).value).toEqual({ type: 'events-lost', count: lost })
      for (let event = 0; event < MAX_BUFFERED_EVENTS; event += 1) {
        expect((await events.next()).value).toBe(event + lost)
      }
    }
    await events.return?.()
  })

  it('of a node that waits for an event can leave without one', async () => {
    const cluster = replicaCluster('a')
    const node = await cluster.open('a')
    const events = node.events()
    const next = events.next()
    expect(await events.return?.()).toEqual(END)
    expect(await next).toEqual(END)
    await node.close()
  })
})

describe('one AbortSignal for many calls', () => {
  it('carries one listener, and ends all of them at once', async () => {
    const warnings: Error[] = []
    const note = (warning: Error): number => warnings.push(warning)
    process.on('warning', note)
    const cluster = replicaCluster('a', 'b')
    // No majority: everything waits.
    const node = await cluster.open('a')
    const { signal, abort } = controllable()
    const calls = Array.from({ length: 3000 }, (_, index) => {
      if (index % 3 === 0) return node.query('x', { signal })
      if (index % 3 === 1) return node.openSession({ signal })
      return node.propose({ name: 'x', add: 1 }, { signal })
    })
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    const reason = new Error('all of them')
    abort(reason)
    const outcomes = await Promise.allSettled(calls)
    expect(new Set(outcomes.map((one) => one.status === 'rejected' && one.reason))).toEqual(
      new Set([reason]),
    )
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    // Warnings are told in a turn of their own.
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', note)
    expect(warnings).toEqual([])
    await node.close()
  })

  it('carries none when the last of them is over, and one again for the next', async () => {
    const { signal } = controllable()
    for (let count = 0; count < 3; count += 1) {
      const outcomes = [1, 2].map(() => new Outcome<string>(new VirtualClock()))
      const waits = outcomes.map((outcome) => outcome.wait({ signal }))
      for (const outcome of outcomes) {
        expect(getEventListeners(signal, 'abort')).toHaveLength(1)
        outcome.resolve('here')
      }
      expect(getEventListeners(signal, 'abort')).toHaveLength(0)
      expect(await Promise.all(waits)).toEqual(['here', 'here'])
    }
  })

  it('whose abort makes somebody wait on it anew is not listened to any more', async () => {
    const outcome = new Outcome<string>(new VirtualClock())
    const { signal, abort } = controllable()
    const first = outcome.wait({ signal })
    const second = outcome.wait({ signal }).catch(() => outcome.wait({ signal }))
    abort(new Error('over'))
    await expect(first).rejects.toThrow('over')
    await expect(second).rejects.toThrow('over')
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    expect(outcome.isAwaited).toBe(false)
  })
})

describe('the clock of this machine', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('waits for a delay that is longer than setTimeout can wait, and not a moment shorter', () => {
    let calls = 0
    platformClock.schedule(2 ** 32, () => (calls += 1))
    vi.advanceTimersByTime(2 ** 32 - 1)
    expect(calls).toBe(0)
    vi.advanceTimersByTime(1)
    expect(calls).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('forgets such a delay when it is cancelled, in whichever part of it', () => {
    const cancel = platformClock.schedule(2 ** 33, () => undefined)
    vi.advanceTimersByTime(2 ** 32)
    cancel()
    expect(vi.getTimerCount()).toBe(0)
  })
})

function controllable(): { readonly signal: AbortSignal; readonly abort: (reason: Error) => void } {
  const controller = new AbortController()
  return { signal: controller.signal, abort: (reason) => controller.abort(reason) }
}

describe('commands that wait for their turn', () => {
  it('come in the order of the calls, each once, whatever goes and comes back meanwhile', () => {
    const queue = new CallQueue<number>()
    const [lost, ...others] = [1, 2, 3, 4, 5].map(call)
    if (lost === undefined) throw new Error('none')
    for (const each of [lost, ...others]) queue.add(each)
    const [first] = queue.take(1)
    expect([first, queue.length, queue.at(0)]).toEqual([lost, 4, others[0]])
    expect(bytesIn(queue.take(2))).toEqual([2, 3])
    queue.add(call(6))
    queue.putBack([call(2), call(3)])
    expect(bytesIn(queue.keep(({ bytes }) => bytes[0] !== 4))).toEqual([4])
    expect(queue.bytes).toBe(4 * (1 + CALL_OVERHEAD_BYTES))
    expect(bytesIn(queue.take(9))).toEqual([2, 3, 5, 6])
    expect([queue.length, queue.bytes, queue.at(0)]).toEqual([0, 0, undefined])
  })

  it('are taken one by one in a time that does not grow with their square', () => {
    const queue = new CallQueue<number>()
    const one = call(1)
    // Copied anew for each of them, that are 14 GB.
    for (let count = 0; count < 60_000; count += 1) queue.add(one)
    let taken = 0
    for (let count = 0; count < 60_000; count += 1) taken += queue.take(1).length
    expect([taken, queue.length, queue.bytes]).toEqual([60_000, 0, 0])
  })
})

function call(byte: number): Call<number> {
  return { bytes: Uint8Array.of(byte), ticket: null, outcome: new Outcome<number>(platformClock) }
}

function bytesIn(calls: readonly Call<number>[]): readonly (number | undefined)[] {
  return calls.map(({ bytes }) => bytes[0])
}
