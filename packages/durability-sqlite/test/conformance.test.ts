/**
 * The suite of every durability adapter with each driver, on a platform that can be held, can refuse,
 * and stops at any call; and once more, as shipped, what is about opening and closing.
 */
import { fileURLToPath } from 'node:url'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { directoryHarness, durabilityConformance } from '@paxos/testkit'
import type { DurabilityHarness, Found, Life, Runner } from '@paxos/testkit'
import { sqlite } from '@paxos/durability-sqlite'
import { extent } from '@paxos/testkit/fuzz'
import { describe, it, vi } from 'vitest'
import type { DriverName } from '../src/connection.ts'
import { sqliteOn } from '../src/sqlite.ts'
import { SCRATCH, copyNow, filesIn, fingerprint } from './directories.ts'
import { newGate, type Gate } from './gate.ts'
import { DRIVERS, platformWith, QUICK, sqlError, type Around } from './platform.ts'

// Where the suite makes its directories.
vi.stubEnv('TMPDIR', SCRATCH)

const FIXTURES = fileURLToPath(new URL('fixtures', import.meta.url))
const DATABASE = 'node.db'
/** At one of so many calls it stops; prime, so that every kind has its turn. */
const STRIDE = extent(7, 2)

describe.each(DRIVERS)('%s', (driver) => {
  durabilityConformance(() => harness(driver), { describe, it })
})

/** The parts of the suite in which a thread that has just been started may make a difference. */
const CALLS = ['a location is open once', 'open', 'save', 'close']

describe.each(DRIVERS)('%s, as shipped, with a thread for each adapter', (driver) => {
  const calls: Runner = {
    describe(part, body) {
      if (CALLS.includes(part)) describe(part, body)
    },
    it,
  }
  durabilityConformance(
    directoryHarness({ durability: (directory) => sqlite(join(directory, DATABASE), { driver }) }),
    calls,
    { hold: 'nobody can hold the syncs of a real disk' },
  )
})

function harness(driver: DriverName): DurabilityHarness {
  const root = mkdtempSync(join(SCRATCH, 'durability-sqlite-'))
  let held: Gate | null = null
  let failing = false
  const around: Around = async (operation, run) => {
    if (operation.type === 'sync') await held?.pass()
    if (failing && operation.type === 'run') throw sqlError('SQLITE_FULL')
    return run()
  }
  const platform = platformWith(around)
  const files = directoryHarness({
    durability: (directory) => sqliteOn(platform, join(directory, DATABASE), { driver }),
    fixtures: FIXTURES,
    flips: extent(6, 48),
  })()
  return {
    ...files,
    hold() {
      const gate = newGate()
      held = gate
      return {
        waiting: () => gate.arrived,
        release() {
          if (held === gate) held = null
          gate.open()
        },
      }
    },
    fail() {
      failing = true
      return () => {
        failing = false
      }
    },
    crashesDuring: (life) => crashesDuring(root, driver, life),
    async remove() {
      await files.remove?.()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/**
 * Before and after every call to the system and to SQLite. What SQLite wrote into its log in one
 * call may not have been synced by then: so parts of it are there too, up to any length.
 */
async function* crashesDuring(root: string, driver: DriverName, life: Life): AsyncGenerator<Found> {
  let count = 0
  function newPlace(): string {
    count += 1
    const place = join(root, `${count}`)
    mkdirSync(place)
    return place
  }
  for (let stopAt = 1; ; stopAt += STRIDE) {
    const live = newPlace()
    const before = newPlace()
    const after = newPlace()
    let calls = 0
    let stopped = false
    const around: Around = async (_, run) => {
      if (stopped) throw new Error('The machine has stopped.')
      calls += 1
      if (calls !== stopAt) return run()
      copyNow(live, before)
      try {
        await run()
      } finally {
        stopped = true
        copyNow(live, after)
      }
      throw new Error('The machine has stopped.')
    }
    const platform = platformWith(around)
    const adapter = sqliteOn(platform, join(live, DATABASE), { driver })
    await life(adapter)
    // What is dead has nothing open; this one lives on in the process of the test.
    await adapter.close().catch(() => undefined)
    rmSync(live, { recursive: true, force: true })
    if (!stopped) return
    const found = (what: string, directory: string): Found => ({
      what: `a stop at call ${stopAt}, ${what}`,
      durability: () => sqliteOn(QUICK, join(directory, DATABASE), { driver }),
    })
    for (const [part, log] of tornLogs(before, after)) {
      const place = newPlace()
      copyNow(after, place)
      writeFileSync(join(place, `${DATABASE}-wal`), log)
      yield found(`with ${part} bytes of what it wrote`, place)
      rmSync(place, { recursive: true })
    }
    if (fingerprint(before).join() !== fingerprint(after).join()) yield found('before', before)
    yield found('after', after)
    for (const place of [before, after]) rmSync(place, { recursive: true, force: true })
  }
}

/** The log after a call, with only the first part of what is new in it. */
function* tornLogs(before: string, after: string): Generator<readonly [number, Uint8Array]> {
  const old = filesIn(before).get(`${DATABASE}-wal`) ?? Buffer.alloc(0)
  const log = filesIn(after).get(`${DATABASE}-wal`) ?? Buffer.alloc(0)
  if (log.equals(old) || log.length < old.length) return
  const start = [...log].findIndex((byte, at) => byte !== old[at])
  for (const share of [0.3, 0.99]) {
    const part = Math.floor((log.length - start) * share)
    const end = start + part
    yield [part, Buffer.concat([log.subarray(0, end), old.subarray(end)])]
  }
}
