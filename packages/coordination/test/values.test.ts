/** Registers, counters, maps and queues, as an application has them. */
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError } from '@paxos/core'
import { CoordinationLimitError, HoldLostError, RevisionTooOldError } from '@paxos/coordination'
import { isSettled, world } from './world.ts'

describe('a register', () => {
  it('has the value that was set last, and is changed only by who knows what it is', async () => {
    const { process, within } = world()
    const [a, b] = [process(), process()].map(({ coordination }) => coordination.register('r'))
    if (a === undefined || b === undefined) throw new Error('no process')
    expect(await a.get()).toBeNull()
    const revision = await within(a.set({ colour: 'blue' }))
    expect(await b.get()).toEqual({ value: { colour: 'blue' }, revision })
    const changed = await within(b.compareAndSet(revision, 'red'))
    expect(changed).toMatchObject({ isSet: true })
    const found = { value: 'red', revision: changed.isSet ? changed.revision : 0 }
    expect(await within(a.compareAndSet(revision, 'green'))).toEqual({ isSet: false, found })
  })

  it('is watched from its value on', async () => {
    const { process, within } = world()
    const a = process().coordination.register('r')
    const values = a.watch()
    expect((await within(values.next())).value).toBeNull()
    const next = values.next()
    expect(await isSettled(next)).toBe(false)
    await within(a.set(1))
    expect(await within(next)).toMatchObject({ value: { value: 1 } })
  })

  it.each([
    ['undefined', undefined],
    ['no number', Number.NaN],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['a bigint in a list', [1n]],
    ['half of a surrogate pair', '\ud800'],
    ['a megabyte of text', 'x'.repeat(1 << 20)],
  ])('takes only what JSON has a word for, and no more than is small: %s', async (_, value) => {
    const { process, log } = world()
    // @ts-expect-error -- no JSON
    const set = async () => process().coordination.register('r').set(value)
    await expect(set()).rejects.toThrow(InvalidArgumentError)
    expect(log.applied).toEqual([])
  })
})

describe('a counter', () => {
  it('is the sum of what all have added', async () => {
    const { process, within } = world()
    const counters = [process(), process()].map(({ coordination }) => coordination.counter('n'))
    const added = counters.flatMap((counter) => [counter.add(), counter.add(2)])
    const sums = await within(Promise.all(added))
    const [a] = counters
    expect(Math.max(...sums)).toBe(6)
    expect(new Set(sums).size).toBe(4)
    expect(await a?.get()).toBe(6)
    const { revision = 0 } = (await a?.read()) ?? {}
    expect(await within(a?.compareAndSet(revision, 0) ?? Promise.resolve(false))).toBe(true)
    expect(await within(a?.compareAndSet(revision, 9) ?? Promise.resolve(true))).toBe(false)
    const over = a?.compareAndSet(revision, 2 ** 60) ?? Promise.resolve(false)
    await expect(over).rejects.toThrow(InvalidArgumentError)
  })

  it('does not become a number that is wrong', async () => {
    const { process, within } = world()
    const n = process().coordination.counter('n')
    await within(n.add(Number.MAX_SAFE_INTEGER))
    await expect(within(n.add())).rejects.toThrow(CoordinationLimitError)
  })
})

