/** Locks: who has them, in which order, until when, and what a holder knows of it. */
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError } from '@paxos/core'
import {
  CoordinationClosedError,
  HoldLostError,
  HoldReleasedError,
  WaitTimeoutError,
} from '@paxos/coordination'
import { isSettled, world } from './world.ts'

const ttlMs = 1000

describe('a lock', () => {
  it('is held by one, and given to those who wait in the order in which they came', async () => {
    const { process, within, clock } = world()
    const [a, b, c] = [process(), process(), process()]
    const first = await within(a.coordination.lock('x', { ttlMs }))
    const second = b.coordination.lock('x', { ttlMs })
    await clock.advance(10)
    const third = c.coordination.lock('x', { ttlMs })
    await clock.advance(5000)
    expect(await isSettled(second)).toBe(false)
    expect(first.signal.aborted).toBe(false)
    await within(first.release())
    const held = await within(second)
    expect(held.token).toBeGreaterThan(first.token)
    expect(await isSettled(third)).toBe(false)
    await within(held.release())
    const last = await within(third)
    expect(last.token).toBeGreaterThan(held.token)
    await within(last.release())
  })

  it('is kept for as long as its holder lives, however long that is', async () => {
    const { process, within, clock } = world()
    const [a, b] = [process(), process()]
    const held = await within(a.coordination.lock('x', { ttlMs }))
    await clock.advance(60_000)
    expect(held.isHeld).toBe(true)
    expect(await within(b.coordination.tryLock('x', { ttlMs }))).toBeNull()
  })

  it('that nobody holds is had at once, also by who would not wait', async () => {
    const { process, within } = world()
    const a = process()
    const held = await within(a.coordination.tryLock('x', { ttlMs }))
    expect(held?.isHeld).toBe(true)
    expect(await within(a.coordination.tryLock('x', { ttlMs }))).toBeNull()
    expect(await within(a.coordination.tryLock('y', { ttlMs }))).not.toBeNull()
  })

  it('is given back at the end of the block that uses it', async () => {
    const { process, within, log } = world()
    const a = process()
    const tokens: number[] = []
    const use = async (): Promise<void> => {
      await using held = await a.coordination.lock('x', { ttlMs })
      tokens.push(held.token)
      expect(held.signal.aborted).toBe(false)
    }
    await within(use())
    await within(use())
    expect(tokens[1]).toBeGreaterThan(tokens[0] ?? Infinity)
    expect(log.ask({ type: 'leases' })).toEqual({ type: 'leases', leases: [] })
  })

  it('tells its holder by the signal, before it is given back, that it is over', async () => {
    const { process, within, log } = world()
    const a = process()
    const held = await within(a.coordination.lock('x', { ttlMs }))
    const proposed = log.applied.length
    const released = held.release()
    expect(held.signal.reason).toBeInstanceOf(HoldReleasedError)
    expect(log.applied.length).toBe(proposed)
    await within(released)
    await within(held.release())
    expect(log.applied.filter(({ type }) => type === 'release')).toHaveLength(1)
  })
})

