/**
 * A lock on a directory, or on a name in one, against every other process of this machine, and
 * against this one. Node has no flock, and a file with a process id outlives its process; so the
 * lock is a listening socket in the directory. The kernel closes it when its process ends, however
 * it ends, and nobody can connect to it any more: after SIGKILL or a reboot there is nothing to
 * clean up by hand, and a process id that is used again means nothing.
 *
 * To lock, in this order: (1) listen on a socket with a name of its own, `lock-<pid>-<random>` or
 * `<name>-lock-<pid>-<random>`; (2) list the directory; (3) try to connect to every other lock of
 * the same kind. If one answers, or the own name is gone, give up; else remove the others, which
 * are dead, and hold the lock.
 *
 * At most one wins. Of two that hold it let P be the one that listened first. Q listed after it
 * listened, so after P did, and found no living P: P's name was gone by then. Only somebody, R, who
 * held the lock removes names, and only of those it could not connect to: R tried P before P
 * listened, so R listened before P. If R removed the name before P listed, P gave up. If after, R
 * was alive when P listed, and P gave up, unless R's own name had been removed in the same way by
 * one that listened even earlier; but who listened first of all has its name as long as it lives.
 * Two that try in the same instant may see each other and both give up.
 *
 * Sockets are found by the file system, so containers that share a directory on one machine
 * exclude each other. Two machines that share it over a network do not. On Windows the lock is a
 * named pipe, which only one process can create and which goes with it.
 *
 * Must never take a lock whose holder may live: whatever is not a clear "nobody listens" counts as
 * alive.
 */
import { DurabilityError, LockedError } from '@paxos/core'
import { createHash, randomBytes } from 'node:crypto'
import { lstatSync } from 'node:fs'
import { open, readdir, realpath, rm, type FileHandle } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { errorCode } from '../error-code.ts'
import type { Lock } from '../stores/lock.ts'

/** What is locked. */
interface Target {
  /** Where the names of the locks are. */
  readonly directory: string
  /** How each of them begins. */
  readonly prefix: string
  /** How errors name it. */
  readonly path: string
  /** What it is: 'directory', 'database', … */
  readonly what: string
}

/** The longest path of a socket on any system that has them (macOS: 104 with a final zero). */
const MAX_SOCKET_PATH_BYTES = 103

/** What this thread holds: of two opens at once one wins, rather than none. */
const held = new Set<string>()

/**
 * Locks `directory` as a whole, which must be there. Rejects with LockedError when somebody holds
 * it. A lock keeps no process alive.
 */
export function lockDirectory(directory: string): Promise<Lock> {
  return lock({ directory, prefix: 'lock-', path: directory, what: 'directory' })
}

/**
 * Locks the file at `location`, which is absolute and free of links; it need not be there. `what`
 * says in errors what kind of file it is. As lockDirectory() in everything else.
 */
export function lockBeside(location: string, what: string): Promise<Lock> {
  const prefix = `${basename(location)}-lock-`
  return lock({ directory: dirname(location), prefix, path: location, what })
}

