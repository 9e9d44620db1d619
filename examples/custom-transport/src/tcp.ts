/**
 * A transport over plain TCP, written from zero: docs/writing-an-adapter.md walks through it. A node
 * dials the peers that it sends to, says its id, and then sends frames. Must never let a peer, or a
 * byte from the network, throw into the node or grow its memory.
 */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import {
  expectedPeers,
  FrameTooLargeError,
  InvalidArgumentError,
  MAX_FRAME_BYTES,
  MAX_ID_BYTES,
  TransportError,
} from '@paxos/core'
import type { NodeId, Transport, TransportErrorCode, TransportOpen } from '@paxos/core'
import { framesOf, pack } from './framing.ts'

/** What may wait for one peer before the oldest frame is dropped. */
const MAX_QUEUED_BYTES = 8 << 20

/** How long a connection may take to say whose it is. */
const HELLO_WITHIN_MS = 5_000

interface Peer {
  readonly address: string
  readonly queue: Buffer[]
  queuedBytes: number
  socket: Socket | null
}

/** A transport that is not open yet. Addresses are `tcp://host:port`; IPv6 is left out for brevity. */
export function tcp(): Transport {
  const server = createServer((socket) => void serve(socket)).on('error', () => undefined)
  const inbound = new Map<Socket, NodeId | null>()
  const peers = new Map<NodeId, Peer>()
  let opening: Promise<void> | null = null
  let options: TransportOpen | null = null
  let isClosed = false

  async function start(wanted: TransportOpen): Promise<void> {
    const target = parseAddress(wanted.listen)
    const complaint = `Cannot listen on '${wanted.listen}'. Give another tcp://host:port.`
    if (target === null) throw refusal('ERR_PAXOS_ADDRESS_MALFORMED', complaint)
    if (wanted.id.length > MAX_ID_BYTES || Buffer.from(wanted.id).toString() !== wanted.id)
      throw new InvalidArgumentError('The id is no short text. Give one of well-formed Unicode.')
    try {
      await once(server.listen({ ...target, exclusive: true }), 'listening')
    } catch (cause) {
      const isTaken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE'
      const code = isTaken ? 'ERR_PAXOS_ADDRESS_IN_USE' : 'ERR_PAXOS_ADDRESS_UNAVAILABLE'
      throw refusal(code, complaint, cause)
    }
    if (isClosed)
      throw refusal('ERR_PAXOS_TRANSPORT_STATE', 'It was closed meanwhile. Make another one.')
    options = wanted
    setPeers(wanted.peers)
  }

  async function serve(socket: Socket): Promise<void> {
    let from: NodeId | null = null
    inbound.set(socket, from)
    socket.setTimeout(HELLO_WITHIN_MS, () => socket.destroy())
    try {
      for await (const frame of framesOf(socket)) {
        const isHello = from === null
        from ??= new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(frame)
        if (isClosed || !peers.has(from)) break
        if (!isHello) options?.receive(from, frame)
        inbound.set(socket, from)
        socket.setTimeout(0)
      }
    } catch {
      // Bytes that are none of ours, or a connection that broke: either way it is over.
    }
    inbound.delete(socket) // Leaving the loop has destroyed it.
  }

  function setPeers(wanted: TransportOpen['peers']): void {
    const book = new Map([...expectedPeers(wanted)].map(([id, { address }]) => [id, address]))
    for (const [id, peer] of peers) {
      if (book.get(id) === peer.address) continue
      peer.socket?.destroy()
      peers.delete(id)
    }
    for (const [id, address] of book) {
      if (options === null || id === options.id || peers.has(id)) continue
      peers.set(id, { address, queue: [], queuedBytes: 0, socket: null })
    }
    for (const [socket, id] of inbound) if (id !== null && !peers.has(id)) socket.destroy()
  }

  /** A peer that is down is dialled again with the next frame: Paxos retransmits. */
  function dial({ id }: TransportOpen, peer: Peer): Socket | null {
    const target = parseAddress(peer.address)
    if (target === null) return null
    const socket = connect(target).resume() // Only a stream that is read notices its end.
    socket.write(pack(Buffer.from(id)))
    for (const event of ['connect', 'drain']) socket.on(event, () => pump(peer, socket))
    socket.on('error', () => socket.destroy()).on('close', () => (peer.socket = null))
    return socket
  }

  return {
    async open(wanted) {
      if (opening !== null || isClosed)
        throw refusal('ERR_PAXOS_TRANSPORT_STATE', 'It opens once. Make another one.')
      await (opening = start(wanted))
    },
    get address() {
      const bound = server.address()
      if (options === null || bound === null || typeof bound === 'string')
        throw refusal('ERR_PAXOS_TRANSPORT_STATE', 'It is not open. Await open() first.')
      return `tcp://${bound.address}:${bound.port}`
    },
    setPeers,
    send(to, frame) {
      if (frame.byteLength > MAX_FRAME_BYTES) {
        throw new FrameTooLargeError(`A frame has at most ${MAX_FRAME_BYTES} bytes. Send less.`)
      }
      const peer = peers.get(to)
      if (peer === undefined || options === null) return
      peer.queuedBytes += peer.queue[peer.queue.push(pack(frame)) - 1]?.length ?? 0
      while (peer.queuedBytes > MAX_QUEUED_BYTES) take(peer)
      peer.socket ??= dial(options, peer)
      if (peer.socket !== null) pump(peer, peer.socket)
    },
    async close() {
      isClosed = true
      await opening?.catch(() => undefined)
      setPeers(new Map())
      for (const socket of inbound.keys()) socket.destroy()
      options = null
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Hands over what waits, as long as the system takes it. */
function pump(peer: Peer, socket: Socket): void {
  while (socket.readyState === 'open' && !socket.writableNeedDrain) {
    const packed = take(peer)
    if (packed === undefined) return
    socket.write(packed)
  }
}

function take(peer: Peer): Buffer | undefined {
  const packed = peer.queue.shift()
  peer.queuedBytes -= packed?.length ?? 0
  return packed
}

function parseAddress(address: string): { host: string; port: number } | null {
  const [, host, port] = /^tcp:\/\/([\w.-]+):(\d{1,5})$/.exec(address) ?? []
  return host === undefined || Number(port) > 65_535 ? null : { host, port: Number(port) }
}

function refusal(code: TransportErrorCode, message: string, cause?: unknown): TransportError {
  return new TransportError(code, message, { cause })
}
