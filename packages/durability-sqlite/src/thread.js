/**
 * The thread that SQLite runs in, where a sync holds up nobody: it opens a database, runs the
 * statements that it is sent, one message after the other, and answers each. All that differs
 * between the two drivers is here. It must know nothing of what the statements are for.
 *
 * In JavaScript, with its types in comments that the compiler checks, because a thread starts from
 * a file: this one is the same in src and in dist, so that whoever runs this package from its
 * sources needs neither a build nor a loader in the thread. It imports nothing of the package.
 */
import { createRequire } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'

/**
 * @import { ConnectionMode, DriverName, Reply, Request, Row, SqlValue, Step, ThreadData } from './connection.ts'
 */

/**
 * What the drivers have in common.
 * @typedef {object} Driver
 * @property {(path: string, mode: ConnectionMode) => Connection} connect
 */

/**
 * @typedef {object} Connection
 * @property {(sql: string) => (parameters: readonly SqlValue[]) => Iterable<Row>} prepare
 * @property {() => void} close
 */

const require = createRequire(import.meta.url)

/** What a row counts for besides its bytes. */
const ROW_BYTES = 64

/** @type {Readonly<Record<DriverName, () => Driver>>} */
const DRIVERS = { 'better-sqlite3': betterSqlite3, 'node:sqlite': nodeSqlite }

/** With memory behind it. */
const NO_BYTES = new Uint8Array(1).subarray(1)

/** SQLite's result codes, where somebody acts on them: primary ones, and one that is not. */
const RESULT_CODES = new Map([
  [3, 'SQLITE_PERM'],
  [5, 'SQLITE_BUSY'],
  [7, 'SQLITE_NOMEM'],
  [8, 'SQLITE_READONLY'],
  [10, 'SQLITE_IOERR'],
  [11, 'SQLITE_CORRUPT'],
  [13, 'SQLITE_FULL'],
  [14, 'SQLITE_CANTOPEN'],
  [26, 'SQLITE_NOTADB'],
  [522, 'SQLITE_IOERR_SHORT_READ'],
])

/** @type {ThreadData} */
const { drivers, messageBytes } = workerData

/** @type {Driver | null} */
let driver = null
/** @type {Connection | null} */
let connection = null
/** @type {Map<string, (parameters: readonly SqlValue[]) => Iterable<Row>>} */
const prepared = new Map()

parentPort?.on('message', (/** @type {Request} */ request) => {
  /** @type {Reply} */
  let reply
  try {
    reply = { rows: perform(request) }
  } catch (error) {
    reply = { error: describe(error) }
  }
  parentPort?.postMessage(reply, [])
})

/**
 * @param {Request} request
 * @returns {Row[][]}
 */
function perform(request) {
  switch (request.type) {
    case 'connect':
      driver ??= firstOf(drivers)
      connection = driver.connect(request.path, request.mode)
      return []
    case 'run':
      return request.steps.map(run)
    case 'disconnect':
      prepared.clear()
      connection?.close()
      connection = null
      return []
  }
}

/**
 * The rows of one statement, up to the bytes of a message but at least one.
 * @param {Step} step
 * @returns {Row[]}
 */
function run({ sql, parameters }) {
  if (connection === null) throw new Error('No database is open in this thread.')
  const statement = prepared.get(sql) ?? connection.prepare(sql)
  if (parameters.length > 0) prepared.set(sql, statement)
  const rows = []
  let bytes = 0
  for (const row of statement(parameters)) {
    rows.push(row)
    bytes += ROW_BYTES
    for (const value of Object.values(row)) {
      if (value instanceof Uint8Array) bytes += value.byteLength
    }
    if (bytes >= messageBytes) break
  }
  return rows
}

/**
 * The first driver that this runtime can load.
 * @param {readonly DriverName[]} names
 * @returns {Driver}
 */
function firstOf(names) {
  const reasons = []
  for (const name of names) {
    try {
      return DRIVERS[name]()
    } catch (error) {
      reasons.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  throw Object.assign(new Error(reasons.join('\n')), { code: 'NO_DRIVER' })
}

/** @returns {Driver} */
function betterSqlite3() {
  /** @type {typeof import('better-sqlite3')} */
  const Database = require('better-sqlite3')
  // The native part is loaded by the first database.
  new Database(':memory:').close()
  return {
    connect(path, mode) {
      const options = { readonly: mode === 'read', fileMustExist: true, timeout: 0 }
      const database = new Database(path, options)
      database.defaultSafeIntegers(true)
      return {
        prepare(sql) {
          /** @type {import('better-sqlite3').Statement<SqlValue[], Row>} */
          const statement = database.prepare(sql)
          if (statement.reader) return (parameters) => statement.iterate(...parameters)
          return (parameters) => {
            statement.run(...parameters)
            return []
          }
        },
        close: () => database.close(),
      }
    },
  }
}

/** @returns {Driver} */
function nodeSqlite() {
  /** @type {any} Types of a Node that is newer than the oldest one supported. */
  const { DatabaseSync } = require('node:sqlite')
  return {
    connect(path, mode) {
      const database = new DatabaseSync(path, { readOnly: mode === 'read' })
      return {
        prepare(sql) {
          const statement = database.prepare(sql)
          statement.setReadBigInts(true)
          return (parameters) => statement.iterate(...parameters.map(asValue))
        },
        close: () => database.close(),
      }
    },
  }
}

/**
 * P3: no bytes are a value. This driver takes those that came from another thread for NULL, as no
 * memory is behind them.
 * @param {SqlValue} value
 */
function asValue(value) {
  return value instanceof Uint8Array && value.byteLength === 0 ? NO_BYTES : value
}

/**
 * An error as plain data: what drivers throw does not travel between threads whole.
 * @param {unknown} error
 */
function describe(error) {
  if (!(error instanceof Error)) return { message: String(error), code: 'unknown' }
  const { message } = error
  if ('errcode' in error && typeof error.errcode === 'number') {
    const code = RESULT_CODES.get(error.errcode) ?? RESULT_CODES.get(error.errcode & 0xff)
    return { message, code: code ?? 'SQLITE_ERROR' }
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'unknown'
  if (code === 'SQLITE_IOERR_SHORT_READ') return { message, code }
  // An extended code, such as SQLITE_IOERR_WRITE, begins with the primary one.
  return { message, code: /^SQLITE_[A-Z0-9]+/.exec(code)?.[0] ?? code }
}
