/**
 * Nodes on real sockets, strangers who talk to them, and a wire between that a test can cut. All
 * that was made is closed by closeAll, also when a test fails.
 */
import { EventEmitter, once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { vi } from 'vitest'
import { WebSocket } from 'ws'
import type { ClientOptions } from 'ws'
import { encodeHello, LINK_VERSION } from '@paxos/adapter-kit/links'
import type { NodeId } from '@paxos/core'
import { webSocket } from '@paxos/transport-websocket'
import type { WebSocketOptions, WebSocketTransport } from '@paxos/transport-websocket'
import { SCHEME } from '../src/address.ts'

/** An open transport and what it received. */
export interface TestNode {
  readonly transport: WebSocketTransport
  readonly inbox: { readonly from: NodeId; readonly frame: Uint8Array }[]
  /** Resolves once the inbox holds `count` frames. */
  readonly received: (count?: number) => Promise<void>
}

export interface NodeOptions extends WebSocketOptions {
  readonly listen?: string
}

const cleanups: (() => Promise<unknown> | void)[] = []

export function onCleanup(cleanup: () => Promise<unknown> | void): void {
  cleanups.push(cleanup)
}

export async function closeAll(): Promise<void> {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
}

/**
 * From here on time goes by only where the test says so, until vi.useRealTimers(): however long a
 * busy machine takes, no patience ends, no ping is due and no frame grows old.
 */
export function stopTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
}

/** Frames do not grow old, however long connecting takes. Everything else goes by the real clock. */
export function keepFramesYoung(): void {
  vi.useFakeTimers({ toFake: ['performance'] })
}

export async function openNode(
  id: NodeId,
  peers: Readonly<Record<NodeId, string>> = {},
  options: NodeOptions = {},
): Promise<TestNode> {
  const { listen = 'ws://127.0.0.1:0', ...rest } = options
  const transport = webSocket(rest)
  onCleanup(() => transport.close())
  const inbox: TestNode['inbox'] = []
  const arrivals = new EventEmitter()
  await transport.open({
    id,
    listen,
    peers: new Map(Object.entries(peers)),
    receive(from, frame) {
      inbox.push({ from, frame })
      arrivals.emit('frame')
    },
  })
  async function received(count = 1): Promise<void> {
    while (inbox.length < count) await once(arrivals, 'frame')
  }
  return { transport, inbox, received }
}

/** Lets the loop turn until `holds`. The test's own time limit is the only one. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await nextTurn()
}

export function portOf(address: string): number {
  return SCHEME.parse(address)?.port ?? 0
}

/** A plain connection to a node. */
export async function plain(address: string): Promise<Socket> {
  const socket = connect({ port: portOf(address), host: '127.0.0.1' })
  onCleanup(() => void socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** A WebSocket to a node, of somebody who has said nothing yet. */
export async function visit(address: string, options: ClientOptions = {}): Promise<WebSocket> {
  const visitor = new WebSocket(address, { perMessageDeflate: false, ...options })
  onCleanup(() => visitor.terminate())
  visitor.on('error', () => {})
  await once(visitor, 'open')
  return visitor
}

/** The first message of `sender`, who knows of no clusters and incarnations. */
export function hello(sender: NodeId, receiver: NodeId): Uint8Array {
  return encodeHello({
    version: LINK_VERSION,
    cluster: '',
    sender,
    receiver,
    incarnation: '',
    expectedIncarnation: null,
  })
}

/** A WebSocket to the node `receiver`, who has let `sender` in. */
export async function visitAs(
  sender: NodeId,
  receiver: NodeId,
  address: string,
  options: ClientOptions = {},
): Promise<WebSocket> {
  const visitor = await visit(address, options)
  const answered = once(visitor, 'message')
  visitor.send(hello(sender, receiver))
  await answered
  return visitor
}

/** A wire to a node, with its own address. */
export interface Wire {
  readonly address: string
  /** Emits 'connection' when one comes, and 'end' when its dialler has gone. */
  readonly events: EventEmitter
  /** From here on nothing gets through and nothing is told, for connections of now and later. */
  hold(): void
  /** What was held goes on its way. */
  release(): void
  /** From here on connections of now get nothing through, for ever. Those that come later do. */
  silence(): void
}

export async function wireTo(address: string): Promise<Wire> {
  const events = new EventEmitter()
  const pairs = new Set<readonly [Socket, Socket]>()
  let isHeld = false
  const server = createServer((near) => {
    const far = connect({ port: portOf(address), host: '127.0.0.1' })
    const pair = [near, far] as const
    pairs.add(pair)
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('error', () => {})
      from.on('data', (chunk) => to.write(chunk))
      from.on('close', () => to.destroy())
      if (isHeld) from.pause()
    }
    near.on('close', () => events.emit('end'))
    events.emit('connection')
  })
  onCleanup(() => {
    for (const socket of [...pairs].flat()) socket.destroy()
    server.close()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { port } = server.address() as AddressInfo
  return {
    address: `ws://127.0.0.1:${port}`,
    events,
    hold() {
      isHeld = true
      for (const socket of [...pairs].flat()) socket.pause()
    },
    release() {
      isHeld = false
      for (const socket of [...pairs].flat()) socket.resume()
    },
    silence() {
      for (const [near, far] of pairs) {
        for (const socket of [near, far]) {
          socket.removeAllListeners('data')
          socket.removeAllListeners('close')
          socket.resume()
        }
        near.on('close', () => events.emit('end'))
      }
    },
  }
}

/** The TCP connections of this process, one for each end, once the loop has let go of the closed. */
export async function sockets(): Promise<number> {
  await nextTurn()
  await nextTurn()
  const kinds = ['TCPSocketWrap', 'TCPServerWrap', 'TLSWrap']
  return process.getActiveResourcesInfo().filter((kind) => kinds.includes(kind)).length
}

/** The memory of the buffers that are in use. */
export function retainedBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect !== 'function') throw new Error('This runtime cannot collect on demand.')
  // The first frees in the background, and the second waits for that.
  collect()
  collect()
  return process.memoryUsage().arrayBuffers
}
