/** Real processes that really die. */
import { describe, expect, it, vi } from 'vitest'
import { file } from '@paxos/durability-file'
import { after, readable } from './model.ts'
import { start, temporaryDirectory } from './processes.ts'
import { changeNumber } from './programs/changes.ts'

// Many runs, or processes that have to start, on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 })

const ROUNDS = 20

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
    expect(acknowledged).toBeGreaterThan(500)
  })
})

function numberIn(line: IteratorResult<string>): number {
  const number = /^durable (\d+)$/.exec(String(line.value))?.[1]
  if (number === undefined) throw new Error(`Not a line of the program: ${String(line.value)}`)
  return Number(number)
}
