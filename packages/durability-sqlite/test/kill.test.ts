/** Real processes that really die. */
import { EMPTY_SAVED, type Saved } from '@paxos/core'
import { sqlite } from '@paxos/durability-sqlite'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from './directories.ts'
import { extent, SEED, seeded } from '@paxos/testkit/fuzz'
import { after, readable } from './model.ts'
import { ANY_DRIVER, DRIVERS } from './platform.ts'
import { rest, start } from './processes.ts'
import { changeNumber } from './programs/changes.ts'
import { mixedChange } from './programs/mixed.ts'

const ROUNDS = extent(3, 6)

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
    expect(acknowledged).toBeGreaterThan(ROUNDS * 80)
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

/** KILLS=N asks for more. */
const KILLS = Number(process.env['KILLS'] ?? extent(2, 4))
/** What write.ts has on its way at once. */
const IN_FLIGHT = 8

describe.each(DRIVERS)(
  'P13: many kills of one database, with %s',
  { timeout: 600_000 + KILLS * 60_000 },
  (driver) => {
    it(`a node that is killed again and again in one place, ${KILLS} times, goes on where it was`, async () => {
      const path = join(await temporaryDirectory(), 'a.db')
      const draw = seeded(SEED)
      let saves = 0
      let expected: Saved = EMPTY_SAVED
      for (let kill = 1; kill <= KILLS; kill += 1) {
        const program = start('write', [path, driver, String(SEED)])
        expect((await program.lines.next()).value, `SEED=${SEED}`).toBe(`found ${saves}`)
        let acknowledged = saves
        for (let enough = Math.floor(draw() * 120); enough > 0; enough -= 1) {
          acknowledged = numberIn((await program.lines.next()).value)
        }
        // Real time, for a kill is: anywhere in the saves that are on their way.
        await new Promise((resolve) => setTimeout(resolve, draw() * 4))
        await program.kill()
        for (const line of await rest(program)) acknowledged = numberIn(line)

        const where = `SEED=${SEED}, kill ${kill}, ${acknowledged} acknowledged`
        const adapter = sqlite(path, { driver })
        const saved = await adapter.open()
        await adapter.close()
        const found = saved.chosenThrough
        expect(found, where).toBeGreaterThanOrEqual(acknowledged)
        expect(found, where).toBeLessThanOrEqual(acknowledged + IN_FLIGHT)
        const made = Array.from({ length: found - saves }, (_, at) =>
          mixedChange(SEED, saves + at + 1),
        )
        expected = after(made, expected)
        expect(readable(saved) === readable(expected), `${where}, ${found} found`).toBe(true)
        saves = found
      }
      expect(saves).toBeGreaterThan(KILLS * 20)
    })
  },
)

function numberIn(line: unknown): number {
  const number = /^durable (\d+)$/.exec(String(line))?.[1]
  if (number === undefined) throw new Error(`Not a line of the program: ${String(line)}`)
  return Number(number)
}
