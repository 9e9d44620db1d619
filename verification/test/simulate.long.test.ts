/** `simulate` as a command: what it prints, and how it ends. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const COMMAND = fileURLToPath(new URL('../src/simulate.ts', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function start(...args: readonly string[]) {
  const options = ['--conditions=@paxos/source', '--import', 'tsx', COMMAND, ...args]
  return spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function ended(child: ReturnType<typeof start>): Promise<Ended> {
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { code: typeof code === 'number' ? code : null, out, err }
}

it('runs seeds, sums up what it did to them, and ends with 0 when nothing was found', async () => {
  const { code, out } = await ended(start('--seeds', '3', '--profile', 'crash'))
  expect(code).toBe(0)
  expect(out).toMatch(/^3 seeds in [\d.]+ s \([\d.]+ a second\), 0 with a broken promise\n/)
  expect(out).toMatch(/\n0\.0\d hours of cluster time, \d{3} operations, \d+ answered\n/)
  expect(out).toMatch(/\nfaults: .*crash \d+/)
})

it('writes the same trace of a seed twice', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'paxos-simulate-'))
  try {
    const traceTo = async (name: string): Promise<string> => {
      const file = join(directory, name)
      const { code } = await ended(start('--seed', '3', '--trace', file))
      expect(code).toBe(0)
      return await readFile(file, 'utf8')
    }
    const [first, second] = [await traceTo('first'), await traceTo('second')]
    expect(first.length).toBeGreaterThan(10_000)
    expect(second === first).toBe(true)
  } finally {
    await rm(directory, { recursive: true })
  }
})

it.each([
  ['--seeds', 'many'],
  ['--seeds', '0'],
  ['--profile', 'stormy'],
  ['--workers', '-1'],
  ['--seed', '4294967296'],
  ['--trace', '/tmp/trace-of-what'],
])('refuses %s %s with one sentence and 2', async (...args) => {
  const { code, out, err } = await ended(start(...args))
  expect([code, out]).toEqual([2, ''])
  expect(err).toMatch(/^error: .+\n$/)
})

it('when it is interrupted, says what was done until then, and ends with 130', async () => {
  // An interruption that comes before it listens just ends it: then it is given longer.
  for (let delayMs = 2000; ; delayMs *= 2) {
    const child = start('--seeds', '1000000', '--profile', 'calm')
    const interrupt = setTimeout(() => child.kill('SIGINT'), delayMs)
    const { code, out } = await ended(child)
    clearTimeout(interrupt)
    if (code === null) continue
    expect(code).toBe(130)
    expect(out).toMatch(/^\d+ seeds in /)
    return
  }
})
