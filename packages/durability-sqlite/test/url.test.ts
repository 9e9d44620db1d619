/** Which file a URL means. */
import { InvalidArgumentError } from '@paxos/core'
import { fromUrl } from '@paxos/durability-sqlite'
import { mkdir, readdir } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from './directories.ts'
import { ANY_DRIVER } from './platform.ts'

describe('fromUrl keeps the state in the file that the URL names', () => {
  it.each<[string, (path: string) => string]>([
    ['an absolute path', (path) => `sqlite:${path}`],
    ['an absolute path after an empty authority', (path) => `sqlite://${path}`],
    ['a path from the working directory', (path) => `sqlite:${relative('.', path)}`],
    ['a scheme in capitals', (path) => `SQLITE:${path}`],
  ])('%s', async (_, urlOf) => {
    // What a URL would encode is a part of the path as it is written.
    const path = join(await temporaryDirectory(), 'a b%20c', 'x?y#z.db')
    await mkdir(dirname(path))
    const adapter = fromUrl(urlOf(path), { driver: ANY_DRIVER })
    await adapter.open()
    await adapter.close()
    expect((await readdir(dirname(path))).toSorted()).toEqual(['x?y#z.db', 'x?y#z.db-mark'])
  })
})

describe('what names no file is refused, and nothing is made', () => {
  it.each([
    ['', /does not begin with 'sqlite:'/],
    ['./a.db', /does not begin with 'sqlite:'/],
    ['file:./a.db', /does not begin with 'sqlite:'/],
    ['mysqlite:./a.db', /does not begin with 'sqlite:'/],
    ['sqlite:', /names no file/],
    ['sqlite://', /names no file/],
    ['sqlite:///', /names no file/],
    ['sqlite://server/a.db', /names a host/],
  ])('%j', (url, what) => {
    expect(() => fromUrl(url)).toThrow(InvalidArgumentError)
    expect(() => fromUrl(url)).toThrow(what)
    expect(() => fromUrl(url)).toThrow(/Write sqlite:\.\/a\.db or sqlite:\/\/\/var\/lib\/a\.db\.$/)
  })
})
