/**
 * How damage to the database is seen, for SQLite has no checksum on its pages: every row has a hash,
 * and the acceptor's row holds the exclusive or of them all. Each save brings it up to date with the
 * hashes of the rows that it takes away and adds, so one that is lost, altered, or back from an
 * older state is noticed on the next open, which adds them up again.
 *
 * Why 64 bits of SHA-256, and not a CRC, which would be faster: the exclusive or of CRCs is blind to
 * the same change in two rows, such as two ballots that both went back by one. The id of the
 * database is hashed too, so that no row of another one fits.
 *
 * Must never leave out a column, nor give two different rows the same text to hash.
 */
import { createHash } from 'node:crypto'
import type { SqlValue } from './connection.ts'
import type { TableName } from './schema.ts'

/** Signed 64 bits, as SQLite stores an integer. */
export type Digest = bigint

/** The digest of no rows. */
export const NO_ROWS: Digest = 0n

/** The hash of a row of the database with this id. The primary key is one of its values. */
export function hashRow(databaseId: bigint, table: TableName, values: readonly SqlValue[]): Digest {
  const shape = values.map((value) => {
    if (value instanceof Uint8Array) return `${value.byteLength} bytes`
    return typeof value === 'string' ? JSON.stringify(value) : String(value)
  })
  const hash = createHash('sha256').update(`${databaseId} ${table} (${shape.join(', ')})`)
  for (const value of values) if (value instanceof Uint8Array) hash.update(value)
  return hash.digest().readBigInt64LE()
}
