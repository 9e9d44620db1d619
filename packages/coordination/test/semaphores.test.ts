/** Semaphores, read-write locks and barriers: how many may go on, and when. */
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError } from '@paxos/core'
import { HoldLostError, PermitsDifferError, WaitTimeoutError } from '@paxos/coordination'
import { isSettled, world } from './world.ts'

describe('a semaphore', () => {
  it('is held by as many as it has permits, and by no more', async () => {
    const { process, within, clock } = world()
    const at = (each: ReturnType<typeof process>) => each.coordination.semaphore('s', 2)
    const [a, b, c] = [process(), process(), process()].map((each) => at(each))
    if (a === undefined || b === undefined || c === undefined) throw new Error('no process')
    const first = await within(a.acquire())
    await within(b.acquire())
    expect(await within(c.tryAcquire())).toBeNull()
    const third = c.acquire()
    await clock.advance(100)
    expect(await isSettled(third)).toBe(false)
    await within(first.release())
    expect((await within(third)).isHeld).toBe(true)
  })

  it('lets nobody pass who wants more than there is now', async () => {
    const { process, within, clock } = world()
    const s = process().coordination.semaphore('s', 3)
    const first = await within(s.acquire({ permits: 2 }))
    const all = s.acquire({ permits: 3 })
    await clock.advance(10)
    const one = s.acquire()
    await clock.advance(100)
    expect(await isSettled(one)).toBe(false)
    await within(first.release())
    await within((await within(all)).release())
    expect((await within(one)).isHeld).toBe(true)
  })

  it('has one number of permits while it is in use', async () => {
    const { process, within } = world()
    const a = process()
    const held = await within(a.coordination.semaphore('s', 2).acquire())
    const other = a.coordination.semaphore('s', 3)
    await expect(within(other.acquire())).rejects.toThrow(PermitsDifferError)
    await within(held.release())
    expect((await within(other.acquire())).isHeld).toBe(true)
  })

  it.each([
    ['no permits', 0, 1],
    ['half a permit', 1.5, 1],
    ['more permits asked for than there are', 2, 3],
  ])('is refused: %s', async (_, permits, asked) => {
    const { coordination } = world().process()
    const attempt = async () => coordination.semaphore('s', permits).acquire({ permits: asked })
    await expect(attempt()).rejects.toThrow(InvalidArgumentError)
  })
})

describe('a read-write lock', () => {
  it('is read by many or written by one, and a writer that waits is not passed', async () => {
    const { process, within, clock } = world()
    const lock = process().coordination.readWriteLock('rw')
    const [one, two] = [await within(lock.read()), await within(lock.read())]
    const writer = lock.write()
    await clock.advance(10)
    const late = lock.read()
    await clock.advance(100)
    expect(await isSettled(writer)).toBe(false)
    expect(await isSettled(late)).toBe(false)
    expect(await within(lock.tryRead())).toBeNull()
    await within(one.release())
    await within(two.release())
    const written = await within(writer)
    expect(await isSettled(late)).toBe(false)
    expect(await within(lock.tryWrite())).toBeNull()
    await within(written.release())
    const read = await within(late)
    expect(read.token).toBeGreaterThan(written.token)
    expect(written.token).toBeGreaterThan(two.token)
  })
})

describe('a barrier', () => {
  it('lets all pass when all are there, time after time, with numbers that grow', async () => {
    const { process, within, clock } = world()
    const all = [process(), process(), process()].map((each) => each.coordination.barrier('b', 3))
    let before = 0
    for (let round = 0; round < 3; round += 1) {
      const [first, ...others] = all
      const waits = first?.enter({ ttlMs: 1000 }) ?? Promise.resolve(0)
      await clock.advance(5000)
      expect(await isSettled(waits)).toBe(false)
      const entered = others.map((barrier) => barrier.enter({ ttlMs: 1000 }))
      const numbers = new Set(await within(Promise.all([waits, ...entered])))
      const [number = 0] = numbers
      expect(numbers.size).toBe(1)
      expect(number).toBeGreaterThan(before)
      before = number
    }
  })

  it('does not count who gave up, or died', async () => {
    const { process, within, clock } = world()
    const [a, b, c, d] = [process(), process(), process(), process()]
    const at = (each: typeof a) => each.coordination.barrier('b', 2)
    await expect(within(at(a).enter({ timeoutMs: 100 }))).rejects.toThrow(WaitTimeoutError)
    const dead = at(b).enter({ ttlMs: 1000 })
    dead.catch(() => undefined)
    await clock.advance(10)
    b.cut()
    b.clock.freeze()
    await clock.advance(3000)
    const third = at(c).enter({ ttlMs: 1000 })
    await clock.advance(1000)
    expect(await isSettled(third)).toBe(false)
    await within(Promise.all([third, at(d).enter()]))
  })

  it('does not tell who was away for too long that the others have passed: nobody knows', async () => {
    const { process, within, clock } = world()
    const [a, b] = [process(), process()]
    const away = a.coordination.barrier('b', 2).enter({ ttlMs: 1000 })
    away.catch(() => undefined)
    await clock.advance(10)
    a.cut()
    a.clock.freeze()
    const other = b.coordination.barrier('b', 2).enter({ ttlMs: 60_000 })
    await within(other)
    await clock.advance(5000)
    a.clock.thaw()
    a.mend()
    await expect(within(away)).rejects.toThrow(HoldLostError)
  })
})
