import { describe, expect, it } from 'vitest'
import { Log } from '../../src/multi/log.ts'
import { MAX_BATCH_VALUES } from '../../src/multi/limits.ts'
import { at } from '../messages.ts'

const emptyEntries = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    slot: index + 1,
    ballot: at(1),
    value: new Uint8Array(0),
  }))

describe('a page of a log', () => {
  it.each([MAX_BATCH_VALUES - 1, MAX_BATCH_VALUES])('takes all of %i entries', (count) => {
    const { entries, next } = new Log(emptyEntries(count), 0).page(1, count)
    expect([entries.length, next]).toEqual([count, 0])
  })

  it('takes no more, however small they are, and says where the next begins', () => {
    const log = new Log(emptyEntries(MAX_BATCH_VALUES + 1), 0)
    const { entries, next } = log.page(1, MAX_BATCH_VALUES + 1)
    expect([entries.length, next]).toEqual([MAX_BATCH_VALUES, MAX_BATCH_VALUES + 1])
    expect(log.page(next, MAX_BATCH_VALUES + 1).entries).toHaveLength(1)
  })
})
