/**
 * The place on the real disk: that a path means what it meant at open, that nothing is acknowledged
 * which the next open would not find, that nothing is written where a link leads, and that an error
 * names the real cause.
 */
import { fromUrl } from '@paxos/durability-sqlite'
import { chmod, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { nodeFileSystem } from '../src/files.ts'
import { sqliteOn } from '../src/sqlite.ts'
import { copyNow, temporaryDirectory } from './directories.ts'
import { promise } from './model.ts'
import { ANY_DRIVER as driver, platformWith, QUICK, sqlError } from './platform.ts'

// On a machine that may be busy.
const NAME = 'a.db'
const open = (directory: string) => sqliteOn(QUICK, join(directory, NAME), { driver })

const lockIn = async (directory: string): Promise<string> =>
  join(directory, (await readdir(directory)).find((name) => name.includes('-lock-')) ?? 'none')

async function replaced(path: string): Promise<void> {
  await writeFile(`${path}.copy`, await readFile(path))
  await rename(`${path}.copy`, path)
}

/** What may become of a database while it is in use. */
const LOSSES: readonly (readonly [what: string, lose: (directory: string) => Promise<void>])[] = [
  ['its directory is removed', (directory) => rm(directory, { recursive: true })],
  ['its directory is moved away', (directory) => rename(directory, `${directory}.old`)],
  [
    'its directory is moved away, and a new one is made',
    async (directory) => {
      await rename(directory, `${directory}.old`)
      await mkdir(directory)
    },
  ],
  [
    'its directory is replaced by a copy',
    async (directory) => {
      await rename(directory, `${directory}.old`)
      await mkdir(directory)
      copyNow(`${directory}.old`, directory)
    },
  ],
  ...['', '-wal', '-mark'].flatMap(
    (suffix) =>
      [
        [`${NAME}${suffix} is removed`, (directory: string) => rm(join(directory, NAME + suffix))],
        [
          `${NAME}${suffix} is replaced`,
          (directory: string) => replaced(join(directory, NAME + suffix)),
        ],
      ] as const,
  ),
  ['its lock is removed', async (directory) => rm(await lockIn(directory))],
]

describe('nothing is acknowledged once', () => {
  it.each(LOSSES)('%s', async (_what, lose) => {
    const directory = join(await temporaryDirectory(), 'data')
    await mkdir(directory)
    const adapter = open(directory)
    await adapter.open()
    await adapter.save(promise(1))
    await lose(directory)
    await expect(adapter.save(promise(2))).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_FAILED',
      message: expect.stringMatching(/a\.db: it was removed, moved or replaced .* Put it back/),
    })
    await expect(adapter.save(promise(3))).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_POISONED',
    })
    await adapter.close()
  })
})

it('nothing is acknowledged when the directory goes while a save is being written', async () => {
  const directory = join(await temporaryDirectory(), 'data')
  await mkdir(directory)
  let isSaving = false
  const platform = platformWith(async (operation, run) => {
    const result = await run()
    if (isSaving && operation.type === 'sync') await rename(directory, `${directory}.old`)
    return result
  })
  const adapter = sqliteOn(platform, join(directory, NAME), { driver })
  await adapter.open()
  isSaving = true
  await expect(adapter.save(promise(1))).rejects.toThrow(/it was removed, moved or replaced/)
  await adapter.close()
})

describe('a path', () => {
  it('means what it meant at open, wherever the process goes afterwards', async () => {
    const base = await temporaryDirectory()
    await mkdir(join(base, 'elsewhere'))
    const before = process.cwd()
    try {
      process.chdir(base)
      const adapter = sqliteOn(QUICK, NAME, { driver })
      await adapter.open()
      process.chdir(join(base, 'elsewhere'))
      await adapter.save(promise(1))
      await adapter.close()
      expect(await readdir('.')).toEqual([])
    } finally {
      process.chdir(before)
    }
    expect((await readdir(base)).toSorted()).toEqual([NAME, `${NAME}-mark`, 'elsewhere'])
  })

  it('is not made with its directory: the error says what is missing, and nothing is made', async () => {
    const base = await temporaryDirectory()
    const directory = join(base, 'not mounted')
    const path = join(directory, NAME)
    await expect(open(directory).open()).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_FAILED',
      message:
        `Could not open ${path}: ${directory}, which it is to be in, is missing, as when a disk is ` +
        'not mounted or a path is misspelt. Mount it or name the right one; if this node is new, ' +
        'make it.',
    })
    expect(await readdir(base)).toEqual([])
  })
})

