/** How often a name is looked up, and what is used meanwhile; on virtual time. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { NAME_LIFETIME_MS, NAME_RETRY_MS } from '../src/limits.ts'
import { nameOf } from '../src/name.ts'
import type { Name } from '../src/name.ts'

let nowMs = 0
let lookups = 0
/** What a look-up finds, addresses with spaces between them; null when it fails. */
let found: string | null = null

beforeEach(() => {
  nowMs = 0
  lookups = 0
  found = '10.0.0.1'
})

async function lookup(): Promise<readonly string[]> {
  lookups += 1
  if (found === null) throw new Error('ENOTFOUND')
  return found.split(' ')
}

function makeName(host: string, family: 4 | 6 = 4): Name {
  return nameOf({ host, family, lookup, now: () => nowMs })
}

/** What the name says at once; undefined when it has to look. */
function atOnce(name: Name): string | null | undefined {
  let answer: string | null | undefined
  name.resolve((ip) => {
    answer = ip
  })
  return answer
}

const later = (name: Name): Promise<string | null> =>
  new Promise((resolve) => name.resolve(resolve))

describe('a host', () => {
  it.each([
    ['10.0.0.1', 4, '10.0.0.1'],
    ['::1', 6, '::1'],
    ['10.0.0.1', 6, '::ffff:10.0.0.1'],
    ['::1', 4, null],
  ] as const)('%s on a socket of family %i is %s, without a look-up', (host, family, ip) => {
    expect(atOnce(makeName(host, family))).toBe(ip)
    expect(lookups).toBe(0)
  })
})

describe('a name', () => {
  it('is looked up once for all who wait, and then known', async () => {
    const name = makeName('b.example')
    expect(atOnce(name)).toBeUndefined()
    expect(await Promise.all([later(name), later(name)])).toEqual(['10.0.0.1', '10.0.0.1'])
    expect(atOnce(name)).toBe('10.0.0.1')
    expect(lookups).toBe(1)
  })

  it('that does not resolve is null, and is left alone for a while', async () => {
    found = null
    const name = makeName('b.example')
    expect(await later(name)).toBeNull()
    nowMs = NAME_RETRY_MS - 1
    expect(atOnce(name)).toBeNull()
    expect(lookups).toBe(1)
    found = '10.0.0.2'
    nowMs = NAME_RETRY_MS
    expect(await later(name)).toBe('10.0.0.2')
  })

  it('follows a peer that moves: it is looked up again, and used as it was meanwhile', async () => {
    const name = makeName('b.example')
    await later(name)
    found = '10.0.0.2'
    nowMs = NAME_LIFETIME_MS - 1
    expect(atOnce(name)).toBe('10.0.0.1')
    nowMs = NAME_LIFETIME_MS
    expect(atOnce(name)).toBe('10.0.0.1')
    await nextTurn()
    expect(atOnce(name)).toBe('10.0.0.2')
    expect(lookups).toBe(2)
  })

  it('survives an outage of the name server', async () => {
    const name = makeName('b.example')
    await later(name)
    found = null
    nowMs = NAME_LIFETIME_MS
    atOnce(name)
    await nextTurn()
    expect(atOnce(name)).toBe('10.0.0.1')
    expect(lookups).toBe(2)
  })

  it('with several addresses is the next one when it is told to turn, and stays that', async () => {
    found = '10.0.0.1 10.0.0.2'
    const name = makeName('b.example')
    expect(name.turn()).toBe(false)
    await later(name)
    expect([name.turn(), atOnce(name)]).toEqual([true, '10.0.0.2'])
    nowMs = NAME_LIFETIME_MS
    atOnce(name)
    await nextTurn()
    expect([lookups, atOnce(name)]).toEqual([2, '10.0.0.2'])
    expect([name.turn(), atOnce(name)]).toEqual([true, '10.0.0.1'])
  })

  it('with one address has nowhere to turn', async () => {
    const name = makeName('b.example')
    await later(name)
    expect([name.turn(), atOnce(name)]).toEqual([false, '10.0.0.1'])
    expect(makeName('10.0.0.1').turn()).toBe(false)
  })
})
