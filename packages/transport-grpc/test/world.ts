/**
 * Nodes, strangers and a network that can fall silent, on real sockets. Everything that a test made
 * is closed after it.
 */
import { EventEmitter, once } from 'node:events'
import { connect as http2Connect } from 'node:http2'
import { connect, createServer } from 'node:net'
import type { Server as NetServer, Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Client, credentials as channel } from '@grpc/grpc-js'
import type { ChannelCredentials, ChannelOptions, StatusObject } from '@grpc/grpc-js'
import { vi } from 'vitest'
import type { NodeId } from '@paxos/core'
import { grpc } from '@paxos/transport-grpc'
import type { GrpcOptions, GrpcTransport } from '@paxos/transport-grpc'
import { encodeHello, LINK_VERSION } from '@paxos/adapter-kit/links'
import type { Hello } from '@paxos/adapter-kit/links'
import { decodeControl } from '../../adapter-kit/src/links/packet.ts'
import type { Control } from '../../adapter-kit/src/links/packet.ts'
import { EXCHANGE, GRPC } from '../src/service.ts'
import { prefixed } from './http2-bytes.ts'
import type { DialledCall } from '../src/service.ts'

export interface TestNode {
  readonly id: NodeId
  readonly transport: GrpcTransport
  readonly inbox: { readonly from: NodeId; readonly frame: Uint8Array }[]
  /** Resolves once a frame in the inbox begins with `byte`. */
  readonly received: (byte: number) => Promise<void>
}

const cleanups: (() => unknown)[] = []

/** Calls `cleanup` when the test is over; the last one first. */
export function afterwards(cleanup: () => unknown): void {
  cleanups.push(cleanup)
}

export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
}

