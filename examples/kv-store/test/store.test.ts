import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CommandRefusedError } from '@paxos/replica'
import type { Change, Command, Entry, Query, Result } from '../src/commands.ts'
import { MAX_PAGE_CHARACTERS } from '../src/limits.ts'
import { writeSnapshot } from '../src/snapshot.ts'
import { Store } from '../src/store.ts'

const put = (key: string, value: string, ifRevision?: number): Command =>
  ifRevision === undefined ? { type: 'put', key, value } : { type: 'put', key, value, ifRevision }
const remove = (key: string, ifRevision?: number): Command =>
  ifRevision === undefined ? { type: 'delete', key } : { type: 'delete', key, ifRevision }
const done = (revision: number): Result => ({ type: 'done', revision })
const differs = (revision: number): Result => ({ type: 'revision-differs', revision })

function storeOf(commands: readonly Command[], firstSlot = 1): Store {
  const store = new Store()
  for (const [index, command] of commands.entries()) store.apply(command, firstSlot + index)
  return store
}

function page(store: Store, query: Partial<Query & { type: 'list' }>): [string[], string | null] {
  const answer = store.query({ type: 'list', prefix: '', after: null, limit: 100, ...query })
  if (answer.type !== 'page') throw new TypeError(answer.type)
  return [answer.page.entries.map(({ key }) => key), answer.page.next]
}

function summary(store: Store): { through: number; count: number; digest: string } {
  const answer = store.query({ type: 'summary' })
  if (answer.type !== 'summary') throw new TypeError(answer.type)
  return answer.summary
}

describe('each command does what its name says, and its slot is the revision', () => {
  it.each<[string, readonly Command[], Command, Result, Entry | null]>([
    ['put writes', [], put('k', 'v'), done(1), { key: 'k', value: 'v', revision: 1 }],
    [
      'put writes over',
      [put('k', 'old')],
      put('k', 'new'),
      done(2),
      { key: 'k', value: 'new', revision: 2 },
    ],
    ['the empty value is a value', [], put('k', ''), done(1), { key: 'k', value: '', revision: 1 }],
    [
      'swap at the right revision',
      [put('k', 'old'), put('other', '')],
      put('k', 'new', 1),
      done(3),
      { key: 'k', value: 'new', revision: 3 },
    ],
    [
      'no swap at another one',
      [put('k', 'a'), put('k', 'b')],
      put('k', 'c', 1),
      differs(2),
      { key: 'k', value: 'b', revision: 2 },
    ],
    ['revision 0 creates', [], put('k', 'v', 0), done(1), { key: 'k', value: 'v', revision: 1 }],
    [
      'revision 0 does not write over',
      [put('k', 'a')],
      put('k', 'b', 0),
      differs(1),
      { key: 'k', value: 'a', revision: 1 },
    ],
    ['no swap of what is absent', [], put('k', 'v', 7), differs(0), null],
    ['delete removes', [put('k', 'v')], remove('k'), done(2), null],
    ['delete of what is absent', [], remove('k'), { type: 'absent' }, null],
    ['delete at the right revision', [put('k', 'v')], remove('k', 1), done(2), null],
    [
      'no delete at another one',
      [put('k', 'a'), put('k', 'b')],
      remove('k', 1),
      differs(2),
      { key: 'k', value: 'b', revision: 2 },
    ],
    [
      'a key that was deleted is absent to a swap',
      [put('k', 'a'), remove('k')],
      put('k', 'b', 1),
      differs(0),
      null,
    ],
    [
      'names of the language are keys like others',
      [put('constructor', 'x')],
      put('__proto__', 'v'),
      done(2),
      { key: '__proto__', value: 'v', revision: 2 },
    ],
  ])('%s', (_, before, command, result, entry) => {
    const store = storeOf(before)
    expect(store.apply(command, before.length + 1)).toEqual(result)
    expect(store.query({ type: 'get', key: command.key })).toEqual({ type: 'entry', entry })
    expect(store.through).toBe(before.length + 1)
  })

  it('a command of a newer version is refused before anything is changed', () => {
    const store = storeOf([put('k', 'v')])
    const future: unknown = { type: 'rename', key: 'k', ifRevision: 9 }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a log of another version holds
    expect(() => store.apply(future as Command, 2)).toThrow(CommandRefusedError)
    expect(store.through).toBe(1)
  })
})

