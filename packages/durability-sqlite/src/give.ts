/**
 * Gives a database of version 1 its first owner, as a database of version 2. A crash leaves one or
 * the other, whole. In this order:
 *
 *   1. commit, as always, and write a mark that says version 2      earlier releases keep off
 *   2. commit the owner, its table and the version in one           it has an owner
 *   3. write the mark; move the log into the database               the file says so too
 *
 * The mark goes first, because an earlier release that met a database of version 2 under a mark of
 * version 1 would take it for damage. Between 1 and 2 it is a database of version 1 as before.
 *
 * Must never write a mark for a commit that is not durable.
 */
import type { Identity } from '@paxos/core'
import type { Connection, Step } from './connection.ts'
import type { Mark } from './mark.ts'
import { definitionOf, OWNED_SCHEMA_VERSION } from './schema.ts'
import { ownerRow, type State } from './state.ts'
import { put } from './transaction.ts'

export async function giveOwner(
  connection: Connection,
  mark: Mark,
  state: State,
  identity: Identity,
): Promise<void> {
  await commit(connection, state, [])
  mark.announce(OWNED_SCHEMA_VERSION)
  await mark.write(state.generation)
  state.identity = identity
  await commit(connection, state, [
    statement(definitionOf('owner')),
    put('owner', ownerRow(identity)),
    statement(`PRAGMA user_version = ${OWNED_SCHEMA_VERSION}`),
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
