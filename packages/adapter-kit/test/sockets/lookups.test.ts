/** Look-ups of names, with a name server that may be silent. */
import type { LookupAddress } from 'node:dns'
import { describe, expect, it } from 'vitest'
import { MAX_LOOKUPS } from '../../src/sockets/limits.ts'
import { makeLookups } from '../../src/sockets/lookups.ts'

const FOUND = [
  { address: '192.0.2.1', family: 4 },
  { address: '2001:db8::1', family: 6 },
]

interface Question {
  readonly host: string
  readonly answer: (found: LookupAddress[]) => void
  readonly refuse: (error: unknown) => void
}

/** A name server that answers when the test says so. */
function server() {
  const asked: Question[] = []
  const resolve = (host: string): Promise<LookupAddress[]> =>
    new Promise((answer, refuse) => void asked.push({ host, answer, refuse }))
  return { asked, lookups: makeLookups(resolve) }
}

/** Lets what is settled be told. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

describe('look-ups', () => {
  it('of one name are one, however many dials ask, and however they do', async () => {
    const { asked, lookups } = server()
    const answers = [1, 2, 3].map(() => lookups.addressesOf('b'))
    const told: unknown[] = []
    lookups.lookup('b', { all: true }, (...answer) => told.push(answer))
    lookups.lookup('b', {}, (...answer) => told.push(answer))
    await settled()
    expect(asked.map(({ host }) => host)).toEqual(['b'])
    asked[0]?.answer(FOUND)
    expect(await Promise.all(answers)).toEqual([FOUND, FOUND, FOUND])
    await settled()
    expect(told).toEqual([
      [null, FOUND],
      [null, '192.0.2.1', 4],
    ])
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

  it('of a name that there is not reject, and make room for others', async () => {
    const { asked, lookups } = server()
    const error = Object.assign(new Error('No such name'), { code: 'ENOTFOUND' })
    const told: unknown[] = []
    lookups.lookup('nowhere', { all: true }, (...answer) => told.push(answer))
    const rejected = expect(lookups.addressesOf('nowhere')).rejects.toBe(error)
    for (let count = 0; count < MAX_LOOKUPS; count += 1) void lookups.addressesOf(`host${count}`)
    await settled()
    asked[0]?.refuse(error)
    await rejected
    await settled()
    expect(told).toEqual([[error, '']])
    expect(asked).toHaveLength(MAX_LOOKUPS + 1)
  })

  it('that nobody answers hold up close() for a bounded time, and tell nobody after it', async () => {
    const { asked, lookups } = server()
    let answers = 0
    for (let count = 0; count < 5; count += 1)
      lookups.lookup(`host${count}`, {}, () => (answers += 1))
    await settled()
    await lookups.close()
    asked[0]?.answer(FOUND)
    lookups.lookup('late', {}, () => (answers += 1))
    await settled()
    expect([asked.length, answers]).toEqual([MAX_LOOKUPS, 0])
  })

  it('that are answered end close() at once', async () => {
    const { asked, lookups } = server()
    void lookups.addressesOf('b')
    await settled()
    const closed = lookups.close()
    asked[0]?.answer(FOUND)
    await closed
  })
})
