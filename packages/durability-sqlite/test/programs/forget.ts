/** Opens the database in its argument, saves, says so, and forgets to close it. */
import { sqlite } from '@paxos/durability-sqlite'

const adapter = sqlite(process.argv[2] ?? '')
await adapter.open()
await adapter.save({ promised: { round: 7, node: 'a' } })
process.stdout.write('saved\n')
