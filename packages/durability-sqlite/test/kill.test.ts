/** Real processes that really die. */
import { sqlite } from '@paxos/durability-sqlite'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { temporaryDirectory } from './directories.ts'
import { after, readable } from './model.ts'
import { ANY_DRIVER, DRIVERS } from './platform.ts'
import { rest, start } from './processes.ts'
import { changeNumber } from './programs/changes.ts'

// Processes that have to start, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 })

const ROUNDS = 6

describe.each(DRIVERS)('P13: the shipped defaults survive kill -9, with %s', (driver) => {
  it(`killed ${ROUNDS} times in mid-writing, a node finds everything that it acknowledged`, async () => {
    const path = join(await temporaryDirectory(), 'a.db')
    let acknowledged = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      const program = start('write', [path, driver])
      expect((await program.lines.next()).value).toMatch(/^found \d+$/)
      // Not a fixed number: sometimes before the first save, sometimes beyond several checkpoints.
      const enough = (round * 117) % 311
      for (let read = 0; read < enough; read += 1) {
        acknowledged = numberIn((await program.lines.next()).value)
      }
      await program.kill()
      for (const line of await rest(program)) acknowledged = numberIn(line)

      const adapter = sqlite(path, { driver })
      const saved = await adapter.open()
      expect(saved.chosenThrough).toBeGreaterThanOrEqual(acknowledged)
      const changes = Array.from({ length: saved.chosenThrough }, (_, at) => changeNumber(at + 1))
      expect(readable(saved) === readable(after(changes))).toBe(true)
      acknowledged = saved.chosenThrough
      await adapter.close()
    }
    expect(acknowledged).toBeGreaterThan(500)
  })
})

describe('an adapter that is open', () => {
  it('keeps no process alive, and what was saved without a close is there', async () => {
    const path = join(await temporaryDirectory(), 'a.db')
    const program = start('forget', [path])
    expect(await rest(program)).toEqual(['saved'])
    expect(await program.ended).toBe(0)
    const adapter = sqlite(path, { driver: ANY_DRIVER })
    expect((await adapter.open()).promised).toEqual({ round: 7, node: 'a' })
    await adapter.close()
  })
})

describe.runIf(process.platform !== 'win32')('a limit of the system that is really reached', () => {
  it('refuses the save that needs more, and all that was acknowledged is there', async () => {
    const path = join(await temporaryDirectory(), 'a.db')
    const program = start('fill', [path], { limitBlocks: 2000 })
    const [saved, refusal, later, closed] = await rest(program)
    expect(refusal).toMatch(
      /^ERR_PAXOS_DURABILITY_FAILED: Could not save .*a\.db: .*open it again\.$/,
    )
    expect(later).toBe('ERR_PAXOS_DURABILITY_POISONED')
    expect(closed).toBe('closed')
    expect(await program.ended).toBe(0)
    const count = Number(/^saved (\d+)$/.exec(String(saved))?.[1])
    expect(count).toBeGreaterThan(5)

    const adapter = sqlite(path, { driver: ANY_DRIVER })
    const { chosenThrough, accepted } = await adapter.open()
    expect(chosenThrough).toBeGreaterThanOrEqual(count)
    expect(accepted.map(({ value }) => value[0])).toEqual(
      Array.from({ length: chosenThrough }, (_, at) => at + 1),
    )
    await adapter.close()
  })
})

function numberIn(line: unknown): number {
  const number = /^durable (\d+)$/.exec(String(line))?.[1]
  if (number === undefined) throw new Error(`Not a line of the program: ${String(line)}`)
  return Number(number)
}
