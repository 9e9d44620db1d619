/**
 * Rows of the database, read one message after the other and checked column by column. Must never
 * take a value for what it is not: whatever does not fit is damage.
 */
import type { Connection, Row } from './connection.ts'
import { damaged } from './failure.ts'
import { PRIMARY_KEYS, type TableName } from './schema.ts'

const LEAST_INTEGER = -(2n ** 63n)

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Every row of the table, by its primary key. A row's values are in the order of its columns. */
export async function* rowsOf(
  connection: Connection,
  table: TableName,
  path: string,
): AsyncGenerator<Row> {
  const key = PRIMARY_KEYS[table]
  const sql = `SELECT * FROM ${table} WHERE ${key} >= ? ORDER BY ${key}`
  for (let next = LEAST_INTEGER; ;) {
    const [rows = []] = await connection.run([{ sql, parameters: [next] }])
    const last = rows.at(-1)
    if (last === undefined) return
    yield* rows
    next = integerIn(last, key, path) + 1n
  }
}

export function integerIn(row: Row, column: string, path: string): bigint {
  const value = row[column]
  return typeof value === 'bigint' ? value : misfit(column, path)
}

/** An integer that JavaScript counts with exactly. */
export function countIn(row: Row, column: string, path: string): number {
  const value = Number(integerIn(row, column, path))
  return Number.isSafeInteger(value) && value >= 0 ? value : misfit(column, path)
}

export function bytesIn(row: Row, column: string, path: string): Uint8Array {
  const value = row[column]
  return value instanceof Uint8Array ? value : misfit(column, path)
}

export function textIn(row: Row, column: string, path: string): string {
  try {
    return decoder.decode(bytesIn(row, column, path))
  } catch {
    return misfit(column, path)
  }
}

function misfit(column: string, path: string): never {
  throw damaged(path, `the column ${column} holds what was never written there`)
}
