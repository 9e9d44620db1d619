import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Change } from '../src/commands.ts'
import { Feed } from '../src/feed.ts'
import type { Watch, Watched } from '../src/feed.ts'

const change = (revision: number, key = 'k'): Change => ({ key, value: `v${revision}`, revision })
const limits = { changes: 3, characters: 1000, watches: 2 }

function feedOf(...revisions: number[]): Feed {
  const feed = new Feed(limits)
  for (const revision of revisions) feed.changed(change(revision))
  return feed
}

function open(feed: Feed, prefix = '', after?: number): Watch {
  const watch = feed.watch(prefix, after)
  if (watch === null) throw new TypeError('The feed takes no more watches.')
  return watch
}

async function take(watch: Watch, count: number): Promise<(number | string | null)[]> {
  const taken: (number | string | null)[] = []
  while (taken.length < count) taken.push(brief(await watch.next()))
  return taken
}

function brief(told: Watched | null): number | string | null {
  if (told === null) return null
  return told.type === 'change' ? told.change.revision : told.type
}

describe('a watch', () => {
  it('is told of what comes, in order, and of nothing before', async () => {
    const feed = feedOf(1, 2)
    const watch = open(feed)
    expect(watch.after).toBe(2)
    feed.changed(change(5))
    feed.changed(change(6))
    expect(await take(watch, 2)).toEqual([5, 6])
  })

  it('waits for what has not come yet', async () => {
    const feed = feedOf()
    const told = take(open(feed), 2)
    feed.changed(change(1))
    await Promise.resolve()
    feed.changed(change(2))
    expect(await told).toEqual([1, 2])
  })

  it('sees its prefix only, deletions too', async () => {
    const feed = feedOf()
    const watch = open(feed, 'a/')
    feed.changed(change(1, 'a'))
    feed.changed({ key: 'a/1', value: null, revision: 2 })
    feed.changed(change(3, 'b'))
    feed.changed(change(4, 'a/2'))
    // Three are remembered, and the first was none of its own.
    expect(await watch.next()).toEqual({ type: 'lagged' })
    const later = open(feed, 'a/', 1)
    expect(await later.next()).toEqual({
      type: 'change',
      change: { key: 'a/1', value: null, revision: 2 },
    })
    expect(await later.next()).toMatchObject({ change: { revision: 4 } })
  })

  it('that is slow is told that it lagged, and ended; others go on', async () => {
    const feed = feedOf()
    const [slow, quick] = [open(feed), open(feed)]
    for (let revision = 1; revision <= 4; revision += 1) {
      feed.changed(change(revision))
      expect(await take(quick, 1)).toEqual([revision])
    }
    expect(await take(slow, 3)).toEqual(['lagged', null, null])
    expect(feed.watches).toBe(1)
  })

  it('that is exactly as slow as it may be misses nothing', async () => {
    const feed = feedOf()
    const slow = open(feed)
    for (const revision of [1, 2, 3]) feed.changed(change(revision))
    expect(await take(slow, 3)).toEqual([1, 2, 3])
  })

  it('large values count, so that slow watches cannot fill the memory', async () => {
    const feed = feedOf()
    const slow = open(feed)
    feed.changed({ key: 'k', value: 'x'.repeat(900), revision: 1 })
    feed.changed({ key: 'k', value: 'x'.repeat(900), revision: 2 })
    expect(await take(slow, 1)).toEqual(['lagged'])
  })

  it('goes on behind a revision that is remembered, and lags behind one that is not', async () => {
    const feed = feedOf(10, 20, 30, 40)
    const [whole, partial] = [open(feed, '', 10), open(feed, '', 25)]
    expect(await take(whole, 3)).toEqual([20, 30, 40])
    expect(await take(partial, 2)).toEqual([30, 40])
    whole.close()
    expect(await take(open(feed, '', 9), 1)).toEqual(['lagged'])
  })

  it('on a node that is behind it is not told twice of what it has seen elsewhere', async () => {
    const feed = feedOf(1)
    const watch = open(feed, '', 3)
    for (const revision of [2, 3, 4]) feed.changed(change(revision))
    expect(await take(watch, 1)).toEqual([4])
  })

  it('lags when the state is replaced, even at the end of the feed', async () => {
    const feed = feedOf(1)
    const [atTheEnd, before] = [open(feed), open(feed, '', 0)]
    const waiting = take(atTheEnd, 1)
    feed.replaced(9)
    expect(await waiting).toEqual(['lagged'])
    expect(await take(before, 1)).toEqual(['lagged'])
    expect(await take(open(feed, '', 8), 1)).toEqual(['lagged'])
    const next = open(feed, '', 9)
    feed.changed(change(10))
    expect(await take(next, 1)).toEqual([10])
  })

  it('that is closed ends, and makes room for another', async () => {
    const feed = feedOf()
    const first = open(feed)
    open(feed)
    expect(feed.watch('')).toBeNull()
    const waiting = first.next()
    first.close()
    expect(await waiting).toBeNull()
    feed.changed(change(1))
    expect(await first.next()).toBeNull()
    expect(feed.watch('')).not.toBeNull()
  })

  it('ends when the feed closes, and none begins after that', async () => {
    const feed = feedOf()
    const waiting = open(feed).next()
    feed.close()
    expect(await waiting).toBeNull()
    expect(feed.watch('')).toBeNull()
    expect(feed.watches).toBe(0)
  })
})

it('whenever it looks, a watch sees every change behind its beginning, or is told that it lagged', async () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('change' as const), key: fc.constantFrom('a', 'ab', 'b') }),
    fc.constant({ type: 'take' as const }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.nat(12), async (steps, after) => {
      const feed = new Feed(limits)
      const all: Change[] = []
      let watch: Watch | null = null
      let seen: number[] = []
      let isLagged = false
      for (const [index, one] of steps.entries()) {
        if (index === Math.floor(steps.length / 2)) watch = feed.watch('a', after)
        if (one.type === 'change') {
          all.push(change(all.length + 1, one.key))
          feed.changed(change(all.length, one.key))
        } else if (watch !== null && !isLagged && expected().length > seen.length) {
          const told = await watch.next()
          if (told?.type === 'change') seen = [...seen, told.change.revision]
          else isLagged = true
        }
      }
      expect(seen).toEqual(expected().slice(0, seen.length))

      function expected(): number[] {
        const own = all.filter(({ key, revision }) => key.startsWith('a') && revision > after)
        return own.map(({ revision }) => revision)
      }
    }),
  )
})
