import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import type { NodeId } from '@paxos/core'
import { pack } from '../src/framing.ts'
import { tcp } from '../src/tcp.ts'

it.each<[string, Uint8Array]>([
  ['a length beyond any id', Uint8Array.of(0xff, 0xff, 0xff, 0xff)],
  ['an id that is no text', pack(Uint8Array.of(0xff))],
  ['the id of a stranger', pack(new TextEncoder().encode('mallory'))],
  [
    'a frame above the maximum',
    Uint8Array.of(...pack(new TextEncoder().encode('a')), 0, 0x20, 0, 0),
  ],
])('a connection that begins with %s is ended, and the others go on', async (_, bytes) => {
  const a = await openNode('a')
  const b = await openNode('b')
  introduce(a, b)
  const stranger = await dial(b.transport.address)
  stranger.write(bytes)
  await once(stranger, 'close')
  a.transport.send('b', Uint8Array.of(1))
  expect(await b.next()).toEqual(['a', Uint8Array.of(1)])
})

it('frames arrive as they were, however the network cuts them', async () => {
  const a = await openNode('a')
  const b = await openNode('b')
  introduce(a, b)
  const socket = await dial(b.transport.address)
  for (const byte of [...pack(new TextEncoder().encode('a')), ...pack(Uint8Array.of(7, 8))]) {
    await new Promise((resolve) => socket.write(Uint8Array.of(byte), resolve))
  }
  expect(await b.next()).toEqual(['a', Uint8Array.of(7, 8)])
})

interface Opened {
  readonly id: NodeId
  readonly transport: ReturnType<typeof tcp>
  readonly next: () => Promise<readonly [NodeId, Uint8Array]>
}

async function openNode(id: NodeId): Promise<Opened> {
  const transport = tcp()
  onTestFinished(() => transport.close())
  let arrived: (entry: readonly [NodeId, Uint8Array]) => void
  const first = new Promise<readonly [NodeId, Uint8Array]>((resolve) => (arrived = resolve))
  await transport.open({
    id,
    listen: 'tcp://127.0.0.1:0',
    peers: new Map(),
    receive: (from, frame) => arrived([from, frame]),
  })
  return { id, transport, next: () => first }
}

function introduce(...nodes: Opened[]): void {
  const book = new Map(nodes.map(({ id, transport }) => [id, transport.address]))
  for (const { transport } of nodes) transport.setPeers(book)
}

async function dial(address: string): Promise<Socket> {
  const socket = connect(Number(address.split(':').at(-1)), '127.0.0.1').resume()
  onTestFinished(() => {
    socket.destroy()
  })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}
