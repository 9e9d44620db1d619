/** The command visits what it says, to the last state. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const COMMAND = fileURLToPath(new URL('../src/explore.ts', import.meta.url))
const TSX = import.meta.resolve('tsx')

it('visits all of the small configurations of a model, and ends with 0', () => {
  // However slow the machine is.
  const { status, stdout } = spawnSync(
    process.execPath,
    [
      '--conditions=@paxos/source',
      '--import',
      TSX,
      COMMAND,
      '--model',
      'essential',
      '--seconds',
      '86400',
    ],
    { encoding: 'utf8' },
  )
  expect(stdout).toMatch(/essential +19,865 +48,006 +24 +all +no /)
  expect(stdout).toMatch(/essential +88,906 +662,501 +30 +all +yes /)
  expect(status).toBe(0)
})