describe('who waits for a lock', () => {
  it('and gives up is told so at once, and holds up nobody', async () => {
    const { process, within, clock, log } = world()
    const [a, b, c] = [process(), process(), process()]
    const held = await within(a.coordination.lock('x', { ttlMs }))
    const controller = new AbortController()
    const second = b.coordination.lock('x', { ttlMs, signal: controller.signal })
    await clock.advance(10)
    const third = c.coordination.lock('x', { ttlMs, timeoutMs: 500 })
    await clock.advance(10)
    const reason = new Error('not needed any more')
    controller.abort(reason)
    await expect(second).rejects.toBe(reason)
    await expect(within(third)).rejects.toThrow(WaitTimeoutError)
    await clock.advance(10)
    expect(log.ask({ type: 'leases' })).toMatchObject({ leases: [{ name: 'x' }] })
    await within(held.release())
    await expect(b.coordination.lock('x', { signal: controller.signal })).rejects.toBe(reason)
  })

  it('and gives up while its question is on the way leaves no place behind it', async () => {
    const { process, within, clock, log } = world()
    const a = process()
    a.delayMs = 500
    const controller = new AbortController()
    const asked = a.coordination.lock('x', { ttlMs, signal: controller.signal })
    await clock.advance(50)
    // What is said later would be there sooner.
    a.delayMs = 1
    controller.abort()
    await expect(asked).rejects.toThrow('aborted')
    await within(clock.advance(1000))
    expect(log.applied.map(({ type }) => type)).toEqual(['acquire', 'release'])
    expect(log.ask({ type: 'leases' })).toEqual({ type: 'leases', leases: [] })
  })

  it('and dies is passed over when it was not heard for its time to live', async () => {
    const { process, within, clock } = world()
    const [a, b, c] = [process(), process(), process()]
    const held = await within(a.coordination.lock('x', { ttlMs }))
    const dead = b.coordination.lock('x', { ttlMs })
    dead.catch(() => undefined)
    await clock.advance(10)
    const third = c.coordination.lock('x', { ttlMs: 5000 })
    await clock.advance(10)
    b.cut()
    b.clock.freeze()
    await clock.advance(2000)
    await within(held.release())
    expect((await within(third)).isHeld).toBe(true)
  })

  it('and was away for so long that its place was given away waits again', async () => {
    const { process, within, clock } = world()
    const [a, b] = [process(), process()]
    const held = await within(a.coordination.lock('x', { ttlMs }))
    const second = b.coordination.lock('x', { ttlMs })
    await clock.advance(10)
    b.cut()
    b.clock.freeze()
    await clock.advance(5000)
    b.clock.thaw()
    b.mend()
    await clock.advance(100)
    await within(held.release())
    const got = await within(second)
    expect(got.isHeld).toBe(true)
    expect(got.token).toBeGreaterThan(held.token)
  })

  it('is told when the coordination is closed, which gives everything back', async () => {
    const { process, within, clock, log } = world()
    const [a, b] = [process(), process()]
    const held = await within(a.coordination.lock('x', { ttlMs }))
    const waits = a.coordination.lock('x', { ttlMs })
    waits.catch(() => undefined)
    await clock.advance(10)
    await within(a.coordination.close())
    await expect(waits).rejects.toThrow(CoordinationClosedError)
    expect(held.signal.reason).toBeInstanceOf(CoordinationClosedError)
    expect(log.ask({ type: 'leases' })).toEqual({ type: 'leases', leases: [] })
    await expect(a.coordination.lock('x')).rejects.toThrow(CoordinationClosedError)
    expect((await within(b.coordination.lock('x'))).isHeld).toBe(true)
  })

  it.each([
    // @ts-expect-error -- a number
    ['no name', (a: Locks) => a.lock(7)],
    ['a name that is too long', (a: Locks) => a.lock('x'.repeat(257))],
    ['a time to live of nothing', (a: Locks) => a.lock('x', { ttlMs: 0 })],
    ['a time to live that is no integer', (a: Locks) => a.lock('x', { ttlMs: 1000.5 })],
    // @ts-expect-error -- misspelt
    ['an option that there is not', (a: Locks) => a.lock('x', { ttl: 1000 })],
    ['a timeout of nothing', (a: Locks) => a.lock('x', { timeoutMs: 0 })],
    // @ts-expect-error -- no AbortSignal
    ['a signal that is none', (a: Locks) => a.lock('x', { signal: {} })],
  ])('is refused for %s', async (_, ask) => {
    const { process, log } = world()
    const { coordination } = process()
    await expect((async () => ask(coordination))()).rejects.toThrow(InvalidArgumentError)
    expect(log.applied).toEqual([])
  })
})

type Locks = ReturnType<ReturnType<typeof world>['process']>['coordination']