describe('a map', () => {
  it('has a value for each key, each with its revision', async () => {
    const { process, within } = world()
    const map = process().coordination.map('m')
    const first = await within(map.set('a', 1, { expected: 0 }))
    await within(map.set('b', 2))
    expect(await within(map.set('a', 3, { expected: 0 }))).toMatchObject({ isSet: false })
    if (!first.isSet) throw new Error('It was not set.')
    expect(await within(map.set('a', 3, { expected: first.revision }))).toMatchObject({
      isSet: true,
    })
    expect((await map.entries()).map(({ key, value }) => [key, value])).toEqual([
      ['b', 2],
      ['a', 3],
    ])
    expect(await within(map.delete('a', { expected: first.revision }))).toBe(false)
    expect(await within(map.delete('a'))).toBe(true)
    expect(await within(map.delete('a'))).toBe(false)
    expect(await map.get('a')).toBeNull()
  })

  it('reads a thousand keys and more, each once', async () => {
    const { process, within } = world()
    const a = process()
    a.delayMs = 0
    const map = a.coordination.map('m')
    const keys = Array.from({ length: 2500 }, (_, at) => `k${at}`)
    await within(Promise.all(keys.map((key) => map.set(key, key))))
    const entries = await map.entries()
    expect(new Set(entries.map(({ key }) => key))).toEqual(new Set(keys))
    expect(entries).toHaveLength(keys.length)
  })

  it('is watched from a revision on, so that nothing is missed by who was away', async () => {
    const { process, within, clock } = world()
    const map = process().coordination.map('m')
    await within(map.set('a', 1))
    const seen: unknown[] = []
    const first = map.watch()
    seen.push((await within(first.next())).value)
    await first.return?.()
    const at = (await map.get('a'))?.revision ?? 0
    await within(map.set('b', 2))
    await within(map.delete('a'))
    await within(map.set('b', 3))
    const controller = new AbortController()
    const rest = (async () => {
      for await (const change of map.watch({ after: at, signal: controller.signal })) {
        seen.push(change)
      }
    })()
    await clock.advance(10)
    await within(map.set('c', 4))
    await clock.advance(10)
    expect(seen).toMatchObject([
      { key: 'a', value: 1 },
      { key: 'a', value: undefined },
      { key: 'b', value: 3 },
      { key: 'c', value: 4 },
    ])
    controller.abort()
    await expect(rest).rejects.toThrow('aborted')
  })

  it('says so when what was removed meanwhile is forgotten', async () => {
    const { process, within } = world()
    const a = process()
    a.delayMs = 0
    const map = a.coordination.map('m')
    await within(map.set('first', 1))
    for (let at = 0; at < 1100; at += 1) {
      await map.set(`k${at}`, 1)
      await map.delete(`k${at}`)
    }
    await expect(within(map.watch({ after: 1 }).next())).rejects.toThrow(RevisionTooOldError)
  })
})

describe('a queue', () => {
  it('gives each item to one, in order, and to nobody again when it is acknowledged', async () => {
    const { process, within } = world()
    const [a, b] = [process(), process()].map(({ coordination }) => coordination.queue('q'))
    if (a === undefined || b === undefined) throw new Error('no process')
    await within(a.enqueue({ job: 1 }))
    await within(a.enqueue({ job: 2 }))
    const first = await within(b.take())
    const second = await within(a.take())
    expect([first.value, second.value]).toEqual([{ job: 1 }, { job: 2 }])
    expect(await within(a.tryTake())).toBeNull()
    await within(first.acknowledge())
    expect(first.signal.aborted).toBe(true)
    expect(await a.size()).toEqual({ ready: 0, taken: 1, waiting: 0 })
    await within(second.release())
    expect(await within(b.take())).toMatchObject({ value: { job: 2 }, deliveries: 2 })
  })

  it('wakes those who wait in the order in which they came', async () => {
    const { process, within, clock } = world()
    const [a, b] = [process(), process()].map(({ coordination }) => coordination.queue('q'))
    const first = a?.take()
    await clock.advance(10)
    const second = b?.take()
    await clock.advance(60_000)
    await within(a?.enqueue('one') ?? Promise.resolve())
    await within(a?.enqueue('two') ?? Promise.resolve())
    expect((await within(first ?? Promise.reject(new Error('none')))).value).toBe('one')
    expect((await within(second ?? Promise.reject(new Error('none')))).value).toBe('two')
  })

  it('gives an item to another when its visibility timeout is over, and its first taker knows before', async () => {
    const { process, within, clock } = world()
    const [a, b] = [process(), process()].map(({ coordination }) => coordination.queue('q'))
    if (a === undefined || b === undefined) throw new Error('no process')
    await within(a.enqueue('one'))
    const slow = await within(a.take({ visibilityMs: 1000 }))
    const order: string[] = []
    slow.signal.addEventListener('abort', () => order.push('aborted'))
    const next = b.take().then((item) => {
      order.push('given')
      return item
    })
    await clock.advance(700)
    await within(slow.extend(), 1)
    await clock.advance(700)
    expect(order).toEqual([])
    const again = await within(next)
    expect(order).toEqual(['aborted', 'given'])
    expect(again).toMatchObject({ value: 'one', deliveries: 2 })
    expect(again.token).toBeGreaterThan(slow.token)
    await expect(within(slow.acknowledge())).rejects.toThrow(HoldLostError)
    await within(again.acknowledge())
  })

  it('keeps an item with who takes long, when that is asked for', async () => {
    const { process, within, clock } = world()
    const q = process().coordination.queue('q')
    await within(q.enqueue('one'))
    const item = await within(q.take({ visibilityMs: 1000, keepAlive: true }))
    await clock.advance(30_000)
    expect(item.isHeld).toBe(true)
    await within(item.acknowledge())
  })
})
