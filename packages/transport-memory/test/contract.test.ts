/**
 * What every transport promises, told against the Transport interface alone. Must use nothing of
 * this package but the harness, so that the promises read the same for every adapter.
 */
import { EventEmitter, once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FrameTooLargeError, MAX_FRAME_BYTES, TransportError } from '@paxos/core'
import type { NodeId, Transport } from '@paxos/core'
import { memory, memoryHub } from '@paxos/transport-memory'

/** What a transport has to bring along to be tested. */
interface Harness {
  /** A transport that is not open, on the network of this test. */
  transport(): Transport
  /** Where a node may listen: an address that nobody has, or one that means "a free one". */
  listen(node: NodeId): string
  /** An address where nobody listens. */
  readonly deserted: string
  /** Addresses that can never be opened. */
  readonly malformed: readonly string[]
}

function makeHarness(): Harness {
  const hub = memoryHub()
  return {
    transport: () => memory({ hub }),
    listen: (node) => `memory://${node}`,
    deserted: 'memory://deserted',
    malformed: ['', 'memory:', 'memory://', 'memory://a/b', 'memory://a b', 'udp://127.0.0.1:0'],
  }
}

/** An open transport and what it received. */
interface TestNode {
  readonly id: NodeId
  readonly transport: Transport
  readonly inbox: { readonly from: NodeId; readonly frame: Uint8Array }[]
  /** Resolves once a frame in the inbox is equal to `frame`. */
  received(frame: Uint8Array): Promise<void>
}

let harness: Harness
let opened: Transport[] = []

beforeEach(() => {
  harness = makeHarness()
})

afterEach(async () => {
  for (const transport of opened) await transport.close()
  opened = []
})

function made(): Transport {
  const transport = harness.transport()
  opened.push(transport)
  return transport
}

async function openNode(id: NodeId, listen = harness.listen(id)): Promise<TestNode> {
  const transport = made()
  const inbox: TestNode['inbox'] = []
  const arrivals = new EventEmitter()
  const receive = (from: NodeId, frame: Uint8Array): void => {
    inbox.push({ from, frame })
    arrivals.emit('frame')
  }
  await transport.open({ id, listen, peers: new Map(), receive })
  async function received(frame: Uint8Array): Promise<void> {
    while (!inbox.some((entry) => isEqual(entry.frame, frame))) await once(arrivals, 'frame')
  }
  return { id, transport, inbox, received }
}

/** Open nodes that know each other. */
async function openPair(): Promise<readonly [TestNode, TestNode]> {
  const nodes = [await openNode('a'), await openNode('b')] as const
  introduce(...nodes)
  return nodes
}

/** As openPair, and one more. */
async function openThree(): Promise<readonly [TestNode, TestNode, TestNode]> {
  const nodes = [await openNode('a'), await openNode('b'), await openNode('c')] as const
  introduce(...nodes)
  return nodes
}

function introduce(...nodes: TestNode[]): void {
  const book = new Map(nodes.map((node) => [node.id, node.transport.address]))
  for (const node of nodes) node.transport.setPeers(book)
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const isEqual = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
let marks = 0
const ignore = (): void => {}

/** Whatever `from` sent to `to` before has arrived by then, or never will. */
async function settle(from: TestNode, to: TestNode): Promise<void> {
  marks += 1
  const mark = new TextEncoder().encode(`mark ${marks}`)
  from.transport.send(to.id, mark)
  await to.received(mark)
}

function filled(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 0xff)
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(TransportError)
  return error instanceof TransportError ? error.code : null
}

