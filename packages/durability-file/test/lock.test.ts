/** Who may have a directory open, and when it is free again. */
import { LockedError } from '@paxos/core'
import { DurableObject, file } from '@paxos/durability-file'
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
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

  it('of ten opens at once in one process exactly one wins, every time', async () => {
    const directory = await temporaryDirectory()
    for (let round = 0; round < 30; round += 1) {
      const adapters = Array.from({ length: 10 }, () => file(directory))
      const results = await Promise.allSettled(adapters.map((adapter) => adapter.open()))
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      await Promise.all(adapters.map((adapter) => adapter.close()))
    }
  })

  it('of four processes at once at most one wins', async () => {
    const directory = await temporaryDirectory()
    const programs = Array.from({ length: 4 }, () => start('hold', directory))
    const said = await Promise.all(programs.map(async ({ lines }) => (await lines.next()).value))
    expect(said.filter((line) => line === 'open').length).toBeLessThanOrEqual(1)
    for (const line of said) expect(line).toMatch(/^open$|^LockedError: /)
  })

  it('what a dead process or a stranger left there does not keep anybody out', async () => {
    const directory = await temporaryDirectory()
    // As after a reboot: a name without a listener. The process id is that of a living process.
    await writeFile(join(directory, `lock-${process.pid}-0123456789ab`), '')
    await writeFile(join(directory, 'lock-of-somebody-else'), 'kept')
    const adapter = file(directory)
    await adapter.open()
    await adapter.close()
    expect(await locks(directory)).toEqual(['lock-of-somebody-else'])
  })

  it.runIf(process.platform === 'linux')(
    'a path too long for a socket is locked all the same',
    async () => {
      const directory = join(await temporaryDirectory(), 'a'.repeat(120), 'b'.repeat(120))
      await mkdir(directory, { recursive: true })
      const adapter = file(directory)
      await adapter.open()
      const second = start('hold', directory)
      expect((await second.lines.next()).value).toMatch(/^LockedError/)
      await adapter.close()
      expect(await locks(directory)).toEqual([])
    },
  )
})
