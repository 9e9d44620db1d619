import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { endure, finish } from '../src/fault.ts'
import type { Fault } from '../src/fault.ts'
import { FencedTable, lateWrites } from '../src/fenced-table.ts'
import type { Entry } from '../src/fenced-table.ts'
import { Service } from '../src/service.ts'
import type { Heard } from '../src/service.ts'

let directory = ''
let service: Service
/** Reports before it belong to an earlier test. */
let from = 0

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'scheduler-test-'))
  service = await Service.start({ directory, ttlMs: 1000, checksToken: true })
})

afterAll(async () => {
  await service[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

function readTable(): { readonly reports: readonly Entry[]; readonly history: readonly Entry[] } {
  const table = new FencedTable(service.table)
  const read = { reports: table.reports(), history: table.history() }
  table.close()
  return read
}

/** Another took over with a higher token and wrote; the late write of the first was refused. */
async function expectRefusedAfter(fault: Fault): Promise<void> {
  const { first, second, written, late } = await endure(service, fault, from)
  from = service.after(written)
  expect(second.token).toBeGreaterThan(first.token)
  expect(second).toMatchObject({ dueMs: first.dueMs, isAgain: true })
  expect(late).toMatchObject({ type: 'refused', wasAborted: true })
  const told = service.reports.filter(
    (report): report is Heard<'begun' | 'aborted' | 'refused'> =>
      report.by === first.by && 'token' in report && report.token === first.token,
  )
  expect(told.map(({ type }) => type).slice(-3)).toEqual(['begun', 'aborted', 'refused'])
  const { reports, history } = readTable()
  const { dueMs, token } = second
  expect(reports).toContainEqual({ dueMs, token, author: second.by })
  expect(lateWrites(history)).toEqual([])
}

describe('the process that runs the job', () => {
  it('is killed: another takes over its run, and each due time is written by one run', async () => {
    const { first, second, written } = await endure(service, 'kill', from)
    expect(second).toMatchObject({ dueMs: first.dueMs, isAgain: true })
    expect(second.token).toBeGreaterThan(first.token)
    const next = await service.heard(
      'begun',
      ({ dueMs }) => dueMs > first.dueMs,
      service.after(written),
    )
    from = service.after(await finish(service, next))

    const begun = service.reports.filter((report) => report.type === 'begun')
    const firstTimes = begun.filter(({ isAgain }) => !isAgain).map(({ dueMs }) => dueMs)
    expect(new Set(firstTimes).size).toBe(firstTimes.length)
    const { reports, history } = readTable()
    expect(history.map(({ dueMs }) => dueMs)).toEqual([first.dueMs, next.dueMs])
    expect(reports.map(({ author }) => author)).toEqual([second.by, next.by])
  })

  it('is frozen past its ttl: its late write is refused, and its signal had aborted before', async () => {
    await expectRefusedAfter('freeze')
  })

  it('is cut off from the others: the same, and it is one of them again when the links are back', async () => {
    await expectRefusedAfter('cut')
    const cutOff = service.reports.findLast(({ type }) => type === 'refused')
    if (cutOff === undefined) throw new Error('There is the one that was refused.')
    // It leaves with what a majority has to agree to.
    expect(await service.leave(cutOff.by)).toBe(0)
  })
})
