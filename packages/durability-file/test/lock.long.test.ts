/** Who may have a directory open, and when it is free again; the lock itself is tested in the kit. */
import { LockedError } from '@paxos/core'
import { DurableObject, file } from '@paxos/durability-file'
import { readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { start, temporaryDirectory } from './processes.ts'

const locks = async (directory: string) =>
  (await readdir(directory)).filter((name) => name.startsWith('lock-'))

describe('a directory is open once', () => {
  it('another process is refused, is told who holds it and what to do; SIGKILL frees it', async () => {
    const directory = await temporaryDirectory()
    const holder = start('hold', directory)
    expect((await holder.lines.next()).value).toBe('open')

    const second = file(directory).open()
    await expect(second).rejects.toThrow(LockedError)
    await expect(second).rejects.toThrow(
      `${directory} is held by process ${holder.pid}: two writers would forget each other's ` +
        'promises. Close or end that one first, or give this node a directory of its own.',
    )
    await holder.kill()
    expect(await locks(directory)).toHaveLength(1)
    const adapter = file(directory)
    await adapter.open()
    await adapter.close()
    expect(await locks(directory)).toEqual([])
  })

  it('a second process is refused while this one holds it', async () => {
    const directory = await temporaryDirectory()
    const adapter = file(directory)
    await adapter.open()
    const second = start('hold', directory)
    expect((await second.lines.next()).value).toMatch(
      new RegExp(`^LockedError: .* is held by process ${process.pid}:`),
    )
    await adapter.close()
  })

  it('this process is refused too, also under another name of the directory and for another use', async () => {
    const directory = await temporaryDirectory()
    const other = join(await temporaryDirectory(), 'link')
    await symlink(directory, other)
    const adapter = file(directory)
    await adapter.open()
    for (const open of [
      () => file(directory).open(),
      () => file(`${directory}/.`).open(),
      () => file(other).open(),
      () => DurableObject.open(directory),
    ]) {
      await expect(open()).rejects.toThrow(/held by this process/)
    }
    await adapter.close()
    await (await DurableObject.open(other)).close()
  })
})
