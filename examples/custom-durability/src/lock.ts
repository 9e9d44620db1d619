/**
 * One opener at a time: a name that the system gives to one process, and takes back when that dies.
 * Must never let two in; so it works where the system has such names, on Linux and Windows.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { realpath } from 'node:fs/promises'
import { createServer } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { LockedError } from '@paxos/core'

/** Resolves with what releases the lock again. Rejects with LockedError. */
export async function takeLock(path: string): Promise<() => Promise<void>> {
  // However the directory is spelt, and whatever links lead there.
  const place = join(await realpath(dirname(path)), basename(path))
  const name = `paxos-${createHash('sha256').update(place).digest('hex')}`
  const holder = createServer((socket) => socket.destroy()).unref()
  try {
    const listening = once(holder, 'listening')
    holder.listen(process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : `\0${name}`)
    await listening
  } catch (cause) {
    const isHeld = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
    if (!isHeld) throw cause
    throw new LockedError(`${path} is open elsewhere. Close it there first.`, { cause })
  }
  return () => new Promise((resolve) => holder.close(() => resolve()))
}
