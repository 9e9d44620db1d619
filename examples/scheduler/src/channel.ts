/**
 * What a worker and the process that has started it say to each other; by hand, where there is none, reports
 * are printed. A worker must never outlive its parent.
 */
import { once } from 'node:events'
import type { Order, Report } from './report.ts'
import { lineOf } from './report.ts'

/** Calls the listener with each order; never where there is nobody to give any. */
export type OnOrder = (listener: (order: Order) => void) => void

/** How long it may take to give back what is held, in milliseconds. */
const LEAVE_WITHIN_MS = 5000

export const onOrder: OnOrder = (listener) => process.on('message', listener)

/** Aborts on Ctrl-C, when somebody asks this process to end, or when its parent has gone. */
export function leaving(): AbortSignal {
  const leave = new AbortController()
  // A parent that is there waits as long as it likes.
  if (process.send === undefined) leave.signal.addEventListener('abort', leaveSoon)
  else process.once('disconnect', leaveSoon)
  for (const event of ['SIGINT', 'SIGTERM', 'disconnect']) process.once(event, () => leave.abort())
  // The parent may have gone before anybody listened.
  if (process.send !== undefined && !process.connected) {
    leave.abort()
    leaveSoon()
  }
  return leave.signal
}

/** Giving back takes a majority: where there is none, what is held here expires. */
function leaveSoon(): void {
  setTimeout(() => process.exit(1), LEAVE_WITHIN_MS).unref()
}

export function reporter(id: string): (report: Report) => void {
  if (process.send === undefined) {
    return (report) => process.stdout.write(`${lineOf(id, report)}\n`)
  }
  // A parent that has gone needs no reports; 'disconnect' ends this process.
  return (report) => process.send?.(report, undefined, {}, () => undefined)
}

/** Resolves when the parent says that the work of the run with that token is done. */
export function untilOrdered(leave: AbortSignal): (run: { token: number }) => Promise<void> {
  const ordered = new EventTarget()
  onOrder((order) => {
    if (order.type === 'write') ordered.dispatchEvent(new Event(String(order.token)))
  })
  return async ({ token }) => {
    await once(ordered, String(token), { signal: leave })
  }
}
