/**
 * Saves change after change, eight at a time, and says which are durable. Ends only by a signal. With
 * a seed in its last argument they are those of mixed.ts.
 */
import { writeSync } from 'node:fs'
import { sqlite } from '@paxos/durability-sqlite'
import { changeNumber } from './changes.ts'
import { mixedChange } from './mixed.ts'

const [path = '', name, seed] = process.argv.slice(2)
const driver = name === 'node:sqlite' ? name : 'better-sqlite3'
const adapter = sqlite(path, { driver })
const { chosenThrough } = await adapter.open()
let next = chosenThrough
await say(`found ${chosenThrough}`)

async function saveOnAndOn(): Promise<never> {
  for (;;) {
    next += 1
    const number = next
    const change = seed === undefined ? changeNumber(number) : mixedChange(Number(seed), number)
    await adapter.save(change)
    await say(`durable ${number}`)
  }
}
await Promise.all(Array.from({ length: 8 }, saveOnAndOn))

/** Not through a stream: a line that is buffered would be lost with the process. */
async function say(line: string): Promise<void> {
  for (;;) {
    try {
      writeSync(1, `${line}\n`)
      return
    } catch (error) {
      // Whoever reads this is behind. A line is short enough to be written whole or not at all.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}