async function lock(target: Target): Promise<Lock> {
  if (process.platform === 'win32') return lockByPipe(target)
  const handle = await open(target.directory, 'r')
  try {
    const { dev, ino } = await handle.stat({ bigint: true })
    const key = `${dev}:${ino}/${target.prefix}`
    if (held.has(key)) throw heldBy(target, process.pid)
    held.add(key)
    try {
      const { server, path, inode } = await lockBySocket(target, handle)
      return {
        isHeld: async () => inodeAt(path) === inode,
        release: () => release(server, handle, key),
      }
    } catch (error) {
      held.delete(key)
      throw error
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function release(server: Server, handle: FileHandle, key: string): Promise<void> {
  await closeServer(server)
  held.delete(key)
  await handle.close()
}

/**
 * Undefined when nothing has that name. At once: it takes some microseconds, and the way to another
 * thread and back ten times that.
 */
function inodeAt(path: string): bigint | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino
}

async function lockBySocket(
  target: Target,
  handle: FileHandle,
): Promise<{ readonly server: Server; readonly path: string; readonly inode: bigint }> {
  const { directory, prefix } = target
  const own = `${prefix}${process.pid}-${randomBytes(6).toString('hex')}`
  const server = await listen(socketPath(target, handle, own))
  try {
    const names = await readdir(directory)
    if (!names.includes(own)) throw heldBy(target, null)
    const others = names.filter((name) => name !== own && pidIn(name, prefix) !== null)
    for (const name of others) {
      if (!(await isAlive(socketPath(target, handle, name)))) continue
      throw heldBy(target, pidIn(name, prefix))
    }
    for (const name of others) await rm(join(directory, name), { force: true })
    const path = join(directory, own)
    const inode = inodeAt(path)
    if (inode === undefined) throw heldBy(target, null)
    return { server, path, inode }
  } catch (error) {
    await closeServer(server)
    throw error
  }
}

/** Null when it is not the name of such a lock. */
function pidIn(name: string, prefix: string): number | null {
  if (!name.startsWith(prefix)) return null
  const pid = /^(\d+)-[0-9a-f]{12}$/.exec(name.slice(prefix.length))?.[1]
  return pid === undefined ? null : Number(pid)
}

/** Only one pipe of a name exists at a time, so there is nothing to compare. */
async function lockByPipe(target: Target): Promise<Lock> {
  const real = await realpath(target.directory)
  const locked = target.path === target.directory ? real : join(real, basename(target.path))
  const name = createHash('sha256').update(locked).digest('hex')
  try {
    const server = await listen(`\\\\.\\pipe\\paxos-${name}`)
    return { isHeld: () => Promise.resolve(true), release: () => closeServer(server) }
  } catch (error) {
    throw ['EADDRINUSE', 'EACCES'].includes(errorCode(error)) ? heldBy(target, null) : error
  }
}

/** Where a path is too long for a socket, Linux also finds it by the open directory. */
function socketPath({ directory, path }: Target, handle: FileHandle, name: string): string {
  const long = join(directory, name)
  if (Buffer.byteLength(long) <= MAX_SOCKET_PATH_BYTES) return long
  const short = `/proc/self/fd/${handle.fd}/${name}`
  if (process.platform === 'linux' && Buffer.byteLength(short) <= MAX_SOCKET_PATH_BYTES) {
    return short
  }
  throw new DurabilityError(
    'ERR_PAXOS_DURABILITY_FAILED',
    `Could not open ${path}: the path of the socket that locks it would be ` +
      `${Buffer.byteLength(long)} bytes long, and ${MAX_SOCKET_PATH_BYTES} is the limit. ` +
      'Choose a shorter path.',
  )
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', reject)
    // `exclusive`: a cluster worker would otherwise have its primary listen, who outlives it.
    server.listen({ path, exclusive: true }, () => {
      server.off('error', reject)
      // A connection that could not be accepted was somebody's question, answered by now.
      server.on('error', () => undefined)
      server.unref()
      resolve(server)
    })
  })
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error) => {
      socket.destroy()
      resolve(!['ECONNREFUSED', 'ENOENT'].includes(errorCode(error)))
    })
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
  })
}

function heldBy({ path, what }: Target, pid: number | null): LockedError {
  if (pid === null) return lockedError(path, what, 'another process')
  return lockedError(path, what, pid === process.pid ? `this process (${pid})` : `process ${pid}`)
}

/** Somebody else has the `what` (directory, database, …) at `path`. */
export function lockedError(
  path: string,
  what: string,
  holder: string,
  options?: ErrorOptions,
): LockedError {
  return new LockedError(
    `${path} is held by ${holder}: two writers would forget each other's promises. ` +
      `Close or end that one first, or give this node a ${what} of its own.`,
    options,
  )
}
