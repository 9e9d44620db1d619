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
import { demonstrate } from './demonstration.ts'
import type { Demonstration } from './demonstration.ts'

let directory = ''
let service: Service
/** Reports before it belong to an earlier test. */
let from = 0
/** They run meanwhile, for all of these spend their time waiting. */
let fenced: Promise<Demonstration>
let unfenced: Promise<Demonstration>

beforeAll(async () => {
  fenced = demonstrate()
  unfenced = demonstrate('--no-fence')
  directory = await mkdtemp(join(tmpdir(), 'scheduler-test-'))
  service = await Service.start({ directory, ttlMs: 1000, checksToken: true })
})

afterAll(async () => {
  await Promise.all([fenced, unfenced])
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
    let last = { begun: second, written }
    while (last.begun.dueMs === first.dueMs) {
      const begun = await service.heard('begun', () => true, service.after(last.written))
      last = { begun, written: await finish(service, begun) }
    }
    from = service.after(last.written)

    // Each time is begun anew once; whatever is begun again had been cut.
    const begun = service.reports.filter((report) => report.type === 'begun')
    const anew = begun.filter(({ isAgain }) => !isAgain).map(({ dueMs }) => dueMs)
    expect(new Set(anew).size).toBe(anew.length)
    const { reports, history } = readTable()
    expect(reports.map(({ dueMs }) => dueMs)).toEqual([first.dueMs, last.begun.dueMs])
    expect(history).not.toContainEqual(expect.objectContaining({ token: first.token }))
    expect(lateWrites(history)).toEqual([])
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

describe('the demonstration', () => {
  it('shows that the table refuses the late write of a holder that was frozen', async () => {
    const { code, lines } = await fenced
    const refused = lines.find((line) => line.includes(' is refused the run of '))
    expect(refused).toMatch(
      /^\w {2}is refused the run of .* with token \d+: the table has seen token \d+$/,
    )
    const [run] = /the run of .* with token \d+/.exec(refused ?? '') ?? []
    const told = `${refused?.[0]}  is told that ${run} is not its own any more`
    expect(lines.slice(0, lines.indexOf(refused ?? ''))).toContain(told)
    expect(lines.at(-1)).toMatch(/took nothing with a lower token after a higher one/)
    expect(code).toBe(0)
  })

  it('shows that without the check of the token the same write goes through', async () => {
    const { code, lines } = await unfenced
    expect(lines).toContainEqual(
      expect.stringMatching(/^\w {2}writes the run of .*, though it was told$/),
    )
    expect(lines.at(-1)).toMatch(/took 1 with a lower token after a higher one/)
    expect(code).toBe(1)
  })
})
