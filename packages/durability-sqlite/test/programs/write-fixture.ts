/**
 * Writes, into the directory in its argument, the state that later releases must be able to read.
 * To be kept as test/fixtures/<version>, when a release changes what is in the database.
 */
import { join } from 'node:path'
import { sqlite } from '@paxos/durability-sqlite'
import { writeFixture } from '@paxos/testkit'

const [, , directory] = process.argv
if (directory === undefined) throw new TypeError('Name a directory for the fixture.')
await writeFixture(sqlite(join(directory, 'node.db')))
