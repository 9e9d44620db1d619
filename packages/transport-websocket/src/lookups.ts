/**
 * Look-ups of names. One that runs cannot be cancelled, takes a thread that files wait for as well,
 * and may outlive the dial that asked when the name server is silent. So there is one at a time for
 * a name, and few in all; who asks for the same joins. Must keep nothing after close.
 */
import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { CLOSE_LOOKUP_MS, MAX_LOOKUPS } from './limits.ts'

/** The look-ups of one transport. */
export interface Lookups {
  readonly lookup: LookupFunction
  /** Starts no more. Resolves when none runs, and at the latest after CLOSE_LOOKUP_MS. */
  close(): Promise<void>
}

type Callback = Parameters<LookupFunction>[2]

/** No look-up runs yet. `resolve` is that of node:dns. */
export function makeLookups(resolve: LookupFunction = lookup): Lookups {
  /** Who waits for the same answer, those that have not begun included. */
  const waiting = new Map<string, Callback[]>()
  const queue: (() => void)[] = []
  let running = 0
  let isClosed = false
  let onIdle: (() => void) | null = null

  function begin(): void {
    const next = running < MAX_LOOKUPS ? queue.shift() : undefined
    if (next === undefined) return
    running += 1
    next()
  }

  return {
    lookup(host, options, callback) {
      if (isClosed) return
      const question = `${host} ${JSON.stringify(options)}`
      const others = waiting.get(question)
      if (others !== undefined) {
        others.push(callback)
        return
      }
      const callbacks = [callback]
      waiting.set(question, callbacks)
      queue.push(() => {
        resolve(host, options, (...answer) => {
          running -= 1
          waiting.delete(question)
          begin()
          if (running === 0) onIdle?.()
          if (!isClosed) for (const answered of callbacks) answered(...answer)
        })
      })
      begin()
    },
    async close() {
      isClosed = true
      queue.length = 0
      if (running === 0) return
      await new Promise<void>((done) => {
        const timer = setTimeout(done, CLOSE_LOOKUP_MS)
        onIdle = () => {
          clearTimeout(timer)
          done()
        }
      })
    },
  }
}
