/** Takes the lock of the kind and at the place in its arguments, says so, and holds it. */
import { lockBeside, lockDirectory } from '../../../src/files/lock.ts'

const [, , kind, place = ''] = process.argv
try {
  await (kind === 'directory' ? lockDirectory(place) : lockBeside(place, 'file'))
  process.stdout.write('held\n')
  // A lock keeps no process alive, so something else must.
  setInterval(() => undefined, 60_000)
} catch (error) {
  process.stdout.write(`${error instanceof Error ? `${error.name}: ${error.message}` : 'failed'}\n`)
}
