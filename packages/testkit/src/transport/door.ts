/**
 * The part of the suite about the door: a node of another cluster, and one that is another
 * incarnation than the expected one, is refused before any frame passes, in either direction.
 * Must not ask how a transport finds out who is there.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { MAX_ID_BYTES } from '@paxos/core'
import type { NodeId, PeerAddress, PeerFigures } from '@paxos/core'
import { active, nothingMoreThan } from '../active.ts'
import { bytes } from '../bytes.ts'
import { codeOf } from '../code-of.ts'
import type { Definer } from './definer.ts'
import { ignore, introduce, reach, RESEND_AFTER_MS, settle } from './world.ts'
import type { OpenedAs, TestNode, World } from './world.ts'

/** How often whoever is to be refused tries, each time as long as a friend takes there and back. */
const ROUNDS = 4

/** What is sent by somebody who is to be refused. */
const UNWANTED = bytes(6, 6, 6)

/** A name that is easily taken for others, and those others. */
const NAME = 'n\u00e9'
const LOOKALIKES = ['', 'ne\u0301', 'N\u00c9', ' n\u00e9', 'n\u00e9 ', 'n\u00e9\0', 'n\u00e9\0m']

/** Ids for as many nodes; every harness can open them. */
const STRANGERS: readonly NodeId[] = ['c', 'peer', 'late', 'closing', 'n', 'N', 'n\0']

/** What clusters and incarnations may be called as well. */
const NAMES = ['', 'x'.repeat(MAX_ID_BYTES), 'n\0m', ' n ', '\u00f1\u{1f600}', '__proto__']

const UNUSABLE: readonly OpenedAs[] = [
  'x'.repeat(MAX_ID_BYTES + 1),
  '\u00e9'.repeat(128),
  'a\ud800',
].flatMap((name) => [{ cluster: name }, { incarnation: name }])

/** Which of two nodes has expectations: whoever dials may depend on the ids. */
const WAYS = [
  ['the node with the smaller id', 'a', 'b'],
  ['the node with the larger id', 'b', 'a'],
] as const

