/**
 * What clients of a cluster see while its nodes are cut off, lose their power and start again from their
 * disks, one after the other and all at once, judged by models: a lock, an election, a counter, a register,
 * a queue and a map are each as one object that does one thing at a time.
 */
import { describe, expect, it } from 'vitest'
import type { Coordination, Hold } from '@paxos/coordination'
import { checkLinearizability } from '@paxos/testkit'
import type { Operation } from '@paxos/testkit'
import { counted, entriesText, held, History, mapped, queued, registered } from './histories.ts'
import type { OfCounter, OfHold, OfMap, OfQueue, OfRegister } from './histories.ts'
import { cluster } from './replicas.ts'
import type { Node } from './replicas.ts'

const ttlMs = 2000
const timeoutMs = 1500

interface Histories {
  readonly lock: History<OfHold, number>
  readonly election: History<OfHold, number>
  readonly counter: History<OfCounter, number>
  readonly register: History<OfRegister, number>
  readonly queue: History<OfQueue, number>
  readonly map: History<OfMap, string>
}

/** One place of the cluster: a process, and after it died the next one. */
class Place {
  readonly id: string
  /** null while there is none. */
  node: Node | null

  constructor(node: Node) {
    this.id = node.id
    this.node = node
  }
}

/** One client: operations one after the other, by whichever process is at its place. */
class Client {
  readonly #name: string
  readonly #place: Place
  readonly #histories: Histories
  readonly #random: () => number
  readonly #wait: (ms: number) => Promise<void>
  #made = 0
  #seen = { value: 0, revision: 0 }
  readonly #seenIn = new Map<string, { readonly value: number; readonly revision: number }>()

  constructor(
    name: string,
    place: Place,
    histories: Histories,
    random: () => number,
    wait: (ms: number) => Promise<void>,
  ) {
    this.#name = name
    this.#place = place
    this.#histories = histories
    this.#random = random
    this.#wait = wait
  }

  async run(operations: number): Promise<void> {
    const kinds = [
      (on: Coordination) => this.#lock(on),
      (on: Coordination) => this.#lead(on),
      (on: Coordination) => this.#count(on),
      (on: Coordination) => this.#exchange(on),
      (on: Coordination) => this.#use(on),
      (on: Coordination) => this.#map(on),
    ]
    for (let at = 0; at < operations; at += 1) {
      while (this.#place.node === null) await this.#wait(50)
      const kind = kinds[Math.floor(this.#random() * kinds.length)]
      await kind?.(this.#place.node.coordination)
      await this.#wait(this.#random() * 100)
    }
  }

  async #lock(coordination: Coordination): Promise<void> {
    await this.#hold(this.#histories.lock, () => coordination.tryLock('x', { ttlMs, timeoutMs }))
  }

  async #lead(coordination: Coordination): Promise<void> {
    const election = coordination.election('e')
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

  async #count(coordination: Coordination): Promise<void> {
    const counter = coordination.counter('n')
    const by = this.#random() < 0.5 ? 0 : 1
    const options = { timeoutMs }
    await this.#histories.counter.record({ by }, () =>
      by === 0 ? counter.get(options) : counter.add(by, options),
    )
  }

  async #exchange(coordination: Coordination): Promise<void> {
    const register = coordination.register('r')
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
    const value = this.#nextValue()
    await this.#histories.register.record({ type: 'exchange', expected, value }, async () => {
      return (await register.compareAndSet(revision, value, { timeoutMs })).isSet ? 1 : 0
    })
  }

  async #use(coordination: Coordination): Promise<void> {
    const queue = coordination.queue('q')
    if (this.#random() < 0.5) {
      const value = this.#nextValue()
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

  async #map(coordination: Coordination): Promise<void> {
    const map = coordination.map('m')
    const history = this.#histories.map
    const key = this.#random() < 0.5 ? 'k' : 'l'
    const draw = this.#random()
    if (draw < 0.15) {
      await history.record({ type: 'entries' }, async () => {
        const entries = await map.entries({ timeoutMs })
        return entriesText(
          Object.fromEntries(entries.map(({ key: of, value }) => [of, Number(value)])),
        )
      })
    } else if (draw < 0.45) {
      await history.record({ type: 'get', key }, async () => {
        const found = await map.get(key, { timeoutMs })
        const value = Number(found?.value ?? 0)
        this.#seenIn.set(key, { value, revision: found?.revision ?? 0 })
        return String(value)
      })
    } else if (draw < 0.6) {
      await history.record({ type: 'delete', key }, async () =>
        String(await map.delete(key, { timeoutMs })),
      )
    } else {
      const seen = draw < 0.8 ? this.#seenIn.get(key) : undefined
      const value = this.#nextValue()
      const input = { type: 'set', key, expected: seen?.value ?? null, value } as const
      await history.record(input, async () =>
        String((await map.set(key, value, { expected: seen?.revision, timeoutMs })).isSet),
      )
    }
  }

  /** Another one each time, whoever asks. */
  #nextValue(): number {
    return Number(this.#next().slice(1)) * 10 + Number(this.#name)
  }

  #next(): string {
    return `${this.#name}${(this.#made += 1)}`
  }
}

async function release(hold: Hold): Promise<void> {
  await hold.release({ timeoutMs }).catch(() => undefined)
}

