import { describe, expect, it } from 'vitest'
import { MAX_VALUE_BYTES } from '@paxos/core'
import { MAX_BATCH_VALUES, MAX_SNAPSHOT_BYTES, MAX_WINDOW_ACCEPTS } from '@paxos/core/multi'
import { PAGE_BYTES, VALUE_OVERHEAD_BYTES } from '@paxos/core/multi'
import * as disk from '../../adapter-kit/src/stores/limits.ts'
import { InvalidArgumentError } from '@paxos/core'
import { MAX_RESULT_BYTES, MAX_STATE_BYTES, StateTooLargeError } from '@paxos/replica'
import type { ReplicaEvent } from '@paxos/replica'
import { MAX_LOG_BYTES, MAX_RUNNING_SAVE_BYTES, MEASURE_AGAIN_AFTER_MS } from '../src/limits.ts'
import { Space } from '../src/space.ts'
import { leaderOf, replicaCluster, Sums } from './replica-cluster.ts'
import type { ReplicaCluster } from './replica-cluster.ts'

const large = (count: number) => ({ name: `${count}${'x'.repeat(300)}`, add: 1 })

/** Lets time pass until `promise` is settled, at most a minute of it. */
async function within<T>({ clock }: ReplicaCluster, promise: Promise<T>): Promise<T> {
  const watch = { isSettled: false }
  const watched = promise.finally(() => (watch.isSettled = true))
  watched.catch(() => undefined)
  for (let count = 0; count < 600 && !watch.isSettled; count += 1) await clock.advance(100)
  if (!watch.isSettled) throw new Error('It did not happen within a minute.')
  return await watched
}

describe('the budget from the application down to a disk: what a layer lets through, the next takes', () => {
  it('a state that is not refused, with a window of large commands behind it, is a snapshot', () => {
    const onTheWay = MAX_WINDOW_ACCEPTS * Math.max(PAGE_BYTES, MAX_VALUE_BYTES)
    expect(MAX_STATE_BYTES + onTheWay).toBeLessThan(MAX_SNAPSHOT_BYTES)
    expect(MAX_SNAPSHOT_BYTES).toBeLessThanOrEqual(disk.MAX_SNAPSHOT_BYTES)
  })

  it('a full message of values is a change, and so is all that a leader may have in flight', () => {
    const message = Math.max(PAGE_BYTES, MAX_VALUE_BYTES) + MAX_BATCH_VALUES * VALUE_OVERHEAD_BYTES
    expect(message).toBeLessThan(disk.MAX_CHANGE_BYTES)
  })

  it('the saves that run, one more frame and a window of its own wait without being refused', () => {
    const message = Math.max(PAGE_BYTES, MAX_VALUE_BYTES) + MAX_BATCH_VALUES * VALUE_OVERHEAD_BYTES
    const most = MAX_RUNNING_SAVE_BYTES + message + MAX_WINDOW_ACCEPTS * message
    expect(most).toBeLessThan(disk.MAX_WAITING_BYTES)
  })

  it('a result is no larger than a command', () => {
    expect(MAX_RESULT_BYTES).toBeLessThanOrEqual(MAX_VALUE_BYTES)
  })
})

