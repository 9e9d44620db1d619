/** `grid` as a command: what it prints, and how it ends. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { InvalidArgumentError } from 'commander'
import { expect, it } from 'vitest'
import { holds, planOf } from '../src/grid-cell.ts'
import type { CellOutcome } from '../src/grid-cell.ts'
import { cellsOf, kibibytesOf, lossesOf, megabitsOf, nodesOf } from '../src/grid-options.ts'
import { originsOf, positive, roundTripsOf, seedOf, wholePositive } from '../src/grid-options.ts'
import { tableOf } from '../src/grid-table.ts'

const COMMAND = fileURLToPath(new URL('../src/grid.ts', import.meta.url))

async function run(...args: readonly string[]) {
  const options = ['--conditions=@paxos/source', '--import', 'tsx', COMMAND, ...args]
  const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  const result: unknown = code
  return { code: result, out, err }
}

const CELL = {
  from: 'congestion',
  nodes: 3,
  backlogBytes: 1 << 20,
  bytesPerSecond: 1_250_000,
  roundTripMs: 20,
  loss: 0.05,
} as const

const OUTCOME: CellOutcome = {
  cell: CELL,
  boundMs: 20_000,
  waitedMs: 60_000,
  firstAnswerAfterMs: 1500,
  recoveredAfterMs: 2500,
  acceptedBytes: 512 << 10,
  sentBytes: 3_200_000,
  promises: 4,
  promisesAgain: 1,
  violation: null,
}

it('prints a line for each cell with what was measured, and ends with 0 when all keep the bound', async () => {
  const cell = [
    '--from',
    'restart',
    '--nodes',
    '3',
    '--backlog',
    '64',
    '--rate',
    '100',
    '--round-trip',
    '2',
  ]
  const { code, out } = await run(...cell, '--loss', '0', '--workers', '1')
  expect(code).toBe(0)
  const [heads, line, ...rest] = out.trimEnd().split('\n')
  expect(heads).toMatch(/^ +from +nodes .* round trip ms .* first s .* bound s/)
  expect(line).toMatch(/^restart +3 +64 +100 +2 +0 .* holds$/)
  expect(rest).toEqual(['', '1 of 1 cells keep the bound.'])
})

it('a cell holds when every node is itself again in time, and no other promise is broken', () => {
  expect(holds(OUTCOME)).toBe(true)
  expect(holds({ ...OUTCOME, recoveredAfterMs: 20_001 })).toBe(false)
  expect(holds({ ...OUTCOME, recoveredAfterMs: null })).toBe(false)
  expect(holds({ ...OUTCOME, violation: 'agreement: two values' })).toBe(false)
})

it('says of a cell that does not hold how long it was given, or what was broken', () => {
  const late = { ...OUTCOME, firstAnswerAfterMs: null, recoveredAfterMs: null }
  const lines = tableOf([OUTCOME, late, { ...OUTCOME, violation: 'agreement: two values' }])
  expect(lines).toMatch(/ 1\.5 +2\.5 +20\.0 +3\.2 +4 +1 +holds\n/)
  expect(lines).toMatch(/ > 60\.0 +> 60\.0 +20\.0 .* BROKEN\n/)
  expect(lines).toMatch(/ BROKEN: agreement: two values\n/)
  expect(lines).toMatch(/\n1 of 3 cells keep the bound\.$/)
})

it('asks clients for the whole backlog, on every node, while links could carry it once', () => {
  const { actions, nodes, faultsEndMs } = planOf(CELL, 1)
  const bursts = actions.filter((action) => action.type === 'burst')
  const asked = bursts.reduce((sum, { count, valueBytes }) => sum + count * valueBytes, 0)
  expect(asked / CELL.backlogBytes).toBeCloseTo(1, 1)
  expect(new Set(bursts.map(({ node }) => node))).toEqual(new Set(nodes))
  const [congestion] = actions
  expect(congestion).toMatchObject({ type: 'congestion', untilMs: faultsEndMs })
})

it('starts every node with the whole backlog on its disk, and clients that are gone', () => {
  const { actions, faultsEndMs, tail } = planOf({ ...CELL, from: 'restart' }, 1)
  expect([actions, faultsEndMs]).toEqual([[], 0])
  expect((tail?.entries ?? 0) * (tail?.valueBytes ?? 0)).toBe(CELL.backlogBytes)
})

it('refuses what it does not know with one sentence and 2', async () => {
  const { code, out, err } = await run('--nodes', '4')
  expect([code, out]).toEqual([2, ''])
  expect(err).toMatch(/^error: .+ Give 3, 5, or 3,5\.\n$/)
})

it.each([
  [nodesOf, '3,4'],
  [originsOf, 'congestion,cuts'],
  [kibibytesOf, '0'],
  [kibibytesOf, '1,,2'],
  [megabitsOf, 'fast'],
  [megabitsOf, 'Infinity'],
  [roundTripsOf, '3'],
  [lossesOf, '100'],
  [positive, '-1'],
  [seedOf, '4294967296'],
  [wholePositive, '1.5'],
])('%o does not take %s', (parse, list) => {
  expect(() => parse(list)).toThrow(InvalidArgumentError)
})

it('has a cell for each combination, and few of them when it is to be quick', () => {
  const options = { quick: false, limit: 60, seed: 1, workers: 1 }
  expect(cellsOf(options)).toHaveLength(2 * 2 * 2 * 3 * 2 * 2)
  expect(cellsOf({ ...options, quick: true })).toHaveLength(4)
  const one = {
    from: originsOf('restart'),
    nodes: nodesOf('5'),
    backlog: kibibytesOf('64'),
    rate: megabitsOf('8'),
  }
  expect(
    cellsOf({ ...options, ...one, roundTrip: roundTripsOf('4'), loss: lossesOf('1') }),
  ).toEqual([
    {
      from: 'restart',
      nodes: 5,
      backlogBytes: 65_536,
      bytesPerSecond: 1_000_000,
      roundTripMs: 4,
      loss: 0.01,
    },
  ])
})
