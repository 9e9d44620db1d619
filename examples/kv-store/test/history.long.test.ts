/**
 * What several clients saw while the servers were killed, frozen and started again, held against
 * what one single server would have answered.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkLinearizability } from '@paxos/testkit'
import type { Operation, SequentialModel } from '@paxos/testkit'
import { connect, OutcomeUnknownError, UnavailableError } from '../src/client.ts'
import type { Client } from '../src/client.ts'
import { Cluster } from '../src/cluster.ts'
import { emptyDirectory } from './processes.ts'

/** A history has so many answers, and the servers were disturbed so often, however long that takes. */
const ANSWERS = 300
const DISTURBANCES = 6
/** And it takes so long at least, in milliseconds. */
const AT_LEAST_MS = Number(process.env['HISTORY_MS'] ?? 0)
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
const CLIENTS = 6
const KEYS = ['x', 'y', 'z']

/** Values are unique, so that a revision and the value that was written with it mean the same. */
type Input =
  | { readonly type: 'get'; readonly key: string }
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'delete'; readonly key: string }
  | {
      readonly type: 'swap'
      readonly key: string
      readonly from: string | null
      readonly value: string
    }

/** The value that was got; whether there was something to delete; whether it was swapped. */
type Output = string | boolean | null

const model: SequentialModel<string | null, Input, Output> = {
  initial: null,
  stateKey: (state) => JSON.stringify(state),
  partitionOf: ({ key }) => key,
  step(state, input, answer) {
    const [next, output] = onOneServer(state, input)
    return answer !== null && answer.output !== output ? null : { state: next }
  },
}

function onOneServer(state: string | null, input: Input): [string | null, Output] {
  switch (input.type) {
    case 'get':
      return [state, state]
    case 'put':
      return [input.value, true]
    case 'delete':
      return [null, state !== null]
    case 'swap':
      return state === input.from ? [input.value, true] : [state, false]
  }
}

/** How clients ask: over HTTP, on a stream, and there in batches. */
const WAYS = ['http', 'stream', 'batch'] as const

/** One client, that does one thing after another and writes down what it saw. */
class Witness {
  readonly history: Operation<Input, Output>[] = []
  readonly #client: Client
  readonly #random: () => number
  readonly #name: string
  readonly #way: (typeof WAYS)[number]
  /** What it knows of a key: the value that it read last, and its revision. */
  readonly #known = new Map<string, { readonly value: string | null; readonly revision: number }>()
  #count = 0

  constructor(name: string, index: number, urls: readonly string[], random: () => number) {
    this.#name = name
    this.#way = WAYS[index % WAYS.length] ?? 'http'
    this.#random = random
    const patience = { timeoutMs: 1500, attemptTimeoutMs: 500 }
    this.#client = connect({ nodes: urls, ...patience, stream: this.#way !== 'http', random })
  }

  async act(): Promise<void> {
    const input = this.#next()
    const calledAt = performance.now()
    try {
      const output = await this.#call(input)
      this.history.push({ input, calledAt, answer: { output, at: performance.now() } })
    } catch (error) {
      if (error instanceof UnavailableError) return
      if (!(error instanceof OutcomeUnknownError)) throw error
      this.history.push({ input, calledAt, answer: null })
    }
  }

  #next(): Input {
    const key = KEYS[Math.floor(this.#random() * KEYS.length)] ?? 'x'
    this.#count += 1
    const value = `${this.#name}${this.#count}`
    const dice = this.#random()
    if (dice < 0.4) return { type: 'get', key }
    if (dice < 0.65) return { type: 'put', key, value }
    if (dice < 0.75) return { type: 'delete', key }
    return { type: 'swap', key, from: this.#known.get(key)?.value ?? null, value }
  }

  async #call(input: Input): Promise<Output> {
    switch (input.type) {
      case 'get': {
        const entry = await this.#client.get(input.key)
        const { value = null, revision = 0 } = entry ?? {}
        this.#known.set(input.key, { value, revision })
        return value
      }
      case 'put': {
        if (this.#way !== 'batch') await this.#client.put(input.key, input.value)
        else {
          const [result] = await this.#client.batch([input])
          if (result?.type === 'failed') throw result.error
        }
        return true
      }
      case 'delete':
        return await this.#client.delete(input.key)
      case 'swap': {
        const revision = this.#known.get(input.key)?.revision ?? 0
        return (await this.#client.compareAndSet(input.key, revision, input.value)).isDone
      }
    }
  }
}

/**
 * Kills, freezes and starts again, one node at a time, so that a majority is there most of it, until
 * `isOver`, which is told how often it has done so.
 */
async function disturb(
  cluster: Cluster,
  random: () => number,
  isOver: (disturbances: number) => boolean,
): Promise<void> {
  for (let disturbances = 0; !isOver(disturbances); disturbances += 1) {
    const id = cluster.ids[Math.floor(random() * cluster.ids.length)] ?? 'a'
    const victim = random() < 0.5 ? await cluster.leader().catch(() => id) : id
    if (random() < 0.5) {
      await cluster.kill(victim)
      await pause(random() * 500)
      await cluster.start(victim)
    } else {
      cluster.freeze(victim)
      // Longer than the leader's silence is tolerated, so that it wakes up deposed.
      await pause(300 + random() * 700)
      cluster.thaw(victim)
    }
    await pause(random() * 300)
  }
}

describe('while servers are killed, frozen and started again', () => {
  it(
    `clients see what one single server could have answered (SEED=${SEED})`,
    async () => {
      const failures: Error[] = []
      const cluster = await Cluster.prepare({
        transport: 'udp',
        durability: 'file',
        directory: await emptyDirectory(),
        onFailure: (error) => void failures.push(error),
      })
      onTestFinished(() => cluster.leave())
      await cluster.start()
      await cluster.leader()
      const random = randomOf(SEED)
      const witnesses = Array.from(
        { length: CLIENTS },
        (_, index) => new Witness('abcdef'.charAt(index), index, cluster.urls, random),
      )
      const answered = (): number =>
        witnesses.flatMap(({ history }) => history).filter(({ answer }) => answer !== null).length
      const endsAt = performance.now() + AT_LEAST_MS
      const over = new AbortController()
      const end = (): void => over.abort()
      const isEnough = (disturbances: number): boolean =>
        over.signal.aborted ||
        (disturbances >= DISTURBANCES && answered() >= ANSWERS && performance.now() >= endsAt)
      await Promise.all([
        disturb(cluster, random, isEnough).finally(end),
        ...witnesses.map(async (witness) => {
          while (!over.signal.aborted) await witness.act()
        }),
      ]).finally(end)
      const history = witnesses.flatMap((witness) => witness.history)
      expect(checkLinearizability(model, history)).toEqual({ linearizable: true })
      expect(failures).toEqual([])
    },
    180_000 + AT_LEAST_MS,
  )

  it('the judge would notice a read that misses a write that had returned', () => {
    const put: Input = { type: 'put', key: 'x', value: '1' }
    const history: Operation<Input, Output>[] = [
      { input: put, calledAt: 0, answer: { output: true, at: 1 } },
      { input: { type: 'get', key: 'x' }, calledAt: 2, answer: { output: null, at: 3 } },
    ]
    expect(checkLinearizability(model, history)).toMatchObject({ linearizable: false })
  })
})

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
