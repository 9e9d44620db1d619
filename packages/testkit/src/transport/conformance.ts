/**
 * What every transport promises, as a suite that any adapter can run under any test runner. Each
 * scenario is a sentence of the contract in core's transport.ts. It must know nothing of an adapter
 * but what its harness says, and imports no runner.
 */
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { MAX_FRAME_BYTES } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { active, nothingMoreThan } from '../active.ts'
import { bytes, filled, isEqual } from '../bytes.ts'
import { codeOf } from '../code-of.ts'
import { recorder } from '../conformance/report.ts'
import type { ConformanceReport, Lacks } from '../conformance/report.ts'
import type { Runner } from '../runner.ts'
import type { Definer, TransportNotApplicable } from './definer.ts'
import { doorScenarios } from './door.ts'
import { figureScenarios } from './figures.ts'
import { impostorScenarios } from './impostors.ts'
import { nameScenarios } from './names.ts'
import { MAX_RETAINED_BYTES, queueScenarios } from './queues.ts'
import { wholenessScenarios } from './whole.ts'
import { leavingScenarios } from './leaving.ts'
import { ignore, introduce, inWorld, keptBytes, reach, retainedBytes, settle } from './world.ts'
import type { TransportHarness } from './world.ts'

const IDS = [
  ['', 'the empty string'],
  ['ñ😀', 'any string'],
  ['x'.repeat(255), 'a string of 255 bytes'],
] as const

/** Around the sizes at which adapters change their ways: nothing, a datagram, the maximum. */
const SIZES_BYTES = [0, 1, 2_000, 65_507, 65_508, MAX_FRAME_BYTES]

/**
 * Defines the suite: one `describe` for each part of the contract, one `it` for each promise.
 * `makeHarness` is called at the beginning of each scenario. What a transport need not have, and has
 * not, may be named in `notApplicable` with the reason, for the report.
 *
 * Returns the report, which is complete when the runner has run every scenario.
 */
