/** The list of mutants is true of the code. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { choose } from '../src/mutants/choose.ts'
import { MUTANTS } from '../src/mutants/list.ts'
import { mutated } from '../src/mutants/mutant.ts'
import type { Mutant } from '../src/mutants/mutant.ts'
import type { Result } from '../src/mutants/run.ts'
import { formatFaults } from '../src/mutants/table.ts'
import { judgeCommand } from '../src/mutants/tools.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const HUB = 'packages/transport-memory/src/hub.ts'

const DEADLY: Mutant = {
  name: 'frames of strangers are delivered',
  file: HUB,
  from: ' || !endpoint.knows(link.from)',
  to: '',
  caughtBy: [{ type: 'conformance' }],
}
const seen = (fault: string, adapter: string, finding: string | null): Result => ({
  mutant: { ...DEADLY, name: `${fault} ${adapter}`, through: { fault, adapter } },
  outcome: finding === null ? 'survived' : 'caught',
  by: 'its suite',
  finding: finding ?? '',
  seconds: 1,
})
const judge = (code: number | null, output: string, isHung = false): string =>
  judgeCommand({ code, output, isHung }).type

describe('the list', () => {
  it('has each mutant once, and at least 45 of them', () => {
    const names = MUTANTS.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(names.length).toBeGreaterThanOrEqual(45)
  })

  it('is true of the code: every text that is replaced is there, once, and is changed', async () => {
    for (const mutant of MUTANTS) {
      const text = await readFile(join(ROOT, mutant.file), 'utf8')
      expect(mutated(text, mutant)).not.toBe(text)
    }
  })

  it('does not choose an edit whose text is not there, or is there twice', () => {
    expect(() => mutated('nothing', DEADLY)).toThrow('occurs 0 times')
    expect(() => mutated(DEADLY.from + DEADLY.from, DEADLY)).toThrow('occurs 2 times')
    expect(mutated(`a${DEADLY.from}b`, DEADLY)).toBe('ab')
    expect(mutated(`a${DEADLY.from}b`, { ...DEADLY, to: '$&$1' })).toBe('a$&$1b')
  })
})

describe('a sample', () => {
  it('is spread over the list, has nothing slow, and is the same every time', () => {
    const list = Array.from({ length: 10 }, (_, index): Mutant => {
      const slow = index === 4 ? { isSlow: true as const } : {}
      return { ...DEADLY, name: `mistake ${index}`, ...slow }
    })
    const names = choose(list, { sample: 3 }).map(({ name }) => name)
    expect(names).toEqual(['mistake 1', 'mistake 5', 'mistake 8'])
    expect(choose(list, { sample: 10 })).toEqual(list)
    expect(choose(list, { only: 'MISTAKE 4' })).toHaveLength(1)
    expect(choose(list, { only: 'transport-memory', sample: 9 })).toHaveLength(9)
    expect(choose(list, { only: 'nobody' })).toEqual([])
  })
})

describe('mistakes in the kit', () => {
  it('are chosen by themselves, one for each adapter that stands on the part', () => {
    const chosen = choose(MUTANTS, { kit: true })
    expect(chosen.length).toBeGreaterThan(50)
    expect(chosen.every(({ through }) => through !== undefined)).toBe(true)
    const names = chosen.map(({ through }) => `${through?.fault} ${through?.adapter}`)
    expect(new Set(names).size).toBe(chosen.length)
  })

  it('are shown with the promise by which each adapter saw them, or that it did not', () => {
    const table = formatFaults([
      seen('no door', 'packages/ws', 'who is let in'),
      seen('no door', 'packages/grpc', 'who is let in'),
      seen('no end', 'packages/ws', 'close'),
      seen('no end', 'packages/grpc', null),
      seen('no lock', 'packages/file', 'who is let in'),
    ])
    const [links = '', stores = '', promises = ''] = table.split('\n\n')
    expect(links.split('\n').slice(1)).toEqual([
      expect.stringMatching(/^no door +1 +1$/),
      expect.stringMatching(/^no end +2 +SURVIVED$/),
    ])
    expect(stores).toMatch(/file.*\nno lock +1$/)
    expect(promises).toBe('   1  who is let in\n   2  close')
    expect(formatFaults([{ ...seen('', '', null), mutant: DEADLY }])).toBe('')
  })
})

describe('a command of the explorer, the simulator or the grid', () => {
  const finding = 'seed 7: agreement: a and b differ in slot 3'

  it('has caught something when it names what is broken, and not when it merely fails', () => {
    expect(judgeCommand({ code: 1, output: `40 seeds\n${finding}\n`, isHung: false })).toEqual({
      type: 'failed',
      finding,
    })
    const cell = 'restart  3  1024  1  20  5  1029  > 60.0  > 60.0  57.5  52.3  266  40  BROKEN'
    expect(judge(1, `from  nodes\n${cell}\n`)).toBe('failed')
    expect(judge(0, 'nothing found')).toBe('passed')
    expect(judge(null, finding, true)).toBe('hung')
    expect(judge(1, 'SyntaxError: Unexpected token')).toBe('useless')
    expect(judge(2, finding)).toBe('useless')
    expect(judge(null, finding)).toBe('useless')
  })
})
