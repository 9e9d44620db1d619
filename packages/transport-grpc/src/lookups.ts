/**
 * Look-ups of names. One that runs cannot be cancelled, takes a thread that files wait for as well,
 * and may outlive the dial that asked when the name server is silent. So there is one at a time for
 * a name, and few in all; who asks for the same joins. Must keep nothing after close.
 */
import { lookup } from 'node:dns/promises'
import { CLOSE_LOOKUP_MS, MAX_LOOKUPS } from './limits.ts'

/** The look-ups of one transport. */
export interface Lookups {
  /** The IP addresses of a name. Rejects when there is none, and never settles once it is closed. */
  addressesOf(host: string): Promise<readonly string[]>
  /** Starts no more. Resolves when none runs, and at the latest after CLOSE_LOOKUP_MS. */
  close(): Promise<void>
}

/** No look-up runs yet. `resolve` rejects for a name that there is not. */
export function makeLookups(resolve = platformAddresses): Lookups {
  /** Those that have not ended, those that have not begun included. */
  const pending = new Map<string, Promise<readonly string[]>>()
  const queue: (() => void)[] = []
  let running = 0
  let isClosed = false
  let onIdle: (() => void) | null = null

  async function run(host: string): Promise<readonly string[]> {
    await new Promise<void>((start) => {
      queue.push(start)
      begin()
    })
    try {
      return await resolve(host)
    } finally {
      running -= 1
      pending.delete(host)
      begin()
      if (running === 0) onIdle?.()
    }
  }

  function begin(): void {
    const next = running < MAX_LOOKUPS && !isClosed ? queue.shift() : undefined
    if (next === undefined) return
    running += 1
    next()
  }

  return {
    addressesOf(host) {
      let found = pending.get(host)
      if (found === undefined) pending.set(host, (found = run(host)))
      return found
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

async function platformAddresses(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true })
  return found.map(({ address }) => address)
}