export function transportConformance(
  makeHarness: () => TransportHarness,
  runner: Runner,
  notApplicable: TransportNotApplicable = {},
): ConformanceReport {
  const { describe, it, report } = recorder('transport', runner)
  const scenario: Definer['scenario'] = (title, body) =>
    it(title, () => inWorld(makeHarness(), body))
  const scenarioOfFigures: Definer['scenarioOfFigures'] = (title, body) =>
    it(title, (lacks) =>
      inWorld(makeHarness(), async (world) => {
        if (world.made().figures !== undefined) await body(world, lacks)
        else lacks('figures', notApplicable.figures ?? 'the transport does not tell any')
      }),
    )
  const scenarioOfImpostors: Definer['scenarioOfImpostors'] = (title, body) =>
    it(title, async (lacks) => {
      const kinds = Object.keys(makeHarness().impostors ?? {})
      if (kinds.length === 0) lacks('impostors', notApplicable.impostors ?? NOTHING_PROVEN)
      for (const kind of kinds) await playWith(kind, makeHarness(), body, lacks)
    })
  const definer: Definer = { describe, scenario, scenarioOfFigures, scenarioOfImpostors }

  describe('frames', () => {
    scenario('arrive both ways, and say who sent them', async ({ openPair }) => {
      const [a, b] = await openPair()
      a.transport.send('b', bytes(1, 2, 3))
      await b.received(bytes(1, 2, 3))
      assert.deepEqual(b.inbox, [{ from: 'a', frame: bytes(1, 2, 3) }])
      b.transport.send('a', bytes(4))
      await a.received(bytes(4))
      assert.deepEqual(a.inbox, [{ from: 'b', frame: bytes(4) }])
    })

    for (const [id, name] of IDS) {
      scenario(`P3, P18: ${name} is an id`, async ({ openNode, harness }) => {
        const a = await openNode(id, harness.listen('a'))
        const b = await openNode('b')
        introduce(a, b)
        a.transport.send('b', bytes(1))
        await b.received(bytes(1))
        assert.deepEqual(
          b.inbox.map((entry) => entry.from),
          [id],
        )
      })
    }

    scenario('arrive as they were, whichever byte they begin with', async ({ openPair }) => {
      const [a, b] = await openPair()
      // What marks an adapter's own messages must not be taken for one of them.
      for (let first = 0; first < 256; first += 1) {
        a.transport.send('b', bytes(first, 1, 2, 3))
        await b.received(bytes(first, 1, 2, 3))
      }
      assert.equal(b.inbox.length, 256)
    })

    for (const length of SIZES_BYTES) {
      scenario(`P3: a frame of ${length} bytes arrives as it was`, async ({ openPair }) => {
        const [a, b] = await openPair()
        const frame = filled(length)
        a.transport.send('b', frame)
        await b.received(frame)
        assert.equal(b.inbox.length, 1)
      })
    }

    scenario('one byte above the maximum throws, and nothing is sent', async ({ openPair }) => {
      const [a, b] = await openPair()
      const frame = new Uint8Array(MAX_FRAME_BYTES + 1)
      assert.throws(() => a.transport.send('b', frame), { code: 'ERR_PAXOS_FRAME_TOO_LARGE' })
      await settle(a, b)
      assert.equal(b.inbox.length, 1)
    })

    scenario('P7: are the caller’s again when send returns', async ({ openPair }) => {
      const [a, b] = await openPair()
      for (const length of [4, 100_000]) {
        // A Buffer, because its slice() does not copy.
        const buffer = Buffer.alloc(length, 1)
        a.transport.send('b', buffer)
        buffer.fill(2)
        await b.received(new Uint8Array(length).fill(1))
      }
    })

    scenario('P7: belong to the receiver, who shares them with nobody', async ({ openThree }) => {
      const [a, b, c] = await openThree()
      const frame = bytes(1, 2, 3)
      a.transport.send('b', frame)
      a.transport.send('c', frame)
      await Promise.all([b.received(bytes(1, 2, 3)), c.received(bytes(1, 2, 3))])
      b.inbox[0]?.frame.fill(9)
      assert.deepEqual(frame, bytes(1, 2, 3))
      assert.deepEqual(c.inbox[0]?.frame, bytes(1, 2, 3))
    })

    scenario('P7: arrive as plain bytes, whatever was sent', async ({ openPair }) => {
      const [a, b] = await openPair()
      a.transport.send('b', Buffer.from([7]))
      await b.received(bytes(7))
      assert.equal(Object.getPrototypeOf(b.inbox[0]?.frame), Uint8Array.prototype)
    })

    scenario('are never delivered inside send', async ({ openPair }) => {
      const [a, b] = await openPair()
      a.transport.send('b', bytes(1))
      assert.deepEqual(b.inbox, [])
      await b.received(bytes(1))
    })
  })

  describe('send never throws, and nothing arrives', () => {
    scenario('before open and after close', async ({ made, openNode, openPair }) => {
      const [a, b] = await openPair()
      const early = made()
      early.send('b', bytes(1))
      const late = await openNode('late')
      introduce(a, b, late)
      await late.transport.close()
      late.transport.send('b', bytes(2))
      await settle(a, b)
      assert.equal(b.inbox.length, 1)
    })

    scenario(
      'to somebody unknown, to a peer that is down or nonsense, and to oneself',
      async ({ openPair, harness }) => {
        const [a, b] = await openPair()
        const book = new Map([
          ['a', a.transport.address],
          ['b', b.transport.address],
          ['down', harness.deserted],
          ...harness.malformed.map((address, index) => [`nonsense${index}`, address] as const),
        ])
        a.transport.setPeers(book)
        for (const id of [...book.keys(), 'unknown']) a.transport.send(id, bytes(1))
        await settle(a, b)
        assert.equal(b.inbox.length, 2)
        assert.deepEqual(a.inbox, [])
      },
    )

    scenario('from a sender that is not in the receiver’s address book', async ({ openThree }) => {
      const [a, b, c] = await openThree()
      introduce(a, b)
      // The second takes another way in some adapters: in pieces.
      for (const frame of [bytes(1), filled(100_000)]) c.transport.send('b', frame)
      // As long as the second would take, if it were let in.
      a.transport.send('b', filled(100_000))
      await b.received(filled(100_000))
      await settle(a, b)
      await settle(a, b)
      assert.ok(b.inbox.every((entry) => entry.from !== 'c'))
    })
  })

  wholenessScenarios(definer)
  nameScenarios(definer)
  doorScenarios(definer)
  impostorScenarios(definer, notApplicable)
  queueScenarios(definer)

  describe('the address book', () => {
    scenario('of open() is used from the start', async ({ made, openNode, harness }) => {
      const b = await openNode('b')
      const transport = made()
      const peers = new Map([['b', b.transport.address]])
      await transport.open({ id: 'a', listen: harness.listen('a'), peers, receive: ignore })
      b.transport.setPeers(new Map([['a', transport.address]]))
      transport.send('b', bytes(1))
      await b.received(bytes(1))
    })

    scenario('of open() is whom it hears, whatever a second open is refused for', async (world) => {
      const { made, openNode, harness } = world
      const b = await openNode('b')
      const transport = made()
      const heard: [NodeId, Uint8Array][] = []
      const events = new EventEmitter()
      const peers = new Map([['b', b.transport.address]])
      const receive = (from: NodeId, frame: Uint8Array): void => {
        heard.push([from, frame])
        events.emit('frame')
      }
      await transport.open({ id: 'a', listen: harness.listen('a'), peers, receive })
      const refused = transport.open({
        id: 'x',
        listen: harness.listen('x'),
        peers,
        receive: ignore,
      })
      assert.equal(await codeOf(refused), 'ERR_PAXOS_TRANSPORT_STATE')
      b.transport.setPeers(new Map([['a', transport.address]]))
      const arrived = once(events, 'frame')
      b.transport.send('a', bytes(1))
      await arrived
      assert.deepEqual(heard, [['b', bytes(1)]])
    })

    scenario('is copied: changing the map changes nothing', async ({ openPair }) => {
      const [a, b] = await openPair()
      const book = new Map([['b', b.transport.address]])
      a.transport.setPeers(book)
      book.clear()
      await settle(a, b)
    })

    scenario('takes a peer that joins', async ({ openNode, openPair }) => {
      const [a, b] = await openPair()
      const c = await openNode('c')
      introduce(a, b, c)
      await settle(a, c)
      await settle(c, b)
    })

    scenario('follows a peer that moves', async ({ openNode, openPair, harness }) => {
      const [a, b] = await openPair()
      await settle(a, b)
      // A node runs in one place: where it was, nothing of it reaches out any more.
      b.transport.setPeers(new Map())
      const moved = await openNode('b', harness.listen('elsewhere'))
      introduce(a, moved)
      a.transport.send('b', bytes(1))
      await moved.received(bytes(1))
      moved.transport.setPeers(new Map())
      introduce(a, b)
      await settle(a, b)
      assert.ok(!b.inbox.some((entry) => isEqual(entry.frame, bytes(1))))
    })

    scenario('forgets a peer that leaves, in both directions', async ({ openThree }) => {
      const [a, b, c] = await openThree()
      a.transport.setPeers(new Map([['c', c.transport.address]]))
      a.transport.send('b', bytes(1))
      b.transport.send('a', bytes(2))
      await settle(b, c)
      await settle(c, a)
      assert.deepEqual(
        a.inbox.map((entry) => entry.from),
        ['c'],
      )
      introduce(a, b, c)
      await settle(a, b)
      assert.equal(b.inbox.length, 1)
    })
  })

  describe('open', () => {
    scenario(
      'tells the bound address, and only once it is open',
      async ({ made, openNode, harness }) => {
        const transport = made()
        assert.throws(() => transport.address, { code: 'ERR_PAXOS_TRANSPORT_STATE' })
        const options = { id: 'a', listen: harness.listen('a'), peers: new Map(), receive: ignore }
        const opening = transport.open(options)
        assert.throws(() => transport.address, { code: 'ERR_PAXOS_TRANSPORT_STATE' })
        await opening
        const other = await openNode('b')
        other.transport.setPeers(new Map([['a', transport.address]]))
        assert.notEqual(transport.address, other.transport.address)
      },
    )

    scenario(
      'rejects when the address is taken, leaves nothing behind, and it is free after close',
      async ({ made, openNode }) => {
        const first = await openNode('a')
        const listen = first.transport.address
        const options = { id: 'b', listen, peers: new Map(), receive: ignore }
        const second = made()
        assert.equal(await codeOf(second.open(options)), 'ERR_PAXOS_ADDRESS_IN_USE')
        assert.throws(() => second.address, { code: 'ERR_PAXOS_TRANSPORT_STATE' })
        const peer = await openNode('peer')
        introduce(first, peer)
        await settle(peer, first)
        await first.transport.close()
        await openNode('b', listen)
      },
    )

    scenario('rejects a malformed address', async ({ made, harness }) => {
      for (const listen of harness.malformed) {
        const options = { id: 'a', listen, peers: new Map(), receive: ignore }
        assert.equal(await codeOf(made().open(options)), 'ERR_PAXOS_ADDRESS_MALFORMED', listen)
      }
    })

    scenario(
      'rejects a second time, while opening, when open and when closed',
      async ({ made, harness }) => {
        const transport = made()
        const options = { id: 'a', listen: harness.listen('a'), peers: new Map(), receive: ignore }
        const first = transport.open(options)
        assert.equal(await codeOf(transport.open(options)), 'ERR_PAXOS_TRANSPORT_STATE')
        await first
        assert.equal(await codeOf(transport.open(options)), 'ERR_PAXOS_TRANSPORT_STATE')
        await transport.close()
        assert.equal(await codeOf(transport.open(options)), 'ERR_PAXOS_TRANSPORT_STATE')
      },
    )

    scenario(
      'rejects when it is closed meanwhile, and leaves the address free',
      async ({ made, openNode }) => {
        const first = await openNode('a')
        const { address } = first.transport
        await first.transport.close()
        const transport = made()
        const options = { id: 'a', listen: address, peers: new Map(), receive: ignore }
        const opening = codeOf(transport.open(options))
        await transport.close()
        assert.equal(await opening, 'ERR_PAXOS_TRANSPORT_STATE')
        await openNode('a', address)
      },
    )
  })

  describe('close', () => {
    scenario('may be called before open, twice at once, and again', async ({ made, openNode }) => {
      await made().close()
      const { transport } = await openNode('a')
      await Promise.all([transport.close(), transport.close()])
      await transport.close()
    })

    scenario('is over each time that it resolves, though another is running', async (world) => {
      const [a, b] = await world.openPair()
      await settle(a, b)
      const { address } = b.transport
      for (let count = 0; count < 20; count += 1) a.transport.send('b', bytes(count))
      const first = b.transport.close()
      await b.transport.close()
      const before = b.inbox.length
      const again = await world.openNode('b', address)
      introduce(a, again)
      await reach(a, again, bytes(1))
      assert.equal(b.inbox.length, before)
      await first
    })

    scenario(
      'delivers nothing after it resolved, not even what was on its way',
      async ({ openThree }) => {
        const [a, b, c] = await openThree()
        for (let count = 0; count < 100; count += 1) a.transport.send('b', bytes(count))
        await b.transport.close()
        const before = b.inbox.length
        await settle(a, c)
        await settle(c, a)
        assert.equal(b.inbox.length, before)
      },
    )

    scenario(
      'leaves nothing that keeps the process alive',
      async ({ openThree, made, harness }) => {
        const before = active()
        const [a, b, c] = await openThree()
        await settle(a, b)
        await settle(b, c)
        // One that is being dialled, and one that was never open.
        a.transport.setPeers(new Map([['down', harness.deserted]]))
        a.transport.send('down', bytes(1))
        await Promise.all([a, b, c].map(({ transport }) => transport.close()))
        await made().close()
        a.transport.send('down', bytes(2))
        await nothingMoreThan(before)
      },
    )

    scenario(
      'may be called inside receive, which is then not called again',
      async ({ made, openPair, harness }) => {
        const [a, c] = await openPair()
        const b = made()
        const frames: Uint8Array[] = []
        const events = new EventEmitter()
        const closed = once(events, 'closed')
        const close = async (): Promise<void> => {
          await b.close()
          events.emit('closed')
        }
        const receive = (_: NodeId, frame: Uint8Array): void => {
          frames.push(frame)
          // It leaves before the end, which takes a while, in which nothing is to be delivered either.
          b.send(a.id, bytes(1))
          void close()
        }
        const peers = new Map([[a.id, a.transport.address]])
        await b.open({ id: 'closing', listen: harness.listen('closing'), peers, receive })
        const book = new Map([[c.id, c.transport.address]])
        a.transport.setPeers(book.set('closing', b.address))
        for (let count = 0; count < 10; count += 1) a.transport.send('closing', bytes(count))
        await closed
        await settle(a, c)
        assert.deepEqual(frames, [bytes(0)])
      },
    )

    scenario(
      'lets a peer restart on the same address and be heard again',
      async ({ openNode, openPair }) => {
        const [a, b] = await openPair()
        await settle(a, b)
        const { address } = b.transport
        await b.transport.close()
        a.transport.send('b', bytes(1))
        const restarted = await openNode('b', address)
        restarted.transport.setPeers(new Map([['a', a.transport.address]]))
        await reach(a, restarted, bytes(2))
        await reach(restarted, a, bytes(3))
      },
    )
  })

  leavingScenarios(definer)

  figureScenarios(definer, notApplicable)

  describe('a slow receiver', () => {
    scenario(
      'of 10,000 frames costs the sender bounded memory, and what is dropped is the oldest',
      async ({ openPair }) => {
        const [a, b] = await openPair()
        const frame = new Uint8Array(8 << 10)
        const view = new DataView(frame.buffer)
        const before = retainedBytes()
        // Nobody receives while this loop runs: 80 MiB, of which a bounded part may be kept.
        for (let count = 1; count <= 10_000; count += 1) {
          view.setUint32(0, count)
          a.transport.send('b', frame)
        }
        assert.ok(keptBytes(before, MAX_RETAINED_BYTES) < MAX_RETAINED_BYTES)
        // Any single frame may be lost, the last one too, where the receiver is slower than the medium.
        await reach(a, b, frame)
        const numbers = b.inbox.map((entry) => numberOf(entry.frame))
        assert.ok(numbers.length < 10_000)
        assert.ok(numbers.some((number) => number > 5000 && number < 10_000))
      },
    )
  })
  return report
}

const NOTHING_PROVEN = 'nothing proves who a node is'

/** Plays it with impostors who have `kind`, which is said of what fails. */
async function playWith(
  kind: string,
  harness: TransportHarness,
  body: Parameters<Definer['scenarioOfImpostors']>[1],
  lacks: Lacks,
): Promise<void> {
  try {
    await inWorld(harness, async (world) => {
      const impostor = harness.impostors?.[kind]
      if (impostor !== undefined) await body(world, impostor, lacks)
    })
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    throw new Error(`An impostor who has ${kind}: ${words}`, { cause: error })
  }
}

function numberOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(0)
}
