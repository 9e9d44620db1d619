/** Real processes that really die. */
import { describe, expect, it } from 'vitest'
import { file } from '@paxos/durability-file'
import { EMPTY_SAVED, type Saved } from '@paxos/core'
import { extent, SEED, seeded } from '@paxos/testkit/fuzz'
import { after, readable } from '../../adapter-kit/test/stores/append/model.ts'
import { start, temporaryDirectory } from './processes.ts'
import { changeNumber } from './programs/changes.ts'
import { mixedChange } from './programs/mixed.ts'

const ROUNDS = extent(3, 6)

describe('P13: the shipped defaults survive kill -9', () => {
  it(`killed ${ROUNDS} times in mid-writing, a node finds everything that it acknowledged`, async () => {
    const directory = await temporaryDirectory()
    let acknowledged = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      const program = start('write', directory)
      expect((await program.lines.next()).value).toMatch(/^found \d+$/)
      // Not a fixed number: sometimes before the first save, sometimes far into the log.
      const enough = (round * 37) % 211
      for (let read = 0; read < enough; read += 1) {
        acknowledged = numberIn(await program.lines.next())
      }
      await program.kill()
      for (let line = await program.lines.next(); line.done !== true;) {
        acknowledged = numberIn(line)
        line = await program.lines.next()
      }

      const adapter = file(directory)
      const saved = await adapter.open()
      expect(saved.chosenThrough).toBeGreaterThanOrEqual(acknowledged)
      const changes = Array.from({ length: saved.chosenThrough }, (_, at) => changeNumber(at + 1))
      expect(readable(saved) === readable(after(changes))).toBe(true)
      acknowledged = saved.chosenThrough
      await adapter.close()
    }
    expect(acknowledged).toBeGreaterThan(ROUNDS * 20)
  })
})

/** KILLS=N asks for more. */
const KILLS = Number(process.env['KILLS'] ?? extent(2, 8))
/** What write.ts has on its way at once. */
const IN_FLIGHT = 8

describe('P13: many kills of one directory', { timeout: 600_000 + KILLS * 60_000 }, () => {
  it(`a node that is killed again and again in one place, ${KILLS} times, goes on where it was`, async () => {
    const directory = await temporaryDirectory()
    const draw = seeded(SEED)
    let saves = 0
    let expected: Saved = EMPTY_SAVED
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const program = start('write', directory, String(SEED))
      expect((await program.lines.next()).value, `SEED=${SEED}`).toBe(`found ${saves}`)
      let acknowledged = saves
      for (let enough = Math.floor(draw() * 120); enough > 0; enough -= 1) {
        acknowledged = numberIn(await program.lines.next())
      }
      // Real time, for a kill is: anywhere in the saves that are on their way.
      await new Promise((resolve) => setTimeout(resolve, draw() * 4))
      await program.kill()
      for (let line = await program.lines.next(); line.done !== true;) {
        acknowledged = numberIn(line)
        line = await program.lines.next()
      }

      const where = `SEED=${SEED}, kill ${kill}, ${acknowledged} acknowledged`
      const adapter = file(directory)
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
})

function numberIn(line: IteratorResult<string>): number {
  const number = /^durable (\d+)$/.exec(String(line.value))?.[1]
  if (number === undefined) throw new Error(`Not a line of the program: ${String(line.value)}`)
  return Number(number)
}
