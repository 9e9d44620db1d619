/**
 * What is in the database. Each statement must stay as it is for as long as the version does: the
 * text that SQLite keeps of it is compared on every open.
 *
 * Names are stored as the bytes of their UTF-8, not as TEXT: Node's own SQLite cuts a text off at a
 * zero character. `CAST(node AS TEXT)` makes them readable.
 */
import type { Identity } from '@paxos/core'

/** 'PXSQ': says whose database it is, to us and to the `file` command. */
export const APPLICATION_ID = 0x50585351

/**
 * What a database says it is. 1 and 2 are of releases that did not save who is admitted, nor the
 * configuration of a snapshot: 2 of a database with an owner, 1 of one without. 3 and 4 are the same
 * of today. A release must not open a later version, as it would lose what it does not know of.
 */
export const SCHEMA_VERSION = { early: 1, earlyOwned: 2, unowned: 3, owned: 4 } as const

export type SchemaVersion = (typeof SCHEMA_VERSION)[keyof typeof SCHEMA_VERSION]

export const LATEST_VERSION = SCHEMA_VERSION.owned

export function isKnownVersion(version: number): version is SchemaVersion {
  return Object.values<number>(SCHEMA_VERSION).includes(version)
}

export function hasOwner(version: SchemaVersion): boolean {
  return version === SCHEMA_VERSION.earlyOwned || version === SCHEMA_VERSION.owned
}

export function isEarly(version: SchemaVersion): boolean {
  return version < SCHEMA_VERSION.unowned
}

/** The version in which this release writes. */
export function versionFor(identity: Identity | null): SchemaVersion {
  return identity === null ? SCHEMA_VERSION.unowned : SCHEMA_VERSION.owned
}

/** The tables. A row is hashed in the order of its columns. */
export const TABLES = {
  /** One row: what is single. `digest` covers every row of the database but for itself. */
  acceptor: `(
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    database_id INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    promised_round INTEGER,
    promised_node BLOB,
    chosen_through INTEGER NOT NULL,
    digest INTEGER NOT NULL
  ) STRICT`,
  accepted: `(
    slot INTEGER PRIMARY KEY,
    round INTEGER NOT NULL,
    node BLOB NOT NULL,
    value BLOB NOT NULL
  ) STRICT`,
  /** No row, or one. */
  snapshot: `(
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    through INTEGER NOT NULL,
    bytes INTEGER NOT NULL
  ) STRICT`,
  snapshot_member: `(
    position INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    address BLOB NOT NULL
  ) STRICT`,
  /** The snapshot's bytes, cut into pieces; `position` is where in the bytes a piece begins. */
  snapshot_piece: `(
    position INTEGER PRIMARY KEY,
    piece BLOB NOT NULL
  ) STRICT`,
  /** No row, or one: that of the snapshot. Not in versions 1 and 2. */
  snapshot_configuration: `(
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    configuration BLOB NOT NULL
  ) STRICT`,
  /** No row, or one when the owner was let in to vote. Not in versions 1 and 2. */
  admission: `(
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1)
  ) STRICT`,
  /** One row, only in versions 2 and 4: whose it is. */
  owner: `(
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    cluster BLOB NOT NULL,
    node BLOB NOT NULL,
    incarnation BLOB NOT NULL,
    kind BLOB NOT NULL
  ) STRICT`,
} as const

export type TableName = keyof typeof TABLES

const TABLE_NAMES = Object.keys(TABLES).filter(isTableName)

/** The tables that a database of this version has. */
export function tablesOf(version: SchemaVersion): readonly TableName[] {
  return TABLE_NAMES.filter((name) => {
    if (name === 'owner') return hasOwner(version)
    return !(name === 'admission' || name === 'snapshot_configuration') || !isEarly(version)
  })
}

/** Each is an integer, by which the rows are read in order. */
export const PRIMARY_KEYS: Readonly<Record<TableName, string>> = {
  acceptor: 'only_row',
  accepted: 'slot',
  snapshot: 'only_row',
  snapshot_member: 'position',
  snapshot_piece: 'position',
  snapshot_configuration: 'only_row',
  admission: 'only_row',
  owner: 'only_row',
}

/** As `sqlite_schema` has it. */
export function definitionOf(table: TableName): string {
  return `CREATE TABLE ${table} ${TABLES[table]}`
}

function isTableName(name: string): name is TableName {
  return name in TABLES
}
