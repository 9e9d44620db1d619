/** Where a node tries its peers, of whom it knows several addresses. */
import { describe, expect, it } from 'vitest'
import { Whereabouts } from '../src/whereabouts.ts'

const PATIENCE_MS = 2000

const NOBODY: ReadonlySet<string> = new Set()

type Known = Readonly<Record<string, readonly [string, ...string[]]>>

/** A node that knows this of its peers, and looks after them; those in `answering` are where that says. */
function node(known: Known) {
  const whereabouts = new Whereabouts(PATIENCE_MS)
  const answering = new Map<string, string>()
  let nowMs = 0
  const know = (more: Known, heard: ReadonlySet<string> = NOBODY) =>
    whereabouts.know(new Map(Object.entries(more)), heard, nowMs)
  const passFor = (ms: number) => {
    for (const untilMs = nowMs + ms; nowMs < untilMs; nowMs += 100) {
      whereabouts.look(nowMs)
      for (const id of whereabouts.toAsk(nowMs)) {
        if (whereabouts.peers.get(id) === answering.get(id)) whereabouts.answered(id, nowMs)
      }
    }
  }
  know(known)
  whereabouts.look(nowMs)
  return {
    whereabouts,
    answering,
    know,
    passFor,
    standStill: (ms: number) => (nowMs += ms),
    where: (id: string) => whereabouts.peers.get(id),
  }
}

describe('a peer', () => {
  it('P23: that does not answer is tried at all addresses that are known of it, in turn', () => {
    const { passFor, where } = node({ b: ['log', 'left', 'given'] })
    const seen = [where('b')]
    for (let turn = 0; turn < 3; turn += 1) {
      passFor(PATIENCE_MS + 100)
      seen.push(where('b'))
    }
    expect(seen).toEqual(['log', 'left', 'given', 'log'])
  })

  it('stays where it answers, and is asked again and again whether it does', () => {
    const { answering, passFor, where } = node({ b: ['log', 'given'] })
    answering.set('b', 'given')
    passFor(20 * PATIENCE_MS)
    expect(where('b')).toBe('given')
    answering.set('b', 'log')
    passFor(2 * PATIENCE_MS)
    expect(where('b')).toBe('log')
  })

  it('of which one address is known is asked nothing, and stays there', () => {
    const { whereabouts, passFor, where } = node({ b: ['log'] })
    passFor(3 * PATIENCE_MS)
    expect([where('b'), whereabouts.toAsk(1e9)]).toEqual(['log', []])
  })

  it('that moves stays where it is heard until it answers no more, whatever the log says', () => {
    const { answering, know, passFor, where } = node({ b: ['old'], c: ['old-c'] })
    answering.set('b', 'old')
    know({ b: ['new', 'old'], c: ['new-c', 'old-c'] }, new Set('b'))
    expect([where('b'), where('c')]).toEqual(['old', 'new-c'])
    // The change is complete: nobody says any more that it is there.
    know({ b: ['new'], c: ['new-c'] }, new Set('b'))
    passFor(3 * PATIENCE_MS)
    expect(where('b')).toBe('old')
    answering.set('b', 'new')
    passFor(2 * PATIENCE_MS)
    expect(where('b')).toBe('new')
  })

  it('is not blamed for the time in which this node stood still', () => {
    const { answering, passFor, standStill, whereabouts, where } = node({ b: ['log', 'given'] })
    answering.set('b', 'log')
    passFor(1000)
    whereabouts.look(standStill(10 * PATIENCE_MS))
    expect(where('b')).toBe('log')
  })

  it('that is forgotten and comes back is tried where it is most likely', () => {
    const { know, passFor, where } = node({ b: ['log', 'given'] })
    passFor(PATIENCE_MS + 100)
    expect(where('b')).toBe('given')
    know({})
    expect(where('b')).toBeUndefined()
    know({ b: ['log', 'given'] })
    expect(where('b')).toBe('log')
  })
})

describe('P32: of two peers with one address', () => {
  it('the one has it that is most likely there, and the other is elsewhere, or nowhere', () => {
    const { where } = node({ b: ['b'], c: ['B', 'b'], d: ['b'] })
    expect([where('b'), where('c'), where('d')]).toEqual(['b', 'B', undefined])
  })

  it('nobody is tried at that of one who is there', () => {
    const { answering, passFor, where } = node({ b: ['b'], c: ['c', 'b'] })
    answering.set('b', 'b')
    for (let turn = 0; turn < 4; turn += 1) {
      passFor(PATIENCE_MS + 100)
      expect([where('b'), where('c')]).toEqual(['b', 'c'])
    }
  })

  it('all find their own where they have exchanged them', () => {
    const { answering, passFor, where } = node({ b: ['b', 'c'], c: ['c', 'd'], d: ['d', 'b'] })
    for (const [id, address] of Object.entries({ b: 'c', c: 'd', d: 'b' })) {
      answering.set(id, address)
    }
    passFor(3 * PATIENCE_MS)
    expect([where('b'), where('c'), where('d')]).toEqual(['c', 'd', 'b'])
  })
})