describe('frames', () => {
  it('arrive both ways, and say who sent them', async () => {
    const [a, b] = await openPair()
    a.transport.send('b', bytes(1, 2, 3))
    await b.received(bytes(1, 2, 3))
    expect(b.inbox).toEqual([{ from: 'a', frame: bytes(1, 2, 3) }])
    b.transport.send('a', bytes(4))
    await a.received(bytes(4))
    expect(a.inbox).toEqual([{ from: 'b', frame: bytes(4) }])
  })

  it.each([
    ['', 'the empty id'],
    ['ñ😀', 'any string'],
    ['x'.repeat(255), 'the longest id'],
  ])('P3, P18: %j is an id (%s)', async (id) => {
    const a = await openNode(id, harness.listen('a'))
    const b = await openNode('b')
    introduce(a, b)
    a.transport.send('b', bytes(1))
    await b.received(bytes(1))
    expect(b.inbox.map((entry) => entry.from)).toEqual([id])
  })

  it.each([0, 1, 2_000, 65_507, 65_508, MAX_FRAME_BYTES])(
    'P3: a frame of %i bytes arrives as it was',
    async (length) => {
      const [a, b] = await openPair()
      const frame = filled(length)
      a.transport.send('b', frame)
      await b.received(frame)
      expect(b.inbox).toHaveLength(1)
    },
  )

  it('one byte above the maximum throws, and nothing is sent', async () => {
    const [a, b] = await openPair()
    const frame = new Uint8Array(MAX_FRAME_BYTES + 1)
    expect(() => {
      a.transport.send('b', frame)
    }).toThrow(FrameTooLargeError)
    await settle(a, b)
    expect(b.inbox).toHaveLength(1)
  })

  it('P7: are the caller’s again when send returns', async () => {
    const [a, b] = await openPair()
    for (const length of [4, 100_000]) {
      // A Buffer, because its slice() does not copy.
      const buffer = Buffer.alloc(length, 1)
      a.transport.send('b', buffer)
      buffer.fill(2)
      await b.received(new Uint8Array(length).fill(1))
    }
  })

  it('P7: belong to the receiver, who shares them with nobody', async () => {
    const [a, b, c] = await openThree()
    const frame = bytes(1, 2, 3)
    a.transport.send('b', frame)
    a.transport.send('c', frame)
    await Promise.all([b.received(bytes(1, 2, 3)), c.received(bytes(1, 2, 3))])
    b.inbox[0]?.frame.fill(9)
    expect(frame).toEqual(bytes(1, 2, 3))
    expect(c.inbox[0]?.frame).toEqual(bytes(1, 2, 3))
  })

  it('P7: arrive as plain bytes, whatever was sent', async () => {
    const [a, b] = await openPair()
    a.transport.send('b', Buffer.from([7]))
    await b.received(bytes(7))
    expect(Object.getPrototypeOf(b.inbox[0]?.frame)).toBe(Uint8Array.prototype)
  })

  it('are never delivered inside send', async () => {
    const [a, b] = await openPair()
    a.transport.send('b', bytes(1))
    expect(b.inbox).toEqual([])
    await b.received(bytes(1))
  })
})

describe('send never throws, and nothing arrives', () => {
  it('before open and after close', async () => {
    const [a, b] = await openPair()
    const early = made()
    early.send('b', bytes(1))
    const late = await openNode('late')
    introduce(a, b, late)
    await late.transport.close()
    late.transport.send('b', bytes(2))
    await settle(a, b)
    expect(b.inbox).toHaveLength(1)
  })

  it('to somebody unknown, to a peer that is down or nonsense, and to oneself', async () => {
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
    expect(b.inbox).toHaveLength(2)
    expect(a.inbox).toEqual([])
  })

  it('from a sender that is not in the receiver’s address book', async () => {
    const [a, b, c] = await openThree()
    introduce(a, b)
    c.transport.send('b', bytes(1))
    await settle(a, b)
    await settle(a, b)
    expect(b.inbox.map((entry) => entry.from)).not.toContain('c')
  })
})

describe('the address book', () => {
  it('of open() is used from the start', async () => {
    const b = await openNode('b')
    const transport = made()
    const peers = new Map([['b', b.transport.address]])
    await transport.open({ id: 'a', listen: harness.listen('a'), peers, receive: ignore })
    b.transport.setPeers(new Map([['a', transport.address]]))
    transport.send('b', bytes(1))
    await b.received(bytes(1))
  })

  it('is copied: changing the map changes nothing', async () => {
    const [a, b] = await openPair()
    const book = new Map([['b', b.transport.address]])
    a.transport.setPeers(book)
    book.clear()
    await settle(a, b)
  })

  it('takes a peer that joins', async () => {
    const [a, b] = await openPair()
    const c = await openNode('c')
    introduce(a, b, c)
    await settle(a, c)
    await settle(c, b)
  })

  it('follows a peer that moves', async () => {
    const [a, b] = await openPair()
    await settle(a, b)
    const moved = await openNode('b', harness.listen('elsewhere'))
    introduce(a, moved)
    a.transport.send('b', bytes(1))
    await moved.received(bytes(1))
    introduce(a, b)
    await settle(a, b)
    expect(b.inbox.map((entry) => entry.frame)).not.toContainEqual(bytes(1))
  })

  it('forgets a peer that leaves, in both directions', async () => {
    const [a, b, c] = await openThree()
    a.transport.setPeers(new Map([['c', c.transport.address]]))
    a.transport.send('b', bytes(1))
    b.transport.send('a', bytes(2))
    await settle(b, c)
    await settle(c, a)
    expect(a.inbox.map((entry) => entry.from)).toEqual(['c'])
    introduce(a, b, c)
    await settle(a, b)
    expect(b.inbox).toHaveLength(1)
  })
})

