/**
 * Counts what this process writes to disks: the bytes, the syncs, and the writes that are durable by
 * themselves. It wraps Node's own functions, so it is for benchmarks only, and does not see what a
 * library writes in native code, as SQLite does.
 */
import { constants, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

/** So far, in this process. */
export interface Written {
  readonly bytes: number
  readonly syncs: number
}

type Write = (...parameters: unknown[]) => Promise<{ readonly bytesWritten: number }>

/** From now on the returned function tells how much there was. */
export async function countWrites(): Promise<() => Written> {
  let bytes = 0
  let syncs = 0
  const handle = await open(process.execPath, 'r')
  const prototype: {
    datasync: () => Promise<void>
    sync: () => Promise<void>
    write: Write
    writev: Write
  } = Object.getPrototypeOf(handle)
  await handle.close()
  for (const name of ['datasync', 'sync'] as const) {
    const original = prototype[name]
    prototype[name] = function counted(): Promise<void> {
      syncs += 1
      return original.call(this)
    }
  }
  const synchronous = new WeakMap<object, boolean>()
  for (const name of ['write', 'writev'] as const) {
    const original = prototype[name]
    prototype[name] = function counted(this: FileHandle, ...parameters: unknown[]) {
      const known = synchronous.get(this) ?? isSynchronous(this)
      synchronous.set(this, known)
      if (known) syncs += 1
      const written = original.apply(this, parameters)
      written.then(({ bytesWritten }) => (bytes += bytesWritten)).catch(() => undefined)
      return written
    }
  }
  return () => ({ bytes, syncs })
}

/**
 * What the kernel counts as written by this process, in whole pages, whoever wrote it; `null` where it
 * does not tell.
 */
export function pagesWrittenBytes(): number | null {
  if (process.platform !== 'linux') return null
  const found = /^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]
  return found === undefined ? null : Number(found)
}

/** Whether each write of this handle is durable when it is done, as far as the system tells. */
function isSynchronous({ fd }: FileHandle): boolean {
  if (process.platform !== 'linux') return false
  const flags = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
  return (Number.parseInt(flags ?? '0', 8) & constants.O_DSYNC) !== 0
}
