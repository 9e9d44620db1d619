/**
 * The transport: one socket, an outbox for each peer, one reassembly for all. Must never let a
 * datagram, a peer or an error of the system throw into the node, and never listen after close.
 */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:dgram'
import { V4MAPPED } from 'node:dns'
import { lookup } from 'node:dns/promises'
import {
  FrameTooLargeError,
  InvalidArgumentError,
  MAX_FRAME_BYTES,
  MAX_ID_BYTES,
  TransportError,
} from '@paxos/core'
import type { NodeId, Transport, TransportOpen } from '@paxos/core'
import { parseAddress, requireAddress } from './address.ts'
import { bind, closeSocket } from './bind.ts'
import { decodeDatagram } from './datagram.ts'
import {
  DEFAULT_DATAGRAM_BYTES,
  MAX_DATAGRAM_BYTES,
  MIN_DATAGRAM_BYTES,
  PARTIAL_LIFETIME_MS,
} from './limits.ts'
import { nameOf } from './name.ts'
import { outbox } from './outbox.ts'
import type { Clock, Outbox } from './outbox.ts'
import { reassembly } from './reassembly.ts'

/** How a transport is made. */
export interface UdpOptions {
  /**
   * The size of a datagram with our header, 512 to 65,507 bytes. Default 1,200, which every path
   * carries whole. Nodes of one cluster may differ.
   */
  readonly maxDatagramBytes?: number
}

/** A transport, and what it counted. */
export interface UdpTransport extends Transport {
  /** What has been dropped so far: a copy. */
  stats(): UdpStats
}

/** What has been dropped since the transport was made. */
export interface UdpStats {
  /** Datagrams that are none of ours, or contradict one that came before. */
  readonly malformedDatagrams: number
  /** Datagrams whose sender is not in the address book. */
  readonly strangerDatagrams: number
  /** Datagrams that the system did not take, or whose peer has no IP address. */
  readonly unsentDatagrams: number
  /** Frames that made room for newer ones to a slow peer. */
  readonly droppedFrames: number
  /** Frames of which only a part came. */
  readonly partialFrames: number
}

interface Peer {
  readonly address: string
  readonly outbox: Outbox
}

/** What there is between open and close. */
interface Session {
  readonly id: NodeId
  /** The id in UTF-8. */
  readonly sender: Uint8Array
  readonly socket: Socket
  readonly family: 4 | 6
  readonly address: string
  readonly sweep: NodeJS.Timeout
}

