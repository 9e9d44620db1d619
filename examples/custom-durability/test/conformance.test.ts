/** The suite on a real disk, on one that fails, and with a process that stops at any call to the system. */
import type * as FsPromises from 'node:fs/promises'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, vi } from 'vitest'
import { directoryHarness, durabilityConformance } from '@paxos/testkit'
import type { Found, Life } from '@paxos/testkit'
import { jsonFile } from '../src/json-file.ts'

// In memory where there is such a place, for a busy disk takes its time over every sync.
if (existsSync('/dev/shm')) vi.stubEnv('TMPDIR', '/dev/shm')

const files = directoryHarness({
  durability: (directory) => jsonFile(join(directory, 'state.json')),
})

durabilityConformance(
  () => ({ ...files(), fail, crashesDuring }),
  { describe, it },
  {
    hold: 'a real disk cannot be stopped before its sync',
    fixtures: 'an example has no earlier releases',
  },
)

/** The process: at which call it stops, before that is done or right after; and whether the disk fails. */
const { machine, call } = vi.hoisted(() => {
  const state = {
    calls: 0,
    stopAt: Number.POSITIVE_INFINITY,
    isDone: false,
    hasStopped: false,
    isFailing: false,
  }
  async function called<T>(run: () => Promise<T>): Promise<T> {
    if (state.isFailing) throw Object.assign(new Error('The disk is full.'), { code: 'ENOSPC' })
    state.calls += 1
    const isLast = state.calls === state.stopAt
    if (isLast && state.isDone) await run()
    state.hasStopped ||= isLast
    if (state.hasStopped) throw new Error('The process has stopped.')
    return run()
  }
  return { machine: state, call: called }
})

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof FsPromises>()
  const open: typeof real.open = async (...args) => {
    const handle = await call(() => real.open(...args))
    const write = handle.write.bind(handle)
    const datasync = handle.datasync.bind(handle)
    const sync = handle.sync.bind(handle)
    return Object.assign(handle, {
      write: (...written: Parameters<typeof write>) => call(() => write(...written)),
      datasync: () => call(datasync),
      sync: () => call(sync),
    })
  }
  const rename: typeof real.rename = (...args) => call(() => real.rename(...args))
  const rm: typeof real.rm = (...args) => call(() => real.rm(...args))
  return { ...real, open, rename, rm }
})

function fail(): () => void {
  machine.isFailing = true
  return () => {
    machine.isFailing = false
  }
}

async function* crashesDuring(life: Life): AsyncGenerator<Found> {
  const root = mkdtempSync(join(tmpdir(), 'custom-durability-'))
  const alive = { calls: 0, stopAt: Number.POSITIVE_INFINITY, isDone: false, hasStopped: false }
  try {
    for (let stopAt = 1; ; stopAt += 1) {
      const isDone = stopAt % 2 === 0
      const [lived, found] = [join(root, `${stopAt}-lived`), join(root, `${stopAt}-found`)]
      mkdirSync(lived)
      Object.assign(machine, { ...alive, stopAt, isDone })
      await life(jsonFile(join(lived, 'state.json')))
      const hasEnded = !machine.hasStopped
      Object.assign(machine, alive)
      if (hasEnded) return
      // A copy, without the lock: whose process is dead does not hold it any more.
      cpSync(lived, found, { recursive: true, filter: (path) => !path.includes('-lock-') })
      const what = `a stop ${isDone ? 'after' : 'before'} call ${stopAt}`
      yield { what, durability: () => jsonFile(join(found, 'state.json')) }
    }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
