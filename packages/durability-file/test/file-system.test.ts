/** What node:fs is asked to make durable. */
import type * as FsPromises from 'node:fs/promises'
import { constants } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { nodeFileSystem } from '../src/file-system.ts'
import { temporaryDirectory } from './processes.ts'

const { synced, refused, calls, failing } = vi.hoisted(() => ({
  synced: new Set<string>(),
  refused: new Map<string, string>(),
  /** What handles were asked to do and have done, in order. */
  calls: [] as { readonly name: 'write' | 'sync'; readonly path: string; readonly flags: number }[],
  /** Paths whose syncs fail. */
  failing: new Set<string>(),
}))

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof FsPromises>()
  const open: typeof real.open = async (path, ...rest) => {
    const code = refused.get(String(path))
    if (code !== undefined) throw Object.assign(new Error('simulated'), { code })
    const handle = await real.open(path, ...rest)
    const flags = typeof rest[0] === 'number' ? rest[0] : 0
    const done = (name: 'write' | 'sync') => calls.push({ name, path: String(path), flags })
    const sync = handle.sync.bind(handle)
    const datasync = handle.datasync.bind(handle)
    const write = handle.write.bind(handle)
    for (const [name, run] of Object.entries({ sync, datasync })) {
      const asked = async () => {
        if (failing.has(String(path))) throw Object.assign(new Error('simulated'), { code: 'EIO' })
        await run()
        synced.add(String(path))
        done('sync')
      }
      Object.assign(handle, { [name]: asked })
    }
    const written = async (...args: Parameters<typeof write>) => {
      const result = await write(...args)
      done('write')
      return result
    }
    return Object.assign(handle, { write: written })
  }
  return { ...real, open }
})

beforeEach(() => {
  synced.clear()
  refused.clear()
  calls.length = 0
  failing.clear()
})

describe('a directory that is made is there after power loss', () => {
  it('it and its parent, which somebody else may have made and never synced, each in the one above', async () => {
    const base = await temporaryDirectory()
    await mkdir(join(base, 'a'))
    await nodeFileSystem.makeDirectory(join(base, 'a', 'b'))
    expect([...synced]).toEqual([join(base, 'a'), base])
  })

  it('also where a process made it and died before it had synced it', async () => {
    const base = await temporaryDirectory()
    await mkdir(join(base, 'a', 'b'), { recursive: true })
    await nodeFileSystem.makeDirectory(join(base, 'a', 'b'))
    expect([...synced]).toEqual([join(base, 'a'), base])
  })

  it('a parent that this user may not read keeps nobody from a directory that is there', async () => {
    const directory = await temporaryDirectory()
    refused.set(dirname(directory), 'EACCES')
    await nodeFileSystem.makeDirectory(directory)
    refused.set(dirname(directory), 'EIO')
    await expect(nodeFileSystem.makeDirectory(directory)).rejects.toMatchObject({ code: 'EIO' })
  })
})

/** Whether what a handle with these flags has written is durable without a sync. */
const isSynchronous = (flags: number) => (flags & constants.O_DSYNC) === constants.O_DSYNC

describe('a sync is one of the system, not a word of ours', () => {
  it.each(['open', 'openDurable'] as const)('sync() of a file, with %s', async (opens) => {
    const path = join(await temporaryDirectory(), 'a')
    const file = await nodeFileSystem[opens](path, 'create')
    await file.write(0, new Uint8Array(10))
    expect(synced).not.toContain(path)
    await file.sync()
    expect(calls.map(({ name }) => name)).toEqual(['write', 'sync'])
    failing.add(path)
    await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' })
    await file.close()
  })

  it('writeDurably(): each write is through a handle that syncs it, or has a sync behind it', async () => {
    const path = join(await temporaryDirectory(), 'a')
    const file = await nodeFileSystem.openDurable(path, 'create')
    for (const position of [0, 5000]) {
      calls.length = 0
      await file.writeDurably(position, new Uint8Array(100).fill(7))
      expect(calls.filter(({ name }) => name === 'write').length).toBeGreaterThan(0)
      for (const [at, { name, flags }] of calls.entries()) {
        if (name !== 'write' || isSynchronous(flags)) continue
        expect(calls.slice(at).map((call) => call.name)).toContain('sync')
      }
    }
    expect(await file.read(5000, 200)).toEqual(new Uint8Array(100).fill(7))
    await file.close()
  })

  it.runIf(process.platform !== 'win32')('syncDirectory()', async () => {
    const directory = await temporaryDirectory()
    await nodeFileSystem.syncDirectory(directory)
    expect(synced).toContain(directory)
    failing.add(directory)
    await expect(nodeFileSystem.syncDirectory(directory)).rejects.toMatchObject({ code: 'EIO' })
  })
})

it('a length that nothing has verified takes no more of it than the file has', async () => {
  const path = join(await temporaryDirectory(), 'small')
  await writeFile(path, 'small')
  for (const file of [
    await nodeFileSystem.open(path, 'existing'),
    await nodeFileSystem.openDurable(path, 'existing'),
  ]) {
    const read = await file.read(2, 64 << 20)
    expect(Buffer.from(read).toString()).toBe('all')
    expect(read.buffer.byteLength).toBeLessThan(1 << 20)
    expect((await file.read(9, 64 << 20)).buffer.byteLength).toBe(0)
    await file.close()
  }
})