/** A transport that is not open yet. Throws InvalidArgumentError for a size out of range. */
export function udp(options: UdpOptions = {}): UdpTransport {
  const datagramBytes = requireDatagramBytes(options.maxDatagramBytes ?? DEFAULT_DATAGRAM_BYTES)
  const counters = {
    malformedDatagrams: 0,
    strangerDatagrams: 0,
    unsentDatagrams: 0,
    droppedFrames: 0,
  }
  const partials = reassembly()
  const peers = new Map<NodeId, Peer>()
  const lookups = new Set<Promise<unknown>>()
  const nextMessageId = messageIds()
  let state: 'new' | 'opening' | 'open' | 'closed' = 'new'
  let session: Session | null = null
  let opening: Promise<void> | null = null
  let closing: Promise<void> | null = null
  let boundAddress: string | null = null

  async function start(open: TransportOpen): Promise<void> {
    try {
      const sender = encodeId(open.id)
      const bound = await bind(requireAddress(open.listen))
      if (isClosed()) {
        await closeSocket(bound.socket)
        throw stateError('It was closed while it opened. Make another one.')
      }
      const sweep = setInterval(() => partials.expire(clock.now()), PARTIAL_LIFETIME_MS)
      session = { id: open.id, sender, sweep, ...bound }
      boundAddress = bound.address
      state = 'open'
      setPeers(open.peers)
      bound.socket.on('message', (datagram) => {
        receiveDatagram(datagram, open.receive)
      })
    } catch (error) {
      state = 'closed'
      throw error
    }
  }

  /** Out of line, because close() may run while start() waits. */
  function isClosed(): boolean {
    return state === 'closed'
  }

  function receiveDatagram(datagram: Uint8Array, receive: TransportOpen['receive']): void {
    const fragment = decodeDatagram(datagram)
    if (fragment === null) {
      counters.malformedDatagrams += 1
      return
    }
    if (!peers.has(fragment.sender)) {
      counters.strangerDatagrams += 1
      return
    }
    const accepted = partials.accept(fragment, clock.now())
    if (accepted.type === 'contradiction') counters.malformedDatagrams += 1
    if (accepted.type === 'complete') receive(fragment.sender, accepted.frame)
  }

  function setPeers(book: ReadonlyMap<NodeId, string>): void {
    if (session === null) return
    for (const [id, peer] of peers) {
      if (book.get(id) !== peer.address) forget(id, peer)
    }
    for (const [id, address] of book) {
      if (id !== session.id && !peers.has(id)) addPeer(session, id, address)
    }
    partials.retain(peers)
  }

  function forget(id: NodeId, peer: Peer): void {
    peer.outbox.discard()
    peers.delete(id)
  }

  /**
   * An address that is malformed makes a peer that cannot be reached, not an error: the address
   * book may come from the other nodes.
   */
  function addPeer({ socket, sender, family }: Session, id: NodeId, address: string): void {
    const parsed = parseAddress(address)
    if (parsed === null || parsed.port === 0) return
    const { host, port } = parsed
    const name = nameOf({ host, family, lookup: lookUp, now: clock.now })
    const peer: Peer = {
      address,
      outbox: outbox({
        sender,
        datagramBytes,
        nextMessageId,
        transmit(datagram, done) {
          name.resolve((ip) => {
            if (ip === null || peers.get(id) !== peer) finish(false, done)
            else sendDatagram(socket, datagram, port, ip, done)
          })
        },
        clock,
        onDropped() {
          counters.droppedFrames += 1
        },
      }),
    }
    peers.set(id, peer)
  }

  function sendDatagram(
    socket: Socket,
    datagram: readonly Uint8Array[],
    port: number,
    ip: string,
    done: (sent: boolean) => void,
  ): void {
    try {
      socket.send(datagram, port, ip, (error) => {
        finish(error === null, done)
      })
    } catch {
      finish(false, done)
    }
  }

  function finish(sent: boolean, done: (sent: boolean) => void): void {
    if (!sent) counters.unsentDatagrams += 1
    done(sent)
  }

  /** Kept in mind while it runs: it cannot be cancelled, and it keeps the process alive. */
  async function lookUp(host: string): Promise<string> {
    const family = session?.family === 6 ? { family: 6, hints: V4MAPPED } : { family: 4 }
    const running = lookup(host, family)
    lookups.add(running)
    try {
      return (await running).address
    } finally {
      lookups.delete(running)
    }
  }

  async function shut(): Promise<void> {
    state = 'closed'
    await opening?.catch(() => {})
    const closed = session
    session = null
    for (const [id, peer] of peers) forget(id, peer)
    partials.retain(peers)
    if (closed !== null) {
      clearInterval(closed.sweep)
      await closeSocket(closed.socket)
    }
    await Promise.allSettled(lookups)
  }

  return {
    async open(open) {
      if (state !== 'new') throw stateError('A transport opens once. Make another one.')
      state = 'opening'
      opening = start(open)
      await opening
    },
    get address() {
      if (boundAddress === null) throw stateError('It has no address yet. Await open() first.')
      return boundAddress
    },
    setPeers,
    send(to, frame) {
      if (frame.byteLength > MAX_FRAME_BYTES) {
        throw new FrameTooLargeError(
          `A frame has ${frame.byteLength} bytes. Send at most ${MAX_FRAME_BYTES}.`,
        )
      }
      peers.get(to)?.outbox.push(frame)
    },
    close() {
      closing ??= shut()
      return closing
    },
    stats: () => ({ ...counters, partialFrames: partials.dropped }),
  }
}

const clock: Clock = {
  now: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return () => {
      clearTimeout(timer)
    }
  },
}

function requireDatagramBytes(bytes: number): number {
  if (Number.isInteger(bytes) && bytes >= MIN_DATAGRAM_BYTES && bytes <= MAX_DATAGRAM_BYTES) {
    return bytes
  }
  throw new InvalidArgumentError(
    `maxDatagramBytes is ${bytes}. Give ${MIN_DATAGRAM_BYTES} to ${MAX_DATAGRAM_BYTES}.`,
  )
}

/** The id in UTF-8. Throws InvalidArgumentError when it would not come back as it was. */
function encodeId(id: NodeId): Uint8Array {
  const encoded = Buffer.from(id, 'utf8')
  if (encoded.byteLength <= MAX_ID_BYTES && encoded.toString('utf8') === id) return encoded
  throw new InvalidArgumentError(
    `A node id must be well-formed text of at most ${MAX_ID_BYTES} bytes in UTF-8. Choose another.`,
  )
}

/**
 * Numbers that no other frame of this node has: a random beginning tells one run of the process
 * from the next, whose fragments may meet at the receiver.
 */
function messageIds(): () => bigint {
  let next = randomBytes(8).readBigUInt64BE()
  return () => {
    next = BigInt.asUintN(64, next + 1n)
    return next
  }
}

function stateError(message: string): TransportError {
  return new TransportError('ERR_PAXOS_TRANSPORT_STATE', message)
}
