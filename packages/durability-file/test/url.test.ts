/** Which directory a URL means. */
import { InvalidArgumentError } from '@paxos/core'
import { fromUrl } from '@paxos/durability-file'
import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from './processes.ts'

describe('fromUrl keeps the state in the directory that the URL names', () => {
  it.each<[string, (directory: string) => string]>([
    ['an absolute path', (directory) => `file:${directory}`],
    ['a path from the working directory', (directory) => `file:${relative('.', directory)}`],
    ['a scheme in capitals', (directory) => `FILE:${directory}`],
    ['a whole URL', (directory) => pathToFileURL(directory).href],
  ])('%s', async (_, urlOf) => {
    // A space and a percent sign, which a whole URL encodes and a path does not.
    const directory = join(await temporaryDirectory(), 'a b%20c')
    const adapter = fromUrl(urlOf(directory))
    await adapter.open()
    await adapter.close()
    expect(await readdir(directory)).toEqual(['log'])
  })
})

describe('what names no directory is refused, and nothing is made', () => {
  it.each([
    ['', /does not begin with 'file:'/],
    ['./data', /does not begin with 'file:'/],
    ['sqlite:./data', /does not begin with 'file:'/],
    ['profile:./data', /does not begin with 'file:'/],
    ['file:', /names no directory/],
    ['file://', /names no directory/],
    ['file:///data?sync=off', /has a query or a fragment/],
    ['file:///data#1', /has a query or a fragment/],
    ['file://server/share', /names no path on this machine/],
    ['file:///%2F', /names no path on this machine/],
    ['file:///%', /names no path on this machine/],
  ])('%s', (url, what) => {
    expect(() => fromUrl(url)).toThrow(InvalidArgumentError)
    expect(() => fromUrl(url)).toThrow(what)
    expect(() => fromUrl(url)).toThrow(/Write file:\.\/data or file:\/\/\/var\/lib\/data\.$/)
  })
})
