/** The clock of a simulated node, and the time behind it. */
import { array, assert, boolean, nat, property, tuple } from 'fast-check'
import { expect, it } from 'vitest'
import { NodeClock } from '../src/simulation/node-clock.ts'
import { VirtualTime } from '../src/simulation/virtual-time.ts'

it('what is asked for later at the same moment happens later, and what is cancelled does not', () => {
  assert(
    property(array(tuple(nat(20), boolean()), { maxLength: 60 }), (asked) => {
      const time = new VirtualTime()
      const done: number[] = []
      for (const [index, [delayMs, isKept]] of asked.entries()) {
        const timer = time.schedule(delayMs, () => done.push(index))
        timer.isCancelled = !isKept
      }
      while (time.step());
      const expected = asked
        .map(([delayMs, isKept], index) => ({ delayMs, isKept, index }))
        .filter(({ isKept }) => isKept)
        .toSorted((a, b) => a.delayMs - b.delayMs || a.index - b.index)
      expect(done).toEqual(expected.map(({ index }) => index))
    }),
  )
})

it.each([0.4, 0.8, 1, 1.25, 2.5])(
  'an alarm goes off when the clock shows that it is due, at %s times the speed of time',
  (rate) => {
    const time = new VirtualTime()
    const clock = new NodeClock(time, 123_456.789, rate, (work) => work())
    const early: number[] = []
    let count = 0
    const again = (): void => {
      const dueMs = clock.nowMs() + 0.1 + (count % 7)
      clock.schedule(dueMs - clock.nowMs(), () => {
        if (clock.nowMs() < dueMs) early.push(dueMs - clock.nowMs())
        count += 1
        if (count < 3000) again()
      })
    }
    again()
    while (time.step());
    expect([count, early]).toEqual([3000, []])
    expect(time.nowMs * rate).toBeCloseTo(clock.nowMs() - 123_456.789, 3)
  },
)

it('an alarm goes off at once when the clock jumps over it, and the clock never goes back', () => {
  const time = new VirtualTime()
  const clock = new NodeClock(time, 1000, 0.8, (work) => work())
  const seen: number[] = []
  clock.schedule(5000, () => seen.push(time.nowMs))
  time.schedule(100, () => {
    const before = clock.nowMs()
    clock.jump(60_000)
    clock.drift(0.4)
    expect(clock.nowMs()).toBe(before + 60_000)
  })
  while (time.step());
  expect(seen).toEqual([100])
})
