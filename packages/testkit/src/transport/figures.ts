/**
 * The part of the suite about figures(), for those who show them to operators: they are of the peers
 * that there are, count each frame once, and name what is wrong. A transport need not have any.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { TransportFigures } from '@paxos/core'
import { bytes, filled } from '../bytes.ts'
import type { Definer, TransportNotApplicable } from './definer.ts'
import { ignore, introduce, reach, reachProblem, settle } from './world.ts'
import type { TestNode } from './world.ts'

/** Frames in a burst: of the small ones more than may be uncounted, of the large ones too many to keep. */
const SMALL = 300
const LARGE = 1_000

export function figureScenarios(
  { describe, scenarioOfFigures }: Definer,
  notApplicable: TransportNotApplicable,
): void {
  describe('figures, where there are any,', () => {
    scenarioOfFigures(
      'have one for each peer of the address book, and none for this node',
      async (world) => {
        const [a, b] = await world.openPair()
        await settle(a, b)
        assert.deepEqual([...figuresOf(a).peers.keys()], ['b'])
        const book = [
          ['a', a.transport.address],
          ['b', b.transport.address],
          ['down', world.harness.deserted],
          ['nonsense', world.harness.malformed.at(-1) ?? ''],
        ] as const
        a.transport.setPeers(new Map(book))
        const known = [...figuresOf(a).peers.keys()].toSorted()
        assert.deepEqual(known, ['b', 'down', 'nonsense'])
        assert.equal(figuresOf(a).peers.get('nonsense')?.problem?.reason, 'address')
        a.transport.setPeers(new Map())
        assert.equal(figuresOf(a).peers.size, 0)
      },
    )

    scenarioOfFigures('can be asked for at any time, and only grow', async (world) => {
      const [a, b] = await world.openPair()
      const other = world.made()
      other.figures?.()
      const listen = world.harness.listen('c')
      const opening = other.open({ id: 'c', listen, peers: new Map(), receive: ignore })
      other.figures?.()
      await opening
      await settle(a, b)
      introduce(a, b)
      await settle(a, b)
      const { sent = 0 } = figuresOf(a).peers.get('b') ?? {}
      assert.ok(sent >= 2)
      await a.transport.close()
      figuresOf(a)
    })

    scenarioOfFigures('count what was sent and delivered', async ({ openPair }) => {
      const [a, b] = await openPair()
      for (const length of [1, 5_000, 100_000]) {
        a.transport.send('b', filled(length))
        await b.received(filled(length))
      }
      await settle(b, a)
      const [toB, toA] = [figuresOf(a).peers.get('b'), figuresOf(b).peers.get('a')]
      assert.deepEqual([toB?.sent, toB?.received, toB?.dropped], [3, 1, 0])
      assert.deepEqual([toA?.sent, toA?.received, toA?.dropped], [1, 3, 0])
      assert.deepEqual([toB?.problem, toA?.problem], [null, null])
      assert.deepEqual([figuresOf(a).refused, figuresOf(b).refused], [{}, {}])
    })

    scenarioOfFigures(
      'name the problem with a peer where nobody is, which is told, until it is there',
      async ({ openNode, openPair }) => {
        const [a, b] = await openPair()
        await settle(a, b)
        const { address } = b.transport
        await b.transport.close()
        a.transport.setPeers(new Map())
        a.transport.setPeers(new Map([['b', address]]))
        await reachProblem(a, 'b')
        assert.ok(a.warnings.some(({ peer }) => peer === 'b'))
        assert.notEqual(figuresOf(a).peers.get('b')?.isConnected, true)
        const again = await openNode('b', address)
        introduce(a, again)
        await reach(a, again, bytes(1))
        await reach(again, a, bytes(2))
        assert.equal(figuresOf(a).peers.get('b')?.problem, null)
      },
    )

    scenarioOfFigures('count each frame once, as sent or as dropped', async ({ openPair }) => {
      const [a, b] = await openPair()
      // Small ones may travel together, large ones in pieces.
      for (let count = 1; count <= SMALL; count += 1) a.transport.send('b', bytes(count & 0xff))
      await settle(a, b)
      for (let count = 1; count <= LARGE; count += 1) a.transport.send('b', filled(16 << 10))
      const handed = SMALL + 1 + LARGE + (await reach(a, b, bytes(1, 1)))
      const { sent, dropped } = figuresOf(a).peers.get('b') ?? { sent: 0, dropped: 0 }
      // The last ones may have arrived before the medium has said that it took them.
      assert.ok(sent + dropped > handed - 100)
      assert.ok(sent + dropped <= handed)
    })

    scenarioOfFigures(
      'say whether a connection stands, where the medium has any',
      async ({ openPair, harness }, lacks) => {
        const [a, b] = await openPair()
        a.transport.setPeers(
          new Map([
            ['b', b.transport.address],
            ['down', harness.deserted],
          ]),
        )
        await settle(a, b)
        await settle(b, a)
        const told = [figuresOf(a), figuresOf(b)].flatMap(({ peers }) =>
          [...peers].map(([id, { isConnected }]) => [id, isConnected] as const),
        )
        if (told.every(([, isConnected]) => isConnected === null)) {
          lacks('connections', notApplicable.connections ?? 'the medium knows none')
        } else {
          assert.deepEqual(
            new Map(told),
            new Map([
              ['a', true],
              ['b', true],
              ['down', false],
            ]),
          )
        }
      },
    )

    scenarioOfFigures('count strangers, who are told of', async ({ openThree }) => {
      const [a, b, c] = await openThree()
      introduce(a, b)
      c.transport.send('b', bytes(1))
      // It may warn of something else before, such as its own certificate.
      while (sum(Object.values(figuresOf(b).refused)) === 0) await once(b.events, 'warning')
      assert.ok(b.warnings.every(({ message }) => message.length > 0))
    })
  })
}

function figuresOf({ transport }: TestNode): TransportFigures {
  const figures = transport.figures?.()
  assert.ok(figures !== undefined, 'A transport has figures once it is open as well as before.')
  return figures
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