describe('a holder that is cut off', () => {
  it('knows it before another is granted, and that one gets a higher token', async () => {
    const { process, within, clock } = world()
    const [a, b] = [process(), process()]
    const held = await within(a.coordination.lock('x', { ttlMs }))
    const order: string[] = []
    held.signal.addEventListener('abort', () => order.push('aborted'))
    const second = b.coordination.lock('x', { ttlMs }).then((hold) => {
      order.push('granted')
      return hold
    })
    await clock.advance(200)
    a.cut()
    const next = await within(second)
    expect(order).toEqual(['aborted', 'granted'])
    expect(held.signal.reason).toBeInstanceOf(HoldLostError)
    expect(next.token).toBeGreaterThan(held.token)
    a.mend()
    await clock.advance(5000)
    expect(held.isHeld).toBe(false)
    expect(next.isHeld).toBe(true)
  })

  it('right after an answer that took long counts from when it had asked', async () => {
    const { process, within, clock, log } = world()
    const [a, b] = [process(), process()]
    const held = await within(a.coordination.lock('x', { ttlMs }), 1)
    const asked = log.applied.find((command) => command.type === 'acquire')
    const isRenewed = () => log.applied.some((one) => one.type === 'renew' && one.id === asked?.id)
    a.answerMs = 320
    const order: string[] = []
    held.signal.addEventListener('abort', () => order.push('aborted'))
    const second = b.coordination.lock('x', { ttlMs }).then(() => order.push('granted'))
    for (let ms = 0; ms < ttlMs && !isRenewed(); ms += 5) await clock.advance(5)
    expect(isRenewed()).toBe(true)
    // It has just heard, and is cut off before it asks again.
    await clock.advance(a.answerMs + 5)
    a.cut()
    await within(second, 5)
    await clock.advance(1000)
    expect(order).toEqual(['aborted', 'granted'])
  })

  it('for less than its time to live goes on as if nothing had been', async () => {
    const { process, within, clock } = world()
    const [a, b] = [process(), process()]
    const held = await within(a.coordination.lock('x', { ttlMs }))
    for (let round = 0; round < 5; round += 1) {
      a.cut()
      await clock.advance(500)
      a.mend()
      await clock.advance(500)
    }
    expect(held.isHeld).toBe(true)
    expect(await within(b.coordination.tryLock('x'))).toBeNull()
  })

  it('or frozen knows it by the clock as soon as it runs, before its timers do', async () => {
    const { process, within, clock } = world()
    const [a, b] = [process(), process()]
    const held = await within(a.coordination.lock('x', { ttlMs }))
    a.clock.freeze()
    a.cut()
    expect((await within(b.coordination.lock('x', { ttlMs }))).isHeld).toBe(true)
    expect(held.signal.aborted).toBe(false)
    expect(held.isHeld).toBe(false)
    expect(held.signal.aborted).toBe(true)
    a.clock.thaw()
    a.mend()
    await clock.advance(10)
  })

  it('or suspended with its machine knows it by the clock on the wall', async () => {
    const { process, within, clock } = world()
    const a = process()
    const held = await within(a.coordination.lock('x', { ttlMs }))
    a.clock.behindMs += 5000
    a.clock.aheadMs = 0
    a.cut()
    expect(held.isHeld).toBe(true)
    await clock.advance(1)
    a.clock.aheadMs = 5000
    expect(held.isHeld).toBe(false)
  })

  it('whose replica is over knows it at once', async () => {
    const { process, within } = world()
    const a = process()
    const held = await within(a.coordination.lock('x', { ttlMs }))
    a.propose = () =>
      Promise.reject(Object.assign(new Error('closed'), { code: 'ERR_PAXOS_CLOSED' }))
    await within(new Promise((resolve) => held.signal.addEventListener('abort', resolve)))
    expect(held.signal.reason).toBeInstanceOf(HoldLostError)
  })
})