describe('the space for the state', () => {
  it('is measured anew before anything is refused, and not for each that is', () => {
    const state = { stateBytes: 95, bytesSinceSnapshot: 40, isSnapshotFailing: false }
    let [nowMs, measured, deleted] = [0, 0, 0]
    const space = new Space({
      applier: state,
      measure() {
        measured += 1
        state.stateBytes -= deleted
        return true
      },
      nowMs: () => nowMs,
      maxStateBytes: 100,
      maxLogBytes: 1000,
    })
    space.check(5)
    expect(measured).toBe(0)
    expect(() => space.check(6)).toThrow(/takes about 95 bytes, 6 are to come, and it may take 100/)
    deleted = 10
    expect(() => space.check(6)).toThrow(StateTooLargeError)
    expect(measured).toBe(1)
    nowMs = MEASURE_AGAIN_AFTER_MS
    space.check(6)
    expect(measured).toBe(2)
  })

  it('is that of the log, while no snapshot can be taken', () => {
    const state = { stateBytes: 95, bytesSinceSnapshot: 40, isSnapshotFailing: true }
    const options = { applier: state, measure: () => false, nowMs: () => 0, maxStateBytes: 1000 }
    new Space({ ...options, maxLogBytes: 45 }).check(5)
    const full = new Space({ ...options, maxLogBytes: 44 })
    expect(() => full.check(5)).toThrow(/the log takes 40 bytes, 5 are to come, and it may take 44/)
  })

  it('is used up: commands are refused before they enter the log, reads go on, and deleting helps', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const options = { maxStateBytes: 3000 }
    let nodes = await cluster.openAll(options)
    const [, node] = leaderOf(nodes)
    let count = 0
    const fill = async (): Promise<unknown> => {
      for (; count < 100; count += 1) {
        try {
          await within(cluster, node.propose(large(count)))
        } catch (error) {
          return error
        }
      }
      return null
    }
    expect(await fill()).toMatchObject({ code: 'ERR_PAXOS_STATE_TOO_LARGE' })
    expect(count).toBeGreaterThan(3)
    const { chosenThrough, stateBytes } = node.status()
    expect(stateBytes).toBeLessThanOrEqual(3000)
    await expect(node.propose(large(count))).rejects.toThrow(StateTooLargeError)
    expect(node.status().chosenThrough).toBe(chosenThrough)
    expect(await within(cluster, node.query(large(0).name))).toBe(1)
    // It starts, and reads, with a smaller bound than what it holds.
    for (const each of nodes.values()) await each.close({ transfer: false })
    nodes = await cluster.openAll({ maxStateBytes: 1000 })
    const [, again] = leaderOf(nodes)
    await expect(again.propose(large(count))).rejects.toThrow(StateTooLargeError)
    expect(await within(cluster, again.query(large(0).name))).toBe(1)
    for (const machine of cluster.machines.values()) machine.forgetAll()
    await within(cluster, again.propose({ name: 'x', add: 1 }, { evenIfFull: true }))
    await cluster.clock.advance(MEASURE_AGAIN_AFTER_MS)
    expect(await within(cluster, again.propose({ name: 'x', add: 1 }))).toBe(2)
    for (const each of nodes.values()) await each.close({ transfer: false })
  })

  it('is over, or the snapshot fails: the node goes on, from the log, and starts again', async () => {
    class Unwieldy extends Sums {
      fails = false
      override snapshot(): Uint8Array {
        if (this.fails) throw new RangeError('Invalid string length')
        return super.snapshot()
      }
    }
    const cluster = replicaCluster('a')
    const machine = new Unwieldy()
    const node = await cluster.open('a', { stateMachine: machine, snapshotEveryEntries: 10 })
    machine.fails = true
    const events: ReplicaEvent[] = []
    const listening = (async () => {
      for await (const event of node.events()) events.push(event)
    })()
    for (let count = 1; count <= 100; count += 1) {
      expect(await within(cluster, node.propose({ name: 'x', add: 1 }))).toBe(count)
    }
    expect(await within(cluster, node.query('x'))).toBe(100)
    await node.close({ transfer: false })
    await listening
    // After 10 entries, 20, 40 and 80: not at each.
    const failures = events.filter(({ type }) => type === 'snapshot-failed')
    expect([failures.length, failures[0]]).toMatchObject([4, { error: { name: 'RangeError' } }])
    const next = new Unwieldy()
    const again = await cluster.open('a', { stateMachine: next, snapshotEveryEntries: 10 })
    expect(await within(cluster, again.propose({ name: 'x', add: 1 }))).toBe(101)
    expect(again.status().snapshotThrough).toBeGreaterThan(100)
    await again.close({ transfer: false })
  })

  it.each([0, -1, NaN, MAX_STATE_BYTES + 1])('cannot be %d', async (maxStateBytes) => {
    const opened = replicaCluster('a').open('a', { maxStateBytes })
    await expect(opened).rejects.toThrow(InvalidArgumentError)
  })

  it('for the log is larger than what leads to a snapshot', () => {
    expect(MAX_LOG_BYTES).toBeGreaterThan(64 << 20)
  })
})
