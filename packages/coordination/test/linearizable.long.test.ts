/**
 * What clients of a cluster see while its nodes are cut off one after the other, judged by models: a lock,
 * an election, a counter, a register and a queue are each as one object that does one thing at a time.
 */
import { describe, expect, it } from 'vitest'
import type { Coordination, Hold } from '@paxos/coordination'
import { checkLinearizability } from '@paxos/testkit'
import type { Operation, SequentialModel } from '@paxos/testkit'
import { cluster } from './replicas.ts'

const ttlMs = 2000
const timeoutMs = 1500

/** Operations of one object, in the order in which they began and ended. */
class History<Input, Output> {
  readonly operations: Operation<Input, Output>[] = []
  #moments = 0

  /** `null` is for who never heard. */
  async record(input: Input, call: () => Promise<Output>): Promise<Output | null> {
    const calledAt = (this.#moments += 1)
    try {
      const output = await call()
      this.operations.push({ input, calledAt, answer: { output, at: (this.#moments += 1) } })
      return output
    } catch {
      this.operations.push({ input, calledAt, answer: null })
      return null
    }
  }

  /** Something that may happen at any time from now on, or not at all. */
  mayFollow(input: Input): void {
    this.operations.push({ input, calledAt: (this.#moments += 1), answer: null })
  }
}

type OfHold =
  | { readonly type: 'acquire'; readonly who: string }
  /** It may be given up, or expire: from when its holder's signal has aborted. */
  | { readonly type: 'end'; readonly who: string }
  | { readonly type: 'look' }

interface Held {
  readonly who: string | null
  readonly token: number
}

/** `token`: that of the holder, 0 for nobody. To acquire answers 0 when it is busy. */
const held: SequentialModel<Held, OfHold, number> = {
  initial: { who: null, token: 0 },
  stateKey: ({ who, token }) => `${who}/${token}`,
  step(state, input, answer) {
    const token = answer?.output ?? null
    if (input.type === 'look') {
      const isSo = token === null || token === (state.who === null ? 0 : state.token)
      return isSo ? { state } : null
    }
    if (input.type === 'end') {
      return state.who === input.who ? { state: { ...state, who: null } } : null
    }
    if (token === 0) return state.who === null ? null : { state }
    if (state.who !== null || (token !== null && token <= state.token)) return null
    return { state: { who: input.who, token: token ?? state.token } }
  },
}

type OfCounter = { readonly by: number }
const counted: SequentialModel<number, OfCounter, number> = {
  initial: 0,
  stateKey: String,
  step(state, { by }, answer) {
    const sum = state + by
    return answer === null || answer.output === sum ? { state: sum } : null
  },
}

/** Each value is written once, so that a revision stands for a value. */
type OfRegister =
  | { readonly type: 'get' }
  | { readonly type: 'exchange'; readonly expected: number; readonly value: number }
const registered: SequentialModel<number, OfRegister, number> = {
  initial: 0,
  stateKey: String,
  step(state, input, answer) {
    if (input.type === 'get') return answer === null || answer.output === state ? { state } : null
    const isSet = state === input.expected
    if (answer !== null && (answer.output === 1) !== isSet) return null
    return { state: isSet ? input.value : state }
  },
}

type OfQueue =
  | { readonly type: 'enqueue'; readonly value: number }
  | { readonly type: 'take'; readonly who: string }
  /** It may go back to the front, when its taker never heard of it. */
  | { readonly type: 'return'; readonly who: string }
interface Queued {
  readonly returned: readonly number[]
  readonly fresh: readonly number[]
  readonly taken: Readonly<Record<string, number>>
}
/** To take answers 0 when there is nothing. */
const queued: SequentialModel<Queued, OfQueue, number> = {
  initial: { returned: [], fresh: [], taken: {} },
  stateKey: (state) => JSON.stringify(state),
  step(state, input, answer) {
    const { returned, fresh, taken } = state
    if (input.type === 'enqueue') return { state: { ...state, fresh: [...fresh, input.value] } }
    if (input.type === 'return') {
      const { [input.who]: item, ...others } = taken
      if (item === undefined) return null
      return { state: { fresh, returned: [...returned, item], taken: others } }
    }
    const [item = 0] = [...returned, ...fresh]
    if (answer !== null && answer.output !== item) return null
    if (item === 0) return { state }
    // Who heard of it keeps it, to the end of this test.
    const mine = answer === null ? { [input.who]: item } : {}
    const rest = returned.length > 0 ? { returned: returned.slice(1), fresh } : null
    return { state: { returned, fresh: fresh.slice(1), ...rest, taken: { ...taken, ...mine } } }
  },
}

interface Histories {
  readonly lock: History<OfHold, number>
  readonly election: History<OfHold, number>
  readonly counter: History<OfCounter, number>
  readonly register: History<OfRegister, number>
  readonly queue: History<OfQueue, number>
}

/** One client: a hundred operations or so, one after the other. */
class Client {
  readonly #name: string
  readonly #coordination: Coordination
  readonly #histories: Histories
  readonly #random: () => number
  readonly #wait: (ms: number) => Promise<void>
  #made = 0
  #seen = { value: 0, revision: 0 }

  constructor(
    name: string,
    coordination: Coordination,
    histories: Histories,
    random: () => number,
    wait: (ms: number) => Promise<void>,
  ) {
    this.#name = name
    this.#coordination = coordination
    this.#histories = histories
    this.#random = random
    this.#wait = wait
  }

  async run(operations: number): Promise<void> {
    const kinds = [
      () => this.#lock(),
      () => this.#lead(),
      () => this.#count(),
      () => this.#exchange(),
      () => this.#use(),
    ]
    for (let at = 0; at < operations; at += 1) {
      await kinds[Math.floor(this.#random() * kinds.length)]?.()
      await this.#wait(this.#random() * 100)
    }
  }

  async #lock(): Promise<void> {
    await this.#hold(this.#histories.lock, () =>
      this.#coordination.tryLock('x', { ttlMs, timeoutMs }),
    )
  }

  async #lead(): Promise<void> {
    const election = this.#coordination.election('e')
    if (this.#random() < 0.5) {
      const look = async () => (await election.leader({ timeoutMs }))?.token ?? 0
      await this.#histories.election.record({ type: 'look' }, look)
    } else await this.#hold(this.#histories.election, () => election.campaign({ ttlMs, timeoutMs }))
  }

  async #hold(
    history: History<OfHold, number>,
    acquire: () => Promise<Hold | null>,
  ): Promise<void> {
    const who = this.#next()
    let hold: Hold | null = null
    const token = await history.record({ type: 'acquire', who }, async () => {
      hold = await acquire()
      // In the turn in which it ends, before anybody else is granted anything.
      hold?.signal.addEventListener('abort', () => history.mayFollow({ type: 'end', who }))
      return hold?.token ?? 0
    })
    // Nobody knows whether it was granted: if so, it is given up, or expires.
    if (token === null) history.mayFollow({ type: 'end', who })
    if (hold === null) return
    await this.#wait(this.#random() * 1000)
    await release(hold)
  }

  async #count(): Promise<void> {
    const counter = this.#coordination.counter('n')
    const by = this.#random() < 0.5 ? 0 : 1
    const options = { timeoutMs }
    await this.#histories.counter.record({ by }, () =>
      by === 0 ? counter.get(options) : counter.add(by, options),
    )
  }

  async #exchange(): Promise<void> {
    const register = this.#coordination.register('r')
    if (this.#random() < 0.5) {
      await this.#histories.register.record({ type: 'get' }, async () => {
        const found = await register.get({ timeoutMs })
        const value = Number(found?.value ?? 0)
        this.#seen = { value, revision: found?.revision ?? 0 }
        return value
      })
      return
    }
    const { value: expected, revision } = this.#seen
    const value = Number(this.#next().slice(1)) * 10 + Number(this.#name)
    await this.#histories.register.record({ type: 'exchange', expected, value }, async () => {
      return (await register.compareAndSet(revision, value, { timeoutMs })).isSet ? 1 : 0
    })
  }

