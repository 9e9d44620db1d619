/**
 * What a save costs in messages and syncs, and what a failure says, with SQLite. The order of saves and
 * what a failure ends are the same for every store, and in the tests of @paxos/adapter-kit.
 */
import type { Change, Saved } from '@paxos/core'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sqliteOn } from '../src/sqlite.ts'
import { temporaryDirectory } from './directories.ts'
import { newGate, type Gate } from './gate.ts'
import { accept, promise } from './model.ts'
import { ANY_DRIVER as driver, platformWith, sqlError, type Operation } from './platform.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** What a platform answers to a call: an error to refuse it with, or null. */
type Refusal = (operation: Operation) => Error | null

const refuseNothing: Refusal = () => null

const isCommit = (operation: Operation) => 'sql' in operation && operation.sql.endsWith('COMMIT')
const isSync = ({ type }: Operation) => type === 'sync'
const isWrite = ({ type }: Operation) => type === 'write'

/** An adapter that is open, and every call that it makes from then on. */
async function opened() {
  const path = join(await temporaryDirectory(), 'a.db')
  const operations: Operation[] = []
  let refusal = refuseNothing
  let gate: Gate | null = null
  const platform = platformWith(async (operation, run) => {
    operations.push(operation)
    const error = refusal(operation)
    if (error !== null) throw error
    if (isSync(operation)) await gate?.pass()
    return run()
  })
  const adapter = sqliteOn(platform, path, { driver })
  await adapter.open()
  operations.length = 0
  return {
    adapter,
    operations,
    /** From now on syncs wait. */
    holdSyncs: (): Gate => {
      gate = newGate()
      return gate
    },
    refuse: (next: Refusal) => {
      refusal = next
    },
    reopened: async (): Promise<Saved> => {
      refusal = refuseNothing
      await adapter.close()
      const saved = await adapter.open()
      await adapter.close()
      return saved
    },
  }
}

const entry = (slot: number, byte: number): Change => accept(slot, Uint8Array.from([byte]))

const cover = (through: number): Change => ({
  snapshot: { through, members: [], bytes: new Uint8Array(2) },
})

describe('group commit', () => {
  it('a lone save takes one message to SQLite with one transaction, and one sync of the mark', async () => {
    const { adapter, operations } = await opened()
    await adapter.save(promise(1))
    // Where the files are is looked up before and after; nothing else is asked for.
    expect(operations.filter(({ type }) => type !== 'other')).toEqual([
      {
        type: 'run',
        sql: 'BEGIN IMMEDIATE; INSERT OR REPLACE INTO acceptor VALUES (?, ?, ?, ?, ?, ?, ?); COMMIT',
      },
      { type: 'write', path: expect.stringMatching(/a\.db-mark$/) },
      { type: 'sync', path: expect.stringMatching(/a\.db-mark$/) },
    ])
    await adapter.close()
  })

  it('P14: nothing is acknowledged before the commit, nor before the mark of it is synced', async () => {
    const { adapter, holdSyncs } = await opened()
    const acknowledged: string[] = []
    const gate = holdSyncs()
    const saving = adapter.save(promise(1)).then(() => acknowledged.push('saved'))
    await gate.arrived
    for (let turns = 0; turns < 20; turns += 1) await turn()
    expect(acknowledged).toEqual([])
    gate.open()
    await saving
    await adapter.close()
  })

  it('what is written twice in a group is written once, and what a snapshot covers not at all', async () => {
    const { adapter, operations, reopened } = await opened()
    const group = [entry(1, 1), entry(3, 1), cover(1), entry(3, 2), entry(1, 9), cover(2)]
    await Promise.all(group.map((change) => adapter.save(change)))
    const [sql = ''] = operations.flatMap((operation) => ('sql' in operation ? operation.sql : []))
    expect(sql.match(/INTO accepted/g)).toHaveLength(1)
    expect(sql.match(/INTO snapshot_piece/g)).toHaveLength(1)
    const { accepted, snapshot } = await reopened()
    expect(accepted).toEqual(entry(3, 2).accepted)
    expect(snapshot?.through).toBe(2)
  })
})

const systemError = (code: string) => Object.assign(new Error('simulated'), { code })

describe('after a failed save', () => {
  it.each<[string, Error, (operation: Operation) => boolean, string]>([
    [
      'a full disk in the commit',
      sqlError('SQLITE_FULL'),
      isCommit,
      'the disk is full. Free some space, then open it again.',
    ],
    [
      'a device that fails in the commit',
      sqlError('SQLITE_IOERR'),
      isCommit,
      'the device failed. Check the disk, then open it again.',
    ],
    [
      'a device that fails in the sync of the mark',
      systemError('EIO'),
      isSync,
      'the device failed. Check the disk, then open it again.',
    ],
    [
      'a full disk for the mark',
      systemError('ENOSPC'),
      isWrite,
      'the disk is full. Free some space, then open it again.',
    ],
    [
      'a fault that nobody thought of',
      systemError('EXYZ'),
      isSync,
      'the answer was EXYZ. See the cause of this error, then open it again.',
    ],
  ])(
    '%s: the save says why, and nothing is written ever again',
    async (_, cause, when, sentence) => {
      const { adapter, operations, refuse, reopened } = await opened()
      await adapter.save(promise(1))
      refuse((operation) => (when(operation) ? cause : null))
      const first = adapter.save(promise(2))
      const second = adapter.save(promise(3))
      await expect(first).rejects.toMatchObject({
        name: 'DurabilityError',
        code: 'ERR_PAXOS_DURABILITY_FAILED',
        message: expect.stringMatching(/^Could not save .*a\.db: /),
        cause,
      })
      await expect(first).rejects.toThrow(sentence)
      await expect(second).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_FAILED' })

      refuse(refuseNothing)
      operations.length = 0
      await expect(adapter.save(promise(4))).rejects.toMatchObject({
        code: 'ERR_PAXOS_DURABILITY_POISONED',
        cause: { code: 'ERR_PAXOS_DURABILITY_FAILED' },
      })
      await expect(adapter.open()).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_STATE' })
      await adapter.close()
      expect(operations).toEqual([])
      // Only a fresh open goes on, with all that was acknowledged.
      expect([1, 3]).toContain((await reopened()).promised?.round)
    },
  )
})
