/**
 * What is in the database. Each statement must stay as it is for as long as the version does: the
 * text that SQLite keeps of it is compared on every open.
 *
 * Names are stored as the bytes of their UTF-8, not as TEXT: Node's own SQLite cuts a text off at a
 * zero character. `CAST(node AS TEXT)` makes them readable.
 */

/** 'PXSQ': says whose database it is, to us and to the `file` command. */
export const APPLICATION_ID = 0x50585351

/**
 * The version of a database without an owner, and of one with. A release that does not know of
 * owners must not open it, as it would let in anybody.
 */
export const SCHEMA_VERSION = 1
export const OWNED_SCHEMA_VERSION = 2

export type SchemaVersion = typeof SCHEMA_VERSION | typeof OWNED_SCHEMA_VERSION

export function isKnownVersion(version: number): version is SchemaVersion {
  return version === SCHEMA_VERSION || version === OWNED_SCHEMA_VERSION
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
  /** One row, only in version 2: whose it is. */
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
  return TABLE_NAMES.filter((name) => name !== 'owner' || version === OWNED_SCHEMA_VERSION)
}

/** Each is an integer, by which the rows are read in order. */
export const PRIMARY_KEYS: Readonly<Record<TableName, string>> = {
  acceptor: 'only_row',
  accepted: 'slot',
  snapshot: 'only_row',
  snapshot_member: 'position',
  snapshot_piece: 'position',
  owner: 'only_row',
}

/** As `sqlite_schema` has it. */
export function definitionOf(table: TableName): string {
  return `CREATE TABLE ${table} ${TABLES[table]}`
}

function isTableName(name: string): name is TableName {
  return name in TABLES
}