export function doorScenarios({ describe, scenario, scenarioOfFigures }: Definer): void {
  describe('who is let in', () => {
    scenario('nobody of another cluster, either way, and both sides say so', async (world) => {
      const { openNode, harness } = world
      const [a, b, ofA, ofB] = [
        await openNode('a', harness.listen('a'), { cluster: 'x' }),
        await openNode('b', harness.listen('b'), { cluster: 'y' }),
        await openNode('c', harness.listen('c'), { cluster: 'x' }),
        await openNode('peer', harness.listen('peer'), { cluster: 'y' }),
      ]
      introduce(a, b, ofA, ofB)
      await requireApart([a, b], [a, ofA], [b, ofB])
      await Promise.all([saysIdentity(a, b), saysIdentity(b, a)])
      requireNothingPassed(a, b)
      requireNothingPassed(b, a)
    })

    scenario('who names no cluster is of one without a name, and of no other', async (world) => {
      const { openNode, harness } = world
      const a = await openNode('a')
      const b = await openNode('b', harness.listen('b'), { cluster: 'x' })
      const ofA = await openNode('c', harness.listen('c'), { cluster: '' })
      introduce(a, b, ofA)
      await requireApart([a, b], [a, ofA])
      requireNothingPassed(a, b)
    })

    scenario('the incarnation that is expected, by open() as by setPeers()', async (world) => {
      const { openNode, harness } = world
      const b = await openNode('b', harness.listen('b'), { incarnation: 'b 1' })
      const peers = new Map([['b', expected(b, 'b 1')]])
      const a = await openNode('a', harness.listen('a'), { incarnation: 'a 1', peers })
      b.transport.setPeers(new Map([['a', expected(a, 'a 1')]]))
      await reach(a, b, bytes(1))
      await reach(b, a, bytes(2))
    })

    scenario('nobody unseen: who refuses says so, though it only hears', async (world) => {
      const { a, b } = await openIncarnations(world)
      knowing(a, ['b', b.transport.address])
      knowing(b, ['a', expected(a, 'another')])
      await saysIdentity(b, a, [a])
      assert.deepEqual(b.inbox, [])
    })

    for (const [who, careful, other] of WAYS) {
      scenario(`no incarnation but the one that ${who} expects`, async ({ openNode, harness }) => {
        const c = await openNode('c')
        const refused = await openNode(other, harness.listen(other), { incarnation: 'it' })
        const expects = await openNode(careful, harness.listen(careful), {
          peers: new Map<NodeId, PeerAddress>([
            ['c', c.transport.address],
            [other, expected(refused, 'another')],
          ]),
        })
        knowing(c, [other, refused.transport.address], [careful, expects.transport.address])
        knowing(refused, ['c', c.transport.address], [careful, expects.transport.address])
        await requireApart([expects, refused], [expects, c], [refused, c])
        await saysIdentity(expects, refused)
        requireNothingPassed(expects, refused)
      })

      scenario(`whoever ${who} expects from now on, and nobody else any more`, async (world) => {
        const { c, ...nodes } = await openIncarnations(world)
        const [expects, judged] = [nodes[careful], nodes[other]]
        const inMind = (incarnation: string | null): void =>
          knowing(expects, [c.id, c.transport.address], [judged.id, expected(judged, incarnation)])
        introduce(expects, judged, c)
        await settle(expects, judged)
        await settle(judged, expects)
        inMind('another')
        await requireApart([expects, judged], [expects, c], [judged, c])
        assert.notEqual(figuresOf(expects, judged)?.isConnected, true)
        for (const [index, incarnation] of [`${other} 1`, null].entries()) {
          inMind(incarnation)
          await reach(expects, judged, bytes(1, index))
          await reach(judged, expects, bytes(2, index))
        }
      })
    }

    scenario(
      'a peer that restarts as another incarnation, unless the former one is expected',
      async (world) => {
        const { a, b, c } = await openIncarnations(world)
        introduce(a, b, c)
        const { address } = b.transport
        knowing(c, ['a', a.transport.address], ['b', { address, incarnation: 'b 1' }])
        for (const [from, to] of [
          [a, b],
          [b, a],
          [c, b],
          [b, c],
        ] as const) {
          await settle(from, to)
        }
        await b.transport.close()
        const again = await world.openNode('b', address, { incarnation: 'b 2' })
        knowing(again, ['a', a.transport.address], ['c', c.transport.address])
        await reach(a, again, bytes(1))
        await reach(again, a, bytes(2))
        assert.equal(figuresOf(a, again)?.incarnation ?? 'b 2', 'b 2')
        await requireApart([c, again], [c, a], [again, a])
      },
    )

    scenario('nobody where an incarnation is expected that none can have', async (world) => {
      const { a, b, c } = await openIncarnations(world)
      introduce(a, b, c)
      for (const impossible of ['x'.repeat(MAX_ID_BYTES + 1), 'x'.repeat(70_000), 'b 1\ud800']) {
        knowing(a, ['c', c.transport.address], ['b', expected(b, impossible)])
        await requireApart([a, b], [a, c], [b, c])
      }
    })

    scenario('nobody whose cluster is merely like the own one', async (world) => {
      const { openNode, harness } = world
      const a = await openNode('a', harness.listen('a'), { cluster: NAME })
      const friend = await openNode('b', harness.listen('b'), { cluster: NAME })
      const others: TestNode[] = []
      for (const [index, cluster] of LOOKALIKES.entries()) {
        const listen = harness.listen(`like${index}`)
        others.push(await openNode(STRANGERS[index] ?? '', listen, { cluster }))
      }
      introduceToAll(a, [friend, ...others])
      await requireAllApart(a, friend, others)
    })

    scenario('nobody whose incarnation is merely like the expected one', async (world) => {
      const { openNode, harness } = world
      const as = { incarnation: NAME }
      const a = await openNode('a', harness.listen('a'), as)
      const friend = await openNode('b', harness.listen('b'), as)
      const others: TestNode[] = []
      for (const [index, id] of STRANGERS.entries()) {
        others.push(await openNode(id, harness.listen(`like${index}`), as))
      }
      introduceToAll(a, [friend, ...others])
      knowing(
        a,
        ['b', expected(friend, NAME)],
        ...others.map(({ id, transport: { address } }, index): Entry => {
          return [id, { address, incarnation: LOOKALIKES[index] ?? '' }]
        }),
      )
      await requireAllApart(a, friend, others)
    })

    scenario('P3: any text of 255 bytes is a cluster, and an incarnation', async (world) => {
      const { openNode, harness } = world
      for (const name of NAMES) {
        const as = { cluster: name, incarnation: name }
        const a = await openNode('a', harness.listen('a'), as)
        const b = await openNode('b', harness.listen('b'), as)
        knowing(a, ['b', expected(b, name)])
        knowing(b, ['a', expected(a, name)])
        await reach(a, b, bytes(1))
        await reach(b, a, bytes(2))
        await Promise.all([a.transport.close(), b.transport.close()])
      }
    })

    scenario('nobody at all under a name that is too long or no text', async (world) => {
      const { made, openNode, harness } = world
      const listen = harness.listen('a')
      for (const as of UNUSABLE) {
        const before = active()
        const opening = made().open({ id: 'a', listen, peers: new Map(), receive: ignore, ...as })
        assert.equal(await codeOf(opening), 'ERR_PAXOS_INVALID_ARGUMENT')
        await nothingMoreThan(before)
      }
      await openNode('a', listen)
    })

    scenarioOfFigures(
      'is told by figures: the incarnation that is there, once it said so',
      async (world) => {
        const { a, b } = await openIncarnations(world)
        knowing(a, ['b', b.transport.address], ['down', world.harness.deserted])
        b.transport.setPeers(new Map([['a', a.transport.address]]))
        await settle(a, b)
        await settle(b, a)
        const told = [a, b].flatMap(({ transport }) =>
          [...(transport.figures?.().peers ?? [])].map(
            ([id, { incarnation }]) => [id, incarnation] as const,
          ),
        )
        assert.deepEqual(
          new Map(told),
          new Map([
            ['a', 'a 1'],
            ['b', 'b 1'],
            ['down', null],
          ]),
        )
      },
    )
  })
}

