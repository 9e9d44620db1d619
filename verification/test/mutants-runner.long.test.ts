/** The runner says of each mutant what became of it, by really running the tools in a copy. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Mutant } from '../src/mutants/mutant.ts'
import { runMutants, UselessToolError } from '../src/mutants/run.ts'
import { formatSummary, formatTable } from '../src/mutants/table.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const HUB = 'packages/transport-memory/src/hub.ts'

const DEADLY: Mutant = {
  name: 'frames of strangers are delivered',
  file: HUB,
  from: 'const entry = endpoint.entryOf(sender.id)',
  to: 'const entry = endpoint.entryOf(sender.id) ?? { incarnation: null }',
  caughtBy: [{ type: 'conformance' }],
}
const HARMLESS: Mutant = {
  ...DEADLY,
  name: 'nothing is wrong',
  to: 'const entry = [endpoint.entryOf(sender.id)][0]',
}
const UNREADABLE: Mutant = { ...DEADLY, name: 'it is no program', to: 'const entry = (' }

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
