/** Opens the database in its argument, says so, and holds it until it is ended. */
import { sqlite } from '@paxos/durability-sqlite'

const adapter = sqlite(process.argv[2] ?? '')
try {
  await adapter.open()
  process.stdout.write('open\n')
  // An adapter keeps no process alive, so something else must.
  setInterval(() => undefined, 60_000)
} catch (error) {
  process.stdout.write(`${error instanceof Error ? `${error.name}: ${error.message}` : 'failed'}\n`)
}
