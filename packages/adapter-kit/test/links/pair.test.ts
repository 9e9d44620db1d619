/**
 * The rule of one connection for a pair of nodes, on every order of events that fast-check finds:
 * it converges, it does not flap, and nothing is lost that no fault has struck.
 */
import * as fc from 'fast-check'
import { extent } from '@paxos/testkit/fuzz'
import { describe, expect, it } from 'vitest'
import type { LinkTransport } from '@paxos/adapter-kit/links'
import type { NodeId } from '@paxos/core'
import { network } from './network.ts'
import type { Network } from './network.ts'

const book = new Map([
  ['a', 'a'],
  ['b', 'b'],
])

interface Pair {
  readonly net: Network
  readonly nodes: Record<NodeId, LinkTransport>
  readonly inboxes: Record<NodeId, number[]>
  readonly start: (id: NodeId) => Promise<void>
}

function makePair(random: () => number): Pair {
  const net = network(random)
  const nodes: Pair['nodes'] = {}
  const inboxes: Record<NodeId, number[]> = { a: [], b: [] }
  async function start(id: NodeId): Promise<void> {
    const inbox: number[] = []
    inboxes[id] = inbox
    const transport = net.node(id)
    nodes[id] = transport
    const receive = (_: NodeId, frame: Uint8Array): void => void inbox.push(frame[0] ?? -1)
    await transport.open({ id, listen: id, peers: book, receive })
  }
  return { net, nodes, inboxes, start }
}

const choices = fc.infiniteStream(fc.nat({ max: 1_000 }))
const chooser = (stream: Iterator<number>) => (): number => Number(stream.next().value)
const jitter = fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true }))

/** What a test may do between two steps of the network. */
const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant('step' as const), choice: fc.nat(1_000) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('send' as const), choice: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('wait' as const), choice: fc.nat(400) }) },
)
const fault = fc.record({
  type: fc.constantFrom('sever' as const, 'silence' as const, 'restart' as const),
  choice: fc.nat(1_000),
})

describe('of two nodes', () => {
  it('the one with the smaller id dials, and the other leaves it to that one', async () => {
    const { net, start } = makePair(() => 0.5)
    for (const id of ['b', 'a']) await start(id)
    net.run(60_000, () => 0)
    expect(net.dials).toEqual(['a'])
  })

  it('the one with the larger id dials when the other cannot', async () => {
    const { net, nodes, inboxes, start } = makePair(() => 0.5)
    await start('b')
    nodes['a'] = net.node('a')
    const receive = (_: NodeId, frame: Uint8Array): void => void inboxes['a']?.push(...frame)
    await nodes['a'].open({ id: 'a', listen: 'a', peers: new Map([['b', 'nowhere']]), receive })
    nodes['b']?.send('a', Uint8Array.of(7))
    net.run(1_000, () => 0)
    expect(inboxes['a']).toEqual([7])
  })
})

describe('a peer', () => {
  it.each(['x'.repeat(256), '\ud800'])(
    'with the id %j, which no hello can carry, is never dialled',
    async (id) => {
      const { net, nodes, start } = makePair(() => 0.5)
      await start('a')
      await start('b')
      nodes['a']?.setPeers(new Map([...book, [id, 'b']]))
      nodes['a']?.send(id, Uint8Array.of(1))
      net.run(10_000, () => 0)
      expect(net.dials).toEqual(['a'])
    },
  )
})

/** The times between one dial and the next, as often as it is wanted. */
function delays({ net }: Pair, count: number): number[] {
  const times: number[] = []
  while (times.length <= count) {
    const { length } = net.dials
    while (net.dials.length === length) net.run(1, () => 0)
    times.push(net.nowMs)
  }
  return times.slice(1).map((time, index) => time - (times[index] ?? 0))
}

describe('a peer that cannot be reached', () => {
  it('is dialled later and later, up to two seconds, for ever', async () => {
    const pair = makePair(() => 0)
    await pair.start('a')
    pair.net.run(60_000, () => 0)
    // 50, 100, 200, 400, 800 and 1,600 ms after the one before, and then every 2,000.
    expect(pair.net.dials).toHaveLength(1 + 6 + Math.floor((60_000 - 3_150) / 2_000))
    expect(delays(pair, 3)).toEqual([2_000, 2_000, 2_000])
  })

  it('is dialled soon after a connection that lasted, and later after others', async () => {
    const pair = makePair(() => 0)
    const { net, start } = pair
    await start('a')
    net.run(60_000, () => 0)
    await start('b')
    net.run(10_000, () => 0)
    for (const expected of [50, 100, 200]) {
      const { length } = net.dials
      const severedMs = net.nowMs
      net.sever(0)
      while (net.dials.length === length) net.run(1, () => 0)
      expect(net.nowMs - severedMs).toBe(expected)
      expect(net.dials.at(-1)).toBe('a')
      // Not long enough to call it a success.
      net.run(10, () => 0)
      expect(net.living).toBe(1)
    }
  })
})

