/** What plain JavaScript gives is looked at before anything is made or opened. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InvalidArgumentError } from '@paxos/core'
import { DurableObject, file, fromUrl } from '@paxos/durability-file'
import { describe, expect, it, onTestFinished } from 'vitest'

const WARN = /^Unknown option 'wran' of .*\. Did you mean 'warn'\?$/

describe('arguments that no type checked', () => {
  it.each([
    ['file', [{ wran: () => undefined }], WARN],
    ['file', [{ codec: {} }], /^Unknown option 'codec' of file\(\)\. Use warn\.$/],
    ['file', [{ warn: 'loudly' }], /^warn is a string\. Give a function\.$/],
    ['file', [null], /^The options of file\(\) are null\. Give an object with warn\.$/],
    ['fromUrl', [{ wran: () => undefined }], WARN],
    ['DurableObject.open', [{ wran: () => undefined }], WARN],
    ['DurableObject.open', [{ codecs: {} }], /^Unknown option 'codecs' .*'codec'\?$/],
    ['DurableObject.open', [{ codec: { encode() {} } }], /^codec has no method decode\(\)\. /],
    ['DurableObject.open', [{ codec: null }], /^codec is null\. Give an object with both\.$/],
    ['DurableObject.open', [{ warn: 1 }], /^warn is a number\. Give a function\.$/],
    ['DurableObject.open', [7], /^The options of DurableObject\.open are a number\. /],
  ])('of %s are refused in one sentence, and nothing is made: %j', async (name, rest, message) => {
    const parent = await mkdtemp(join(tmpdir(), 'paxos-arguments-'))
    onTestFinished(() => rm(parent, { recursive: true }))
    const directory = join(parent, 'node')
    const first = name === 'fromUrl' ? `file:${directory}` : directory
    const error = await refusal(name, [first, ...rest])
    expect(error).toBeInstanceOf(InvalidArgumentError)
    expect(error).toHaveProperty('message', expect.stringMatching(message))
    expect(await readdir(parent)).toEqual([])
  })

  it.each([
    ['file', undefined, /^directory is undefined\. Give a string\.$/],
    ['file', '', /^directory is empty\. Write '\.\/' for the working directory\.$/],
    ['DurableObject.open', null, /^directory is null\. Give a string\.$/],
    ['DurableObject.open', '', /^directory is empty\. /],
  ])(
    'a directory of %s that is none is refused, and never the working directory: %j',
    async (name, directory, message) => {
      const error = await refusal(name, [directory])
      expect(error).toBeInstanceOf(InvalidArgumentError)
      expect(error).toHaveProperty('message', expect.stringMatching(message))
    },
  )
})

/** What the factory of that name throws at once, or, when it opens, rejects with. */
async function refusal(name: string, given: readonly unknown[]): Promise<unknown> {
  const [owner, method] =
    name === 'DurableObject.open' ? [DurableObject, 'open'] : [{ file, fromUrl }, name]
  try {
    await Reflect.apply(Reflect.get(owner, method), owner, given)
    return null
  } catch (error) {
    return error
  }
}
