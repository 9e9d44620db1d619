/**
 * Saves change after change, eight at a time, and says which are durable. Ends only by a signal. With
 * a seed in its last argument they are those of mixed.ts.
 */
import { writeSync } from 'node:fs'
import { file } from '@paxos/durability-file'
import { changeNumber } from './changes.ts'
import { mixedChange } from './mixed.ts'

const [, , directory = '', seed] = process.argv
const adapter = file(directory)
const { chosenThrough } = await adapter.open()
let next = chosenThrough
// Not through a stream: a line that is buffered would be lost with the process.
const say = (line: string) => writeSync(1, `${line}\n`)
say(`found ${chosenThrough}`)

async function saveOnAndOn(): Promise<never> {
  for (;;) {
    next += 1
    const number = next
    const change = seed === undefined ? changeNumber(number) : mixedChange(Number(seed), number)
    await adapter.save(change)
    say(`durable ${number}`)
  }
}
await Promise.all(Array.from({ length: 8 }, saveOnAndOn))
