/**
 * How fast the protocol is by itself, on one core: see `engines.ts`.
 */
import { essentialDecree, logOfThree, practicalDecree } from './engines.ts'
import { output } from './output.ts'
import type { OutputOptions } from './output.ts'
import { paceOf } from './pace.ts'
import { COMMAND_BYTES } from './pipeline.ts'
import type { Column, Row } from './report.ts'

export interface EngineOptions extends OutputOptions {
  readonly rounds: number
  readonly seconds: number
}

const BATCH = 64

const COLUMNS: readonly Column[] = [
  { key: 'perSecond', title: 'a second', digits: 0 },
  { key: 'cpuMicroseconds', title: 'CPU µs each', digits: 2 },
]

/** What is measured: each call of what `begin` returns does some, and says how many. */
const SUBJECTS: readonly {
  readonly engine: string
  readonly what: string
  readonly begin: () => () => number
}[] = [
  {
    engine: 'MultiPaxos',
    what: `commands, ${BATCH} slots with one each in an Accept`,
    begin: () => logOfThree(BATCH, COMMAND_BYTES),
  },
  {
    engine: 'MultiPaxos',
    what: `commands, ${BATCH} in one slot`,
    begin() {
      const propose = logOfThree(1, BATCH * COMMAND_BYTES)
      return () => BATCH * propose()
    },
  },
  { engine: 'essential', what: 'decrees', begin: () => essentialDecree },
  { engine: 'practical', what: 'decrees', begin: () => practicalDecree },
]

export async function engine({ rounds, seconds, ...files }: EngineOptions): Promise<void> {
  const rows: Row[] = SUBJECTS.map(({ engine: name, what }) => ({
    labels: { what, engine: name },
    figures: { perSecond: [], cpuMicroseconds: [] },
  }))
  for (let round = 1; round <= rounds; round += 1) {
    for (const [index, { begin }] of SUBJECTS.entries()) {
      const { perSecond, cpuMicroseconds } = paceOf(seconds, begin())
      const row = rows[index]
      if (row === undefined) continue
      const { figures } = row
      rows[index] = {
        ...row,
        figures: {
          perSecond: [...(figures['perSecond'] ?? []), perSecond],
          cpuMicroseconds: [...(figures['cpuMicroseconds'] ?? []), cpuMicroseconds],
        },
      }
    }
  }
  const title = 'Three engines in one process, without codec, network and disk'
  await output({ title, columns: COLUMNS, rows }, files, { figure: 'perSecond', series: 'engine' })
}
