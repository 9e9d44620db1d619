/**
 * A lock on a database against every other process of this machine, and against this one.
 *
 * SQLite's own locks are not enough. On POSIX they belong to the process: two SQLite libraries in
 * one process (the two drivers are two) do not see each other's, and whenever anything in the
 * process opens and closes the file, say to copy it, they are gone without a word. And they are
 * taken by opening the database, which may already change it. They are held too, against other
 * programs; but what this package stands on is a listening socket beside the database. The kernel
 * closes it when its process ends, however it ends, and nobody can connect to it any more: after
 * SIGKILL or a reboot there is nothing to clean up by hand.
 *
 * To lock, in this order: (1) listen on a socket with a name of its own, `<database>-lock-<pid>-
 * <random>`; (2) list the directory; (3) try to connect to every other lock of this database. If
 * one answers, or the own name is gone, give up; else remove the others, which are dead.
 *
 * At most one wins. Of two that hold it let P be the one that listened first. Q listed after it
 * listened, so after P did, and found no living P: P's name was gone by then. Only a holder R
 * removes names, of those it could not connect to: it tried P before P listened, so R listened
 * before P. If R removed the name before P listed, P gave up. If after, R was alive when P listed,
 * and P gave up, unless R's name had been removed in the same way by one that listened even
 * earlier; but who listened first of all has its name as long as it lives. Two that try in the same
 * instant may see each other and both give up.
 *
 * It is the same lock as that of @paxos/durability-file: adapters share no code. On Windows it is a
 * named pipe, which only one process can create and which goes with it.
 *
 * Must never take a lock whose holder may live: whatever is not a clear "nobody listens" counts as
 * alive.
 */
import { DurabilityError } from '@paxos/core'
import { createHash, randomBytes } from 'node:crypto'
import { lstatSync } from 'node:fs'
import { open, readdir, rm, type FileHandle } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { errorCode, lockedError } from './failure.ts'

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

/** What this thread holds: of two opens at once one wins, rather than none. */
const held = new Set<string>()

/**
 * Locks the file at `location`, which is absolute and free of links; it need not be there. Rejects
 * with LockedError when somebody holds it. A lock keeps no process alive.
 */
export async function lockBeside(location: string): Promise<Lock> {
  if (held.has(location)) throw lockedError(location, holderOf(process.pid))
  held.add(location)
  try {
    const taken = await (process.platform === 'win32' ? byPipe(location) : bySocket(location))
    return {
      isHeld: () => taken.isHeld(),
      async release() {
        await taken.release()
        held.delete(location)
      },
    }
  } catch (error) {
    held.delete(location)
    throw error
  }
}

async function bySocket(location: string): Promise<Lock> {
  const directory = dirname(location)
  const handle = await open(directory, 'r')
  try {
    const prefix = `${basename(location)}-lock-`
    const own = `${prefix}${process.pid}-${randomBytes(6).toString('hex')}`
    const server = await listen(socketPath(directory, handle, own))
    const path = join(directory, own)
    let inode: bigint | undefined
    try {
      await requireFirst(directory, handle, location, own)
      inode = inodeAt(path)
      if (inode === undefined) throw lockedError(location, holderOf(null))
    } catch (error) {
      await closeServer(server)
      throw error
    }
    return {
      isHeld: async () => inodeAt(path) === inode,
      async release() {
        await closeServer(server)
        await handle.close()
      },
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/**
 * Undefined when nothing has that name. At once: it takes some microseconds, and the way to another
 * thread and back ten times that.
 */
function inodeAt(path: string): bigint | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino
}

async function requireFirst(
  directory: string,
  handle: FileHandle,
  location: string,
  own: string,
): Promise<void> {
  const prefix = `${basename(location)}-lock-`
  const names = await readdir(directory)
  if (!names.includes(own)) throw lockedError(location, holderOf(null))
  const others = names.filter(
    (name) => name !== own && name.startsWith(prefix) && pidIn(name, prefix) !== null,
  )
  for (const name of others) {
    if (!(await isAlive(socketPath(directory, handle, name)))) continue
    throw lockedError(location, holderOf(pidIn(name, prefix)))
  }
  for (const name of others) await rm(join(directory, name), { force: true })
}

function pidIn(name: string, prefix: string): number | null {
  const pid = /^(\d+)-[0-9a-f]{12}$/.exec(name.slice(prefix.length))?.[1]
  return pid === undefined ? null : Number(pid)
}

/** Only one pipe of a name exists at a time, so there is nothing to compare. */
async function byPipe(location: string): Promise<Lock> {
  const name = createHash('sha256').update(location).digest('hex')
  try {
    const server = await listen(`\\\\.\\pipe\\paxos-${name}`)
    return { isHeld: () => Promise.resolve(true), release: () => closeServer(server) }
  } catch (error) {
    const taken = ['EADDRINUSE', 'EACCES'].includes(errorCode(error))
    throw taken ? lockedError(location, holderOf(null)) : error
  }
}

/** Where a path is too long for a socket, Linux also finds it by the open directory. */
function socketPath(directory: string, handle: FileHandle, name: string): string {
  const path = join(directory, name)
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return path
  const short = `/proc/self/fd/${handle.fd}/${name}`
  if (process.platform === 'linux' && Buffer.byteLength(short) <= MAX_SOCKET_PATH_BYTES) {
    return short
  }
  throw new DurabilityError(
    'ERR_PAXOS_DURABILITY_FAILED',
    `Could not open a database in ${directory}: the path of the socket that locks it would be ` +
      `${Buffer.byteLength(path)} bytes long, and ${MAX_SOCKET_PATH_BYTES} is the limit. ` +
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

function holderOf(pid: number | null): string {
  if (pid === null) return 'another process'
  return pid === process.pid ? `this process (${pid})` : `process ${pid}`
}
