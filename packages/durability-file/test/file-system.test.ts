/** What node:fs is asked to make durable. */
import type * as FsPromises from 'node:fs/promises'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { nodeFileSystem } from '../src/file-system.ts'
import { temporaryDirectory } from './processes.ts'

const { synced, refused } = vi.hoisted(() => ({
  synced: new Set<string>(),
  refused: new Map<string, string>(),
}))

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof FsPromises>()
  const open: typeof real.open = async (path, ...rest) => {
    const code = refused.get(String(path))
    if (code !== undefined) throw Object.assign(new Error('simulated'), { code })
    const handle = await real.open(path, ...rest)
    const sync = handle.sync.bind(handle)
    handle.sync = async () => {
      await sync()
      synced.add(String(path))
    }
    return handle
  }
  return { ...real, open }
})

beforeEach(() => {
  synced.clear()
  refused.clear()
})

describe('a directory that is made is there after power loss', () => {
  it('each level is synced in the one above it', async () => {
    const base = await temporaryDirectory()
    await nodeFileSystem.makeDirectory(join(base, 'a', 'b', 'c'))
    for (const parent of [base, join(base, 'a'), join(base, 'a', 'b')]) {
      expect(synced).toContain(parent)
    }
  })

  it('also where a process made some levels and died before it had synced them', async () => {
    const base = await temporaryDirectory()
    await mkdir(join(base, 'a'))
    await nodeFileSystem.makeDirectory(join(base, 'a', 'b'))
    expect(synced).toContain(base)
    synced.clear()
    await nodeFileSystem.makeDirectory(join(base, 'a', 'b'))
    expect(synced).toContain(join(base, 'a'))
  })

  it('a parent that this user may not read keeps nobody from a directory that is there', async () => {
    const directory = await temporaryDirectory()
    refused.set(dirname(directory), 'EACCES')
    await nodeFileSystem.makeDirectory(directory)
    refused.set(dirname(directory), 'EIO')
    await expect(nodeFileSystem.makeDirectory(directory)).rejects.toMatchObject({ code: 'EIO' })
  })
})
