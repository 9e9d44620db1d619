/** Few numbers that stand for many. */
import { describe, expect, it } from 'vitest'
import { median, quantile, ratios, spreadOf } from '../src/figures.ts'

describe('the median of rounds', () => {
  it('is the one in the middle, in whatever order they came', () => {
    expect(median([30, 10, 20])).toBe(20)
  })

  it('is half-way between the two in the middle of an even number', () => {
    expect(median([40, 10, 20, 30])).toBe(25)
  })

  it('of none is no number', () => {
    expect(median([])).toBeNaN()
  })
})

it('a quantile is a value that was measured', () => {
  const sorted = [1, 2, 3, 4, 100]
  expect([0, 0.5, 0.99, 1].map((share) => quantile(sorted, share))).toEqual([1, 3, 4, 100])
  expect(quantile([], 0.5)).toBeNaN()
})

it('a spread is of what was measured, and there is none of nothing', () => {
  expect(spreadOf([3, null, 1, 2, NaN])).toEqual({ median: 2, min: 1, max: 3 })
  expect(spreadOf([null, NaN])).toBeNull()
})

it('a ratio stays inside its round, and its median is no ratio of medians', () => {
  const found = ratios([10, 40, 30], [100, 50, 100])
  expect(found).toEqual([0.1, 0.8, 0.3])
  expect(spreadOf(found)?.median).toBe(0.3)
  expect(ratios([1, null, 3, 4], [2, 2, 0])).toEqual([0.5, null, null, null])
})