/** What may happen to the nodes besides: they are cut off, or all of them too lose their power. */
type Faults = 'cuts' | 'cuts and crashes'

/** The histories of clients on a cluster, of which something becomes of one node after the other. */
async function playedWith(seed: number, faults: Faults): Promise<Histories> {
  const { clock, hub, disks, open, openAll, within } = cluster()
  const random = numbersFrom(seed)
  const places = (await openAll()).map((node) => new Place(node))
  await clock.advance(3000)
  const histories: Histories = {
    lock: new History(),
    election: new History(),
    counter: new History(),
    register: new History(),
    queue: new History(),
    map: new History(),
  }
  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      clock.schedule(ms, resolve)
    })
  const clients = places.map((place, at) => new Client(`${at + 1}`, place, histories, random, wait))

  const cut = async ({ id }: Place): Promise<void> => {
    hub.freeze(id)
    await wait(random() * 4000)
    hub.thaw(id)
  }
  /** Of what its disk has not synced by then, some is lost. */
  const crash = async (place: Place, afterMs: number, downMs: number): Promise<void> => {
    const { id, node } = place
    const disk = disks.get(id)
    disk?.hold()
    await wait(afterMs)
    place.node = null
    hub.freeze(id)
    disk?.crash(Math.floor(random() * 3))
    await node?.replica.close({ transfer: false }).catch(() => undefined)
    await wait(downMs)
    hub.thaw(id)
    place.node = await open(id)
  }
  const harm = async (): Promise<void> => {
    const place = places[Math.floor(random() * places.length)]
    const draw = faults === 'cuts' ? 0 : random()
    const [afterMs, downMs] = [random() * 50, random() * 3000]
    if (draw > 0.8) await Promise.all(places.map((each) => crash(each, afterMs, downMs)))
    else if (place !== undefined) await (draw < 0.4 ? cut(place) : crash(place, afterMs, downMs))
  }

  const play = { isOver: false }
  const harmed = (async () => {
    while (!play.isOver) {
      await wait(500 + random() * 1500)
      await harm()
    }
  })()
  await within(Promise.all(clients.map((client) => client.run(40))))
  play.isOver = true
  await within(harmed)
  for (const { node } of places) await node?.replica.close({ transfer: false })
  return histories
}

function aChange(calledAt: number, input: OfMap, output: string): Operation<OfMap, string> {
  return { input, calledAt, answer: { output, at: calledAt + 1 } }
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

describe('what clients see is linearizable', () => {
  it.each([
    [1, 'cuts'],
    [1, 'cuts and crashes'],
    [2, 'cuts and crashes'],
    [3, 'cuts and crashes'],
  ] as const)('with those of seed %i, which are %s', async (seed, faults) => {
    const { lock, election, counter, register, queue, map } = await playedWith(seed, faults)
    const good = { linearizable: true }
    expect(checkLinearizability(held, lock.operations)).toEqual(good)
    expect(checkLinearizability(held, election.operations)).toEqual(good)
    expect(checkLinearizability(counted, counter.operations)).toEqual(good)
    expect(checkLinearizability(registered, register.operations)).toEqual(good)
    expect(checkLinearizability(queued, queue.operations)).toEqual(good)
    expect(checkLinearizability(mapped, map.operations)).toEqual(good)
    const all = [lock, election, counter, register, queue, map].flatMap(({ operations }) =>
      operations.map(({ answer }) => answer !== null),
    )
    expect(all.filter(Boolean).length).toBeGreaterThan(60)
    expect(all.filter((isAnswered) => !isAnswered).length).toBeGreaterThan(5)
  })

  it('two holders at a time would be seen, and a token that does not grow', () => {
    const end = { input: { type: 'end', who: 'a' }, calledAt: 3, answer: null } as const
    expect(isGood([anAcquisition('a', 1, 7), end, anAcquisition('b', 5, 8)])).toBe(true)
    expect(isGood([anAcquisition('a', 1, 7), anAcquisition('b', 5, 8)])).toBe(false)
    expect(
      isGood([anAcquisition('a', 1, 7), { ...end, calledAt: 9 }, anAcquisition('b', 5, 8)]),
    ).toBe(false)
    expect(isGood([anAcquisition('a', 1, 7), end, anAcquisition('b', 5, 7)])).toBe(false)
  })

  it('a change of a map that is lost would be seen, and one that passes another', () => {
    const set = aChange(1, { type: 'set', key: 'k', expected: 0, value: 5 }, 'true')
    const isMapGood = (last: Operation<OfMap, string>) =>
      checkLinearizability(mapped, [set, last]).linearizable
    const again = { type: 'set', key: 'k', expected: 0, value: 6 } as const
    expect(isMapGood(aChange(3, { type: 'get', key: 'k' }, '5'))).toBe(true)
    expect(isMapGood(aChange(3, { type: 'get', key: 'k' }, '0'))).toBe(false)
    expect(isMapGood(aChange(3, { type: 'delete', key: 'k' }, 'false'))).toBe(false)
    expect(isMapGood(aChange(3, { type: 'entries' }, entriesText({ k: 5 })))).toBe(true)
    expect(isMapGood(aChange(3, { type: 'entries' }, entriesText({})))).toBe(false)
    expect(isMapGood(aChange(3, again, 'false'))).toBe(true)
    expect(isMapGood(aChange(3, again, 'true'))).toBe(false)
  })
})