export interface NodeOptions extends GrpcOptions {
  readonly listen?: string
  readonly peers?: Readonly<Record<NodeId, string>>
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

export async function openNode(id: NodeId, options: NodeOptions = {}): Promise<TestNode> {
  const { listen, peers = {}, ...rest } = options
  const transport = grpc(rest)
  afterwards(() => transport.close())
  const inbox: TestNode['inbox'] = []
  const arrivals = new EventEmitter()
  await transport.open({
    id,
    listen: listen ?? (rest.tls === undefined ? 'grpc://127.0.0.1:0' : 'grpcs://127.0.0.1:0'),
    peers: new Map(Object.entries(peers)),
    receive(from, frame) {
      inbox.push({ from, frame })
      arrivals.emit('frame')
    },
  })
  async function received(byte: number): Promise<void> {
    while (!inbox.some(({ frame }) => frame[0] === byte)) await once(arrivals, 'frame')
  }
  return { id, transport, inbox, received }
}

export function introduce(...nodes: readonly TestNode[]): void {
  const book = new Map(nodes.map(({ id, transport }) => [id, transport.address]))
  for (const { transport } of nodes) transport.setPeers(book)
}

let marks = 100

/** What `from` sends to `to` arrives from now on, or at least this does. */
export async function meet(from: TestNode, to: TestNode): Promise<void> {
  marks = marks === 255 ? 100 : marks + 1
  from.transport.send(to.id, Uint8Array.of(marks, Math.random() * 256))
  await to.received(marks)
}

/** As meet, but sends again and again, as Paxos does: what is sent into a dying stream is lost. */
export async function reach(from: TestNode, to: TestNode): Promise<void> {
  marks = marks === 255 ? 100 : marks + 1
  const progress = { hasArrived: false }
  void to.received(marks).then(() => (progress.hasArrived = true))
  await until(() => {
    from.transport.send(to.id, Uint8Array.of(marks, 0))
    return progress.hasArrived
  })
}

/** Resolves once `isTrue`, looking again in each turn of the loop. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await nextTurn()
}

/** The TCP sockets of this process, once the loop has let go of those that were closed. */
export async function sockets(): Promise<number> {
  for (let turn = 0; turn < 5; turn += 1) await nextTurn()
  return process.getActiveResourcesInfo().filter((name) => /^TCP(Server|Socket)Wrap$/.test(name))
    .length
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

export interface StrangerOptions {
  /** What it says first, where that is not the hello of 'a' to 'b'. */
  readonly hello?: Partial<Hello>
  /** What it says in place of a hello. */
  readonly first?: Uint8Array
  readonly credentials?: ChannelCredentials
  readonly options?: ChannelOptions
}

/** Somebody who speaks the protocol, and says what the test wants. */
export interface Stranger {
  readonly client: Client
  readonly call: DialledCall
  /** What was answered first; `null` when the stream ended without. */
  readonly answer: Promise<Control | null>
  readonly status: Promise<StatusObject>
}

/** The hello of 'a' to 'b', or what differs from it. */
export function helloOf(hello: Partial<Hello> = {}): Uint8Array {
  return encodeHello({
    version: LINK_VERSION,
    cluster: '',
    sender: 'a',
    receiver: 'b',
    incarnation: '',
    expectedIncarnation: null,
    ...hello,
  })
}

export function stranger(address: string, options: StrangerOptions = {}): Stranger {
  const { host, port } = GRPC.parse(address) ?? { host: '', port: 0 }
  const client = new Client(
    `${host}:${port}`,
    options.credentials ?? channel.createInsecure(),
    // Without the name node:tls prints a warning: the address is an IP address.
    { 'grpc.ssl_target_name_override': 'localhost', ...options.options },
  )
  afterwards(() => client.close())
  const call = open(client, options)
  return { client, call, ...outcomeOf(call) }
}

/** One more stream on the connection of `client`. */
export function open(client: Client, { hello, first }: StrangerOptions): DialledCall {
  const { path, requestSerialize, responseDeserialize } = EXCHANGE
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
  afterwards(() => call.cancel())
  call.on('error', () => {})
  call.write(first ?? helloOf(hello))
  return call
}

export function outcomeOf(call: DialledCall): Pick<Stranger, 'answer' | 'status'> {
  const status = new Promise<StatusObject>((resolve) => call.on('status', resolve))
  const answer = new Promise<Control | null>((resolve) => {
    call.once('data', (message: Uint8Array) => resolve(decodeControl(message)))
    call.on('status', () => resolve(null))
  })
  return { status, answer }
}

/** A peer, over bare HTTP/2, that reads nothing until it is told to: grpc-js would read ahead. */
export interface SlowReader {
  /** Reads everything; resolves once a frame begins with `byte`. */
  readonly readUntil: (byte: number) => Promise<void>
}

/** Dials `address` as 'a', for 'b'. */
export async function slowReader(address: string): Promise<SlowReader> {
  const { host, port } = GRPC.parse(address) ?? { host: '', port: 0 }
  const session = http2Connect(`http://${host}:${port}`)
  afterwards(() => session.destroy())
  session.on('error', () => {})
  const stream = session.request({
    ':method': 'POST',
    ':path': EXCHANGE.path,
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  stream.write(prefixed(helloOf()))
  stream.on('error', () => {}).pause()
  await once(stream, 'response')
  return {
    async readUntil(byte) {
      let bytes = Buffer.alloc(0)
      for await (const chunk of stream) {
        bytes = Buffer.concat([bytes, chunk])
        while (bytes.byteLength >= 5 && bytes.byteLength >= 5 + bytes.readUInt32BE(1)) {
          if (bytes[5] === byte) return
          bytes = bytes.subarray(5 + bytes.readUInt32BE(1))
        }
      }
      throw new Error('The stream ended before.')
    },
  }
}

/** A network between a node and those who dial it. */
export interface Proxy {
  readonly address: string
  /** Both ends of each connection that there is. */
  readonly connections: Set<readonly [Socket, Socket]>
  /** Emits 'connection' and 'closed'. */
  readonly events: EventEmitter
  /** Loses everything that is on its way and will be, but tells nobody; new connections work. */
  readonly silence: () => void
  /** Lets nobody through until the function that it returns is called. */
  readonly hold: () => () => void
}

/** A way to `address` that the test can cut. */
export async function proxyTo(address: string): Promise<Proxy> {
  const { host, port, isSecure } = GRPC.parse(address) ?? { host: '', port: 0, isSecure: false }
  const connections = new Set<readonly [Socket, Socket]>()
  const events = new EventEmitter()
  let held: (() => void)[] | null = null

  function pass(near: Socket): void {
    const far = connect({ host, port, noDelay: true })
    const pair = [near, far] as const
    connections.add(pair)
    near.pipe(far).on('error', () => near.destroy())
    far.pipe(near).on('error', () => far.destroy())
    for (const [end, other] of [pair, pair.toReversed()]) {
      end?.once('close', () => {
        other?.destroy()
        if (connections.delete(pair)) events.emit('closed')
      })
    }
    events.emit('connection')
  }

  const server = createServer({ noDelay: true, pauseOnConnect: true }, (near) => {
    near.on('error', () => {})
    if (held === null) pass(near)
    else held.push(() => pass(near))
  })
  await listening(server)
  afterwards(() => {
    for (const [near, far] of connections) {
      near.destroy()
      far.destroy()
    }
    server.close()
  })
  const bound = server.address()
  const ownPort = typeof bound === 'object' ? bound?.port : 0
  return {
    address: `${isSecure ? 'grpcs' : 'grpc'}://127.0.0.1:${ownPort}`,
    connections,
    events,
    silence() {
      for (const [near, far] of connections) {
        near.unpipe(far).pause()
        far.unpipe(near).pause()
      }
    },
    hold() {
      const waiting: (() => void)[] = []
      held = waiting
      return () => {
        held = null
        for (const go of waiting) go()
      }
    },
  }
}

export async function listening(server: NetServer): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  return typeof bound === 'object' && bound !== null ? bound.port : 0
}
