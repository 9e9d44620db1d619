/** What node:fs is asked to make durable beside the database: its mark, and its name. */
import type * as FsPromises from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeEach, expect, it, vi } from 'vitest'
import { nodeFileSystem } from '../src/files.ts'
import { temporaryDirectory } from './directories.ts'

const { calls, failing } = vi.hoisted(() => ({
  /** What handles were asked to do and have done, in order. */
  calls: [] as string[],
  /** Paths whose syncs fail. */
  failing: new Set<string>(),
}))

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof FsPromises>()
  const open: typeof real.open = async (path, ...rest) => {
    const handle = await real.open(path, ...rest)
    const sync = handle.sync.bind(handle)
    const datasync = handle.datasync.bind(handle)
    const write = handle.write.bind(handle)
    for (const [name, run] of Object.entries({ sync, datasync })) {
      const asked = async () => {
        if (failing.has(String(path))) throw Object.assign(new Error('simulated'), { code: 'EIO' })
        await run()
        calls.push(`sync ${String(path)}`)
      }
      Object.assign(handle, { [name]: asked })
    }
    const written = async (...args: Parameters<typeof write>) => {
      const result = await write(...args)
      calls.push(`write ${String(path)}`)
      return result
    }
    return Object.assign(handle, { write: written })
  }
  return { ...real, open }
})

beforeEach(() => {
  calls.length = 0
  failing.clear()
})

it('a sync of a file is one of the system, behind what was written, and fails when that does', async () => {
  const path = join(await temporaryDirectory(), 'a.db-mark')
  const file = await nodeFileSystem.open(path, 'create')
  await file.write(0, new Uint8Array(10))
  await file.sync()
  expect(calls).toEqual([`write ${path}`, `sync ${path}`])
  failing.add(path)
  await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' })
  await file.close()
})

it.runIf(process.platform !== 'win32')('so is a sync of a directory', async () => {
  const directory = await temporaryDirectory()
  await nodeFileSystem.syncDirectory(directory)
  expect(calls).toEqual([`sync ${directory}`])
  failing.add(directory)
  await expect(nodeFileSystem.syncDirectory(directory)).rejects.toMatchObject({ code: 'EIO' })
})

it.runIf(process.platform !== 'win32')(
  'the directory, which somebody else may have made and never synced, is synced in the one above',
  async () => {
    const directory = await temporaryDirectory()
    await nodeFileSystem.locate(join(directory, 'a.db'))
    expect(calls).toEqual([`sync ${dirname(directory)}`])
  },
)
