import { describe, expect, it } from 'vitest'
import { DecodeError, InvalidArgumentError } from '@paxos/core'
import { json } from '@paxos/replica'
import { jsonOrNothing } from '../src/codec.ts'
import { MAX_JSON_DEPTH } from '../src/limits.ts'

const codec = json<unknown>()
const read = (text: string): unknown => codec.decode(new TextEncoder().encode(text))

/** `value` in so many lists. */
function nested(value: unknown, levels: number): unknown {
  let made = value
  for (let level = 0; level < levels; level += 1) made = [made]
  return made
}

const cyclic: { list: unknown[] } = { list: [] }
cyclic.list.push(cyclic)

class Point {
  readonly x = 1
}

describe('the JSON codec', () => {
  it.each<[string, unknown]>([
    ['everything of JSON', { a: [1, -1.5e-7, '\u0000é😀"', '\ud800', null, true, {}, []] }],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 })],
    ['the name __proto__', JSON.parse('{"__proto__":1}')],
    ['-0, as the 0 that it equals', -0],
    ['as many levels as there may be', nested(1, MAX_JSON_DEPTH)],
    ['one object twice', [cyclic.list.length, Point.name].map(() => 'x')],
  ])('carries %s', (_, value) => {
    expect(JSON.stringify(codec.decode(codec.encode(value)))).toBe(JSON.stringify(value))
  })

  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'The value is a value of type undefined'],
    ['a property that is undefined', { a: undefined }, 'At ["a"] the value holds a value of type'],
    ['NaN', { a: [1, { b: NaN }] }, 'At ["a"][1]["b"] the value holds NaN'],
    ['Infinity', [-Infinity], 'At [0] the value holds -Infinity'],
    ['a bigint', 1n, 'a value of type bigint'],
    ['a function', { f: () => 1 }, 'a value of type function'],
    ['a symbol', [Symbol('x')], 'a value of type symbol'],
    ['a symbol as a name', { [Symbol('x')]: 1 }, 'a symbol as a name'],
    ['a Map', { m: new Map() }, 'At ["m"] the value holds an object of the class Map'],
    ['a Set', new Set(), 'The value is an object of the class Set'],
    ['a Date', new Date(0), 'toJSON'],
    ['bytes', new Uint8Array(1), 'an object of the class Uint8Array'],
    ['an object of a class', new Point(), 'an object of the class Point'],
    ['a text as an object', Object('x'), 'an object of the class String'],
    ['an object with its own toJSON', { toJSON: () => 1 }, 'toJSON'],
    ['a list with undefined', { a: [1, undefined] }, 'At ["a"] the value holds a list with a hole'],
    // oxlint-disable-next-line no-sparse-arrays -- that is the point
    ['a list with a hole', [1, , 2], 'The value is a list with a hole'],
    ['a list with a name', Object.assign([1], { a: 1 }), 'or with names'],
    [
      'what contains itself',
      cyclic,
      'At ["list"][0] the value holds an object that contains itself',
    ],
    [
      'one level too many',
      nested(1, MAX_JSON_DEPTH + 1),
      '… the value holds more than 500 objects',
    ],
  ])('refuses %s, and says where it is', (_, value, words) => {
    expect(() => codec.encode(value)).toThrow(InvalidArgumentError)
    expect(() => codec.encode(value)).toThrow(words)
  })

  it.each([
    ['a number above every number', '{"a":1e999}'],
    ['one with as many digits', `[${'9'.repeat(400)}]`],
    ['too many levels', `${'['.repeat(501)}${']'.repeat(501)}`],
    ['too many of which it ends few', '{"a":['.repeat(300)],
    ['half a text', '"x'],
  ])('does not read %s', (_, text) => {
    expect(() => read(text)).toThrow(DecodeError)
  })

  it('counts levels and digits in JSON, not in its texts', () => {
    const text = JSON.stringify([`\\"${'['.repeat(600)}`, '1e999', '9'.repeat(400)])
    expect(JSON.stringify(read(text))).toBe(text)
  })

  it('of results has a word for nothing at all, and for nothing else that JSON lacks', () => {
    const results = jsonOrNothing<unknown>()
    expect(results.decode(results.encode(undefined))).toBeUndefined()
    expect(() => results.encode({ a: undefined })).toThrow(InvalidArgumentError)
  })
})
