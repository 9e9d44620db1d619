/** Saves change after change, eight at a time, and says which are durable. Ends only by a signal. */
import { writeSync } from 'node:fs'
import { sqlite } from '@paxos/durability-sqlite'
import { changeNumber } from './changes.ts'

const [path = '', name] = process.argv.slice(2)
const driver = name === 'node:sqlite' ? name : 'better-sqlite3'
const adapter = sqlite(path, { driver })
const { chosenThrough } = await adapter.open()
let next = chosenThrough
// Not through a stream: a line that is buffered would be lost with the process.
const say = (line: string) => writeSync(1, `${line}\n`)
say(`found ${chosenThrough}`)

async function saveOnAndOn(): Promise<never> {
  for (;;) {
    next += 1
    const number = next
    await adapter.save(changeNumber(number))
    say(`durable ${number}`)
  }
}
await Promise.all(Array.from({ length: 8 }, saveOnAndOn))
