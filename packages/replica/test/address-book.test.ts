/** A host whose peers come and go, and what it says of the members that it began with. */
import { describe, expect, it } from 'vitest'
import type { Message, NodeId, PeerAddress, TransportOpen } from '@paxos/core'
import { decode, encode } from '@paxos/core/wire'
import { memory } from '@paxos/durability-memory'
import { Host } from '../src/host.ts'
import { membersDigest } from '../src/members-digest.ts'
import { VirtualClock } from './virtual-clock.ts'

const IDLE = { send: [], events: [] }

const at = (ids: string): ReadonlyMap<NodeId, string> =>
  new Map(Array.from(ids, (id) => [id, `memory://${id}`]))

const learn = { type: 'learn' } as const

/** A host of node a, which knows b, over a transport that keeps what it is told. */
async function host({ onOpen = () => undefined }: { onOpen?: (made: Made) => void } = {}) {
  const durability = memory()
  await durability.open()
  const clock = new VirtualClock()
  const heard: NodeId[] = []
  const sent: { readonly to: NodeId; readonly membersDigest: number | undefined }[] = []
  const books: ReadonlyMap<NodeId, PeerAddress>[] = []
  const opened: TransportOpen[] = []
  const state = { isFirst: true, all: ['a', 'b'] }
  const made = new Host<Message<Uint8Array>, never>({
    cluster: 'c',
    id: 'a',
    incarnation: '',
    listen: 'memory://a',
    peers: at('b'),
    all: () => state.all,
    firstMembers: ['a', 'b'],
    knowsFirstMembersOnly: () => state.isFirst,
    engine: {
      nextTickAtMs: null,
      receive(from) {
        heard.push(from)
        return IDLE
      },
      saved: () => IDLE,
      tick: () => IDLE,
    },
    understands: (message): message is Message<Uint8Array> => message.type === 'learn',
    isFresh: () => true,
    transport: {
      address: 'memory://a',
      open: async (options) => {
        opened.push(options)
        onOpen(made)
      },
      send: (to, frame) => sent.push({ to, membersDigest: decode(frame).membersDigest }),
      setPeers: (book) => books.push(book),
      close: () => Promise.resolve(),
    },
    durability,
    clock,
    livenessWindowMs: 1000,
    closeTimeoutMs: 1000,
    observe: () => undefined,
    onStopped: (error) => {
      throw error
    },
  })
  await made.start()
  const receive = (from: NodeId, digest?: number) =>
    opened[0]?.receive(from, encode({ cluster: 'c', from, membersDigest: digest, message: learn }))
  const say = () => made.input(() => ({ send: [{ to: 'all', message: learn }], events: [] }))
  return { host: made, clock, state, heard, sent, books, opened, receive, say }
}

type Made = Host<Message<Uint8Array>, never>

describe('a host', () => {
  it('P23: hears who joins from then on, and who leaves no more; the transport is told of both', async () => {
    const { host: node, heard, books, receive } = await host()
    receive('c')
    expect([heard, node.dropped.stranger]).toEqual([[], 1])
    node.setPeers(at('bc'))
    receive('c')
    receive('b')
    expect(heard).toEqual(['c', 'b'])
    node.setPeers(at('c'))
    receive('b')
    expect([heard.length, node.dropped.stranger]).toEqual([2, 2])
    expect(books).toEqual([at('bc'), at('c')])
    expect(Object.keys(node.peers)).toEqual(['c'])
    await node.close()
  })

  it('tells the transport nothing when nobody moved, so that no connection is cut for it', async () => {
    const { host: node, books } = await host()
    node.setPeers(at('b'))
    expect(books).toEqual([])
    node.setPeers(new Map([['b', 'memory://elsewhere']]))
    expect(books).toHaveLength(1)
    await node.close()
  })

  it('tells a transport that is being opened when it is open', async () => {
    const opened: string[] = []
    const { host: node, books } = await host({
      onOpen: (made) => {
        made.setPeers(at('bd'))
        opened.push('open')
      },
    })
    expect([opened, books]).toEqual([['open'], [at('bd')]])
    await node.close()
  })

  it('says nothing of a peer that has left, and counts afresh one that comes back', async () => {
    const { host: node, receive } = await host()
    receive('b')
    expect(node.peers['b']?.received).toBe(1)
    node.setPeers(at('c'))
    node.setPeers(at('b'))
    expect(node.peers['b']).toMatchObject({ received: 0, heardAgoMs: null })
    await node.close()
  })

  it('P36: sends what is for all to those that it was told are all', async () => {
    const { host: node, state, sent, say } = await host()
    node.setPeers(at('bcl'))
    state.all = ['a', 'b', 'c']
    sent.length = 0
    say()
    expect(sent.map(({ to }) => to)).toEqual(['b', 'c'])
    await node.close()
  })

  it('compares the members that nodes began with only as long as it knows no later ones', async () => {
    const { host: node, state, heard, sent, receive, say } = await host()
    const own = membersDigest(['a', 'b'])
    say()
    receive('b', 7)
    expect([heard, node.dropped.members]).toEqual([[], 1])
    expect(new Set(sent.map(({ membersDigest: digest }) => digest))).toEqual(new Set([own]))
    state.isFirst = false
    sent.length = 0
    say()
    receive('b', 7)
    expect(heard).toEqual(['b'])
    expect(sent).toEqual([{ to: 'b', membersDigest: undefined }])
    await node.close()
  })

  it('that knows no later ones takes frames of who does not say which it began with', async () => {
    const { host: node, heard, receive } = await host()
    receive('b')
    expect(heard).toEqual(['b'])
    await node.close()
  })
})
