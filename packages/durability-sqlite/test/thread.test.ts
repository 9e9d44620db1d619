/** The thread of SQLite: what it loads, that it holds nobody up, and what its death means. */
import { MissingPackageError } from '@paxos/core'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type * as Threads from 'node:worker_threads'
import { Worker } from 'node:worker_threads'
import { describe, expect, it, vi } from 'vitest'
import { sqlite } from '@paxos/durability-sqlite'
import { startThread, type DriverName, type Reply, type ThreadData } from '../src/connection.ts'
import { temporaryDirectory } from './directories.ts'
import { promise } from './model.ts'
import { ANY_DRIVER, DRIVERS } from './platform.ts'
import { rest, start } from './processes.ts'

/** Every thread that was started, so that a test can end one. */
const started = vi.hoisted((): Threads.Worker[] => [])

/** The length of every buffer that was handed over to one. */
const copiedBytes = vi.hoisted((): number[] => [])

vi.mock('node:worker_threads', async (original) => {
  const real = await original<typeof Threads>()
  class Recorded extends real.Worker {
    constructor(...args: ConstructorParameters<typeof Threads.Worker>) {
      super(...args)
      started.push(this)
    }
    override postMessage(value: unknown, transfer: readonly ArrayBuffer[]): void {
      copiedBytes.push(...transfer.map(({ byteLength }) => byteLength))
      super.postMessage(value, transfer)
    }
  }
  return { ...real, Worker: Recorded }
})

const ALL: readonly DriverName[] = ['better-sqlite3', 'node:sqlite']
const MISSING = ALL.filter((driver) => !DRIVERS.includes(driver))

const newFile = async () => {
  const path = join(await temporaryDirectory(), 'a.db')
  writeFileSync(path, '')
  return path
}

describe('a driver', () => {
  it.runIf(MISSING.length > 0).each(MISSING)(
    '%s, which this runtime cannot load, is a package that is missing',
    async (driver) => {
      const path = join(await temporaryDirectory(), 'a.db')
      const opening = sqlite(path, { driver }).open()
      await expect(opening).rejects.toThrow(MissingPackageError)
      await expect(opening).rejects.toThrow(
        new RegExp(`^This runtime cannot load ${driver}, .*(npm install|Node from 22.13 on).*\\.$`),
      )
      // Where there is another one, it is found without being named.
      const adapter = sqlite(path)
      await adapter.open()
      await adapter.close()
    },
  )

  it('without any, the error says why not each, and what to install', async () => {
    // The thread alone, in a place from where no package can be found.
    const directory = await temporaryDirectory()
    copyFileSync(
      fileURLToPath(new URL('../src/thread.js', import.meta.url)),
      join(directory, 't.mjs'),
    )
    const workerData: ThreadData = { drivers: ['better-sqlite3'], messageBytes: 1 }
    const worker = new Worker(join(directory, 't.mjs'), { workerData, env: { NODE_PATH: '' } })
    const reply = new Promise<Reply>((resolve) => worker.once('message', resolve))
    worker.postMessage({ type: 'connect', path: ':memory:', mode: 'write' }, [])
    expect(await reply).toEqual({
      error: {
        code: 'NO_DRIVER',
        message: expect.stringMatching(/^better-sqlite3: Cannot find module/),
      },
    })
    await worker.terminate()
  })

  it('is not loaded by who only makes an adapter', async () => {
    const program = start('import', [join(await temporaryDirectory(), 'a.db')])
    expect(await rest(program)).toEqual(['loaded 0'])
  })
})

