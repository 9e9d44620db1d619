/**
 * Makes of a database what this release writes: gives it its first owner, and the tables of today. A
 * crash leaves what it was or what it is to be, whole. In this order:
 *
 *   1. commit, as always, and write a mark of the version to come   earlier releases keep off
 *   2. commit the owner, the tables and the version in one          it is of that version
 *   3. write the mark; the caller moves the log into the database   the file says so too
 *
 * The mark goes first, because an earlier release that met the database under a mark of its own
 * version would take it for damage. Between 1 and 2 it is the database that it was.
 *
 * Must never write a mark for a commit that is not durable.
 */
import type { Identity } from '@paxos/core'
import type { Connection, Step } from './connection.ts'
import type { Mark } from './mark.ts'
import { definitionOf, isEarly, tablesOf, versionFor } from './schema.ts'
import { ADMISSION_ROW, ownerRow, type State } from './state.ts'
import { put } from './transaction.ts'

/** `identity` is whose it is from now on: the owner that it has, or its first. */
export async function bringUpToDate(
  connection: Connection,
  mark: Mark,
  state: State,
  identity: Identity | null,
): Promise<void> {
  const before = state.version
  const version = versionFor(identity)
  await commit(connection, state, [])
  mark.announce(version)
  await mark.write(state.generation)
  const isFirst = state.identity === null && identity !== null
  const old = new Set(tablesOf(before))
  const added = tablesOf(version).filter((table) => !old.has(table))
  state.identity = identity
  state.version = version
  await commit(connection, state, [
    ...added.map((table) => statement(definitionOf(table))),
    ...(isFirst ? [put('owner', ownerRow(identity))] : []),
    // From here on it is stored: what follows from an earlier version is so for good.
    ...(isEarly(before) && state.admitted ? [put('admission', ADMISSION_ROW)] : []),
    statement(`PRAGMA user_version = ${version}`),
  ])
  await mark.write(state.generation)
}

async function commit(connection: Connection, state: State, steps: readonly Step[]): Promise<void> {
  state.generation += 1
  await connection.run([
    statement('BEGIN IMMEDIATE'),
    ...steps,
    put('acceptor', state.acceptorRow()),
    statement('COMMIT'),
  ])
}

function statement(sql: string): Step {
  return { sql, parameters: [] }
}
