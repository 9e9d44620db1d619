/**
 * The place on the real disk: that a path means what it meant at open, that nothing is acknowledged
 * which the next open would not find, and that nothing is written where a link leads.
 */
import type { Durability } from '@paxos/core'
import { DurableObject, file, fromUrl } from '@paxos/durability-file'
import {
  chmod,
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fileOn } from '../src/file.ts'
import { nodeFileSystem } from '../src/file-system.ts'
import { bytes } from '../../adapter-kit/test/stores/append/model.ts'
import { temporaryDirectory } from './processes.ts'

/** Something that saves, and what it keeps its state in. */
interface Saver {
  readonly save: (number: number) => Promise<void>
  readonly close: () => Promise<void>
}

type Open = (directory: string, warn?: (message: string) => void) => Promise<Saver>

const openFile: Open = async (directory, warn) => {
  const adapter = file(directory, { warn })
  await adapter.open()
  return {
    save: (round) => adapter.save({ promised: { round, node: 'a' } }),
    close: () => adapter.close(),
  }
}

const openObject: Open = async (directory, warn) => {
  const object = await DurableObject.open<number>(directory, { warn })
  return { save: (number) => object.save(number), close: () => object.close() }
}

const KINDS: readonly (readonly [kind: string, open: Open, main: string])[] = [
  ['file()', openFile, 'log'],
  ['DurableObject', openObject, 'object-even'],
]

const lockIn = async (directory: string): Promise<string> =>
  join(directory, (await readdir(directory)).find((name) => name.startsWith('lock-')) ?? 'none')

/** What may become of a directory while it is in use. */
const LOSSES: readonly (readonly [
  what: string,
  lose: (directory: string, main: string) => Promise<void>,
])[] = [
  ['the directory is removed', (directory) => rm(directory, { recursive: true })],
  ['the directory is moved away', (directory) => rename(directory, `${directory}.old`)],
  [
    'the directory is moved away, and a new one is made',
    async (directory) => {
      await rename(directory, `${directory}.old`)
      await mkdir(directory)
    },
  ],
  [
    'the directory is replaced by a copy of itself',
    async (directory) => {
      await cp(directory, `${directory}.copy`, {
        recursive: true,
        filter: (path) => !path.includes('lock-'),
      })
      await rename(directory, `${directory}.old`)
      await rename(`${directory}.copy`, directory)
    },
  ],
  ['a file of it is removed', (directory, main) => rm(join(directory, main))],
  [
    'a file of it is replaced by a copy',
    async (directory, main) => {
      const path = join(directory, main)
      await writeFile(`${path}.copy`, await readFile(path))
      await rename(`${path}.copy`, path)
    },
  ],
  ['the lock is removed', async (directory) => rm(await lockIn(directory))],
]

describe.each(KINDS)('%s acknowledges nothing once', (_, open, main) => {
  it.each(LOSSES)('%s', async (_what, lose) => {
    const directory = join(await temporaryDirectory(), 'data')
    const saver = await open(directory)
    await saver.save(1)
    await lose(directory, main)
    await expect(saver.save(2)).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_FAILED',
      message: expect.stringMatching(/data: it was removed, moved or replaced .* Put it back/),
    })
    await expect(saver.save(3)).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_POISONED' })
    await saver.close()
  })
})

describe.each(KINDS)('a path of %s', (_, open) => {
  it('means what it meant at open, wherever the process goes afterwards', async () => {
    const base = await temporaryDirectory()
    const before = process.cwd()
    try {
      process.chdir(base)
      const saver = await open('data')
      await mkdir(join(base, 'elsewhere'))
      process.chdir(join(base, 'elsewhere'))
      await saver.save(1)
      await saver.save(2)
      await saver.close()
      expect(await readdir('.')).toEqual([])
      expect(await lockIn(join(base, 'data'))).toMatch(/none$/)
    } finally {
      process.chdir(before)
    }
  })

  it('is not made with its parents: the error says what is missing, and nothing is made', async () => {
    const base = await temporaryDirectory()
    const path = join(base, 'not mounted', 'data')
    await expect(open(path)).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_FAILED',
      message:
        `Could not open ${path}: ${join(base, 'not mounted')}, which it is to be in, is missing, as ` +
        'when a disk is not mounted or a path is misspelt. Mount it or name the right one; if this ' +
        'node is new, make it.',
    })
    expect(await readdir(base)).toEqual([])
  })

  it('may lead through a link that the user made', async () => {
    const base = await temporaryDirectory()
    await mkdir(join(base, 'real'))
    await symlink(join(base, 'real'), join(base, 'link'))
    const saver = await open(join(base, 'link'))
    await saver.save(1)
    await saver.close()
    expect(await readdir(join(base, 'real'))).not.toEqual([])
  })
})

