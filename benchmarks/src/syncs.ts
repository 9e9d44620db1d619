/**
 * Counts the syncs of this process, and the writes that are durable by themselves. It wraps Node's
 * own functions, so it is for benchmarks only.
 */
import { constants, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

/** From now on the returned function tells how many were asked for. */
export async function countSyncs(): Promise<() => number> {
  let count = 0
  const handle = await open(process.execPath, 'r')
  const prototype: {
    datasync: () => Promise<void>
    sync: () => Promise<void>
    write: (...parameters: unknown[]) => Promise<unknown>
  } = Object.getPrototypeOf(handle)
  await handle.close()
  for (const name of ['datasync', 'sync'] as const) {
    const original = prototype[name]
    prototype[name] = function counted(): Promise<void> {
      count += 1
      return original.call(this)
    }
  }
  const original = prototype['write']
  const synchronous = new WeakMap<object, boolean>()
  prototype.write = function counted(this: FileHandle, ...parameters: unknown[]) {
    const known = synchronous.get(this) ?? isSynchronous(this)
    synchronous.set(this, known)
    if (known) count += 1
    return original.apply(this, parameters)
  }
  return () => count
}

/** Whether each write of this handle is durable when it is done, as far as the system tells. */
function isSynchronous({ fd }: FileHandle): boolean {
  if (process.platform !== 'linux') return false
  const flags = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
  return (Number.parseInt(flags ?? '0', 8) & constants.O_DSYNC) !== 0
}
