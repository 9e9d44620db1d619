/**
 * The process of the callers, where a store is asked from outside: it writes until it is answered, then
 * measures writes or reads, and says what its callers saw.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { clientsOf } from './clients.ts'
import type { StoreClient, Target } from './clients.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'

export interface ClientOrder {
  readonly target: Target
  readonly callers: number
  readonly durationMs: number
  readonly warmUpMs: number
  readonly bytes: number
  /** Writes, or reads of that consistency, as the store calls it. */
  readonly what: 'writes' | { readonly reads: string }
  /** Which of its nodes are asked, in turn. */
  readonly nodes: 'soonest' | 'all'
}

export type ClientReport = { readonly measured: Measured } | { readonly failed: string }

/** How long a store may take until it answers for the first time. */
const READY_WITHIN_MS = 30_000
const TRY_EVERY_MS = 200
/** Writes to each node, to see which is quick. */
const PROBES = 20

/** So many keys take turns. */
const KEYS = 1_000
const FILL_CALLERS = 64

process.once('message', (order: ClientOrder) => {
  run(order).then(
    (measured) => tell({ measured }),
    (error: unknown) => tell({ failed: String(error) }),
  )
})
process.on('disconnect', () => process.exit())

async function run(order: ClientOrder): Promise<Measured> {
  const { target, callers, durationMs, warmUpMs, bytes, what, nodes } = order
  const all = await Promise.all(clientsOf(target).map(answering))
  const asked = nodes === 'all' ? all : [await soonest(all)]
  const value = 'x'.repeat(bytes)
  if (what !== 'writes') await fill(asked, value)
  let count = 0
  const next = (): Promise<unknown> => {
    count += 1
    const client = asked[count % asked.length]
    const ask = what === 'writes' ? client?.put : client?.get[what.reads]
    if (ask === undefined) throw new TypeError(`The ${target.type} has no such reads.`)
    return ask(keyOf(count), value)
  }
  await measure(callers, warmUpMs, next)
  return await measure(callers, durationMs, next)
}

function keyOf(count: number): string {
  return `key/${count % KEYS}`
}

/** What is read has been written. */
async function fill(clients: readonly StoreClient[], value: string): Promise<void> {
  let written = 0
  const put = async (): Promise<void> => {
    while (written < KEYS) {
      written += 1
      await clients[0]?.put(keyOf(written), value)
    }
  }
  await Promise.all(Array.from({ length: FILL_CALLERS }, put))
}

/** The client of the node that answers soonest: often that which leads. */
async function soonest(clients: readonly StoreClient[]): Promise<StoreClient> {
  let best: { readonly client: StoreClient; readonly tookMs: number } | null = null
  for (const client of clients) {
    const startedAtMs = performance.now()
    for (let count = 0; count < PROBES; count += 1) await answering(client)
    const tookMs = performance.now() - startedAtMs
    if (best === null || tookMs < best.tookMs) best = { client, tookMs }
  }
  if (best === null) throw new TypeError('There is no node to ask.')
  return best.client
}

async function answering(client: StoreClient): Promise<StoreClient> {
  const untilMs = performance.now() + READY_WITHIN_MS
  for (;;) {
    try {
      await client.put('first', 'x')
      return client
    } catch (error) {
      if (performance.now() > untilMs) throw error
      await pause(TRY_EVERY_MS)
    }
  }
}

function tell(report: ClientReport): void {
  process.send?.(report, () => process.exit())
}
