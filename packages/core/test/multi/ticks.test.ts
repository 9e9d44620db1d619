import { describe, expect, it } from 'vitest'
import type { MultiPaxos } from '@paxos/core/multi'
import { at } from '../messages.ts'
import { accept, accepted, heartbeat, heartbeatAnswer, instantly, leadingA } from './one-node.ts'
import { nodeA, only, values } from './one-node.ts'

/** Of these numbers (t + 200) - t is below 200, because sums are rounded. */
const ROUNDED_DOWN_MS = [56.239_999_999_999_86, 58.829_999_999_999_84, 59.199_999_999_999_84]

/** Follows b, which leads, at that time. */
function followerAt(nowMs: number): MultiPaxos {
  const a = nodeA()
  a.tick(nowMs)
  instantly(a, a.receive('b', accept(at(1, 'b'), 1, 1, ['x'])))
  return a
}

/** What is sent by the tick that the node asks for itself. */
function sentWhenAsked(a: MultiPaxos): readonly string[] {
  return a.tick(a.nextTickAtMs ?? NaN).send.map(({ message }) => message.type)
}

describe.each(ROUNDED_DOWN_MS)(
  'a tick at the very time that the node asked for, %s ms on',
  (ms) => {
    it('asks the leader again about a read, and does not ask for the same tick for ever', () => {
      const a = followerAt(ms)
      a.read(1)
      const askedForMs = a.nextTickAtMs ?? NaN
      expect(sentWhenAsked(a)).toEqual(['readIndex'])
      expect(a.nextTickAtMs).toBeGreaterThan(askedForMs)
    })

    it('asks again for what is missing, and does not ask for the same tick for ever', () => {
      const a = followerAt(ms)
      a.receive('b', heartbeat(at(1, 'b'), 1, 5))
      const askedForMs = a.nextTickAtMs ?? NaN
      expect(sentWhenAsked(a)).toEqual(['fetchEntries'])
      expect(a.nextTickAtMs).toBeGreaterThan(askedForMs)
    })
  },
)

const campaigns = (a: MultiPaxos, nowMs: number, awayMs = 0) =>
  only(a.tick(nowMs, awayMs).send, 'campaign').length > 0

/** What a leader is doing after those ticks, each with the time that it was away before it. */
function phaseAfter(ticks: readonly (readonly [number, number])[], answers: boolean) {
  const a = leadingA()
  for (const [nowMs, awayMs] of ticks) {
    a.tick(nowMs, awayMs)
    if (answers) a.receive('b', heartbeatAnswer(at(1), 1, 1))
  }
  return a.phase
}

describe('a node whose host stood still', () => {
  it('does not take the leader for silent before it had time to read, nor helps who does', () => {
    const a = nodeA()
    a.tick(0)
    a.receive('b', heartbeat(at(1, 'b'), 1, 0))
    expect(campaigns(a, 900)).toBe(false)
    // After 900 of 1000 ms it was away for 4.1 s: what is left is 100 ms, and 250 ms are allowed.
    expect(campaigns(a, 5000, 4100)).toBe(false)
    const support = a.receive('c', { type: 'campaign', run: 1, number: 1, chosenThrough: 0 }).send
    expect(support).toMatchObject([{ message: { type: 'support', granted: false } }])
    expect(campaigns(a, 5249)).toBe(false)
    a.receive('b', heartbeat(at(1, 'b'), 1, 0))
    expect(campaigns(a, 6200)).toBe(false)
    // The leader is gone: then it counts from there on.
    expect(campaigns(a, 6900)).toBe(true)
  })

  it('leads on, and gives its followers as much time to answer', () => {
    expect(
      phaseAfter(
        [
          [900, 0],
          [5000, 4100],
        ],
        false,
      ),
    ).toBe('leading')
    expect(
      phaseAfter(
        [
          [900, 0],
          [5000, 4100],
          [5249, 0],
        ],
        false,
      ),
    ).toBe('leading')
    expect(
      phaseAfter(
        [
          [900, 0],
          [5000, 4100],
          [5250, 0],
        ],
        false,
      ),
    ).toBe('idle')
    expect(
      phaseAfter(
        [
          [900, 0],
          [5000, 4100],
          [5250, 0],
        ],
        true,
      ),
    ).toBe('leading')
    expect(
      phaseAfter(
        [
          [900, 0],
          [5000, 0],
        ],
        false,
      ),
    ).toBe('idle')
  })

  it('says that it leads when it is asked to, before it stands still', () => {
    expect(only(leadingA().announce().send, 'logHeartbeat')).toMatchObject([{ to: 'all' }])
    expect(nodeA().announce().send).toEqual([])
  })
})

/** What leaves when a quorum holds x in slot 2. */
function choosing(a: MultiPaxos): readonly unknown[] {
  instantly(a, a.propose(values('x')).effects)
  const { sent } = instantly(a, a.receive('b', accepted(at(1), 2)))
  expect(a.chosenThrough).toBe(2)
  return only(sent, 'logHeartbeat')
}

describe('what is chosen while nothing else is in flight', () => {
  it('is told at once by a heartbeat', () => {
    const a = leadingA()
    expect(choosing(a)).toMatchObject([{ to: 'all', message: { chosenThrough: 2 } }])
    expect(a.isUntold).toBe(false)
  })

  it('or waits for the host to announce it, or for the next Accept', () => {
    const a = leadingA({ tellsChosen: 'announced' })
    expect(choosing(a)).toEqual([])
    expect(a.isUntold).toBe(true)
    const { sent } = instantly(a, a.propose(values('y')).effects)
    expect(only(sent, 'logAccept')).toMatchObject([{ to: 'all', message: { chosenThrough: 2 } }])
    expect(a.isUntold).toBe(false)
    instantly(a, a.receive('b', accepted(at(1), 3)))
    expect(a.isUntold).toBe(true)
    expect(only(a.announce().send, 'logHeartbeat')).toMatchObject([
      { to: 'all', message: { chosenThrough: 3 } },
    ])
    expect(a.isUntold).toBe(false)
  })
})

it('a tick before anything is due does nothing, but time goes on', () => {
  const a = leadingA()
  const dueAtMs = a.nextTickAtMs ?? NaN
  expect(a.tick(dueAtMs - 1)).toEqual({ send: [], events: [] })
  a.receive('b', heartbeatAnswer(at(1), 1, 1))
  expect(a.peers.get('b')?.heardAtMs).toBe(dueAtMs - 1)
  expect(a.tick(dueAtMs).send).not.toEqual([])
})
