/**
 * Whose a database is, as it is kept in it: what the suite of every adapter cannot see from outside.
 * That it survives saves and crashes is in conformance.test.ts.
 */
import { IdentityError, type Owner } from '@paxos/core'
import { FIXTURE_OWNER } from '@paxos/testkit'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { sqliteOn } from '../src/sqlite.ts'
import { copyNow, filesIn, fingerprint, temporaryDirectory } from './directories.ts'
import { promise, readable } from './model.ts'
import { ANY_DRIVER as driver, platformWith, QUICK, type Around } from './platform.ts'

const NAME = 'node.db'
const EARLIER = fileURLToPath(new URL('fixtures/v1', import.meta.url))
const OWNER: Owner = { cluster: 'x', id: 'a', kind: 'log', drawIncarnation: () => 'drawn' }

const open = (directory: string) => sqliteOn(QUICK, join(directory, NAME), { driver })

async function earlier(): Promise<string> {
  const directory = await temporaryDirectory()
  copyNow(EARLIER, directory)
  return directory
}

/** The versions that the header of the database, and both marks, say. */
function versionsIn(directory: string): readonly (number | undefined)[] {
  const files = filesIn(directory)
  const mark = files.get(`${NAME}-mark`)
  return [
    files.get(NAME)?.readUInt32BE(60),
    ...[0, 4096].map((position) => mark?.readUInt32LE(position + 4)),
  ]
}

describe('the format', () => {
  it('of a database with an owner has a version that earlier releases refuse by name', async () => {
    const directory = await temporaryDirectory()
    const adapter = open(directory)
    await adapter.open(OWNER)
    await adapter.close()
    expect(versionsIn(directory)).toEqual([4, 4, 4])
  })

  it('of a database without an owner has another, which they refuse as well', async () => {
    const directory = await temporaryDirectory()
    const adapter = open(directory)
    await adapter.open()
    await adapter.save(promise(1))
    await adapter.close()
    expect(versionsIn(directory)).toEqual([3, 3, 3])
  })
})

describe('a refused open writes nothing', () => {
  it.each<readonly [string, Partial<Owner>]>([
    ['another node', { id: 'b' }],
    ['another cluster', { cluster: 'y' }],
    ['another kind of node', { kind: 'decree' }],
  ])('to a database that %s asks for, closed or with a log', async (_, other) => {
    const directory = await temporaryDirectory()
    const adapter = open(directory)
    await adapter.open(OWNER)
    await adapter.save(promise(1))
    const killed = await temporaryDirectory()
    copyNow(directory, killed)
    await adapter.close()
    expect(filesIn(killed).has(`${NAME}-wal`)).toBe(true)
    for (const place of [directory, killed]) {
      const before = fingerprint(place)
      const opening = open(place).open({ ...OWNER, ...other })
      await expect(opening).rejects.toThrow(IdentityError)
      await expect(opening).rejects.toThrow(/node\.db belongs to node "a" of cluster "x"/)
      expect(fingerprint(place)).toEqual(before)
    }
  })

  it.each<readonly [string, Partial<Owner>]>([
    ['a stranger', { id: 'stranger' }],
    ['a single decree', { kind: 'decree' }],
  ])('to what an earlier release wrote, for %s', async (_, other) => {
    const directory = await earlier()
    const before = fingerprint(directory)
    const opening = open(directory).open({ ...FIXTURE_OWNER, ...other })
    await expect(opening).rejects.toThrow(IdentityError)
    expect(fingerprint(directory)).toEqual(before)
  })
})

it('what an earlier release wrote is given its owner: at every stop it has all that it had, and one owner from when it was told', async () => {
  const untouched = await earlier()
  const before = readable(await readFrom(untouched))
  const root = await temporaryDirectory()
  const seen = new Set<string>()
  for (let stopAt = 1; ; stopAt += 1) {
    const live = join(root, `live-${stopAt}`)
    const left = join(root, `left-${stopAt}`)
    for (const place of [live, left]) mkdirSync(place)
    copyNow(EARLIER, live)
    let calls = 0
    let stopped = false
    const around: Around = async (_, run) => {
      if (stopped) throw new Error('The machine has stopped.')
      calls += 1
      if (calls !== stopAt) return run()
      // Before and after the call in turn: the next stop is before what this one is after.
      try {
        return await run()
      } finally {
        stopped = true
        copyNow(live, left)
      }
    }
    const adapter = sqliteOn(platformWith(around), join(live, NAME), { driver })
    const opened = await adapter
      .open({ ...FIXTURE_OWNER, drawIncarnation: () => 'first' })
      .catch(() => null)
    await adapter.close().catch(() => undefined)
    if (!stopped) break
    const what = `stopped at call ${stopAt}`
    const found = await readFrom(left)
    const incarnation = found.identity?.incarnation ?? 'none'
    expect(readable(found), what).toBe(before)
    expect(opened === null ? ['first', 'none'] : ['first'], what).toContain(incarnation)
    seen.add(incarnation)
    const again = open(left)
    const owned = await again.open({ ...FIXTURE_OWNER, drawIncarnation: () => 'second' })
    await again.close()
    expect(owned.identity?.incarnation, what).toBe(incarnation === 'none' ? 'second' : 'first')
    expect(versionsIn(left), what).toEqual([4, 4, 4])
    for (const place of [live, left]) rmSync(place, { recursive: true })
  }
  expect([...seen].toSorted()).toEqual(['first', 'none'])
})

async function readFrom(directory: string) {
  const adapter = open(directory)
  const found = await adapter.open()
  await adapter.close()
  return found
}