describe('lists', () => {
  const store = storeOf(['b', 'a', 'ab', 'abc', 'ac', 'B', 'é'].map((key) => put(key, key)))

  it.each<[string, Partial<Query & { type: 'list' }>, string[], string | null]>([
    ['everything, in order', {}, ['B', 'a', 'ab', 'abc', 'ac', 'b', 'é'], null],
    ['a prefix', { prefix: 'ab' }, ['ab', 'abc'], null],
    ['a prefix of nothing', { prefix: 'x' }, [], null],
    ['no more than asked for', { limit: 2 }, ['B', 'a'], 'a'],
    ['exactly as many as there are', { limit: 7 }, ['B', 'a', 'ab', 'abc', 'ac', 'b', 'é'], null],
    ['behind a key', { after: 'abc' }, ['ac', 'b', 'é'], null],
    ['behind a key that is not there', { after: 'abb' }, ['abc', 'ac', 'b', 'é'], null],
    ['behind a key, within a prefix', { prefix: 'a', after: 'ab', limit: 1 }, ['abc'], 'abc'],
    ['behind a key before the prefix', { prefix: 'ab', after: 'B' }, ['ab', 'abc'], null],
    ['behind a key beyond the prefix', { prefix: 'ab', after: 'x' }, [], null],
  ])('%s', (_, query, keys, next) => {
    expect(page(store, query)).toEqual([keys, next])
  })

  it('a page of large values ends early, and the next one goes on', () => {
    const large = 'x'.repeat(MAX_PAGE_CHARACTERS - 1)
    const heavy = storeOf([put('a', large), put('b', large), put('c', 'small')])
    expect(page(heavy, {})).toEqual([['a'], 'a'])
    expect(page(heavy, { after: 'a' })).toEqual([['b'], 'b'])
    expect(page(heavy, { after: 'b' })).toEqual([['c'], null])
  })
})

const key = fc.oneof(
  fc.constantFrom('a', 'b', 'ab', '__proto__', '\n', '\u2028'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }),
)
const value = fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => !/\p{Cs}/u.test(text))
const ifRevision = fc.option(fc.nat(30), { nil: undefined })
const command = fc.oneof(
  fc.tuple(key, value, ifRevision).map((parts) => put(...parts)),
  fc.tuple(key, ifRevision).map((parts) => remove(...parts)),
)
const commands = fc.array(command, { maxLength: 40 })

describe('the state follows from the commands alone', () => {
  it('two nodes come to the same results, bytes and digest, from a snapshot on too', () => {
    fc.assert(
      fc.property(commands, fc.nat(40), (all, cut) => {
        const [whole, resumed] = [new Store(), new Store()]
        const results = all.map((one, index) => whole.apply(one, index + 1))
        const before = storeOf(all.slice(0, cut))
        resumed.restore(before.snapshot())
        const later = all.slice(cut).map((one, index) => resumed.apply(one, cut + index + 1))
        expect(later).toEqual(results.slice(cut))
        expect(resumed.snapshot()).toEqual(whole.snapshot())
        expect(summary(resumed)).toEqual(summary(whole))
      }),
    )
  })

  it('it answers as a sorted map would', () => {
    fc.assert(
      fc.property(commands, key, (all, prefix) => {
        const model = new Map<string, Entry>()
        const store = new Store()
        for (const [index, one] of all.entries()) {
          const { type } = store.apply(one, index + 1)
          if (type !== 'done') continue
          if (one.type === 'delete') model.delete(one.key)
          else model.set(one.key, { key: one.key, value: one.value, revision: index + 1 })
        }
        const expected = [...model.keys()].filter((one) => one.startsWith(prefix)).toSorted(byUnit)
        expect(page(store, { prefix })).toEqual([expected, null])
        const paged: string[] = []
        let after: string | null = null
        do {
          const [keys, next] = page(store, { prefix, after, limit: 2 })
          paged.push(...keys)
          after = next
        } while (after !== null)
        expect(paged).toEqual(expected)
        for (const entry of model.values()) {
          expect(store.query({ type: 'get', key: entry.key })).toEqual({ type: 'entry', entry })
        }
      }),
    )
  })

  it('the digest is the same whenever somebody has asked for it, of many keys and of large values', () => {
    const large = 'x'.repeat(300_000)
    const all = Array.from({ length: 500 }, (_, n): Command => {
      const name = `k${n % 2 === 0 ? n % 600 : n % 7}`
      return n % 5 === 4 ? remove(name) : put(name, n % 100 === 0 ? large : String(n))
    })
    const [store, asked] = [new Store(), new Store()]
    for (const [index, each] of all.entries()) {
      store.apply(each, index + 1)
      asked.apply(each, index + 1)
      if (index % 3 === 0) summary(asked)
    }
    const restored = new Store()
    restored.restore(store.snapshot())
    const { digest } = summary(store)
    expect([summary(asked).digest, summary(restored).digest]).toEqual([digest, digest])
  })

  it('the digest differs when a key, a value, a revision or the number of keys does', () => {
    const digests = [
      storeOf([]),
      storeOf([put('a', 'b')]),
      storeOf([put('a', 'c')]),
      storeOf([put('b', 'b')]),
      storeOf([put('a', 'b')], 2),
      storeOf([put('a', 'b'), put('b', 'b')]),
    ].map((store) => summary(store).digest)
    expect(new Set(digests).size).toBe(digests.length)
    expect(summary(storeOf([put('a', 'b'), remove('x')])).digest).toBe(digests[1])
  })
})