  async #use(): Promise<void> {
    const queue = this.#coordination.queue('q')
    if (this.#random() < 0.5) {
      const value = Number(this.#next().slice(1)) * 10 + Number(this.#name)
      await this.#histories.queue.record({ type: 'enqueue', value }, async () => {
        await queue.enqueue(value, { timeoutMs })
        return value
      })
      return
    }
    const who = this.#next()
    const taken = await this.#histories.queue.record({ type: 'take', who }, async () => {
      // Nothing expires in this test but what nobody heard of.
      const item = await queue.tryTake({ visibilityMs: 86_400_000, timeoutMs })
      return item === null ? 0 : Number(item.value)
    })
    if (taken === null) this.#histories.queue.mayFollow({ type: 'return', who })
  }

  #next(): string {
    return `${this.#name}${(this.#made += 1)}`
  }
}

async function release(hold: Hold): Promise<void> {
  await hold.release({ timeoutMs }).catch(() => undefined)
}

/** The histories of clients on a cluster of which one node after the other is cut off for a while. */
async function playedWith(seed: number): Promise<Histories> {
  const { clock, hub, openAll, within } = cluster()
  const random = numbersFrom(seed)
  const nodes = await openAll()
  await clock.advance(3000)
  const histories: Histories = {
    lock: new History(),
    election: new History(),
    counter: new History(),
    register: new History(),
    queue: new History(),
  }
  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      clock.schedule(ms, resolve)
    })
  const clients = nodes.map(
    ({ coordination }, at) => new Client(`${at + 1}`, coordination, histories, random, wait),
  )
  const play = { isOver: false }
  const faults = (async () => {
    while (!play.isOver) {
      await wait(500 + random() * 1500)
      const id = nodes[Math.floor(random() * nodes.length)]?.id ?? 'a'
      hub.freeze(id)
      await wait(random() * 4000)
      hub.thaw(id)
    }
  })()
  await within(Promise.all(clients.map((client) => client.run(40))))
  play.isOver = true
  await within(faults)
  for (const { replica } of nodes) await replica.close({ transfer: false })
  return histories
}