async function withLink(name: string) {
  const base = await temporaryDirectory()
  const victim = join(base, 'victim')
  await writeFile(victim, 'precious')
  const directory = join(base, 'data')
  await mkdir(directory)
  await symlink(victim, join(directory, name))
  return { directory, victim }
}

describe('a link that lies where a file is to be', () => {
  it.each([
    ['log', openFile],
    ['object-even', openObject],
    ['object-odd', openObject],
  ] as const)('is refused, and what it leads to is left as it was: %s', async (name, open) => {
    const { directory, victim } = await withLink(name)
    await expect(open(directory)).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_FAILED',
      message: expect.stringMatching(/a link is in the way/),
      cause: { code: 'ELOOP' },
    })
    expect(await readFile(victim, 'utf8')).toBe('precious')
  })

  it.each([
    ['log.new', openFile],
    ['object-even.new', openObject],
    ['object-odd.new', openObject],
    ['lock-1-000000000000', openFile],
  ] as const)('is taken away where only a crash leaves a file: %s', async (name, open) => {
    const { directory, victim } = await withLink(name)
    const saver = await open(directory)
    await saver.save(1)
    await saver.close()
    expect(await readFile(victim, 'utf8')).toBe('precious')
    expect(await readdir(directory)).not.toContain(name)
  })

  it('is not followed by a log that is rewritten', async () => {
    const directory = await temporaryDirectory()
    const victim = join(await temporaryDirectory(), 'victim')
    await writeFile(victim, 'precious')
    const adapter = file(directory)
    await adapter.open()
    await symlink(victim, join(directory, 'log.new'))
    const accepted = [{ slot: 1, ballot: { round: 1, node: 'a' }, value: new Uint8Array(1 << 20) }]
    for (let count = 0; count < 8; count += 1) await adapter.save({ accepted })
    await adapter.close()
    expect(await readFile(victim, 'utf8')).toBe('precious')
  })
})

describe.runIf(process.platform !== 'win32').each(KINDS)('%s warns', (_, open) => {
  it.each([
    [0o777, true],
    [0o720, true],
    [0o702, true],
    [0o755, false],
    [0o700, false],
  ])('of a directory with mode %i only when others can write there: %s', async (mode, warns) => {
    const directory = await temporaryDirectory()
    await chmod(directory, mode)
    const said: string[] = []
    const saver = await open(directory, (message) => said.push(message))
    await saver.close()
    const sentence =
      `Others than this user can change what is in ${directory}: its mode is ${mode.toString(8)}. ` +
      'Let it belong to this user alone, with mode 700.'
    expect(said).toEqual(warns ? [sentence] : [])
  })
})

it.runIf(process.platform !== 'win32')(
  'without a function to be warned by, the process is warned, with a code',
  async () => {
    const directory = await temporaryDirectory()
    await chmod(directory, 0o777)
    const warned = new Promise<Error>((resolve) => {
      process.once('warning', resolve)
    })
    const adapter: Durability = fromUrl(`file:${directory}`)
    await adapter.open()
    await adapter.close()
    expect(await warned).toMatchObject({ code: 'PAXOS_DIRECTORY_EXPOSED' })
    const heard: string[] = []
    const other = fromUrl(`file:${directory}`, { warn: (message) => heard.push(message) })
    await other.open()
    await other.close()
    expect(heard).toHaveLength(1)
  },
)

it('nothing is acknowledged when the directory goes while a save is being written', async () => {
  const directory = join(await temporaryDirectory(), 'data')
  const adapter = fileOn(
    {
      ...nodeFileSystem,
      async openDurable(path, mode) {
        const log = await nodeFileSystem.openDurable(path, mode)
        return {
          ...log,
          async writeDurably(position, content) {
            await log.writeDurably(position, content)
            await rename(directory, `${directory}.old`)
          },
        }
      },
    },
    directory,
  )
  await adapter.open()
  await expect(adapter.save({ chosenThrough: 1 })).rejects.toThrow(/it was removed, moved or/)
  await adapter.close()
})

it('a directory that is moved away and back again is the same: saves go on', async () => {
  const directory = join(await temporaryDirectory(), 'data')
  const adapter = file(directory)
  await adapter.open()
  await rename(directory, `${directory}.old`)
  await rename(`${directory}.old`, directory)
  await adapter.save({ chosenThrough: 1, snapshot: { through: 1, members: [], bytes: bytes('s') } })
  await adapter.close()
  expect((await adapter.open()).chosenThrough).toBe(1)
  await adapter.close()
})
