/**
 * How a row is measured: the processes are made warm, then asked what they have used, then measured,
 * and asked again. Nobody waits for ever for a row that does not come.
 */
import type { Measured } from './measure.ts'
import type { Order } from './member.ts'
import type { Id, Members } from './members.ts'
import { IDS } from './members.ts'
import { usedBetween } from './usage.ts'
import type { Usage } from './usage.ts'

/** Before anything is counted: connections, compiled code, warm caches. */
const WARM_UP_MS = 1_000

/** How much later than it should a row may come: a command that is lost is repeated within seconds. */
export const PATIENCE_MS = 60_000

export type MeasureOrder = Extract<Order, { type: 'measure' }>

/** What the callers in one process saw, once it is warm. */
export async function measureIn(
  all: Members,
  id: Id,
  order: Omit<MeasureOrder, 'type'>,
): Promise<Measured> {
  await warmUp(all, id, order)
  return await measureOnce(all, id, order)
}

export async function warmUp(
  all: Members,
  id: Id,
  order: Omit<MeasureOrder, 'type'>,
): Promise<void> {
  await measureOnce(all, id, { ...order, durationMs: Math.min(WARM_UP_MS, order.durationMs) })
}

/** What each process used while `run` ran. */
export async function usedDuring<T>(
  all: Members,
  run: () => Promise<T>,
): Promise<{ readonly result: T; readonly used: Readonly<Record<Id, Usage>> }> {
  const before = await usages(all)
  const result = await run()
  const after = await usages(all)
  const used = (id: Id): Usage => usedBetween(before[id], after[id])
  return { result, used: { a: used('a'), b: used('b'), c: used('c') } }
}

/** As it is: nothing is made warm before. */
export async function measureOnce(
  all: Members,
  id: Id,
  order: Omit<MeasureOrder, 'type'>,
): Promise<Measured> {
  const measured = all.next('measured', id)
  all.order(id, { type: 'measure', ...order })
  const report = await within(order.durationMs + PATIENCE_MS, measured)
  return report.measured
}

async function usages(all: Members): Promise<Readonly<Record<Id, Usage>>> {
  const [a, b, c] = IDS.map(async (id) => {
    const told = all.next('usage', id)
    all.order(id, { type: 'tell-usage' })
    return (await within(PATIENCE_MS, told)).usage
  })
  if (a === undefined || b === undefined || c === undefined) throw new TypeError('There are three.')
  return { a: await a, b: await b, c: await c }
}

/** Rejects when it takes longer, and says so. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new Error(`Nothing was measured within ${ms} ms. A pipeline has lost what it was given.`),
      )
    }, ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