it('a snapshot is made of pieces, which nobody sees', () => {
  const large = 'é\u0001'.repeat(200_000)
  const store = storeOf(Array.from({ length: 5 }, (_, at) => put(`${at}`, large)))
  const again = new Store()
  again.restore(store.snapshot())
  expect(again.query({ type: 'get', key: '4' })).toMatchObject({ entry: { value: large } })
  // Not toEqual(), which looks at each of some millions of bytes.
  expect(Buffer.compare(again.snapshot(), store.snapshot())).toBe(0)
})

describe('a snapshot that is none is refused, and nothing is changed', () => {
  const good = new TextDecoder().decode(storeOf([put('a', '1'), put('b', '2')]).snapshot())
  const replaced = (from: string, to: string): string => {
    expect(good).toContain(from)
    return good.replace(from, to)
  }

  it.each([
    ['nothing', ''],
    ['something else', 'hello\n'],
    ['a cut in the last line', good.slice(0, -3)],
    ['a cut between lines', good.slice(0, good.lastIndexOf('['))],
    ['a line too many', `${good}["c",1,"x"]\n`],
    ['another format', replaced('kv-store/1', 'kv-store/2')],
    ['keys out of order', replaced('["b"', '["0"')],
    ['a key twice', replaced('["b"', '["a"')],
    ['an entry newer than the snapshot', replaced('2,"2"', '3,"2"')],
    ['a revision that is none', replaced('2,"2"', '0,"2"')],
    ['a value that is no text', replaced('2,"2"', '2,2')],
    ['another field', replaced('"count"', '"more":1,"count"')],
  ])('%s', (_, text) => {
    const store = storeOf([put('kept', 'v')])
    expect(() => store.restore(new TextEncoder().encode(text))).toThrow(/no snapshot of this store/)
    expect(page(store, {})).toEqual([['kept'], null])
  })

  it('bytes that are no UTF-8', () => {
    const bytes = new TextEncoder().encode(good)
    bytes[bytes.length - 4] = 0xff
    expect(() => new Store().restore(bytes)).toThrow(/no snapshot/)
  })

  it('whatever bytes come: they are refused with that error, or were a snapshot', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (noise, at) => {
        const bytes = new TextEncoder().encode(good)
        bytes.set(noise.slice(0, Math.max(0, bytes.length - at)), Math.min(at, bytes.length))
        const store = new Store()
        try {
          store.restore(bytes)
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_PAXOS_DECODE' })
          return
        }
        expect(store.snapshot()).toEqual(bytes)
      }),
    )
  })
})

describe('those who listen are told', () => {
  it('of every change in order, of none that was refused, and of a state that was replaced', () => {
    const told: (Change | number)[] = []
    const store = new Store({
      changed: (change) => told.push(change),
      replaced: (through) => told.push(through),
    })
    store.apply(put('a', '1'), 3)
    store.apply(put('a', '2', 9), 4)
    store.apply(remove('b'), 5)
    store.apply(remove('a'), 6)
    store.restore(writeSnapshot({ through: 10, entries: [] }))
    expect(told).toEqual([
      { key: 'a', value: '1', revision: 3 },
      { key: 'a', value: null, revision: 6 },
      10,
    ])
  })
})

function byUnit(a: string, b: string): number {
  return a < b ? -1 : 1
}
