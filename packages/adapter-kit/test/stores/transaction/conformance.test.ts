/**
 * The suite of every durability adapter on a simulated key-value store, which can stop at any call, be
 * held, refuse, and is damaged in each of its rows.
 */
import {
  durabilityConformance,
  type DurabilityHarness,
  type Found,
  type Life,
} from '@paxos/testkit'
import { describe, it, vi } from 'vitest'
import type * as Limits from '../../../src/stores/limits.ts'
import { transactionStore } from '../../../src/stores/transaction/store.ts'
import { batchMedium, SimulatedBatches } from './simulated-batches.ts'

vi.mock('../../../src/stores/limits.ts', async (original) => ({
  ...(await original<typeof Limits>()),
  // Small enough that overlapping saves are several groups.
  GROUP_TARGET_BYTES: 60,
}))

durabilityConformance(
  simulated,
  { describe, it },
  { fixtures: 'a store in memory has no earlier releases' },
)

const on = (store: SimulatedBatches) => () => transactionStore(batchMedium(store))

function simulated(): DurabilityHarness {
  let store = new SimulatedBatches()
  return {
    durability: () => transactionStore(batchMedium(store)),
    hold() {
      const held = store
      held.hold()
      return {
        async waiting() {
          while (held.waiting === 0) await turn()
        },
        release: () => held.release(),
      }
    },
    fail() {
      const failing = store
      failing.isFailing = true
      return () => {
        failing.isFailing = false
      }
    },
    crash() {
      store.stop()
      store = new SimulatedBatches(store.rows)
    },
    crashesDuring,
    damages: () => damagesOf(store.rows),
  }
}

/** Before and after every call. */
async function* crashesDuring(life: Life): AsyncGenerator<Found> {
  const whole = new SimulatedBatches()
  await life(on(whole)())
  for (let call = 1; call <= whole.calls; call += 1) {
    for (const isDone of [false, true]) {
      const store = new SimulatedBatches()
      store.stopAt = { call, isDone }
      await life(on(store)())
      const what = `a stop ${isDone ? 'after' : 'before'} call ${call}`
      yield { what, durability: on(new SimulatedBatches(store.rows)) }
    }
  }
}

/** A row is altered, or lost. */
async function* damagesOf(rows: ReadonlyMap<string, string>): AsyncGenerator<Found> {
  for (const [key, value] of rows) {
    const altered = new Map(rows).set(
      key,
      `${value.slice(0, -1)}${value.endsWith('1') ? '2' : '1'}`,
    )
    yield { what: `${key} was altered`, durability: on(new SimulatedBatches(altered)) }
    const fewer = new Map(rows)
    fewer.delete(key)
    yield { what: `${key} was lost`, durability: on(new SimulatedBatches(fewer)) }
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
