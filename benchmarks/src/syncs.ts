/**
 * Counts the syncs of this process. It wraps Node's own functions, so it is for benchmarks only.
 */
import { open } from 'node:fs/promises'

/** From now on the returned function tells how many syncs were asked for. */
export async function countSyncs(): Promise<() => number> {
  let count = 0
  const handle = await open(process.execPath, 'r')
  const prototype: { datasync: () => Promise<void>; sync: () => Promise<void> } =
    Object.getPrototypeOf(handle)
  await handle.close()
  for (const name of ['datasync', 'sync'] as const) {
    const original = prototype[name]
    prototype[name] = function counted(): Promise<void> {
      count += 1
      return original.call(this)
    }
  }
  return () => count
}
