/** The adapter on a real disk, with the limits as they are shipped. */
import { type Change, type Durability } from '@paxos/core'
import { file } from '@paxos/durability-file'
import {
  mkdir,
  open as openFile,
  readdir,
  readFile,
  readlink,
  stat,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fileOn } from '../src/file.ts'
import { nodeFileSystem } from '../src/file-system.ts'
import { RESERVE_BYTES } from '../../adapter-kit/src/stores/append/limits.ts'
import { after, bytes, readable } from '../../adapter-kit/test/stores/append/model.ts'
import { temporaryDirectory } from './processes.ts'

const ballot = { round: 1, node: 'a' }
const accept = (slot: number, value: Uint8Array): Change => ({
  accepted: [{ slot, ballot, value }],
})

async function opened(directory: string): Promise<Durability> {
  const adapter = file(directory)
  await adapter.open()
  return adapter
}

describe('what is saved is there', () => {
  it('P3: a fresh directory is the empty state, and falsy values are not', async () => {
    const directory = join(await temporaryDirectory(), 'made')
    const adapter = file(directory)
    expect(await adapter.open()).toEqual({
      identity: null,
      isNew: true,
      promised: null,
      accepted: [],
      snapshot: null,
      chosenThrough: 0,
      admitted: false,
    })
    const change: Change = {
      promised: { round: 0, node: '' },
      accepted: [{ slot: 1, ballot: { round: 0, node: '' }, value: new Uint8Array(0) }],
      snapshot: { through: 0, members: [], bytes: new Uint8Array(0) },
    }
    await adapter.save(change)
    await adapter.close()
    expect(await adapter.open()).toMatchObject({ ...change, chosenThrough: 0, isNew: false })
    await adapter.close()
  })

  it('a snapshot discards the entries at or below its slot, and its file replaces the older one', async () => {
    const directory = await temporaryDirectory()
    const adapter = await opened(directory)
    const large = new Uint8Array(9 << 20).map((_, at) => at % 253)
    const list: Change[] = [
      { accepted: [1, 2, 3, 4].map((slot) => ({ slot, ballot, value: bytes(`${slot}`) })) },
      { snapshot: { through: 2, members: [{ id: 'a', address: 'x' }], bytes: bytes('small') } },
      { snapshot: { through: 3, members: [{ id: 'b', address: 'é' }], bytes: large } },
      accept(2, bytes('late, and of no use')),
    ]
    for (const change of list) await adapter.save(change)
    await adapter.close()
    expect((await readdir(directory)).filter((name) => name.startsWith('snapshot-'))).toHaveLength(
      1,
    )
    const saved = await adapter.open()
    expect(saved.accepted.map(({ slot }) => slot)).toEqual([4])
    expect(saved.snapshot?.members).toEqual([{ id: 'b', address: 'é' }])
    expect(Buffer.compare(saved.snapshot?.bytes ?? bytes(''), large)).toBe(0)
    await adapter.close()
  })

  it('P12: a log that is rewritten stays small, and loses nothing', async () => {
    const directory = await temporaryDirectory()
    const adapter = await opened(directory)
    const list: Change[] = []
    let largest = 0
    for (let number = 1; number <= 300; number += 1) {
      const change: Change = {
        promised: { round: number, node: 'a' },
        ...accept(number % 5, new Uint8Array(100_000).fill(number)),
      }
      list.push(change)
      await adapter.save(change)
      largest = Math.max(largest, (await stat(join(directory, 'log'))).size)
    }
    // 30 MB were written; 4 MiB is where rewriting begins, and saves go on in the old log.
    expect(largest).toBeLessThan(10_000_000)
    await adapter.close()
    expect(readable(await adapter.open()) === readable(after(list))).toBe(true)
    await adapter.close()
    expect((await readdir(directory)).toSorted()).toEqual(['log'])
  })

  it('damage to an entry is found when the log is rewritten, and not copied as if it were sound', async () => {
    const directory = await temporaryDirectory()
    const adapter = await opened(directory)
    await adapter.save(accept(1, bytes('precious'.repeat(1000))))
    const handle = await openFile(join(directory, 'log'), 'r+')
    await handle.write('x', 12_288 + 5000)
    await handle.close()
    const saveMany = async () => {
      for (;;) await adapter.save(accept(2, new Uint8Array(500_000)))
    }
    await expect(saveMany()).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_POISONED',
      cause: { code: 'ERR_PAXOS_CORRUPTION' },
    })
    await adapter.close()
    await expect(adapter.open()).rejects.toMatchObject({ code: 'ERR_PAXOS_CORRUPTION' })
  })

  it('a disk that is full while the log is rewritten stops the saves, and harms nothing', async () => {
    const directory = await temporaryDirectory()
    const cause = Object.assign(new Error('simulated'), { code: 'ENOSPC' })
    const fullForNewLog: typeof nodeFileSystem = {
      ...nodeFileSystem,
      openDurable: async (path, mode) => {
        const handle = await nodeFileSystem.openDurable(path, mode)
        if (!path.endsWith('log.new') || acknowledged === 0) return handle
        return { ...handle, write: () => Promise.reject(cause) }
      },
    }
    let acknowledged = 0
    const adapter = fileOn(fullForNewLog, directory)
    await adapter.open()
    const saveMany = async () => {
      for (;;) {
        await adapter.save({
          chosenThrough: acknowledged + 1,
          ...accept(2, new Uint8Array(500_000)),
        })
        acknowledged += 1
      }
    }
    await expect(saveMany()).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_POISONED',
      cause: { code: 'ERR_PAXOS_DURABILITY_FAILED', cause },
    })
    await adapter.close()
    const again = file(directory)
    expect((await again.open()).chosenThrough).toBeGreaterThanOrEqual(acknowledged)
    await again.close()
    expect(await readdir(directory)).toEqual(['log'])
  })

  it('small saves go into room that was written ahead, which is given back in the end', async () => {
    const directory = await temporaryDirectory()
    const adapter = await opened(directory)
    const list = Array.from({ length: 3000 }, (_, at) =>
      accept(at + 1, new Uint8Array(300).fill(at)),
    )
    const size = async () => (await stat(join(directory, 'log'))).size
    await adapter.save({ promised: { round: 1, node: 'a' } })
    await expect.poll(size).toBeGreaterThan(RESERVE_BYTES)
    for (const change of list) await adapter.save(change)
    await adapter.close()
    // The last byte of the last group is of its value.
    expect((await readFile(join(directory, 'log'))).at(-1)).toBe(2999 % 256)
    const expected = readable(after([{ promised: { round: 1, node: 'a' } }, ...list]))
    expect(readable(await adapter.open()) === expected).toBe(true)
    await adapter.close()
  })

  it('a log that is being rewritten when the adapter closes is given up', async () => {
    const directory = await temporaryDirectory()
    const adapter = await opened(directory)
    const list = Array.from({ length: 12 }, (_, at) => accept(at % 2, new Uint8Array(500_000)))
    await Promise.all(list.map((change) => adapter.save(change)))
    await adapter.close()
    expect(readable(await adapter.open()) === readable(after(list))).toBe(true)
    await adapter.close()
    expect(await readdir(directory)).toEqual(['log'])
  })

  it('garbage that a crash left is removed, and what is not ours is left alone', async () => {
    const directory = await temporaryDirectory()
    const adapter = await opened(directory)
    await adapter.close()
    for (const name of ['log.new', 'snapshot-0123456789abcdef', 'notes.txt']) {
      await writeFile(join(directory, name), 'left over')
    }
    await adapter.open()
    await adapter.close()
    expect((await readdir(directory)).toSorted()).toEqual(['log', 'notes.txt'])
  })
})

