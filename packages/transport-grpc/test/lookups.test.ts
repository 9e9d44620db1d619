/** Look-ups of names, with a name server that may be silent. */
import { describe, expect, it } from 'vitest'
import { MAX_LOOKUPS } from '../src/limits.ts'
import { makeLookups } from '../src/lookups.ts'

/** A name server that answers when the test says so. */
function server() {
  const asked: { readonly host: string; readonly answer: (ips: string[]) => void }[] = []
  const resolve = (host: string): Promise<string[]> =>
    new Promise((answer) => void asked.push({ host, answer }))
  return { asked, lookups: makeLookups(resolve) }
}

/** Lets what is settled be told. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

describe('look-ups', () => {
  it('of one name are one, however many dials ask', async () => {
    const { asked, lookups } = server()
    const answers = [1, 2, 3].map(() => lookups.addressesOf('b'))
    await settled()
    expect(asked.map(({ host }) => host)).toEqual(['b'])
    asked[0]?.answer(['192.0.2.1'])
    expect(await Promise.all(answers)).toEqual([['192.0.2.1'], ['192.0.2.1'], ['192.0.2.1']])
    void lookups.addressesOf('b')
    await settled()
    expect(asked).toHaveLength(2)
  })

  it('are few at one time, so that files find a thread, and the others come in their turn', async () => {
    const { asked, lookups } = server()
    for (let count = 0; count < 20; count += 1) void lookups.addressesOf(`host${count}`)
    await settled()
    expect(asked).toHaveLength(MAX_LOOKUPS)
    asked[0]?.answer([])
    await settled()
    expect(asked).toHaveLength(MAX_LOOKUPS + 1)
  })

  it('that nobody answers hold up close() for a bounded time, and none begins after it', async () => {
    const { asked, lookups } = server()
    for (let count = 0; count < 5; count += 1) void lookups.addressesOf(`host${count}`)
    await settled()
    await lookups.close()
    asked[0]?.answer([])
    await settled()
    expect(asked).toHaveLength(MAX_LOOKUPS)
  })
})
