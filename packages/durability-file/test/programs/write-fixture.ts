/**
 * Writes, into the directory in its argument, the state that later releases must be able to read.
 * To be kept as test/stores/append/fixtures/<version> of @paxos/adapter-kit, when a release changes what is on disk.
 */
import { file } from '@paxos/durability-file'
import { writeFixture } from '@paxos/testkit'

const [, , directory] = process.argv
if (directory === undefined) throw new TypeError('Name a directory for the fixture.')
await writeFixture(file(directory))
