import { describe, expect, it } from 'vitest'
import type { MultiPaxos } from '@paxos/core/multi'
import { at } from '../messages.ts'
import { accept, heartbeat, instantly, nodeA } from './one-node.ts'

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