type Entry = readonly [NodeId, PeerAddress]

function expected({ transport }: TestNode, incarnation: string | null): PeerAddress {
  return { address: transport.address, incarnation }
}

function knowing({ transport }: TestNode, ...entries: readonly Entry[]): void {
  transport.setPeers(new Map(entries))
}

/** Not all of them to all: that is many connections, and shows nothing more. */
function introduceToAll(hub: TestNode, others: readonly TestNode[]): void {
  knowing(hub, ...others.map(({ id, transport }): Entry => [id, transport.address]))
  for (const other of others) knowing(other, [hub.id, hub.transport.address])
}

/** Three nodes, each with an incarnation of its own, that know nobody yet. */
async function openIncarnations({ openNode, harness }: World): Promise<{
  readonly a: TestNode
  readonly b: TestNode
  readonly c: TestNode
}> {
  const open = (id: NodeId): Promise<TestNode> =>
    openNode(id, harness.listen(id), { incarnation: `${id} 1` })
  return { a: await open('a'), b: await open('b'), c: await open('c') }
}

/** Whatever the two send each other never arrives, while each of `friends` hears the other. */
async function requireApart(
  [one, other]: readonly [TestNode, TestNode],
  ...friends: readonly (readonly [TestNode, TestNode])[]
): Promise<void> {
  const before = [one.inbox.length, other.inbox.length]
  for (let round = 0; round < ROUNDS; round += 1) {
    one.transport.send(other.id, UNWANTED)
    other.transport.send(one.id, UNWANTED)
    for (const [from, to] of friends) {
      await settle(from, to)
      await settle(to, from)
    }
  }
  assert.ok(one.inbox.slice(before[0]).every(({ from }) => from !== other.id))
  assert.ok(other.inbox.slice(before[1]).every(({ from }) => from !== one.id))
}

/** The same for one and many, at the same time. */
async function requireAllApart(
  hub: TestNode,
  friend: TestNode,
  others: readonly TestNode[],
): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const { id, transport } of others) {
      hub.transport.send(id, UNWANTED)
      transport.send(hub.id, UNWANTED)
    }
    await settle(hub, friend)
    await settle(friend, hub)
  }
  await Promise.all(others.map((other) => saysIdentity(hub, other)))
  assert.ok(hub.inbox.every(({ from }) => from === friend.id))
  assert.ok(others.every(({ inbox }) => inbox.length === 0))
}

/**
 * Both, or those of `senders`, send again and again until `node` says, in its figures and to whom it
 * warns, that somebody is not who was expected. Where there are no figures the medium may not tell.
 */
async function saysIdentity(
  node: TestNode,
  other: TestNode,
  senders: readonly TestNode[] = [node, other],
): Promise<void> {
  const figures = node.transport.figures?.bind(node.transport)
  if (figures === undefined) return
  const isSaid = (): boolean => {
    const { peers, refused } = figures()
    const isTold = (refused.identity ?? 0) > 0
    const isWarned = node.warnings.some(({ reason }) => reason === 'identity')
    return isWarned && (isTold || peers.get(other.id)?.problem?.reason === 'identity')
  }
  const again = setInterval(() => {
    for (const { id, transport } of senders) {
      transport.send(id === node.id ? other.id : node.id, UNWANTED)
    }
    node.events.emit('look')
  }, RESEND_AFTER_MS)
  try {
    while (!isSaid()) await once(node.events, 'look')
  } finally {
    clearInterval(again)
  }
}

function figuresOf({ transport }: TestNode, { id }: TestNode): PeerFigures | undefined {
  return transport.figures?.().peers.get(id)
}

/** The door is before the medium: nothing was given to it for who is refused, nor taken from there. */
function requireNothingPassed(node: TestNode, refused: TestNode): void {
  const { sent, received } = figuresOf(node, refused) ?? { sent: 0, received: 0 }
  assert.deepEqual([sent, received], [0, 0])
}