describe('a link that lies where a file is to be', () => {
  it.each(['-mark', '-wal', '-shm', '-journal', '-mark-new', '-new', '-new-journal', '-new-wal'])(
    'is not followed, and what it leads to is left as it was: %s',
    async (suffix) => {
      const base = await temporaryDirectory()
      const victim = join(base, 'victim')
      await writeFile(victim, 'precious')
      const directory = join(base, 'data')
      await mkdir(directory)
      await symlink(victim, join(directory, NAME + suffix))
      const adapter = open(directory)
      // Those that only a crash leaves are taken away; the others are refused.
      if (suffix.includes('new')) {
        await adapter.open()
        await adapter.save(promise(1))
      } else {
        await expect(adapter.open()).rejects.toMatchObject({
          code: 'ERR_PAXOS_DURABILITY_FAILED',
          message: expect.stringMatching(/a link is in the way/),
        })
      }
      await adapter.close()
      expect(await readFile(victim, 'utf8')).toBe('precious')
    },
  )
})

it.runIf(process.platform !== 'win32')(
  'a directory that others can write to is warned of, and only that',
  async () => {
    const directory = await temporaryDirectory()
    const said: string[] = []
    for (const mode of [0o777, 0o720, 0o755]) {
      await chmod(directory, mode)
      const warn = (message: string) => said.push(message)
      const adapter = fromUrl(`sqlite:${join(directory, NAME)}`, { driver, warn })
      await adapter.open()
      await adapter.close()
    }
    expect(said).toEqual(
      ['777', '720'].map(
        (mode) =>
          `Others than this user can change what is in ${directory}: its mode is ${mode}. ` +
          'Let it belong to this user alone, with mode 700.',
      ),
    )
  },
)

describe('where SQLite does not say why, the system is asked', () => {
  it.each([
    ['ENOSPC', 'the disk is full. Free some space, then open it again.'],
    [
      'EDQUOT',
      'the disk quota is used up. Free some space or raise the quota, then open it again.',
    ],
    ['EMFILE', 'this process has too many files open. Raise its limit, or close some.'],
    ['EROFS', 'it cannot be written. Give this user the right to write there, on a file system'],
    [null, 'the device failed. Check the disk, then open it again.'],
  ])('%s: at open and in a save', async (code, sentence) => {
    const directory = await temporaryDirectory()
    const path = join(directory, NAME)
    let failing = false
    const platform = platformWith((operation, run) => {
      if (failing && operation.type === 'run') throw sqlError('SQLITE_IOERR')
      return run()
    })
    const fs = {
      ...platform.fs,
      async tryToWrite(tried: string) {
        expect(tried).toBe(`${path}-probe`)
        if (code === null) return nodeFileSystem.tryToWrite(tried)
        throw Object.assign(new Error('simulated'), { code })
      },
    }
    const adapter = sqliteOn({ ...platform, fs }, path, { driver })
    await adapter.open()
    failing = true
    const saving = adapter.save(promise(1))
    await expect(saving).rejects.toThrow(`Could not save ${path}: ${sentence}`)
    await adapter.close()
    const opening = sqliteOn({ ...platform, fs }, path, { driver }).open()
    await expect(opening).rejects.toThrow(`Could not open ${path}: ${sentence}`)
    expect((await readdir(directory)).filter((name) => name.includes('probe'))).toEqual([])
  })
})