function anAcquisition(who: string, calledAt: number, output: number): Operation<OfHold, number> {
  return { input: { type: 'acquire', who }, calledAt, answer: { output, at: calledAt + 1 } }
}

function isGood(history: readonly Operation<OfHold, number>[]): boolean {
  return checkLinearizability(held, history).linearizable
}

function numbersFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

describe('under the cuts of a network', () => {
  it.each([1, 2, 3, 4])(
    'what clients see is linearizable, with the cuts of seed %i',
    async (seed) => {
      const { lock, election, counter, register, queue } = await playedWith(seed)
      const good = { linearizable: true }
      expect(checkLinearizability(held, lock.operations)).toEqual(good)
      expect(checkLinearizability(held, election.operations)).toEqual(good)
      expect(checkLinearizability(counted, counter.operations)).toEqual(good)
      expect(checkLinearizability(registered, register.operations)).toEqual(good)
      expect(checkLinearizability(queued, queue.operations)).toEqual(good)
      const all = [lock, election, counter, register, queue].flatMap(({ operations }) =>
        operations.map(({ answer }) => answer !== null),
      )
      expect(all.filter(Boolean).length).toBeGreaterThan(60)
      expect(all.filter((isAnswered) => !isAnswered).length).toBeGreaterThan(5)
    },
  )

  it('two holders at a time would be seen, and a token that does not grow', () => {
    const end = { input: { type: 'end', who: 'a' }, calledAt: 3, answer: null } as const
    expect(isGood([anAcquisition('a', 1, 7), end, anAcquisition('b', 5, 8)])).toBe(true)
    expect(isGood([anAcquisition('a', 1, 7), anAcquisition('b', 5, 8)])).toBe(false)
    expect(
      isGood([anAcquisition('a', 1, 7), { ...end, calledAt: 9 }, anAcquisition('b', 5, 8)]),
    ).toBe(false)
    expect(isGood([anAcquisition('a', 1, 7), end, anAcquisition('b', 5, 7)])).toBe(false)
  })
})
