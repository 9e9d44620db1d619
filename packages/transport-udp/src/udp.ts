/**
 * The transport: one socket, an outbox for each peer, one inbox for all. Must never let a datagram,
 * a peer or an error of the system throw into the node, and never listen after close.
 */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:dgram'
import { V4MAPPED } from 'node:dns'
import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  expectedPeers,
  FrameTooLargeError,
  InvalidArgumentError,
  MAX_FRAME_BYTES,
  MAX_ID_BYTES,
  requireOptions,
  TransportError,
} from '@paxos/core'
import type {
  NodeId,
  PeerAddress,
  Transport,
  TransportFigures,
  TransportOpen,
  TransportWarning,
} from '@paxos/core'
import { requireAddress } from './address.ts'
import { authentication } from './authentication.ts'
import type { UdpAuthentication } from './authentication.ts'
import { bind, closeSocket } from './bind.ts'
import { platformClock } from './clock.ts'
import { senderOf } from './datagram.ts'
import type { Head } from './datagram.ts'
import { inbox } from './inbox.ts'
import type { InboxStats, Refusals } from './inbox.ts'
import {
  CLOSE_LOOKUP_MS,
  DEFAULT_DATAGRAM_BYTES,
  MAX_DATAGRAM_BYTES,
  MIN_DATAGRAM_BYTES,
  PARTIAL_LIFETIME_MS,
} from './limits.ts'
import { peerOf } from './peer.ts'
import type { Peer } from './peer.ts'
import { PROBLEMS, refusedBy } from './refusals.ts'

/** How a transport is made. */
export interface UdpOptions {
  /**
   * The size of a datagram with our header, 512 to 65,507 bytes. Default 1,200, which every path
   * carries whole. Nodes of one cluster may differ.
   */
  readonly maxDatagramBytes?: number
  /**
   * The keys that datagrams are signed and verified with. They are copied, and may be overwritten
   * when udp() returns. Default none: then nothing is signed, and what is signed is dropped.
   */
  readonly authentication?: UdpAuthentication
}

/** A transport, and what it counted. */
export interface UdpTransport extends Transport {
  /** What has been dropped so far: a copy. */
  stats(): UdpStats
  /** As in the contract; always there. */
  figures(): TransportFigures
  /**
   * Signs with, and accepts, other keys from now on; they are copied. Throws InvalidArgumentError
   * for keys that cannot be used, and where there were none: then nothing changes.
   */
  reload(authentication: UdpAuthentication): void
}

/** What has been dropped since the transport was made. */
export interface UdpStats extends InboxStats {
  /** Datagrams that the system did not take, or whose peer has no IP address. */
  readonly unsentDatagrams: number
  /** Frames that made room for newer ones to a slow peer. */
  readonly droppedFrames: number
}

/** What there is between open and close. */
interface Session {
  readonly id: NodeId
  readonly receive: TransportOpen['receive']
  readonly warn: (warning: TransportWarning) => void
  readonly head: Head
  readonly socket: Socket
  readonly family: 4 | 6
  readonly address: string
  readonly sweep: NodeJS.Timeout
}

/**
 * A transport that is not open yet. Throws InvalidArgumentError for a size out of range, for keys
 * that cannot be used, and for an option that it does not know.
 */
