/** Who may have a database open, and when it is free again; the lock itself is tested in the kit. */
import { LockedError } from '@paxos/core'
import { sqlite } from '@paxos/durability-sqlite'
import { copyFile, readdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startThread, type DriverName } from '../src/connection.ts'
import { copyNow, fingerprint, temporaryDirectory } from './directories.ts'
import { ANY_DRIVER, DRIVERS } from './platform.ts'
import { start } from './processes.ts'

const open = (path: string, driver: DriverName = ANY_DRIVER) => sqlite(path, { driver })

const newPath = async () => join(await temporaryDirectory(), 'a.db')

const locks = async (path: string) =>
  (await readdir(dirname(path))).filter((name) => name.startsWith('a.db-lock-'))

describe('a database is open once', () => {
  it('another process is refused, is told who holds it and what to do; SIGKILL frees it', async () => {
    const path = await newPath()
    const holder = start('hold', [path])
    expect((await holder.lines.next()).value).toBe('open')

    const second = open(path).open()
    await expect(second).rejects.toThrow(LockedError)
    await expect(second).rejects.toThrow(
      `${path} is held by process ${holder.pid}: two writers would forget each other's ` +
        'promises. Close or end that one first, or give this node a database of its own.',
    )
    await holder.kill()
    expect(await locks(path)).toHaveLength(1)
    const adapter = open(path)
    await adapter.open()
    await adapter.close()
    expect(await locks(path)).toEqual([])
  })

  it('a second process is refused while this one holds it, and even if this one has dropped SQLite’s locks', async () => {
    const path = await newPath()
    const adapter = open(path)
    await adapter.open()
    await adapter.save({ promised: { round: 1, node: 'a' } })
    // To open a file and close it again drops every POSIX lock that the process had on it.
    await copyFile(path, `${path}.backup`)
    const before = fingerprint(dirname(path))
    const second = start('hold', [path])
    expect((await second.lines.next()).value).toMatch(
      new RegExp(`^LockedError: .* is held by process ${process.pid}:`),
    )
    await second.ended
    expect(fingerprint(dirname(path))).toEqual(before)
    await adapter.save({ promised: { round: 2, node: 'a' } })
    await adapter.close()
    expect((await adapter.open()).promised?.round).toBe(2)
    await adapter.close()
  })

  it('this process is refused too, by whatever name and with whatever driver', async () => {
    const path = await newPath()
    const directory = await temporaryDirectory()
    await symlink(path, join(directory, 'file-link.db'))
    await symlink(dirname(path), join(directory, 'directory-link'))
    const adapter = open(path)
    await adapter.open()
    const names = [
      path,
      `${dirname(path)}/./a.db`,
      join(directory, 'file-link.db'),
      join(directory, 'directory-link', 'a.db'),
    ]
    for (const name of names) {
      for (const driver of DRIVERS) {
        await expect(open(name, driver).open()).rejects.toThrow(/held by this process/)
      }
    }
    await adapter.close()
    const other = open(join(directory, 'file-link.db'))
    await other.open()
    await other.close()
    expect((await readdir(directory)).toSorted()).toEqual(['directory-link', 'file-link.db'])
  })

  it('another program that has it open with SQLite is a reason to refuse, and is refused itself', async () => {
    const path = await newPath()
    const adapter = open(path)
    await adapter.open()
    const thread = startThread([ANY_DRIVER])
    const look = async () => {
      const connection = await thread.connect(path, 'read')
      try {
        return await connection.run([{ sql: 'SELECT * FROM acceptor', parameters: [] }])
      } finally {
        await connection.close()
      }
    }
    await expect(look()).rejects.toMatchObject({ code: 'SQLITE_BUSY' })
    await adapter.close()
    expect(await look()).toHaveLength(1)

    const connection = await thread.connect(path, 'write')
    await connection.run([{ sql: 'BEGIN IMMEDIATE', parameters: [] }])
    await expect(adapter.open()).rejects.toThrow(/is held by another program/)
    await connection.close()
    await thread.end()
    await adapter.open()
    await adapter.close()
  })

  it('one that only reads, after a crash, keeps the index that it reads by', async () => {
    const path = await newPath()
    const crashed = join(await temporaryDirectory(), 'a.db')
    const adapter = open(path)
    await adapter.open()
    await adapter.save({ promised: { round: 1, node: 'a' } })
    copyNow(dirname(path), dirname(crashed))
    await adapter.close()

    const thread = startThread([ANY_DRIVER])
    const connection = await thread.connect(crashed, 'read')
    const read = () => connection.run([{ sql: 'SELECT * FROM acceptor', parameters: [] }])
    await read()
    const before = fingerprint(dirname(crashed))
    expect(before.map((file) => file.split(' ')[0])).toContain('a.db-shm')
    await expect(open(crashed).open()).rejects.toThrow(/is held by another program/)
    expect(fingerprint(dirname(crashed)).map((file) => file.split(' ')[0])).toEqual(
      before.map((file) => file.split(' ')[0]),
    )
    expect(await read()).toHaveLength(1)
    await connection.close()
    await thread.end()
    const free = open(crashed)
    expect((await free.open()).promised?.round).toBe(1)
    await free.close()
  })
})
