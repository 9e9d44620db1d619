import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { InvalidArgumentError, MissingPackageError } from '@paxos/core'
import type { Durability } from '@paxos/core'
import { memory, memoryHub } from '@paxos/transport-memory'
import { importFailure } from '../src/registry.ts'
import { openDurability, openTransport, registerDurability, registerTransport } from '../src/url.ts'

const ballot = { round: 1, node: 'a' }

describe('openTransport turns a URL into the adapter of its scheme', () => {
  it.each([
    ['memory://a', { hub: memoryHub() }],
    ['memory:a', { hub: memoryHub() }],
    ['udp://127.0.0.1:0', {}],
    ['UDP://127.0.0.1:0', {}],
    ['ws://127.0.0.1:0', {}],
    ['grpc://127.0.0.1:0', {}],
  ])('%s', async (listen, options) => {
    const transport = await openTransport(listen, options)
    await transport.open({ id: 'a', listen: listen.toLowerCase(), peers: new Map(), receive() {} })
    expect(transport.address).toMatch(`${listen.split(':')[0]?.toLowerCase()}://`)
    await transport.close()
  })

  it('the scheme alone will do: where to listen is said when it is opened', async () => {
    const transport = await openTransport('udp:')
    await transport.close()
  })

  it('options reach the factory of the package, which refuses what can never work', async () => {
    await expect(openTransport('udp:', { maxDatagramBytes: 1 })).rejects.toThrow(/maxDatagramBytes/)
    await expect(openTransport('memory:a')).rejects.toThrow(/memoryHub\(\)/)
  })
})

describe('openDurability turns a URL into the adapter of its scheme', () => {
  it.each([
    ['file:./state', 'state'],
    ['file:deeper/state', 'deeper'],
    ['sqlite:./state.db', 'state.db'],
    ['sqlite:deeper/state.db', 'deeper'],
  ])('%s, relative to the working directory', async (url, made) => {
    const directory = await emptyDirectory()
    const before = process.cwd()
    process.chdir(directory)
    try {
      if (made === 'deeper') await mkdir(made)
      await saveAndReadBack(() => openDurability(url))
      expect(await readdir(directory)).toContain(made)
    } finally {
      process.chdir(before)
    }
  })

  it.each(['file', 'sqlite'])('%s:///absolute/path', async (scheme) => {
    const directory = await emptyDirectory()
    await saveAndReadBack(() => openDurability(`${scheme}://${directory}/state`))
    expect((await readdir(directory)).join()).toMatch(/^state/)
  })

  it('memory: is a disk of its own each time', async () => {
    const [one, other] = [await openDurability('memory:'), await openDurability('memory:')]
    await one.open()
    await one.save({ promised: ballot })
    expect((await other.open()).promised).toBeNull()
    await Promise.all([one.close(), other.close()])
  })
})

describe('third parties join by registering', () => {
  it('a transport is imported when its first URL is opened, and gets URL and options', async () => {
    const hub = memoryHub()
    const asked: unknown[] = []
    let loads = 0
    registerTransport('x-tape', async () => {
      loads += 1
      return {
        fromUrl(url, options) {
          asked.push(url, options)
          return memory({ hub })
        },
      }
    })
    expect(loads).toBe(0)
    const transport = await openTransport('X-Tape://reel', { speed: 2 })
    expect([loads, asked]).toEqual([1, ['X-Tape://reel', { speed: 2 }]])
    await transport.open({ id: 'a', listen: 'memory:a', peers: new Map(), receive() {} })
    await transport.close()
  })

  it('a durability adapter too, and schemes of the two kinds do not meet', async () => {
    registerDurability('x-stone', () => import('@paxos/durability-memory'))
    const durability = await openDurability('x-stone:tablet')
    await durability.open()
    await durability.close()
    await expect(openTransport('x-stone:tablet')).rejects.toThrow(InvalidArgumentError)
  })

  it.each(['udp', 'UDP', 'grpcs'])('%s is taken', (scheme) => {
    expect(() => registerTransport(scheme, () => import('@paxos/transport-udp'))).toThrow(
      /has a transport already/,
    )
  })

  it.each(['', 'a b', 'udp:', '1st'])('%j is no scheme', (scheme) => {
    expect(() => registerDurability(scheme, () => import('@paxos/durability-file'))).toThrow(
      InvalidArgumentError,
    )
  })

  it('a module without fromUrl is told what it lacks', async () => {
    // @ts-expect-error -- as a package of somebody who does not use types would be
    registerTransport('x-empty', () => Promise.resolve({}))
    await expect(openTransport('x-empty:')).rejects.toThrow(/exports no fromUrl\(url, options\)/)
  })
})

describe('a URL that cannot be served is a clear error', () => {
  it.each(['', 'here', '127.0.0.1:7000', 'nats://here', ':udp', '//udp:1'])('%j', async (url) => {
    for (const open of [openTransport, openDurability]) {
      const opening = open(url)
      await expect(opening).rejects.toThrow(InvalidArgumentError)
      await expect(opening).rejects.toThrow(/Use one of .*memory:.*, or add yours by register/)
    }
  })

  const name = '@paxos/transport-absent'

  it('a package that is not installed is named, with the command that installs it', async () => {
    const cause = await importError(name)
    const failure = importFailure(cause, name, 'absent')
    expect(failure).toBeInstanceOf(MissingPackageError)
    expect(failure).toMatchObject({
      message: `'absent:' needs the package ${name}, which is not installed. Run: npm install ${name}`,
      cause,
    })
  })

  it.each([
    ['webpack', `Cannot find module '${name}'`, 'MODULE_NOT_FOUND'],
    ['Vite', `Could not resolve "${name}" imported by "@paxos/replica". Is it installed?`],
    ['Chromium', `Failed to resolve module specifier '${name}'`],
    ['Firefox', `The specifier “${name}” was a bare specifier, but was not remapped to anything.`],
    ['Safari', `Module name, '${name}' does not resolve to a valid URL.`],
  ])('it is, too, in the words of %s', (_, message, code?: string) => {
    const cause = Object.assign(new Error(message), code === undefined ? {} : { code })
    expect(importFailure(cause, name, 'absent')).toBeInstanceOf(MissingPackageError)
  })

  it('a package that is installed and broken is not said to be missing', async () => {
    const lacks = `Could not resolve "some-library" imported by "${name}". Is it installed?`
    const causes = [
      await importError('some-library'),
      new Error(lacks),
      new Error(`'${name}' wants a newer version of everything`),
      Object.assign(new Error(`Cannot open '${name}'`), { code: 'EACCES' }),
    ]
    for (const cause of causes) expect(importFailure(cause, name, 'absent')).toBe(cause)
  })
})

/** What Node, rather than the test runner, says when it is to import what is not there. */
async function importError(name: string): Promise<Error> {
  const program = `import('${name}').catch(({ code, message }) => console.log(JSON.stringify({ code, message })))`
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    program,
  ])
  const { code, message }: { code: string; message: string } = JSON.parse(stdout)
  return Object.assign(new Error(message), { code })
}

async function saveAndReadBack(make: () => Promise<Durability>): Promise<void> {
  const first = await make()
  await first.open()
  await first.save({ promised: ballot })
  await first.close()
  const second = await make()
  expect((await second.open()).promised).toEqual(ballot)
  await second.close()
}

async function emptyDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'paxos-open-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}
