/**
 * The process of the callers, where a store is asked from outside: it writes until it is answered, then
 * measures, and says what its callers saw.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { clientsOf } from './clients.ts'
import type { Put, Target } from './clients.ts'
import { measure } from './measure.ts'
import type { Measured } from './measure.ts'

export interface ClientOrder {
  readonly target: Target
  readonly callers: number
  readonly durationMs: number
  readonly warmUpMs: number
  readonly bytes: number
}

export type ClientReport = { readonly measured: Measured } | { readonly failed: string }

/** How long a store may take until it answers for the first time. */
const READY_WITHIN_MS = 30_000
const TRY_EVERY_MS = 200
/** Writes to each node, to see which is quick. */
const PROBES = 20

/** So many keys take turns. */
const KEYS = 1_000

process.once('message', (order: ClientOrder) => {
  run(order).then(
    (measured) => tell({ measured }),
    (error: unknown) => tell({ failed: String(error) }),
  )
})
process.on('disconnect', () => process.exit())

async function run({
  target,
  callers,
  durationMs,
  warmUpMs,
  bytes,
}: ClientOrder): Promise<Measured> {
  const put = await ready(target)
  const value = 'x'.repeat(bytes)
  let count = 0
  const next = (): Promise<unknown> => {
    count += 1
    return put(`key/${count % KEYS}`, value)
  }
  await measure(callers, warmUpMs, next)
  return await measure(callers, durationMs, next)
}

/** The client of the node that answers soonest: often that which leads. */
async function ready(target: Target): Promise<Put> {
  const clients = await Promise.all(clientsOf(target).map(answering))
  let best: { readonly put: Put; readonly tookMs: number } | null = null
  for (const put of clients) {
    const startedAtMs = performance.now()
    for (let count = 0; count < PROBES; count += 1) await answering(put)
    const tookMs = performance.now() - startedAtMs
    if (best === null || tookMs < best.tookMs) best = { put, tookMs }
  }
  if (best === null) throw new TypeError('There is no node to ask.')
  return best.put
}

async function answering(put: Put): Promise<Put> {
  const untilMs = performance.now() + READY_WITHIN_MS
  for (;;) {
    try {
      await put('first', 'x')
      return put
    } catch (error) {
      if (performance.now() > untilMs) throw error
      await pause(TRY_EVERY_MS)
    }
  }
}

function tell(report: ClientReport): void {
  process.send?.(report, () => process.exit())
}
