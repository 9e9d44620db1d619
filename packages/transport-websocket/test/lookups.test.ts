/** Look-ups of names, with a name server that may be silent. */
import type { LookupFunction } from 'node:net'
import { describe, expect, it } from 'vitest'
import { MAX_LOOKUPS } from '../src/limits.ts'
import { makeLookups } from '../src/lookups.ts'

/** A name server that answers when the test says so. */
function server() {
  const asked: { readonly host: string; readonly answer: () => void }[] = []
  const resolve: LookupFunction = (host, _, callback) => {
    asked.push({ host, answer: () => callback(null, '192.0.2.1', 4) })
  }
  return { asked, lookups: makeLookups(resolve) }
}

describe('look-ups', () => {
  it('of one name are one, however many dials ask', () => {
    const { asked, lookups } = server()
    let answers = 0
    for (const _ of [1, 2, 3]) lookups.lookup('b', {}, () => (answers += 1))
    expect(asked.map(({ host }) => host)).toEqual(['b'])
    asked[0]?.answer()
    expect(answers).toBe(3)
    lookups.lookup('b', {}, () => {})
    expect(asked).toHaveLength(2)
  })

  it('are few at one time, so that files find a thread, and the others come in their turn', () => {
    const { asked, lookups } = server()
    for (let count = 0; count < 20; count += 1) lookups.lookup(`host${count}`, {}, () => {})
    expect(asked).toHaveLength(MAX_LOOKUPS)
    asked[0]?.answer()
    expect(asked).toHaveLength(MAX_LOOKUPS + 1)
  })

  it('that nobody answers hold up close() for a bounded time, and tell nobody after it', async () => {
    const { asked, lookups } = server()
    let answers = 0
    for (let count = 0; count < 5; count += 1)
      lookups.lookup(`host${count}`, {}, () => (answers += 1))
    await lookups.close()
    asked[0]?.answer()
    lookups.lookup('late', {}, () => (answers += 1))
    expect([asked.length, answers]).toEqual([MAX_LOOKUPS, 0])
  })
})