describe('a process that is done leaves nothing behind that could keep it from ending', () => {
  it('when the coordination was closed', async () => {
    const { process, within, clock, log } = world()
    const a = process()
    await within(a.coordination.lock('x', { ttlMs }))
    const waits = a.coordination.lock('x', { ttlMs, timeoutMs: 60_000 })
    waits.catch(() => undefined)
    const item = a.coordination.queue('q').take({ visibilityMs: 60_000 })
    item.catch(() => undefined)
    await clock.advance(100)
    await within(a.coordination.close())
    await clock.advance(10)
    expect(clock.pending).toBe(0)
    expect(log.listeners.size).toBe(0)
  })

  it('when only its replica was closed', async () => {
    const { process, within, clock } = world()
    const [a, b] = [process(), process()]
    await within(a.coordination.lock('x', { ttlMs }))
    await within(b.coordination.lock('y', { ttlMs }))
    const waits = a.coordination.lock('y', { ttlMs })
    waits.catch(() => undefined)
    await clock.advance(100)
    for (const each of [a, b]) {
      const closed = Object.assign(new Error('closed'), { code: 'ERR_PAXOS_CLOSED' })
      each.propose = () => Promise.reject(closed)
      each.query = () => Promise.reject(closed)
    }
    await clock.advance(5000)
    expect(clock.pending).toBe(0)
  })
})

describe('a restart of every node', () => {
  it('forgets no lock, nor who waits, and tokens go on growing', async () => {
    const { process, within, clock, log } = world()
    const [a, b] = [process(), process()]
    const held = await within(a.coordination.lock('x', { ttlMs }))
    const second = b.coordination.lock('x', { ttlMs })
    await clock.advance(10)
    log.restart()
    await clock.advance(3000)
    expect(held.isHeld).toBe(true)
    expect(await isSettled(second)).toBe(false)
    await within(held.release())
    expect((await within(second)).token).toBeGreaterThan(held.token)
  })

  it('lets who watches begin anew, so that what was held expires later, never sooner', async () => {
    const { process, within, clock, log } = world()
    const a = process()
    await within(a.coordination.lock('x', { ttlMs }))
    a.cut()
    a.clock.freeze()
    await clock.advance(900)
    log.restart()
    const b = process()
    const startedAtMs = clock.nowMs()
    await within(b.coordination.lock('x', { ttlMs }), 10)
    expect(clock.nowMs() - startedAtMs).toBeGreaterThan(ttlMs)
  })
})

/** For how long two had it, by time as it is, when one is cut off at `cutMs` of its time to live. */
async function overlapMs(
  rates: { readonly holder: number; readonly watcher: number },
  cutMs: number,
  maxDriftPpm: number,
): Promise<number> {
  const { process, within, clock } = world()
  const a = process(rates.holder, { maxDriftPpm, watchesExpiry: false })
  const b = process(rates.watcher, { maxDriftPpm })
  const held = await within(a.coordination.lock('x', { ttlMs }), 1)
  let abortedAtMs = Infinity
  let grantedAtMs = Infinity
  held.signal.addEventListener('abort', () => (abortedAtMs = clock.nowMs()))
  const second = b.coordination.lock('x', { ttlMs }).then(() => (grantedAtMs = clock.nowMs()))
  await clock.advance(cutMs)
  a.cut()
  await within(second, 20)
  await clock.advance(5000)
  return abortedAtMs - grantedAtMs
}

describe('a signal aborts before another is granted', () => {
  const r = 0.1
  const cuts = [0, 120, 333, 334, 500, 999]
  const worst = [
    [1 - r, 1 + r],
    [1 + r, 1 - r],
    [1 - r, 1 - r],
    [1 + r, 1 + r],
    [1, 1],
  ].map(([holder = 1, watcher = 1]) => ({ holder, watcher }))

  it.each(worst)('as long as clocks run within the bound: $holder and $watcher', async (rates) => {
    for (const cutMs of cuts) expect(await overlapMs(rates, cutMs, r * 1e6)).toBeLessThan(0)
  })

  it('and where they do not, this very check fails: it rests on the bound, and on nothing less', async () => {
    const rates = { holder: 1 - 3 * r, watcher: 1 + 3 * r }
    expect(await overlapMs(rates, 333, r * 1e6)).toBeGreaterThan(0)
  })
})
