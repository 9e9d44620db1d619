/** The list of mutants is true of the code, and the runner says of each what became of it. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { choose } from '../src/mutants/choose.ts'
import { MUTANTS } from '../src/mutants/list.ts'
import { mutated } from '../src/mutants/mutant.ts'
import type { Mutant } from '../src/mutants/mutant.ts'
import { runMutants, UselessToolError } from '../src/mutants/run.ts'
import { formatSummary, formatTable } from '../src/mutants/table.ts'
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
const HARMLESS: Mutant = {
  ...DEADLY,
  name: 'nothing is wrong',
  to: ' || !(endpoint.knows(link.from) === true)',
}
const judge = (code: number | null, output: string, isHung = false): string =>
  judgeCommand({ code, output, isHung }).type

const UNREADABLE: Mutant = { ...DEADLY, name: 'it is no program', to: ' || (' }

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

describe('a command of the explorer or the simulator', () => {
  const finding = 'seed 7: agreement: a and b differ in slot 3'

  it('has caught something when it names what is broken, and not when it merely fails', () => {
    expect(judgeCommand({ code: 1, output: `40 seeds\n${finding}\n`, isHung: false })).toEqual({
      type: 'failed',
      finding,
    })
    expect(judge(0, 'nothing found')).toBe('passed')
    expect(judge(null, finding, true)).toBe('hung')
    expect(judge(1, 'SyntaxError: Unexpected token')).toBe('useless')
    expect(judge(2, finding)).toBe('useless')
    expect(judge(null, finding)).toBe('useless')
  })
})

describe('the runner', () => {
  let scratch = ''
  beforeEach(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'mutants-test-'))
    vi.stubEnv('TMPDIR', scratch)
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    await rm(scratch, { recursive: true })
  })

  const signal = new AbortController().signal

  it('tells what dies from what lives and from what is no program, and leaves nothing', async () => {
    const before = await readFile(join(ROOT, HUB), 'utf8')
    const mutants = [DEADLY, HARMLESS, UNREADABLE]
    const results = await runMutants(mutants, { root: ROOT, workers: 1, signal })
    expect(results.map(({ outcome }) => outcome)).toEqual(['caught', 'survived', 'useless'])
    const [dead, ...others] = results
    expect(dead?.finding).toMatch(/from a sender that is not in the receiver’s address book$/)
    expect(formatTable(results)).toContain(HARMLESS.name)
    expect(formatSummary(results, 1).isGood).toBe(false)
    expect(formatSummary(others.slice(0, 1), 1).text).toContain(`SURVIVED: ${HARMLESS.name}`)
    expect(formatSummary(results.slice(0, 1), 1).isGood).toBe(true)
    expect(await readFile(join(ROOT, HUB), 'utf8')).toBe(before)
    expect(await readdir(scratch)).toEqual([])
  })

  it('believes no tool that does not pass on the code as it is', async () => {
    const mutant: Mutant = { ...DEADLY, caughtBy: [{ type: 'tests', file: 'none.test.ts' }] }
    const run = runMutants([mutant], { root: ROOT, workers: 1, signal })
    await expect(run).rejects.toBeInstanceOf(UselessToolError)
    expect(await readdir(scratch)).toEqual([])
  })

  it('can be stopped while a tool runs, and leaves nothing', async () => {
    const stop = new AbortController()
    const run = runMutants([HARMLESS, DEADLY], {
      root: ROOT,
      workers: 1,
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('enough')),
    })
    await expect(run).rejects.toThrow('enough')
    expect(await readdir(scratch)).toEqual([])
  })
})
