/**
 * State in SQLite: `sqlite()` is the durability adapter of an acceptor, in one database.
 */
export { MAX_CHANGE_BYTES, MAX_SNAPSHOT_BYTES } from '@paxos/adapter-kit/stores'
export type { DriverName } from './connection.ts'
export { sqlite, type SqliteOptions } from './sqlite.ts'
export { fromUrl } from './url.ts'