describe.each(DRIVERS)('a connection with %s', (driver) => {
  it('has the event loop go on, however long a statement takes', async () => {
    const thread = startThread([driver])
    const connection = await thread.connect(await newFile(), 'write')
    // A few hundred milliseconds of counting: as if a disk took its time over a sync.
    const sql =
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500000) ' +
      'SELECT count(*) AS c FROM n'
    let turns = 0
    let counting = true
    const count = () => {
      turns += 1
      if (counting) setImmediate(count)
    }
    count()
    const [rows = []] = await connection.run([{ sql, parameters: [] }])
    counting = false
    expect(rows).toEqual([{ c: 1_500_000n }])
    expect(turns).toBeGreaterThan(100)
    await thread.end()
  })

  it('answers with rows up to the size of a message, and at least one', async () => {
    const thread = startThread([driver])
    const connection = await thread.connect(await newFile(), 'write')
    await connection.run([
      { sql: 'CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB) STRICT', parameters: [] },
      ...[1n, 2n, 3n].map((n) => ({
        sql: 'INSERT INTO t VALUES (?, ?)',
        parameters: [n, new Uint8Array(700_000)],
      })),
    ])
    const read = async (sql: string) => (await connection.run([{ sql, parameters: [] }]))[0]?.length
    expect(await read('SELECT * FROM t')).toBe(2)
    expect(await read('SELECT * FROM t WHERE n = 3')).toBe(1)
    expect(await read('SELECT n FROM t')).toBe(3)
    // What was not read to its end is no obstacle.
    await connection.run([{ sql: 'DROP TABLE t', parameters: [] }])
    await thread.end()
  })

  it('P7: has copied what it was given when run returns, and only that of a view', async () => {
    const thread = startThread([driver])
    const connection = await thread.connect(await newFile(), 'write')
    const view = new Uint8Array(100).fill(7).subarray(1, 4)
    const sql = 'SELECT ? AS b'
    const before = copiedBytes.length
    const running = connection.run([{ sql, parameters: [view] }])
    // Nothing of the other 97 bytes was copied on the way.
    expect(copiedBytes.slice(before)).toEqual([3])
    view.fill(0)
    expect(await running).toEqual([[{ b: Uint8Array.from([7, 7, 7]) }]])
    expect(view.byteLength).toBe(3)
    await thread.end()
  })

  it('says of a failed statement what SQLite said, and goes on', async () => {
    const thread = startThread([driver])
    const path = await newFile()
    const connection = await thread.connect(path, 'write')
    const run = (sql: string) => connection.run([{ sql, parameters: [] }])
    await run('CREATE TABLE t (n INTEGER NOT NULL) STRICT')
    await expect(run('SELECT * FROM absent')).rejects.toMatchObject({
      name: 'SqlError',
      code: 'SQLITE_ERROR',
      message: 'no such table: absent',
    })
    await run('PRAGMA max_page_count = 1')
    await expect(run('CREATE TABLE u (n)')).rejects.toMatchObject({ code: 'SQLITE_FULL' })
    await connection.close()
    const reader = await thread.connect(path, 'read')
    const write = reader.run([{ sql: 'INSERT INTO t VALUES (1)', parameters: [] }])
    await expect(write).rejects.toMatchObject({ code: 'SQLITE_READONLY' })
    await thread.end()
    await expect(run('SELECT 1')).rejects.toThrow(/The thread of SQLite ended/)
  })

  it('does not make a file that is missing', async () => {
    const thread = startThread([driver])
    const path = join(await temporaryDirectory(), 'none.db')
    await expect(thread.connect(path, 'read')).rejects.toMatchObject({ code: 'SQLITE_CANTOPEN' })
    await thread.end()
  })
})

describe('a thread that dies', () => {
  it('fails the saves that run, and the adapter must be opened afresh', async () => {
    const path = join(await temporaryDirectory(), 'a.db')
    const adapter = sqlite(path, { driver: ANY_DRIVER })
    await adapter.open()
    await adapter.save(promise(1))
    const saving = expect(adapter.save(promise(2))).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_FAILED',
      cause: { message: expect.stringMatching(/^The thread of SQLite ended/) },
    })
    await started.at(-1)?.terminate()
    await saving
    await expect(adapter.save(promise(3))).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_POISONED',
    })
    await adapter.close()
    const { promised } = await adapter.open()
    expect([1, 2]).toContain(promised?.round)
    await adapter.save(promise(3))
    await adapter.close()
  })

  it('while all is quiet, fails the next save', async () => {
    const path = join(await temporaryDirectory(), 'a.db')
    const adapter = sqlite(path, { driver: ANY_DRIVER })
    await adapter.open()
    await started.at(-1)?.terminate()
    await expect(adapter.save(promise(1))).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_FAILED',
    })
    await adapter.close()
  })

  it('while it opens, leaves the database free', async () => {
    const path = join(await temporaryDirectory(), 'a.db')
    const adapter = sqlite(path, { driver: ANY_DRIVER })
    const before = started.length
    const opening = adapter.open()
    while (started.length === before) await new Promise((resolve) => setImmediate(resolve))
    await started.at(-1)?.terminate()
    await expect(opening).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_FAILED' })
    await adapter.open()
    await adapter.close()
  })
})
