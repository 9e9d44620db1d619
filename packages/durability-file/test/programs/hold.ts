/** Opens the directory in its argument, says so, and holds it until it is ended. */
import { file } from '@paxos/durability-file'

const adapter = file(process.argv[2] ?? '')
try {
  await adapter.open()
  process.stdout.write('open\n')
  // A lock keeps no process alive, so something else must.
  setInterval(() => undefined, 60_000)
} catch (error) {
  process.stdout.write(`${error instanceof Error ? `${error.name}: ${error.message}` : 'failed'}\n`)
}
