/**
 * Look-ups of names. One that runs cannot be cancelled, takes a thread that files wait for as well,
 * and may outlive the dial that asked when the name server is silent. So there is one at a time for
 * a name, and few in all; who asks for the same joins. Must keep nothing after close.
 */
import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'
import { CLOSE_LOOKUP_MS, MAX_LOOKUPS } from './limits.ts'

/** The look-ups of one transport. */
export interface Lookups {
  /**
   * The IP addresses of `host`, at least one. Rejects when there is none, with the error of the
   * system, and never settles once the look-ups are closed.
   */
  addressesOf(host: string): Promise<readonly LookupAddress[]>
  /** The same, as node:net and node:tls ask for it. */
  readonly lookup: LookupFunction
  /** Starts no more. Resolves when none runs, and at the latest after CLOSE_LOOKUP_MS. */
  close(): Promise<void>
}

type Callback = Parameters<LookupFunction>[2]

/** No look-up runs yet. `resolve` rejects for a name that there is not. */
export function makeLookups(resolve = platformAddresses): Lookups {
  /** Those that have not ended, those that have not begun included. */
  const pending = new Map<string, Promise<readonly LookupAddress[]>>()
  const queue: (() => void)[] = []
  let running = 0
  let isClosed = false
  let onIdle: (() => void) | null = null

  async function run(host: string): Promise<readonly LookupAddress[]> {
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
      // Nobody is told any more.
      if (isClosed) await new Promise(() => {})
    }
  }

  function begin(): void {
    const next = running < MAX_LOOKUPS ? queue.shift() : undefined
    if (next === undefined) return
    running += 1
    next()
  }

  function addressesOf(host: string): Promise<readonly LookupAddress[]> {
    if (isClosed) return new Promise(() => {})
    let found = pending.get(host)
    if (found === undefined) pending.set(host, (found = run(host)))
    return found
  }

  async function tell(host: string, all: boolean, callback: Callback): Promise<void> {
    let found: readonly LookupAddress[] = []
    try {
      found = await addressesOf(host)
    } catch (error) {
      callback(error instanceof Error ? error : new Error(String(error)), '')
      return
    }
    const [first] = found
    if (all || first === undefined) callback(null, [...found])
    else callback(null, first.address, first.family)
  }

  return {
    addressesOf,
    lookup(host, { all = false }, callback) {
      void tell(host, all, callback)
    },
    async close() {
      isClosed = true
      queue.length = 0
      pending.clear()
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

async function platformAddresses(host: string): Promise<readonly LookupAddress[]> {
  return lookup(host, { all: true })
}
