/** Saves larger and larger states until one is refused, and says why, and what it had saved. */
import { DurabilityError } from '@paxos/core'
import { sqlite } from '@paxos/durability-sqlite'

const adapter = sqlite(process.argv[2] ?? '')
await adapter.open()
for (let slot = 1; ; slot += 1) {
  try {
    const value = new Uint8Array(50_000).fill(slot)
    await adapter.save({
      chosenThrough: slot,
      accepted: [{ slot, ballot: { round: 1, node: 'a' }, value }],
    })
  } catch (error) {
    if (!(error instanceof DurabilityError)) throw error
    process.stdout.write(`saved ${slot - 1}\n${error.code}: ${error.message}\n`)
    break
  }
}
await adapter.save({ chosenThrough: 0 }).catch((error: unknown) => {
  process.stdout.write(`${error instanceof DurabilityError ? error.code : 'another error'}\n`)
})
await adapter.close()
process.stdout.write('closed\n')