describe('open', () => {
  it('tells the bound address, and only once it is open', async () => {
    const transport = made()
    expect(() => transport.address).toThrow(TransportError)
    const options = { id: 'a', listen: harness.listen('a'), peers: new Map(), receive: ignore }
    const opening = transport.open(options)
    expect(() => transport.address).toThrow(TransportError)
    await opening
    const other = await openNode('b')
    other.transport.setPeers(new Map([['a', transport.address]]))
    expect(transport.address).not.toBe(other.transport.address)
  })

  it('rejects when the address is taken, leaves nothing behind, and it is free after close', async () => {
    const first = await openNode('a')
    const listen = first.transport.address
    const options = { id: 'b', listen, peers: new Map(), receive: ignore }
    const second = made()
    expect(await codeOf(second.open(options))).toBe('ERR_PAXOS_ADDRESS_IN_USE')
    expect(() => second.address).toThrow(TransportError)
    const peer = await openNode('peer')
    introduce(first, peer)
    await settle(peer, first)
    await first.transport.close()
    await openNode('b', listen)
  })

  it('rejects a malformed address', async () => {
    for (const listen of harness.malformed) {
      const options = { id: 'a', listen, peers: new Map(), receive: ignore }
      expect([listen, await codeOf(made().open(options))]).toEqual([
        listen,
        'ERR_PAXOS_ADDRESS_MALFORMED',
      ])
    }
  })

  it('rejects a second time, while opening, when open and when closed', async () => {
    const transport = made()
    const options = { id: 'a', listen: harness.listen('a'), peers: new Map(), receive: ignore }
    const first = transport.open(options)
    expect(await codeOf(transport.open(options))).toBe('ERR_PAXOS_TRANSPORT_STATE')
    await first
    expect(await codeOf(transport.open(options))).toBe('ERR_PAXOS_TRANSPORT_STATE')
    await transport.close()
    expect(await codeOf(transport.open(options))).toBe('ERR_PAXOS_TRANSPORT_STATE')
  })

  it('rejects when it is closed meanwhile, and leaves the address free', async () => {
    const { address } = (await openNode('a')).transport
    await opened[0]?.close()
    const transport = made()
    const options = { id: 'a', listen: address, peers: new Map(), receive: ignore }
    const opening = codeOf(transport.open(options))
    await transport.close()
    expect(await opening).toBe('ERR_PAXOS_TRANSPORT_STATE')
    await openNode('a', address)
  })
})

describe('close', () => {
  it('may be called before open, twice at once, and again', async () => {
    await made().close()
    const { transport } = await openNode('a')
    await Promise.all([transport.close(), transport.close()])
    await transport.close()
  })

  it('delivers nothing after it resolved, not even what was on its way', async () => {
    const [a, b, c] = await openThree()
    for (let count = 0; count < 100; count += 1) a.transport.send('b', bytes(count))
    await b.transport.close()
    const before = b.inbox.length
    await settle(a, c)
    await settle(c, a)
    expect(b.inbox).toHaveLength(before)
  })

  it('may be called inside receive, which is then not called again', async () => {
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
      void close()
    }
    const peers = new Map([[a.id, a.transport.address]])
    await b.open({ id: 'closing', listen: harness.listen('closing'), peers, receive })
    const book = new Map([[c.id, c.transport.address]])
    a.transport.setPeers(book.set('closing', b.address))
    for (let count = 0; count < 10; count += 1) a.transport.send('closing', bytes(count))
    await closed
    await settle(a, c)
    expect(frames).toEqual([bytes(0)])
  })

  it('lets a peer restart on the same address and be heard again', async () => {
    const [a, b] = await openPair()
    await settle(a, b)
    const { address } = b.transport
    await b.transport.close()
    a.transport.send('b', bytes(1))
    const restarted = await openNode('b', address)
    restarted.transport.setPeers(new Map([['a', a.transport.address]]))
    a.transport.send('b', bytes(2))
    await restarted.received(bytes(2))
    restarted.transport.send('a', bytes(3))
    await a.received(bytes(3))
  })
})

describe('a slow receiver', () => {
  it('of 10,000 frames costs the sender bounded memory, and gets the newest', async () => {
    const [a, b] = await openPair()
    const frame = new Uint8Array(16 << 10)
    const view = new DataView(frame.buffer)
    const before = retainedBytes()
    // Nobody receives while this loop runs: 160 MiB, of which a bounded part may be kept.
    for (let count = 1; count <= 10_000; count += 1) {
      view.setUint32(0, count)
      a.transport.send('b', frame)
    }
    expect(retainedBytes() - before).toBeLessThan(48 << 20)
    await b.received(frame)
    expect(b.inbox.length).toBeLessThan(10_000)
  })
})

/** The memory of the buffers that are in use. */
function retainedBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect !== 'function') throw new Error('This runtime cannot collect on demand.')
  // The first frees in the background, and the second waits for that.
  collect()
  collect()
  return process.memoryUsage().arrayBuffers
}
