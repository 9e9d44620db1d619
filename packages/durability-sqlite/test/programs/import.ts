/** Imports the package, makes an adapter, and says which native SQLite that has loaded. */
import { sqlite } from '@paxos/durability-sqlite'

sqlite(process.argv[2] ?? '')
const report: unknown = process.report.getReport()
const objects =
  typeof report === 'object' && report !== null && 'sharedObjects' in report
    ? report.sharedObjects
    : null
const loaded = Array.isArray(objects)
  ? objects.filter((name) => /sqlite/i.test(String(name))).length
  : 'unknown'
process.stdout.write(`loaded ${loaded}\n`)
