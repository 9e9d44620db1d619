import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import type { Durability } from '@paxos/core'
import { directoryHarness, durabilityConformance, writeFixture } from '@paxos/testkit'
import type { NotApplicable } from '@paxos/testkit'
import { play, scenariosOf } from './play.ts'
import { textFile } from './text-file.ts'
import type { TextFileFault } from './text-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'testkit-fixtures-'))
afterAll(() => rmSync(folder, { recursive: true }))
for (const release of ['v1', 'v2']) {
  mkdirSync(join(folder, release))
  await writeFixture(textFile(join(folder, release)))
}

const WITHOUT: NotApplicable = {
  hold: 'nobody holds it',
  fail: 'it never fails',
  crashesDuring: 'nobody sees the order of its syncs',
}

describe('an adapter over a file passes', () => {
  const adapter = { durability: (directory: string) => textFile(directory), fixtures: folder }
  durabilityConformance(directoryHarness(adapter), { describe, it }, WITHOUT)
})

describe('what an adapter over a file does wrong is caught', () => {
  it.each<[TextFileFault, RegExp]>([
    ['has no checksum', /no other state is ever shown/],
    ['writes when it closes', /survives the end of its process/],
  ])('%s', async (fault, title) => {
    const make = directoryHarness({
      durability: (directory) => textFile(directory, fault),
      fixtures: folder,
    })
    const scenarios = scenariosOf((runner) => durabilityConformance(make, runner, WITHOUT))
    const matching = scenarios.filter((scenario) => title.test(scenario.title))
    expect(matching).toHaveLength(1)
    for (const scenario of matching) expect(await play(scenario)).toBe('failed')
  })
})

describe('a harness over directories', () => {
  it.each([
    [10, 10],
    [1_000_000, null],
  ])('flips at most %i bits, each alone, in bytes far apart', async (flips, expected) => {
    const directories: string[] = []
    const harness = directoryHarness({
      flips,
      durability(directory) {
        directories.push(directory)
        return textFile(directory)
      },
    })()
    await writeFixture(harness.durability())
    const stored = readFileSync(join(directories[0] ?? '', 'folder', 'state'))
    const positions: number[] = []
    for await (const { durability } of harness.damages?.() ?? []) {
      durability()
      const found = readFileSync(join(directories.at(-1) ?? '', 'folder', 'state'))
      const changed = [...stored.keys()].filter((at) => stored[at] !== found[at])
      expect(changed).toHaveLength(1)
      const [at = 0] = changed
      const difference = (stored[at] ?? 0) ^ (found[at] ?? 0)
      expect(Math.log2(difference) % 1).toBe(0)
      positions.push(at)
    }
    const count = expected ?? stored.byteLength
    expect(positions).toHaveLength(count)
    const gaps = positions.slice(1).map((at, index) => at - (positions[index] ?? 0))
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(Math.floor(stored.byteLength / count))
    await harness.remove?.()
  })

  it('leaves the fixtures as they were, opens each, and says which one it was', async () => {
    const before = readFileSync(join(folder, 'v1', 'folder', 'state'))
    const harness = directoryHarness({
      durability: (directory) => textFile(directory),
      fixtures: pathToFileURL(folder),
    })()
    const releases: string[] = []
    for await (const { what, durability } of harness.fixtures?.() ?? []) {
      releases.push(what)
      const adapter = durability()
      await adapter.open()
      await adapter.save({ chosenThrough: 99 })
      await adapter.close()
    }
    expect(releases).toEqual([expect.stringContaining('v1'), expect.stringContaining('v2')])
    expect(readFileSync(join(folder, 'v1', 'folder', 'state'))).toEqual(before)
    await harness.remove?.()
  })

  it('copies what a process leaves, not its sockets, closes what it had open, and removes all', async () => {
    const directories: string[] = []
    const closed: string[] = []
    const harness = directoryHarness({
      durability(directory): Durability {
        directories.push(directory)
        const adapter = textFile(directory)
        return {
          ...adapter,
          close: async () => {
            closed.push(directory)
            await adapter.close()
          },
        }
      },
    })()
    const adapter = harness.durability()
    await adapter.open()
    await adapter.save({ chosenThrough: 5 })
    const server = createServer()
    await new Promise<void>((resolve) => {
      server.listen(join(directories[0] ?? '', 'socket'), resolve)
    })
    await harness.crash?.()
    expect(closed).toEqual(directories)
    const next = harness.durability()
    expect(await next.open()).toMatchObject({ chosenThrough: 5 })
    expect(existsSync(join(directories[1] ?? '', 'socket'))).toBe(false)
    await next.close()
    server.close()
    await harness.remove?.()
    expect(directories.filter((directory) => existsSync(directory))).toEqual([])
  })
})
