/** What docs/operating.md says of timing, row by row, in the simulator. */
import { extent } from '@paxos/testkit/fuzz'
import { playScene } from '@paxos/testkit/simulation'
import type { Action, Cast, PlayedScene, Scene } from '@paxos/testkit/simulation'
import { describe, expect, it } from 'vitest'
import { read } from '../checks/repository.ts'

/** A row of the table. */
interface Row {
  readonly network: string
  readonly roundTripMs: readonly [number, number]
  readonly heartbeatPeriodMs: number
  readonly livenessWindowMs: number
  readonly retransmitIntervalMs: number
  readonly silenceMs: number
  readonly replacedWithinMs: number
}

/** The longest sync, in milliseconds. */
const SYNC_MS = 10

const CRASHED_AFTER_MS = 1234

const rows = rowsOf(read('docs/operating.md'))

const seeds = Array.from({ length: extent(1, 2) }, (_, index) => index + 1)

function rowsOf(markdown: string): readonly Row[] {
  const [, section = ''] = markdown.split('## Timing')
  return section.split('\n').flatMap((line) => {
    const [network, trip = '', ...rest] = line
      .split('|')
      .map((cell) => cell.trim())
      .slice(1)
    const [from, to] = (/^(\d+) to (\d+)$/.exec(trip) ?? []).slice(1).map(Number)
    const [heartbeatPeriodMs = 0, livenessWindowMs = 0, ...others] = rest.map(Number)
    const [retransmitIntervalMs = 0, silenceMs = 0, replacedWithinMs = 0] = others
    if (network === undefined || from === undefined || to === undefined) return []
    const timing = { heartbeatPeriodMs, livenessWindowMs, retransmitIntervalMs }
    return [{ network, roundTripMs: [from, to], ...timing, silenceMs, replacedWithinMs }]
  })
}

/** Plays it on the network of the row, with its timing, and with leases every second time. */
async function play(
  { roundTripMs: [fastestMs, slowestMs], ...row }: Row,
  scene: Pick<Scene, 'forMs' | 'faults'> & { readonly loss?: number },
): Promise<readonly PlayedScene[]> {
  const { heartbeatPeriodMs, livenessWindowMs, retransmitIntervalMs } = row
  const timing = { heartbeatPeriodMs, livenessWindowMs, retransmitIntervalMs }
  const { loss = 0, ...rest } = scene
  const played: PlayedScene[] = []
  for (const seed of seeds) {
    const one = await playScene({
      ...rest,
      seed,
      settledMs: settledMsOf(row),
      everyMs: 100,
      plan: {
        delayMs: { min: Math.floor(fastestMs / 2), max: slowestMs / 2 },
        syncMs: { min: 1, max: SYNC_MS },
        links: { bytesPerSecond: 12_500_000, queueBytes: 1 << 20, loss },
      },
      parts: {
        options: (options) => ({ ...options, ...timing, ...(seed % 2 === 0 && { lease: {} }) }),
      },
    })
    expect(one.result.violation, `seed ${seed}`).toBeNull()
    played.push(one)
  }
  return played
}

function settledMsOf({ livenessWindowMs }: Pick<Row, 'livenessWindowMs'>): number {
  return 4 * livenessWindowMs
}

const partition = ({
  leader,
  followers,
}: Cast): Pick<Extract<Action, { type: 'partition' }>, 'type' | 'left' | 'right'> => ({
  type: 'partition',
  left: [leader],
  right: followers,
})

it('the document has four rows, one of them of the defaults on three continents', () => {
  expect(rows.map(({ network }) => network)).toEqual([
    'one LAN',
    'three zones, and the default',
    'three continents',
    'three continents, with the defaults',
  ])
})

describe.each(rows)('$network', (row) => {
  const { heartbeatPeriodMs, livenessWindowMs, retransmitIntervalMs } = row
  const [, roundTripMs] = row.roundTripMs

  it('follows the rule that is given below the table', () => {
    const answerMs = roundTripMs + SYNC_MS
    expect(row.silenceMs).toBe(livenessWindowMs - 2 * heartbeatPeriodMs - roundTripMs)
    expect(row.replacedWithinMs).toBe(1.5 * livenessWindowMs + 3 * answerMs)
    expect(heartbeatPeriodMs).toBeLessThanOrEqual(livenessWindowMs / 5)
    expect(retransmitIntervalMs).toBeLessThanOrEqual(livenessWindowMs / 5)
    // What is said of the defaults there: they are below the rule.
    if (row.network.endsWith('with the defaults')) return
    expect(livenessWindowMs).toBeGreaterThanOrEqual(Math.max(300, 4 * answerMs))
    expect(retransmitIntervalMs).toBeGreaterThanOrEqual(roundTripMs + 2 * SYNC_MS)
  })

  it('changes no leader without a fault, under load, where one frame of a hundred is lost', async () => {
    const forMs = extent(6, 15) * livenessWindowMs
    for (const { changes } of await play(row, { forMs, loss: 0.01, faults: () => [] })) {
      expect(changes).toEqual([])
    }
  })

  it(`sits through a silence of ${row.silenceMs} ms`, async () => {
    const silences = extent(3, 6)
    const everyMs = 2 * livenessWindowMs + 77
    const faults = (cast: Cast): Action[] =>
      Array.from({ length: silences }, (_, index) => {
        const atMs = settledMsOf(row) + 100 + index * everyMs
        return { ...partition(cast), atMs, untilMs: atMs + row.silenceMs }
      })
    for (const { changes } of await play(row, { forMs: silences * everyMs, faults })) {
      expect(changes).toEqual([])
    }
  })

  it(`has another leader within ${row.replacedWithinMs} ms when the leader dies, and one change`, async () => {
    const atMs = settledMsOf(row) + CRASHED_AFTER_MS
    const forMs = CRASHED_AFTER_MS + row.replacedWithinMs + 2 * livenessWindowMs
    const faults = ({ leader }: Cast): Action[] => [
      {
        type: 'crash',
        node: leader,
        point: { at: 'event' },
        fates: [],
        atMs,
        untilMs: atMs + forMs,
      },
    ]
    for (const { changes } of await play(row, { forMs, faults })) {
      expect(changes).toHaveLength(1)
      expect((changes[0]?.atMs ?? Infinity) - atMs).toBeLessThanOrEqual(row.replacedWithinMs)
    }
  })
})