describe('close', () => {
  it.runIf(process.platform === 'linux')('once it is closed, no file of it is open', async () => {
    const directory = await temporaryDirectory()
    const adapter = await opened(directory)
    const snapshot = { through: 1, members: [], bytes: bytes('s') }
    await adapter.save({ chosenThrough: 1, snapshot })
    expect(await openFilesIn(directory)).toContain(join(directory, 'log'))
    await adapter.close()
    expect(await openFilesIn(directory)).toEqual([])
  })
})

async function openFilesIn(directory: string): Promise<string[]> {
  const links = (await readdir('/proc/self/fd')).map((name) =>
    readlink(`/proc/self/fd/${name}`).catch(() => ''),
  )
  return (await Promise.all(links)).filter((path) => path.startsWith(directory))
}

describe('a place that cannot be used is refused in one clear sentence', () => {
  it('a path that is a file, and a parent that is one', async () => {
    const occupied = join(await temporaryDirectory(), 'occupied')
    await writeFile(occupied, 'mine')
    for (const path of [occupied, join(occupied, 'below')]) {
      await expect(file(path).open()).rejects.toMatchObject({
        name: 'DurabilityError',
        code: 'ERR_PAXOS_DURABILITY_FAILED',
        message: `Could not open ${path}: a file is in the way. Name a directory, or a path that is free.`,
      })
    }
    expect(await readFile(occupied, 'utf8')).toBe('mine')
  })

  it.runIf(process.platform === 'linux')(
    'a place where nothing can be made, without a hang',
    async () => {
      await expect(file('/proc/no/such/place').open()).rejects.toMatchObject({
        code: 'ERR_PAXOS_DURABILITY_FAILED',
        message: expect.stringMatching(/^Could not open \/proc\/no\/such\/place: /),
      })
    },
  )

  it('a log that is a directory', async () => {
    const directory = await temporaryDirectory()
    await mkdir(join(directory, 'log'))
    await expect(file(directory).open()).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_FAILED',
      cause: { code: 'EISDIR' },
    })
    // Nothing was kept: the lock is free.
    await expect(file(directory).open()).rejects.toMatchObject({ cause: { code: 'EISDIR' } })
  })

  it.each([
    ['EROFS', 'the file system is read-only. Mount it for writing, then open it again.'],
    ['EACCES', 'this user has no access. Give this user the right to read and write there.'],
    ['ENOSPC', 'the disk is full. Free some space, then open it again.'],
    ['EMFILE', 'this process has too many files open. Raise its limit, or close some.'],
    ['EXYZ', 'the system answered EXYZ. See the cause of this error, then open it again.'],
  ])('%s', async (code, sentence) => {
    const directory = await temporaryDirectory()
    const cause = Object.assign(new Error('simulated'), { code })
    const openDurable = () => Promise.reject(cause)
    const adapter = fileOn({ ...nodeFileSystem, openDurable }, directory)
    await expect(adapter.open()).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_FAILED',
      message: `Could not open ${directory}: ${sentence}`,
      cause,
    })
    const later = await opened(directory)
    await later.close()
  })
})
