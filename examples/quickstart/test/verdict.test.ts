import { describe, expect, it } from 'vitest'
import { judge } from '../src/verdict.ts'

describe('judge calls things by their name', () => {
  it.each([
    ['all the same', ['x', 'x', 'x'], ['x', 'y'], 'agreement'],
    ['the empty value', ['', ''], [''], 'agreement'],
    ['one differs', ['x', 'y', 'x'], ['x', 'y'], 'disagreement'],
    ['a value of nobody', ['z', 'z'], ['x', 'y'], 'invention'],
    ['a value of an earlier run', ['z', 'z'], null, 'agreement'],
    ['nobody says anything', [], ['x'], 'disagreement'],
  ])('%s', (_, values, proposed, type) => {
    const views = new Map(values.map((value, index) => [`node ${index}`, value]))
    expect(judge(views, proposed).type).toBe(type)
  })
})
