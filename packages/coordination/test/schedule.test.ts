/** What runs at certain times: once in the cluster, and what becomes of a time that was missed or cut. */
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError } from '@paxos/core'
import { Schedule } from '@paxos/coordination/schedule'
import type { ScheduledRun, ScheduleOptions, ScheduleReport } from '@paxos/coordination/schedule'
import { world } from './world.ts'
import type { Process } from './world.ts'

const HOUR = 3_600_000
const hourly = '0 * * * *'

/** What one process does for the hourly job, and what it tells. */
function start(
  process: Process,
  options: ScheduleOptions = {},
  run: (run: ScheduledRun) => Promise<void> = noWork,
) {
  const runs: ScheduledRun[] = []
  const reports: ScheduleReport[] = []
  const schedule = new Schedule(process.coordination, 'hourly', {
    timeZone: 'UTC',
    clock: process.clock,
    ttlMs: 600_000,
    report: (report) => reports.push(report),
    ...options,
  })
  const job = schedule.every(hourly, async (one) => {
    runs.push(one)
    await run(one)
  })
  const times = () => runs.map(({ scheduledAt }) => scheduledAt.getTime() / HOUR)
  return { job, runs, reports, times }
}

async function noWork(): Promise<void> {
  await Promise.resolve()
}

/** As of a process that dies in the middle. */
function noEnd(): Promise<void> {
  return new Promise(() => undefined)
}

describe('a job of the cluster', () => {
  it('runs at each time once, in whichever process, and tokens grow', async () => {
    const { process, within, clock } = world()
    const jobs = [process(), process(), process()].map((each) => start(each))
    await clock.advance(3.5 * HOUR)
    const runs = jobs.flatMap(({ runs: mine }) => mine)
    const byTime = runs.toSorted((a, b) => a.scheduledAt.getTime() - b.scheduledAt.getTime())
    expect(byTime.map(({ scheduledAt }) => scheduledAt.getTime() / HOUR)).toEqual([1, 2, 3])
    const tokens = byTime.map(({ token }) => token)
    expect(tokens).toEqual(tokens.toSorted((a, b) => a - b))
    for (const { job } of jobs) await within(job.stop())
    await clock.advance(2 * HOUR)
    expect(jobs.flatMap(({ runs: mine }) => mine)).toHaveLength(3)
  })

  it('that is known for the first time does not run what was before', async () => {
    const { process, within, clock } = world()
    await clock.advance(10.001 * HOUR)
    const { job, runs, reports } = start(process(), { missed: 'run' })
    await clock.advance(1000)
    expect(runs).toEqual([])
    expect(reports).toEqual([])
    await within(job.stop())
  })

  it('that fails is told so, and does not run again for that time', async () => {
    const { process, within, clock } = world()
    const error = new Error('no disk')
    const first = start(process(), {}, () => Promise.reject(error))
    const second = start(process(), {}, () => Promise.reject(error))
    await clock.advance(1.5 * HOUR)
    expect([...first.reports, ...second.reports]).toEqual([
      { type: 'failed', scheduledAt: new Date(HOUR), error },
    ])
    await within(first.job.stop())
    await within(second.job.stop())
  })

  it.each([
    ['a pattern that is none', 'at three'],
    ['a pattern of too many fields', '* * * * * * * * *'],
  ])('is refused with %s', (_, pattern) => {
    const schedule = new Schedule(world().process().coordination, 'x')
    expect(() => schedule.every(pattern, noWork)).toThrow(InvalidArgumentError)
  })
})

describe('a time that was missed', () => {
  it.each([
    ['skip', [1, 5], ['done', 'missed', 'done']],
    ['run', [1, 4, 5], ['done', 'done', 'done']],
  ] as const)('because no process ran: %s', async (missed, expected, told) => {
    const { process, within, clock } = world()
    const a = process()
    const before = start(a, { missed })
    await clock.advance(1.5 * HOUR)
    await within(before.job.stop())
    await clock.advance(3 * HOUR)
    const after = start(a, { missed })
    await clock.advance(1 * HOUR)
    expect([...before.times(), ...after.times()]).toEqual(expected)
    expect([...before.reports, ...after.reports].map(({ type }) => type)).toEqual(told)
    await within(after.job.stop())
  })

  it('because a run took longer than the time between two is not made up for', async () => {
    const { process, within, clock } = world()
    const a = process()
    const { job, times, reports } = start(
      a,
      {},
      ({ scheduledAt }) =>
        new Promise((resolve) => {
          const ms = scheduledAt.getTime() === HOUR ? 2.5 * HOUR : 1
          a.clock.schedule(ms, resolve)
        }),
    )
    await clock.advance(4.5 * HOUR)
    expect(times()).toEqual([1, 4])
    expect(reports.map(({ type }) => type)).toEqual(['done', 'missed', 'done'])
    await within(job.stop())
  })
})

describe('a run that was cut', () => {
  it.each([
    ['skip', [2]],
    ['run', [1, 2]],
  ] as const)('by the death of its process: %s', async (cut, expected) => {
    const { process, within, clock } = world()
    const [a, b] = [process(), process()]
    start(a, { cut, ttlMs: 5000 }, noEnd)
    await clock.advance(0.5 * HOUR)
    const second = start(b, { cut, ttlMs: 5000 })
    await clock.advance(0.4 * HOUR)
    b.delayMs = 10
    await clock.advance(0.1 * HOUR + 1000)
    // In the middle of its run.
    a.cut()
    a.clock.freeze()
    await clock.advance(1 * HOUR)
    expect(second.times()).toEqual(expected)
    expect(second.runs.map(({ isAgain }) => isAgain)).toEqual(expected.map((at) => at === 1))
    expect(second.reports[0]).toEqual({ type: 'cut', scheduledAt: new Date(HOUR) })
    await within(second.job.stop())
  })

  it('knows it by its signal before another begins', async () => {
    const { process, within, clock } = world()
    const [a, b] = [process(), process()]
    const order: string[] = []
    const first = start(a, { cut: 'run', ttlMs: 5000 }, ({ signal }) => {
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          order.push('aborted')
          resolve()
        })
      })
    })
    await clock.advance(0.5 * HOUR)
    b.delayMs = 10
    const second = start(b, { cut: 'run', ttlMs: 5000 }, async () => {
      order.push('again')
      await noWork()
    })
    await clock.advance(0.5 * HOUR + 1000)
    a.cut()
    await clock.advance(60_000)
    expect(order).toEqual(['aborted', 'again'])
    a.mend()
    await within(second.job.stop())
    await within(first.job.stop())
  })
})
