/**
 * The command says what it visited, and refuses what it does not understand.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'

const COMMAND = fileURLToPath(new URL('../src/explore.ts', import.meta.url))
const TSX = import.meta.resolve('tsx')
const directory = mkdtempSync(join(tmpdir(), 'explore-'))
afterAll(() => rmSync(directory, { recursive: true }))

function run(...options: string[]) {
  const conditions = ['--conditions=@paxos/source', '--import', TSX]
  return spawnSync(process.execPath, [...conditions, COMMAND, ...options], { encoding: 'utf8' })
}

function traceFile(trace: unknown, name = 'trace.json'): string {
  const file = join(directory, name)
  writeFileSync(file, JSON.stringify(trace))
  return file
}

describe('pnpm explore', () => {
  it('runs a saved trace again, and says that nothing is broken any more', () => {
    const steps = [{ node: 'p', action: { type: 'command', name: 'prepares' } }]
    const file = traceFile({ model: 'essential', options: {}, broken: 'agreement', steps })
    const { status, stdout } = run('--replay', file)
    expect(stdout).toContain('breaks nothing any more')
    expect(status).toBe(0)
  })

  it.each([
    ['an unknown model', ['--model', 'byzantine']],
    ['no time at all', ['--seconds', '0']],
    ['a file that is not there', ['--replay', join(directory, 'nowhere.json')]],
    ['a file that holds no trace', ['--replay', traceFile([], 'empty.json')]],
    [
      'a trace with a step that is none',
      ['--replay', traceFile({ model: 'multi', options: {}, broken: '', steps: [{}] }, 'odd.json')],
    ],
  ])('ends with 2 for %s', (_title, options) => {
    expect(run(...options).status).toBe(2)
  })
})