export function udp(options: UdpOptions = {}): UdpTransport {
  requireOptions('udp()', options, ['maxDatagramBytes', 'authentication'])
  const datagramBytes = requireDatagramBytes(options.maxDatagramBytes ?? DEFAULT_DATAGRAM_BYTES)
  let keys = authentication(options.authentication)
  const counters = { unsentDatagrams: 0, droppedFrames: 0 }
  const peers = new Map<NodeId, Peer>()
  const lookups = new Set<Promise<unknown>>()
  const nextMessageId = messageIds()
  let state: 'new' | 'opening' | 'open' | 'closed' = 'new'
  let session: Session | null = null
  let opening: Promise<void> | null = null
  let closing: Promise<void> | null = null
  let boundAddress: string | null = null
  /** Ends open() when it does not know yet where to listen. */
  const closed = new AbortController()
  const arrivals = inbox({
    verify: (datagram) => session !== null && keys.verify(session.head.sender, datagram),
    knows: (sender) => state === 'open' && peers.has(sender),
    doorOf: (sender) => peers.get(sender)?.door ?? null,
    onCookieWord: (word) => peers.get(word.sender)?.hear(word),
    onUninvited: (sender, cookie) => peers.get(sender)?.complain(cookie),
    onRefused: tell,
    deliver(from, frame) {
      peers.get(from)?.received()
      session?.receive(from, frame)
    },
    now: platformClock.now,
  })

  async function start(open: TransportOpen): Promise<void> {
    try {
      const head: Head = { sender: encodeId(open.id), isAuthenticated: keys.isOn }
      const bound = await bind(requireAddress(open.listen), ownAddress)
      if (isClosed()) {
        await closeSocket(bound.socket)
        throw closedError()
      }
      const sweep = setInterval(() => arrivals.expire(), PARTIAL_LIFETIME_MS)
      const { id, receive, warn } = open
      session = { id, receive, warn: (warning) => warn?.(warning), head, sweep, ...bound }
      boundAddress = bound.address
      state = 'open'
      setPeers(open.peers)
      bound.socket.on('message', (datagram) => {
        if (!isClosed()) arrivals.accept(datagram)
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

  function setPeers(peersToBe: ReadonlyMap<NodeId, PeerAddress>): void {
    if (session === null) return
    const book = new Map([...expectedPeers(peersToBe)].map(([id, { address }]) => [id, address]))
    for (const [id, peer] of peers) {
      if (book.get(id) !== peer.address) forget(id, peer)
    }
    for (const [id, address] of book) {
      if (id !== session.id && !peers.has(id)) addPeer(session, id, address)
    }
    arrivals.retain(peers)
  }

  function forget(id: NodeId, peer: Peer): void {
    peer.discard()
    peers.delete(id)
  }

  function addPeer({ socket, head, family, warn }: Session, id: NodeId, address: string): void {
    const peer = peerOf({
      id,
      address,
      family,
      head,
      datagramBytes,
      nextMessageId,
      sign: (receiver, datagram) => keys.sign(receiver, datagram),
      transmit: (datagram, port, ip, done) => sendDatagram(socket, datagram, port, ip, done),
      lookup: lookUp,
      clock: platformClock,
      onDropped: () => (counters.droppedFrames += 1),
      onUnsent: () => (counters.unsentDatagrams += 1),
      onProblem: (problem) => warn({ peer: id, ...problem }),
    })
    peers.set(id, peer)
  }

  /** A datagram was refused: whoever operates the node may have to do something. */
  function tell(reason: keyof Refusals, datagram: Uint8Array): void {
    const problem = PROBLEMS[reason]
    const claimed = senderOf(datagram)
    const peer = claimed === null ? undefined : peers.get(claimed)
    if (reason === 'unauthenticDatagrams') peer?.suspect(problem)
    session?.warn({ peer: peer === undefined ? null : claimed, ...problem })
  }

  async function lookUp(host: string): Promise<readonly string[]> {
    const family = session?.family === 6 ? { family: 6, hints: V4MAPPED } : { family: 4 }
    const found = await remember(lookup(host, { ...family, all: true }))
    return found.map(({ address }) => address)
  }

  /** Where to listen. Rejects at once when the transport is closed. */
  function ownAddress(host: string): Promise<LookupAddress> {
    return unlessAborted(remember(lookup(host)), closed.signal)
  }

  /** A look-up, while it runs: it cannot be cancelled, and it keeps the process alive. */
  async function remember<T>(running: Promise<T>): Promise<T> {
    lookups.add(running)
    try {
      return await running
    } finally {
      lookups.delete(running)
    }
  }

  async function shut(): Promise<void> {
    state = 'closed'
    closed.abort(closedError())
    await opening?.catch(() => {})
    for (const [id, peer] of peers) forget(id, peer)
    arrivals.retain(peers)
    const last = session
    session = null
    if (last !== null) {
      clearInterval(last.sweep)
      // A socket takes what it is given in the course of a turn, and forgets it when it is closed.
      await nextTurn()
      await closeSocket(last.socket)
    }
    await atMost(CLOSE_LOOKUP_MS, Promise.allSettled(lookups))
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
      peers.get(to)?.send(frame)
    },
    figures: () => ({
      peers: new Map([...peers].map(([id, peer]) => [id, peer.figures()])),
      refused: refusedBy(arrivals.stats()),
    }),
    close() {
      closing ??= shut()
      return closing
    },
    reload(next) {
      const changed = authentication(next)
      if (changed.isOn !== keys.isOn) {
        throw new InvalidArgumentError(
          'A node with keys cannot become one without, or the reverse. Restart it, and all others.',
        )
      }
      keys = changed
    },
    stats: () => ({ ...arrivals.stats(), ...counters }),
  }
}

function sendDatagram(
  socket: Socket,
  datagram: Uint8Array,
  port: number,
  ip: string,
  done: (sent: boolean) => void,
): void {
  try {
    socket.send(datagram, port, ip, (error) => {
      done(error === null)
    })
  } catch {
    done(false)
  }
}

/** As `promise`, and rejects with the reason of `signal` when that is aborted before. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    promise.then(resolve, reject)
  })
}

/** Resolves when `promise` does, and at the latest after `delayMs`. */
async function atMost(delayMs: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, delayMs)
  })
  await Promise.race([promise, late])
  clearTimeout(timer)
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

function closedError(): TransportError {
  return stateError('It was closed while it opened. Make another one.')
}

function stateError(message: string): TransportError {
  return new TransportError('ERR_PAXOS_TRANSPORT_STATE', message)
}
