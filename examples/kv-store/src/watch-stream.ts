/**
 * A watch as server-sent events. It reads from the feed only when the client has taken what was
 * sent, so that nothing piles up here; it ends with the connection, and the connection with it. Must
 * never keep the thread: what is remembered is told in slices, and watches take turns.
 */
import type { z } from 'zod'
import type { watchEvents } from './api.ts'
import type { Change } from './commands.ts'
import type { Watch, Watched } from './feed.ts'
import { MAX_KEPT_EVENT_CHARACTERS, WATCH_SLICE_CHARACTERS } from './limits.ts'
import type { Turns } from './turns.ts'

const LAGGED =
  'This node does not remember all changes since then. Read the keys anew, then watch again.'

/** The body of the answer. `heartbeatMs` is how often it says that it is alive. */
export function watchStream(
  watch: Watch,
  heartbeatMs: number,
  turns: Turns,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let waiting: Promise<Watched | null> | null = null
  let isOver = false
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const first = event('ready', watch.after, { revision: watch.after })
        controller.enqueue(encoder.encode(first))
      },
      async pull(controller) {
        if (waiting === null) await turns.next()
        if (isOver) return
        waiting ??= watch.next()
        const found = await within(waiting, heartbeatMs)
        if (isOver) return
        if (found === 'late') return controller.enqueue(encoder.encode(':\n\n'))
        waiting = null
        if (found?.type === 'change') {
          const told = [found.change, ...watch.more(WATCH_SLICE_CHARACTERS)].map(changeEvent)
          return controller.enqueue(encoder.encode(told.join('')))
        }
        if (found?.type === 'lagged') {
          controller.enqueue(encoder.encode(event('lagged', null, { message: LAGGED })))
        }
        isOver = true
        controller.close()
      },
      cancel() {
        isOver = true
        watch.close()
      },
    },
    { highWaterMark: 0 },
  )
}

/** As long as the feed remembers the change: many watches may be told of it. */
const kept = new WeakMap<Change, string>()

function changeEvent(change: Change): string {
  const found = kept.get(change)
  if (found !== undefined) return found
  const text = event('change', change.revision, change)
  if (text.length <= MAX_KEPT_EVENT_CHARACTERS) kept.set(change, text)
  return text
}

function event<Name extends keyof typeof watchEvents>(
  name: Name,
  id: number | null,
  data: z.input<(typeof watchEvents)[Name]>,
): string {
  const line = id === null ? '' : `id: ${id}\n`
  return `event: ${name}\n${line}data: ${JSON.stringify(data)}\n\n`
}

async function within<T>(promise: Promise<T>, periodMs: number): Promise<T | 'late'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, periodMs, 'late' as const)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
