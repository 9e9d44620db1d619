/**
 * The transport: one port of a medium, an outbox for each peer, one inbox for all. Must never let a
 * datagram, a peer or an error of the medium throw into the node, and never listen after close.
 */
import { randomBytes } from 'node:crypto'
import {
  expectedPeers,
  FrameTooLargeError,
  InvalidArgumentError,
  MAX_FRAME_BYTES,
  requireOptions,
  TransportError,
} from '@paxos/core'
import type {
  ExpectedPeer,
  NodeId,
  PeerAddress,
  Transport,
  TransportFigures,
  TransportOpen,
  TransportWarning,
} from '@paxos/core'
import { authentication } from './authentication.ts'
import type { DatagramAuthentication } from './authentication.ts'
import { platformClock } from './clock.ts'
import type { Clock } from './clock.ts'
import { senderOf } from './header.ts'
import type { Head } from './header.ts'
import { encodeName } from './identity.ts'
import type { Identity } from './identity.ts'
import { inbox } from './inbox.ts'
import type { Fault, InboxStats } from './inbox.ts'
import {
  DEFAULT_DATAGRAM_BYTES,
  MAX_DATAGRAM_BYTES,
  MIN_DATAGRAM_BYTES,
  PARTIAL_LIFETIME_MS,
} from './limits.ts'
import type { DatagramMedium, DatagramPort } from './medium.ts'
import { peerOf } from './peer.ts'
import type { Peer } from './peer.ts'
import { problemWith, refusedBy } from './refusals.ts'
import { wordBytesOf } from './words.ts'

/** How a transport over datagrams is made. */
export interface DatagramOptions {
  /**
   * The size of a datagram with our header, 512 to 65,507 bytes. Default 1,200, which every path of
   * the Internet carries whole. Nodes of one cluster may differ.
   */
  readonly maxDatagramBytes?: number
  /**
   * The keys that datagrams are signed and verified with. They are copied, and may be overwritten
   * when the transport is made. Default none: then nothing is signed, and what is signed is dropped.
   */
  readonly authentication?: DatagramAuthentication
}

/** A transport over datagrams, and what it counted. */
export interface DatagramTransport extends Transport {
  /** What has been dropped so far: a copy. */
  stats(): DatagramStats
  /** As in the contract; always there. */
  figures(): TransportFigures
  /**
   * Signs with, and accepts, other keys from now on; they are copied. Throws InvalidArgumentError
   * for keys that cannot be used, and where there were none: then nothing changes.
   */
  reload(authentication: DatagramAuthentication): void
}

/** What has been dropped since the transport was made. */
export interface DatagramStats extends InboxStats {
  /** Datagrams that the medium did not take, or whose peer cannot be found. */
  readonly unsentDatagrams: number
  /** Frames that made room for newer ones to a slow peer. */
  readonly droppedFrames: number
}

/** What a transport needs of the process, so that tests can bring their own. */
export interface Platform {
  readonly clock: Clock
  /** Beyond guessing. */
  readonly randomBytes: (count: number) => Uint8Array
}

/** What there is between open and close. */
interface Session {
  readonly id: NodeId
  readonly self: Identity
  readonly receive: TransportOpen['receive']
  readonly warn: (warning: TransportWarning) => void
  readonly head: Head
  readonly port: DatagramPort
}

/**
 * A transport over `medium` that is not open yet. Throws InvalidArgumentError for a size out of
 * range, for keys that cannot be used, and for an option that it does not know.
 */
export function datagrams(
  medium: DatagramMedium,
  options: DatagramOptions = {},
): DatagramTransport {
  return datagramsOn({ clock: platformClock, randomBytes }, medium, options)
}

