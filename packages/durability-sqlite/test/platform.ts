/**
 * Drivers, and platforms with something in between: calls that are counted, held, refused, and a
 * machine that stops. All of it works on real files, with the real SQLite.
 */
import { createRequire, isBuiltin } from 'node:module'
import { afterAll, expect } from 'vitest'
import {
  SqlError,
  startThread,
  type Connection,
  type DriverName,
  type SqlThread,
} from '../src/connection.ts'
import { nodeFileSystem, type FileSystem, type OpenFile } from '../src/files.ts'
import type { Platform } from '../src/medium.ts'

const require = createRequire(import.meta.url)

// Some releases of Node call their SQLite experimental, in each thread; once would be enough.
process.execArgv.push('--disable-warning=ExperimentalWarning')

/** The drivers that this runtime can load: every test that depends on one runs with each. */
export const DRIVERS: readonly DriverName[] = loadable()

function loadable(): readonly DriverName[] {
  const found: DriverName[] = []
  try {
    const Database: new (path: string) => { close(): void } = require('better-sqlite3')
    new Database(':memory:').close()
    found.push('better-sqlite3')
  } catch {
    // Not installed, or built for another Node.
  }
  if (isBuiltin('node:sqlite')) found.push('node:sqlite')
  expect(found.length, 'No SQLite can be loaded, so nothing would be tested').toBeGreaterThan(0)
  return found
}

/** The driver where it makes no difference. */
export const [ANY_DRIVER = 'better-sqlite3'] = DRIVERS

/** The names of what a platform is asked, as a test sees them. */
export type Operation =
  | { readonly type: 'connect' | 'disconnect'; readonly sql: '' }
  | { readonly type: 'run'; readonly sql: string }
  | {
      readonly type: 'write' | 'sync' | 'rename' | 'open' | 'remove' | 'other'
      readonly path: string
    }

/** Runs `operation`, or does something else instead. */
export type Around = <T>(operation: Operation, run: () => Promise<T>) => Promise<T>

/** As `platform`, with every call that changes or reads something put through `around`. */
export function platformWith(around: Around, platform: Platform = QUICK): Platform {
  const { fs } = platform
  return {
    fs: {
      locate: (path) => around({ type: 'other', path }, () => fs.locate(path)),
      exposure: (path) => around({ type: 'other', path }, () => fs.exposure(path)),
      identityOf: (path) => around({ type: 'other', path }, () => fs.identityOf(path)),
      tryToWrite: (path) => around({ type: 'other', path }, () => fs.tryToWrite(path)),
      size: (path) => around({ type: 'other', path }, () => fs.size(path)),
      open: (path, mode) =>
        opening(
          around,
          { type: 'open', path },
          async () => fileWith(around, await fs.open(path, mode)),
          (file) => file.close(),
        ),
      rename: (from, to) => around({ type: 'rename', path: to }, () => fs.rename(from, to)),
      remove: (path) => around({ type: 'remove', path }, () => fs.remove(path)),
      syncDirectory: (path) => around({ type: 'sync', path }, () => fs.syncDirectory(path)),
      lock: (path) =>
        opening(
          around,
          { type: 'other', path },
          () => fs.lock(path),
          (lock) => lock.release(),
        ),
    } satisfies FileSystem,
    startThread: (drivers) => threadWith(around, platform.startThread(drivers)),
  }
}

/** A call that is refused after it was done has opened what nobody else would close. */
async function opening<T>(
  around: Around,
  operation: Operation,
  open: () => Promise<T>,
  close: (opened: T) => Promise<void>,
): Promise<T> {
  const done: T[] = []
  try {
    return await around(operation, async () => {
      const opened = await open()
      done.push(opened)
      return opened
    })
  } catch (error) {
    for (const opened of done) await close(opened)
    throw error
  }
}

function fileWith(around: Around, file: OpenFile): OpenFile {
  const { path } = file
  return {
    path,
    read: (position, length) => around({ type: 'other', path }, () => file.read(position, length)),
    write: (position, content) =>
      around({ type: 'write', path }, () => file.write(position, content)),
    sync: () => around({ type: 'sync', path }, () => file.sync()),
    close: () => file.close(),
  }
}

function threadWith(around: Around, thread: SqlThread): SqlThread {
  return {
    async connect(path, mode) {
      const connect = () => thread.connect(path, mode)
      const connection = await around({ type: 'connect', sql: '' }, connect)
      return {
        run(steps) {
          const sql = steps.map((step) => step.sql).join('; ')
          return around({ type: 'run', sql }, () => connection.run(steps))
        },
        close: () => around({ type: 'disconnect', sql: '' }, () => connection.close()),
      }
    },
    // What a thread has open is closed with it, whatever goes wrong before.
    end: () => thread.end(),
  }
}

export const sqlError = (code: string): SqlError => new SqlError(`simulated ${code}`, code)

const idle = new Map<string, SqlThread[]>()

afterAll(async () => {
  for (const threads of idle.values()) for (const thread of threads) await thread.end()
  idle.clear()
})

/**
 * The real platform, but that its threads are used again: a test that opens a database a thousand
 * times need not start as many threads.
 */
export const QUICK: Platform = {
  fs: nodeFileSystem,
  startThread(drivers) {
    const key = drivers.join()
    const threads = idle.get(key) ?? []
    idle.set(key, threads)
    const thread = threads.pop() ?? startThread(drivers)
    let open: Connection | null = null
    return {
      async connect(path, mode) {
        const connection = await thread.connect(path, mode)
        open = connection
        return connection
      },
      async end() {
        await open?.close()
        threads.push(thread)
      },
    }
  },
}
