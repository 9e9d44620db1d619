/**
 * A database as the rest of the package sees it: statements in, rows out, one connection at a time,
 * nothing of it on this thread. The other end is thread.js. Small on purpose, so that a test can
 * put itself in between and make any call fail.
 *
 * Must never leave a call unanswered, whatever happens to the thread, nor keep a process alive that
 * waits for nothing.
 */
import { errorCode } from '@paxos/adapter-kit/files'
import { Worker } from 'node:worker_threads'
import { missingDriver } from './failure.ts'
import { MESSAGE_BYTES } from './limits.ts'

/** The SQLite libraries that this package can work with. */
export type DriverName = 'better-sqlite3' | 'node:sqlite'

export type SqlValue = bigint | string | Uint8Array | null

export type Row = Readonly<Record<string, SqlValue>>

/** One statement and what is bound to its question marks. */
export interface Step {
  readonly sql: string
  readonly parameters: readonly SqlValue[]
}

/** Whether the connection may change the database. */
export type ConnectionMode = 'read' | 'write'

export interface Connection {
  /**
   * Runs the statements in order, up to the first that fails. Resolves with the rows of each, up to
   * MESSAGE_BYTES of them and at least one: whoever wants more asks again behind the last. Values
   * are copied before this returns.
   */
  run(steps: readonly Step[]): Promise<readonly (readonly Row[])[]>
  /** Rolls back what was not committed. */
  close(): Promise<void>
}

export interface SqlThread {
  /**
   * The file must exist. Close the one connection before making the next. Rejects with
   * MissingPackageError when no driver can be loaded.
   */
  connect(path: string, mode: ConnectionMode): Promise<Connection>
  /** Closes what is open and ends the thread. */
  end(): Promise<void>
}

/** What the thread is asked, and answers in turn. */
export type Request =
  | { readonly type: 'connect'; readonly path: string; readonly mode: ConnectionMode }
  | { readonly type: 'run'; readonly steps: readonly Step[] }
  | { readonly type: 'disconnect' }

export type Reply =
  | { readonly rows: readonly (readonly Row[])[] }
  | { readonly error: { readonly message: string; readonly code: string } }

/** What the thread starts with. */
export interface ThreadData {
  /** The first that can be loaded is taken. */
  readonly drivers: readonly DriverName[]
  readonly messageBytes: number
}

/** What SQLite, or the loading of it, came to. `code` is one of SQLite's result codes. */
export class SqlError extends Error {
  readonly code: string

  constructor(message: string, code: string) {
    super(message)
    this.name = 'SqlError'
    this.code = code
  }
}

/** What keeps Node quiet about its own SQLite, which it calls experimental. */
const WARNING_FLAGS = /^--(?:no-warnings|disable-warning=)/

interface Waiting {
  readonly resolve: (rows: readonly (readonly Row[])[]) => void
  readonly reject: (error: Error) => void
}

/** Starts a thread with the first of `drivers` that can be loaded. */
export function startThread(drivers: readonly DriverName[]): SqlThread {
  const workerData: ThreadData = { drivers, messageBytes: MESSAGE_BYTES }
  const worker = new Worker(new URL('./thread.js', import.meta.url), {
    name: 'paxos-sqlite',
    workerData,
    // A loader among the other flags would only make the start slow.
    execArgv: process.execArgv.filter((flag) => WARNING_FLAGS.test(flag)),
  })
  worker.unref()
  const waiting: Waiting[] = []
  let ended: Error | null = null

  function endBecause(error: Error): void {
    ended ??= error
    for (const { reject } of waiting.splice(0)) reject(ended)
  }
  worker.on('error', (error) => endBecause(error))
  worker.on('exit', (code) => endBecause(new Error(`The thread of SQLite ended (exit ${code}).`)))
  worker.on('message', (reply: Reply) => {
    const next = waiting.shift()
    if (waiting.length === 0) worker.unref()
    if ('rows' in reply) next?.resolve(reply.rows)
    else next?.reject(new SqlError(reply.error.message, reply.error.code))
  })

  function ask(request: Request, transfer: readonly ArrayBuffer[] = []) {
    if (ended !== null) return Promise.reject(ended)
    return new Promise<readonly (readonly Row[])[]>((resolve, reject) => {
      waiting.push({ resolve, reject })
      worker.ref()
      worker.postMessage(request, transfer)
    })
  }

  const connection: Connection = {
    async run(steps) {
      const transfer: ArrayBuffer[] = []
      return ask({ type: 'run', steps: steps.map((step) => copyOf(step, transfer)) }, transfer)
    },
    async close() {
      await ask({ type: 'disconnect' })
    },
  }

  return {
    async connect(path, mode) {
      try {
        await ask({ type: 'connect', path, mode })
      } catch (error) {
        throw errorCode(error) === 'NO_DRIVER' ? missingDriver(drivers, error) : error
      }
      return connection
    },
    async end() {
      try {
        if (ended === null) await ask({ type: 'disconnect' })
      } finally {
        worker.ref()
        // From here, once nothing is open there: a thread of Deno has no means to end itself.
        await worker.terminate()
      }
    },
  }
}

/** With bytes of its own: a view would bring along the whole buffer that it is a view of. */
function copyOf({ sql, parameters }: Step, transfer: ArrayBuffer[]): Step {
  return {
    sql,
    parameters: parameters.map((value) => {
      if (!(value instanceof Uint8Array)) return value
      const copy = new Uint8Array(value)
      transfer.push(copy.buffer)
      return copy
    }),
  }
}