describe('a peer that restarts', () => {
  it.each([
    ['a', 'b'],
    ['b', 'a'],
  ])('%s is reached by %s at once, though nothing told of its end', async (id, other) => {
    const { net, nodes, inboxes, start } = makePair(() => 0.5)
    await start('a')
    await start('b')
    net.run(1_000, () => 0)
    net.silence(0)
    net.kill(id)
    await start(id)
    net.run(1_000, () => 0)
    nodes[other]?.send(id, Uint8Array.of(7))
    nodes[id]?.send(other, Uint8Array.of(8))
    net.run(100, () => 0)
    expect([inboxes[id], inboxes[other]]).toEqual([[7], [8]])
  })
})

describe('two nodes that dial each other', () => {
  it('end up with one connection, and every frame has arrived once', async () => {
    const property = fc.asyncProperty(
      fc.array(action, { maxLength: 120 }),
      choices,
      jitter,
      async (actions, stream, random) => {
        const { net, nodes, inboxes, start } = makePair(() => Number(random.next().value))
        const choose = chooser(stream)
        await start('a')
        await start('b')
        const sent: Record<NodeId, number[]> = { a: [], b: [] }
        let waitedMs = 0
        for (const { type, choice } of actions) {
          if (type === 'step') net.step(choice)
          if (type === 'wait' && waitedMs + choice < 4_000) {
            waitedMs += choice
            net.run(choice, choose)
          }
          if (type === 'send') {
            const [from, to] = choice === 0 ? ['a', 'b'] : ['b', 'a']
            const number = sent[to]?.push(sent[to].length) ?? 0
            nodes[from]?.send(to, Uint8Array.of(number - 1))
          }
        }
        net.run(30_000, choose)
        expect(net.living).toBe(1)
        expect(net.dials.length).toBeLessThanOrEqual(2)
        for (const id of ['a', 'b'])
          expect(inboxes[id]?.toSorted((x, y) => x - y)).toEqual(sent[id])
      },
    )
    await fc.assert(property, { numRuns: extent(40, 500) })
  })

  it('dialling in the same instant, lose nothing of what they send meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(choices, jitter, fc.nat(40), async (stream, random, before) => {
        const { net, nodes, inboxes, start } = makePair(() => Number(random.next().value))
        const choose = chooser(stream)
        await start('a')
        await start('b')
        // Nothing of the dial of a has happened when the patience of b ends, and b dials as well.
        net.stall(400)
        expect(net.living).toBe(2)
        for (let number = 0; number < 40; number += 1) {
          if (number >= before) net.step(choose())
          nodes['a']?.send('b', Uint8Array.of(number))
          nodes['b']?.send('a', Uint8Array.of(number))
          net.step(choose())
        }
        net.run(10_000, choose)
        expect(net.living).toBe(1)
        expect(net.dials).toEqual(['a', 'b'])
        const all = Array.from({ length: 40 }, (_, number) => number)
        for (const id of ['a', 'b']) expect(inboxes[id]?.toSorted((x, y) => x - y)).toEqual(all)
      }),
      { numRuns: extent(40, 500) },
    )
  })

  it.each<[string, (transport: LinkTransport) => void]>([
    ['forgets the other', (transport) => transport.setPeers(new Map())],
    ['closes', (transport) => void transport.close()],
  ])('hear nothing any more once one of them %s, on whatever connection', async (_, leave) => {
    await fc.assert(
      fc.asyncProperty(choices, jitter, fc.nat(120), async (stream, random, steps) => {
        const { net, nodes, inboxes, start } = makePair(() => Number(random.next().value))
        const choose = chooser(stream)
        await start('a')
        await start('b')
        net.stall(400)
        for (let number = 0; number < steps; number += 1) {
          nodes['b']?.send('a', Uint8Array.of(number))
          net.step(choose())
        }
        const heard = inboxes['a']?.length
        if (nodes['a'] !== undefined) leave(nodes['a'])
        net.run(1_000, choose)
        expect(inboxes['a']).toHaveLength(heard ?? NaN)
      }),
      { numRuns: extent(40, 500) },
    )
  })

  it('find each other again after any faults, and then have one connection', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.oneof({ weight: 4, arbitrary: action }, { weight: 1, arbitrary: fault }), {
        maxLength: 120,
      }),
      choices,
      jitter,
      async (actions, stream, random) => {
        const { net, nodes, inboxes, start } = makePair(() => Number(random.next().value))
        const choose = chooser(stream)
        await start('a')
        await start('b')
        for (const { type, choice } of actions) {
          if (type === 'step') net.step(choice)
          if (type === 'wait') net.run(choice, choose)
          if (type === 'send' && choice === 0) nodes['a']?.send('b', Uint8Array.of(0))
          if (type === 'send' && choice === 1) nodes['b']?.send('a', Uint8Array.of(0))
          if (type === 'sever') net.sever(choice)
          if (type === 'silence') net.silence(choice)
          if (type === 'restart') {
            const id = choice % 2 === 0 ? 'a' : 'b'
            net.kill(id)
            await start(id)
          }
        }
        net.run(60_000, choose)
        expect(net.living).toBe(1)
        nodes['a']?.send('b', Uint8Array.of(200))
        nodes['b']?.send('a', Uint8Array.of(201))
        net.run(1_000, choose)
        expect([inboxes['b']?.at(-1), inboxes['a']?.at(-1)]).toEqual([200, 201])
        expect(net.living).toBe(1)
      },
    )
    await fc.assert(property, { numRuns: extent(40, 500) })
  })
})
