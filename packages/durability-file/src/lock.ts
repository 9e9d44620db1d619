/**
 * A lock on a directory against every other process of this machine, and against this one. Node
 * has no flock, and a file with a process id outlives its process; so the lock is a listening
 * socket in the directory. The kernel closes it when its process ends, however it ends, and nobody
 * can connect to it any more: after SIGKILL or a reboot there is nothing to clean up by hand, and
 * a process id that is used again means nothing.
 *
 * To lock, in this order: (1) listen on a socket with a name of its own, `lock-<pid>-<random>`;
 * (2) list the directory; (3) try to connect to every other lock. If one answers, or the own name
 * is gone, give up; else remove the others, which are dead, and hold the lock.
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
import { join } from 'node:path'
import { errorCode } from './failure.ts'

export interface Lock {
  /**
   * Whether nobody else can have got it: not once its name was removed, or the directory was moved
   * or replaced, for then the next one to come finds no holder.
   */
  isHeld(): Promise<boolean>
  release(): Promise<void>
}

/** The longest path of a socket on any system that has them (macOS: 104 with a final zero). */
const MAX_SOCKET_PATH_BYTES = 103

const LOCK_NAME = /^lock-(\d+)-[0-9a-f]{12}$/

/** Directories that this thread holds: two opens at once find one winner, not two losers. */
const held = new Set<string>()

/** Rejects with LockedError when somebody holds it. A lock keeps no process alive. */
export async function lockDirectory(directory: string): Promise<Lock> {
  if (process.platform === 'win32') return lockByPipe(directory)
  const handle = await open(directory, 'r')
  try {
    const { dev, ino } = await handle.stat({ bigint: true })
    const key = `${dev}:${ino}`
    if (held.has(key)) throw lockedError(directory, process.pid)
    held.add(key)
    try {
      const { server, path, inode } = await lockBySocket(directory, handle)
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
  directory: string,
  handle: FileHandle,
): Promise<{ readonly server: Server; readonly path: string; readonly inode: bigint }> {
  const own = `lock-${process.pid}-${randomBytes(6).toString('hex')}`
  const server = await listen(socketPath(directory, handle, own))
  try {
    const names = await readdir(directory)
    if (!names.includes(own)) throw lockedError(directory, null)
    const others = names.filter((name) => LOCK_NAME.test(name) && name !== own)
    for (const name of others) {
      if (!(await isAlive(socketPath(directory, handle, name)))) continue
      throw lockedError(directory, Number(LOCK_NAME.exec(name)?.[1]))
    }
    for (const name of others) await rm(join(directory, name), { force: true })
    const path = join(directory, own)
    const inode = inodeAt(path)
    if (inode === undefined) throw lockedError(directory, null)
    return { server, path, inode }
  } catch (error) {
    await closeServer(server)
    throw error
  }
}

/** Only one pipe of a name exists at a time, so there is nothing to compare. */
async function lockByPipe(directory: string): Promise<Lock> {
  const name = createHash('sha256')
    .update(await realpath(directory))
    .digest('hex')
  try {
    const server = await listen(`\\\\.\\pipe\\paxos-${name}`)
    return { isHeld: () => Promise.resolve(true), release: () => closeServer(server) }
  } catch (error) {
    throw ['EADDRINUSE', 'EACCES'].includes(errorCode(error)) ? lockedError(directory, null) : error
  }
}

/** Where a path is too long for a socket, Linux also finds it by the open directory. */
function socketPath(directory: string, handle: FileHandle, name: string): string {
  const path = join(directory, name)
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return path
  if (process.platform === 'linux') return `/proc/self/fd/${handle.fd}/${name}`
  throw new DurabilityError(
    'ERR_PAXOS_DURABILITY_FAILED',
    `Could not open ${directory}: its path is too long for the socket that locks it. ` +
      `Choose one of at most ${MAX_SOCKET_PATH_BYTES - name.length - 1} bytes.`,
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

function lockedError(directory: string, pid: number | null): LockedError {
  const holder =
    pid === null
      ? 'another process'
      : pid === process.pid
        ? `this process (${pid})`
        : `process ${pid}`
  return new LockedError(
    `${directory} is held by ${holder}: two writers would forget each other's promises. ` +
      'Close or end that one first, or give this node a directory of its own.',
  )
}
