import { EventEmitter, once } from 'node:events'
import { expect, it, onTestFinished } from 'vitest'
import { encodeHello, LINK_VERSION } from '@paxos/adapter-kit/links'
import type { ChannelEvents, LinkTransport } from '@paxos/adapter-kit/links'
import type { NodeId } from '@paxos/core'
import { broadcast } from '../src/broadcast.ts'
import { session } from '../src/session.ts'

let buses = 0
const newBus = (): string => `broadcast://test-${process.pid}-${(buses += 1)}`

it('what is no word of ours on the bus, or in a session, harms nobody', async () => {
  const bus = newBus()
  const [a, b] = [await openNode(bus, 'a'), await openNode(bus, 'b')]
  introduce(bus, a, b)
  const stranger = overhear(bus)
  const words = [
    undefined,
    null,
    7,
    'open',
    `open ${bus}/a`,
    { toString: 7 },
    ['taken', `${bus}/a`],
  ]
  for (const word of words) stranger.say(word)
  const nonsense = [undefined, 'opened', { length: 1 }, [7], [new Uint8Array(1)]]
  for (const [number, said] of nonsense.entries()) {
    const own = overhear(`${bus}/${number}`)
    stranger.say(`open ${bus}/b ${number}`)
    await own.until((data) => data === 'opened')
    own.say(said)
    await own.until((data) => data === 'close')
  }
  expect(b.transport.stats().malformedMessages).toBe(5)
  a.transport.send('b', Uint8Array.of(1))
  expect(await b.next()).toEqual(['a', Uint8Array.of(1)])
})

it('of two that want one address at the same time, one gets it', async () => {
  const bus = newBus()
  for (let round = 0; round < 5; round += 1) {
    const both = await Promise.allSettled([openNode(bus, 'a'), openNode(bus, 'a')])
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'ERR_PAXOS_ADDRESS_IN_USE' },
    })
    for (const each of both) if (each.status === 'fulfilled') await each.value.transport.close()
  }
})

it('a peer that was killed, and says nothing of it, is given up', async () => {
  const bus = newBus()
  const a = await openNode(bus, 'a', 10)
  const street = overhear(bus)
  a.transport.setPeers(new Map([['z', `${bus}/z`]]))
  const asked = await street.until((data) => String(data).startsWith('open '))
  const own = overhear(`${bus}/${String(asked).split(' ')[2]}`)
  own.say('opened')
  await own.until(Array.isArray)
  own.say('read')
  own.say([helloOf('z', 'a')])
  // What it sends from here on is not read, and its pings are not answered.
  await own.until((data) => data === 'close')
  expect(a.transport.stats().silentConnections).toBe(1)
})

it('one batch is on its way, and the next only when the other side has read it', async () => {
  const name = `${newBus()}/session`
  const other = overhear(name)
  const told = new EventEmitter()
  const channel = session(name, false, eventsOf(told))
  onTestFinished(() => channel.destroy())
  await other.until((data) => data === 'opened')
  expect(channel.writable).toBe(true)
  channel.send([Uint8Array.of(1), Uint8Array.of(2)])
  expect(channel.writable).toBe(false)
  expect(await other.until(Array.isArray)).toEqual([Uint8Array.of(1), Uint8Array.of(2)])
  expect(channel.writable).toBe(false)
  const written = once(told, 'onWritable')
  other.say('read')
  await written
  expect(channel.writable).toBe(true)
})

interface Opened {
  readonly id: NodeId
  readonly transport: LinkTransport
  readonly next: () => Promise<readonly [NodeId, Uint8Array]>
}

async function openNode(bus: string, id: NodeId, pingIntervalMs = 5_000): Promise<Opened> {
  const transport = broadcast({ pingIntervalMs })
  onTestFinished(() => transport.close())
  let arrive: (entry: readonly [NodeId, Uint8Array]) => void
  const arrived = new Promise<readonly [NodeId, Uint8Array]>((resolve) => (arrive = resolve))
  const receive = (from: NodeId, frame: Uint8Array): void => arrive([from, frame])
  await transport.open({ id, listen: `${bus}/${id}`, peers: new Map(), receive })
  return { id, transport, next: () => arrived }
}

function introduce(bus: string, ...nodes: Opened[]): void {
  const book = new Map(nodes.map(({ id }) => [id, `${bus}/${id}`]))
  for (const { transport } of nodes) transport.setPeers(book)
}

interface Overheard {
  say(data: unknown): void
  /** Resolves with what was said, once `holds` of it. */
  until(holds: (data: unknown) => boolean): Promise<unknown>
}

/** Whoever else is there. */
function overhear(name: string): Overheard {
  const channel = new BroadcastChannel(name)
  onTestFinished(() => channel.close())
  const said: unknown[] = []
  const events = new EventEmitter()
  channel.addEventListener('message', (event: unknown) => {
    said.push(typeof event === 'object' && event !== null && 'data' in event ? event.data : null)
    events.emit('said')
  })
  return {
    say: (data) => channel.postMessage(data),
    async until(holds) {
      while (!said.some(holds)) await once(events, 'said')
      return said.find(holds)
    },
  }
}

function helloOf(sender: NodeId, receiver: NodeId): Uint8Array {
  const version = LINK_VERSION
  const [cluster, incarnation, expectedIncarnation] = ['', '', null]
  return encodeHello({ version, cluster, sender, receiver, incarnation, expectedIncarnation })
}

function eventsOf(told: EventEmitter): ChannelEvents {
  const tell = (name: keyof ChannelEvents) => (): void => void told.emit(name)
  return {
    onOpen: tell('onOpen'),
    onMessage: tell('onMessage'),
    onWritable: tell('onWritable'),
    onMalformed: tell('onMalformed'),
    onProblem: tell('onProblem'),
    onClosed: tell('onClosed'),
  }
}
