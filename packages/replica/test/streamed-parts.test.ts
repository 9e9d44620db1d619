/** What holds a state that comes in pieces together, part by part. */
import type { LogEvent } from '@paxos/core/multi'
import { MAX_SNAPSHOT_BYTES } from '@paxos/core/multi'
import { StateTooLargeError } from '@paxos/replica'
import { describe, expect, it } from 'vitest'
import type { TakenSnapshot } from '../src/applier.ts'
import { Held } from '../src/held.ts'
import { encodeBeginning } from '../src/replica-snapshot.ts'
import { Snapshots } from '../src/snapshots.ts'
import { noLogger, noMetrics } from '../src/telemetry.ts'
import { settled, VirtualClock } from './virtual-clock.ts'

const chosen = (first: number) => ({ type: 'chosen', first, values: [] }) as const

const firstOf = (event: LogEvent | null): number =>
  event?.type === 'chosen' ? event.first : expect.fail()

describe('what waits for a state', () => {
  it('comes in its order, what was put back first, and as soon where there is much of it', () => {
    const held = new Held()
    const count = 100_000
    for (let slot = 1; slot <= count; slot += 1) held.take(chosen(slot))
    const slots: number[] = []
    for (let next = held.next(); next !== null; next = held.next()) {
      const slot = firstOf(next)
      slots.push(slot)
      if (slot % 2 === 0) continue
      held.put(chosen(slot + 0.5))
      slots.push(firstOf(held.next()))
    }
    expect(slots).toHaveLength(1.5 * count)
    expect(slots.every((slot, index) => index === 0 || slot > (slots[index - 1] ?? 0))).toBe(true)
  })
})

describe('the beginning of a snapshot', () => {
  it('is no larger than what is read of it: no node could be started from it', () => {
    const table = { encode: () => new Uint8Array(MAX_SNAPSHOT_BYTES) }
    expect(() => encodeBeginning(table, 1)).toThrow(StateTooLargeError)
  })
})

describe('snapshots that are staged', () => {
  it('are taken again when another node’s came before one of them, which is then saved nowhere', async () => {
    const clock = new VirtualClock()
    const handed: string[] = []
    let made = 0
    const snapshots = new Snapshots({
      applier: {
        wantsSnapshot: true,
        appliedThrough: 9,
        snapshotThrough: 0,
        takeSnapshot: () => expect.fail(),
      },
      take(): Promise<TakenSnapshot> {
        made += 1
        return Promise.resolve({ through: 9, staged: { id: `s${made}`, byteLength: 1 } })
      },
      clock,
      announce: () => undefined,
      save: (taken) => handed.push('staged' in taken ? taken.staged.id : 'whole'),
      metrics: noMetrics,
      logger: noLogger,
      tell: () => undefined,
    })
    const takeNext = async (): Promise<void> => {
      snapshots.takeIfDue()
      await clock.advance(100)
      await settled()
    }
    await takeNext()
    // A former one is over: that says nothing about the one on its way.
    snapshots.unused({ id: 's0', byteLength: 1 })
    await takeNext()
    expect(handed).toEqual(['s1'])
    snapshots.unused({ id: 's1', byteLength: 1 })
    await takeNext()
    expect(handed).toEqual(['s1', 's2'])
  })
})
