/** How a command that starts workers ends early. */
import { UserError } from './fail.ts'

/** Aborts on Ctrl-C, when somebody asks this process to end, or when nobody reads what it says. */
export function interrupted(): AbortSignal {
  const controller = new AbortController()
  const abort = (): void => {
    controller.abort(new UserError('Interrupted. The workers were stopped; run the command again.'))
  }
  for (const event of ['SIGINT', 'SIGTERM']) process.once(event, abort)
  process.stdout.on('error', abort)
  return controller.signal
}