/** As datagrams(), with another clock and other dice. */
export function datagramsOn(
  platform: Platform,
  medium: DatagramMedium,
  options: DatagramOptions = {},
): DatagramTransport {
  requireOptions('datagrams()', options, ['maxDatagramBytes', 'authentication'])
  const { clock } = platform
  const datagramBytes = requireDatagramBytes(options.maxDatagramBytes ?? DEFAULT_DATAGRAM_BYTES)
  let keys = authentication(options.authentication)
  const counters = { unsentDatagrams: 0, droppedFrames: 0 }
  const peers = new Map<NodeId, Peer>()
  const nextMessageId = messageIds(platform)
  let state: 'new' | 'opening' | 'open' | 'closed' = 'new'
  let session: Session | null = null
  /** What the medium makes of open(), though it may be closed before. */
  let binding: Promise<DatagramPort> | null = null
  let closing: Promise<void> | null = null
  let boundAddress: string | null = null
  const closed = new AbortController()
  let stopSweep: (() => void) | null = null
  const arrivals = inbox({
    verify: (datagram) => session !== null && keys.verify(session.head.sender, datagram),
    knows: (sender) => state === 'open' && peers.has(sender),
    doorOf: (sender) => peers.get(sender)?.door ?? null,
    onCookieWord: (word, bytes) => peers.get(word.sender)?.hear(word, bytes) ?? true,
    onUninvited: (sender, cookie) => peers.get(sender)?.complain(cookie),
    onRefused: tell,
    deliver(from, frame) {
      peers.get(from)?.received()
      session?.receive(from, frame)
    },
    now: clock.now,
  })

  async function start(open: TransportOpen): Promise<void> {
    try {
      const { id, cluster = '', incarnation = '', receive, warn } = open
      const head: Head = { sender: encodeName('A node id', id), isAuthenticated: keys.isOn }
      const self: Identity = { cluster, incarnation }
      requireNames(head, self, datagramBytes)
      const receiveDatagram = (datagram: Uint8Array): void => {
        if (state === 'open') arrivals.accept(datagram)
      }
      binding = medium.bind(open.listen, receiveDatagram, closed.signal)
      const port = await unlessAborted(binding, closed.signal)
      closed.signal.throwIfAborted()
      session = { id, self, receive, warn: (warning) => warn?.(warning), head, port }
      boundAddress = port.address
      state = 'open'
      setPeers(open.peers)
      sweep()
    } catch (error) {
      if (closing === null) await (closing = shut())
      throw error
    }
  }

  /** Lets go of the port, if there ever comes one. */
  async function release(): Promise<void> {
    const bound = binding
    binding = null
    const port = await bound?.catch(() => null)
    await port?.close()
  }

  function sweep(): void {
    arrivals.expire()
    stopSweep = clock.after(PARTIAL_LIFETIME_MS, sweep)
  }

  function setPeers(peersToBe: ReadonlyMap<NodeId, PeerAddress>): void {
    if (session === null) return
    const book = expectedPeers(peersToBe)
    for (const [id, peer] of peers) {
      if (!isSameEntry(peer, book.get(id))) forget(id, peer)
    }
    arrivals.retain(peers)
    for (const [id, entry] of book) {
      if (id !== session.id && !peers.has(id)) addPeer(session, id, entry)
    }
  }

  function forget(id: NodeId, peer: Peer): void {
    peer.discard()
    peers.delete(id)
  }

  function addPeer(open: Session, id: NodeId, { address, incarnation }: ExpectedPeer): void {
    const peer = peerOf({
      id,
      address,
      expected: incarnation,
      route: open.port.route(address),
      sample: open.port.address,
      head: open.head,
      self: open.self,
      datagramBytes,
      nextMessageId,
      sign: (receiver, datagram) => keys.sign(receiver, datagram),
      clock,
      randomBytes: platform.randomBytes,
      onDropped: () => (counters.droppedFrames += 1),
      onUnsent: () => (counters.unsentDatagrams += 1),
      onProblem: (problem) => open.warn({ peer: id, ...problem }),
    })
    peers.set(id, peer)
  }

  /** A datagram was refused: whoever operates the node may have to do something. */
  function tell(fault: Fault, datagram: Uint8Array): void {
    const problem = problemWith(fault, datagram)
    const claimed = senderOf(datagram)
    const peer = claimed === null ? undefined : peers.get(claimed)
    const isOfItsMaking = fault === 'unauthenticDatagrams' || fault === 'otherVersionDatagrams'
    if (isOfItsMaking) peer?.suspect(problem)
    session?.warn({ peer: peer === undefined ? null : claimed, ...problem })
  }

  async function shut(): Promise<void> {
    state = 'closed'
    closed.abort(stateError('It was closed while it opened. Make another one.'))
    for (const [id, peer] of peers) forget(id, peer)
    arrivals.retain(peers)
    session = null
    stopSweep?.()
    await release()
  }

  return {
    async open(open) {
      if (state !== 'new') throw stateError('A transport opens once. Make another one.')
      state = 'opening'
      await start(open)
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

/** As `promise`, and rejects with the reason of `signal` when that is aborted before. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    promise.then(resolve, reject)
  })
}

function requireDatagramBytes(bytes: number): number {
  if (Number.isInteger(bytes) && bytes >= MIN_DATAGRAM_BYTES && bytes <= MAX_DATAGRAM_BYTES) {
    return bytes
  }
  throw new InvalidArgumentError(
    `maxDatagramBytes is ${bytes}. Give ${MIN_DATAGRAM_BYTES} to ${MAX_DATAGRAM_BYTES}.`,
  )
}

/**
 * Throws InvalidArgumentError when `self` would not come back as it was, or does not fit a datagram:
 * then nobody could be answered.
 */
function requireNames(head: Head, self: Identity, datagramBytes: number): void {
  encodeName('The name of a cluster', self.cluster)
  encodeName('An incarnation', self.incarnation)
  const bytes = wordBytesOf(head, self)
  if (bytes <= datagramBytes) return
  throw new InvalidArgumentError(
    `maxDatagramBytes is ${datagramBytes}, and the names of this node, its cluster and its incarnation take ${bytes}. Raise it, or choose shorter names.`,
  )
}

function isSameEntry(peer: Peer, entry: ExpectedPeer | undefined): boolean {
  return peer.address === entry?.address && peer.expected === entry.incarnation
}

/**
 * Numbers that no other frame of this node has: a random beginning tells one run of the process
 * from the next, whose fragments may meet at the receiver.
 */
function messageIds(platform: Platform): () => bigint {
  const random = platform.randomBytes(8)
  let next = new DataView(random.buffer, random.byteOffset).getBigUint64(0)
  return () => {
    next = BigInt.asUintN(64, next + 1n)
    return next
  }
}

function stateError(message: string): TransportError {
  return new TransportError('ERR_PAXOS_TRANSPORT_STATE', message)
}
