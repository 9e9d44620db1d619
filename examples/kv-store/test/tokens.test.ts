import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { parseTokens, Tokens } from '../src/tokens.ts'

const [A, B] = ['a'.repeat(16), 'b'.repeat(64)]

describe('tokens', () => {
  it.each([
    [`Bearer ${A}`, true],
    [`bearer  ${B} `, true],
    [`Bearer ${A}x`, false],
    [`Bearer ${A.slice(1)}`, false],
    [`Basic ${A}`, false],
    [A, false],
    ['Bearer ', false],
    [`Bearer ${A} ${B}`, false],
    [undefined, false],
  ])('%s is known: %s', (header, isKnown) => {
    expect(new Tokens([A, B]).allow(header)).toBe(isKnown)
  })

  it('without any, nobody is known, and none is shown by inspection', () => {
    expect(new Tokens([]).allow('Bearer ')).toBe(false)
    expect(inspect(new Tokens([A]), { depth: null, showHidden: true })).not.toContain(A)
  })

  it('are read one a line, with comments', () => {
    expect(parseTokens(`# for a\n${A}\r\n\n  ${B}  \n`, 'f')).toEqual([A, B])
  })

  it.each([
    ['none', '# nothing\n'],
    ['one that is short', 'x'.repeat(15)],
    ['one with a space', `${A} ${B}`],
    ['one that no header carries', 'é'.repeat(16)],
    ['too many', `${A}\n`.repeat(101)],
  ])('%s: a sentence, and no token in it', (_, text) => {
    expect(() => parseTokens(text, 'tokens.txt')).toThrow(/^tokens\.txt must hold 1 to 100 tokens/)
    expect(() => parseTokens(text, 'tokens.txt')).not.toThrow(A)
  })
})
