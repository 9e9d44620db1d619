/**
 * The transport: one listener, and for each peer what peer.ts keeps. Must never let a peer, a
 * stranger or an error of the system throw into the node, and never deliver after close.
 */
import { Metadata } from '@grpc/grpc-js'
import {
  expectedPeers,
  FrameTooLargeError,
  InvalidArgumentError,
  MAX_FRAME_BYTES,
  requireOptions,
  TransportError,
} from '@paxos/core'
import type {
  NodeId,
  PeerAddress,
  PeerProblem,
  Transport,
  TransportFigures,
  TransportOpen,
} from '@paxos/core'
import { EXPIRED, makeSockets, requireUrl } from '@paxos/adapter-kit/sockets'
import type { Guest, Lookups, TlsOptions } from '@paxos/adapter-kit/sockets'
import { GRPC } from './address.ts'
import { CLOSING, examine, REFUSALS } from './admission.ts'
import { serveConnection } from './connection.ts'
import type { Admission, Refusal } from './connection.ts'
import { channelCredentials } from './credentials.ts'
import { dial } from './dial.ts'
import { encodeId, FROM_KEY, requireId, TO_KEY } from './identity.ts'
import {
  DEFAULT_PING_INTERVAL_MS,
  DRAIN_TIMEOUT_MS,
  MAX_PING_INTERVAL_MS,
  MIN_PING_INTERVAL_MS,
} from './limits.ts'
import { makeRecords } from './figures.ts'
import { peerOf } from './peer.ts'
import type { Peer, PeerOptions } from './peer.ts'
import type { AcceptedCall } from './service.ts'
import { COUNTER_OF, noCounts, REFUSED } from './stats.ts'
import type { GrpcStats, RefusalCounter } from './stats.ts'

/** How a transport is made. */
export interface GrpcOptions {
  /** Needed to listen on grpcs:, and refused with grpc:. Default: none. */
  readonly tls?: TlsOptions
  /**
   * The time between two pings on a connection, and from a ping to the end of a connection that
   * does not answer, 100 to 60,000 milliseconds. Default 5,000. Nodes of one cluster may differ.
   */
  readonly pingIntervalMs?: number
}

/** A transport, and what it counted. */
export interface GrpcTransport extends Transport {
  /** What has been refused and dropped so far: a copy. */
  stats(): GrpcStats
  /** As in the contract; always there. */
  figures(): TransportFigures
  /**
   * Shows and asks for other certificates from now on. Connections that stand go on with those that
   * they began with, until the peer's ends. Throws TransportError (ERR_PAXOS_CREDENTIALS) for
   * certificates that cannot be used and where there were none, and InvalidArgumentError for another
   * `mutual`: then nothing changes.
   */
  reload(tls: TlsOptions): void
}

/** What there is between open and close. */
interface Session {
  readonly id: NodeId
  /** The id in UTF-8. */
  readonly from: Buffer
  readonly receive: TransportOpen['receive']
  /** Takes no more connections; resolves when all have ended. */
  readonly stop: () => Promise<void>
}

interface Entry {
  readonly address: string
  readonly peer: Peer
}

/**
 * A transport that is not open yet. Throws InvalidArgumentError for options that can never work, or
 * are not known.
 */
export function grpc(options: GrpcOptions = {}): GrpcTransport {
  requireOptions('grpc()', options, ['tls', 'pingIntervalMs'])
  const pingIntervalMs = requirePingInterval(options.pingIntervalMs ?? DEFAULT_PING_INTERVAL_MS)
  const counters = noCounts()
  const records = makeRecords()
  /** Connections that others opened. */
  const guests = new Set<Guest>()
  const sockets = makeSockets({
    scheme: GRPC,
    tls: options.tls,
    protocol: 'h2',
    events: {
      onHandshakeFailed: () => refuse('failedTlsHandshakes', null),
      onUnidentified: () => refuse('expiredConnections', null),
      onWarning: records.warn,
    },
  })
  const peers = new Map<NodeId, Entry>()
  /** Peers that left: close() waits for them. */
  const leaving = new Set<Promise<unknown>>()
  let state: 'new' | 'opening' | 'open' | 'closed' = 'new'
  let session: Session | null = null
  let opening: Promise<void> | null = null
  let closing: Promise<void> | null = null
  let boundAddress: string | null = null

  async function start({
    id,
    listen: at,
    peers: book,
    receive,
    warn,
  }: TransportOpen): Promise<void> {
    try {
      const from = requireId(id)
      records.listen(warn)
      const listener = await sockets.listen(at, welcome, id)
      if (isClosed()) {
        await listener.close()
        throw stateError('It was closed while it opened. Make another one.')
      }
      session = { id, from, receive, stop: () => listener.close() }
      boundAddress = listener.address
      state = 'open'
      setPeers(book)
    } catch (error) {
      state = 'closed'
      throw error
    }
  }

  function welcome(guest: Guest): void {
    guests.add(guest)
    guest.socket.once('close', () => guests.delete(guest))
    serveConnection({
      socket: guest.socket,
      pingIntervalMs,
      admit: (call) => admit(call, guest),
      onBusy: guest.identified,
      onIdle: guest.unidentified,
      onFlood: () => refuse('floodedConnections', null),
    })
  }

  /** Counts, tells and shows those who are turned away: from here, and from nowhere else. */
  function refuse(counter: RefusalCounter, peer: NodeId | null): void {
    counters[counter] += 1
    records.refuse(REFUSED[counter], peer)
  }

  /** Out of line, because close() may run while start() waits. */
  function isClosed(): boolean {
    return state === 'closed'
  }

  function admit(call: AcceptedCall, { provesToBe }: Guest): Refusal | Admission {
    if (session === null || isClosed()) return CLOSING
    const { id: own, from: ownId } = session
    const finding = examine(
      { from: call.metadata.get(FROM_KEY), to: call.metadata.get(TO_KEY), provesToBe },
      { own, knows: (id) => peers.has(id) },
    )
    if ('flaw' in finding) {
      refuse(COUNTER_OF[finding.flaw], null)
      return REFUSALS[finding.flaw]
    }
    return (link) => {
      const answer = new Metadata()
      answer.set(FROM_KEY, ownId)
      call.sendMetadata(answer)
      peers.get(finding.from)?.peer.accept(link)
    }
  }

  function setPeers(peersToBe: ReadonlyMap<NodeId, PeerAddress>): void {
    if (session === null || isClosed()) return
    const book = new Map([...expectedPeers(peersToBe)].map(([id, { address }]) => [id, address]))
    for (const [id, { address, peer }] of peers) {
      if (book.get(id) === address) continue
      peers.delete(id)
      waitFor(peer.destroy())
    }
    records.retain([...book.keys()].filter((id) => id !== session?.id))
    for (const [id, address] of book) {
      if (id !== session.id && !peers.has(id)) addPeer(session, id, address)
    }
  }

  /**
   * An address that is malformed, or of the other kind of security, makes a peer that cannot be
   * reached, not an error: the address book may come from the other nodes. It may still dial.
   */
  function addPeer(open: Session, id: NodeId, address: string): void {
    const { id: own, receive } = open
    const dialPeer = dialer(open, id, address)
    if (dialPeer === null) records.fail(id, unusable(address))
    const peer = peerOf({
      own,
      id,
      dial: dialPeer,
      onFrame(frame) {
        if (isClosed()) return
        records.of(id).received += 1
        receive(id, frame)
      },
      onDropped() {
        counters.droppedFrames += 1
        records.of(id).dropped += 1
      },
      onSent: () => (records.of(id).sent += 1),
      onConnected(isConnected) {
        const record = records.of(id)
        record.isConnected = isConnected
        if (isConnected) record.problem = null
      },
      random: Math.random,
      now: () => performance.now(),
    })
    peers.set(id, { address, peer })
  }

  function onMismatch(): void {
    counters.mismatchedCertificates += 1
  }

  function dialer(open: Session, peer: NodeId, written: string): PeerOptions['dial'] {
    const address = sockets.target(written)
    const to = encodeId(peer)
    if (address === null || to === null) return null
    const { from } = open
    let attempt = -1
    const lookUp = (host: string): Promise<string> =>
      addressOf(sockets.lookups, host, (attempt += 1))
    const common = { address, peer, to, from, pingIntervalMs, lookup: lookUp }
    return (onLink, onFailed) =>
      dial({
        ...common,
        credentials: (onCertificate) =>
          channelCredentials(sockets.credentials(), peer, address.host, onMismatch, onCertificate),
        onLink,
        onFailed(problem) {
          if (!isClosed()) {
            counters.failedDials += 1
            records.fail(peer, problem)
          }
          onFailed()
        },
        onExpired: () => records.fail(peer, EXPIRED),
      })
  }

  function waitFor(promise: Promise<unknown>): void {
    leaving.add(promise)
    void promise.finally(() => leaving.delete(promise))
  }

  async function shut(): Promise<void> {
    state = 'closed'
    await opening?.catch(() => {})
    const closed = session
    session = null
    const stopped = closed?.stop()
    for (const { peer } of peers.values()) waitFor(peer.drain())
    const timer = setTimeout(() => {
      for (const { peer } of peers.values()) waitFor(peer.destroy())
    }, DRAIN_TIMEOUT_MS)
    await Promise.all(leaving)
    clearTimeout(timer)
    for (const { socket } of guests) socket.destroy()
    await stopped
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
      if (!isClosed()) peers.get(to)?.peer.send(frame)
    },
    close() {
      closing ??= shut()
      return closing
    },
    stats: () => ({ ...counters }),
    figures: () => records.figures(),
    reload: (tls) => sockets.reload(tls),
  }
}

/**
 * As grpc(); what `openTransport` of @paxos/replica/url calls for a grpc: or grpcs: address. Of the
 * address only that matters: open() is told where to listen. Throws TransportError for another
 * scheme (ERR_PAXOS_ADDRESS_MALFORMED) and for one that does not go with the options
 * (ERR_PAXOS_CREDENTIALS), and InvalidArgumentError for options that can never work.
 */
export function fromUrl(url: string, options: GrpcOptions = {}): GrpcTransport {
  const transport = grpc(options)
  requireUrl(GRPC, url, options.tls)
  return transport
}

/** The addresses of a name take turns, so that one which does not answer hides no other. */
async function addressOf(lookups: Lookups, name: string, attempt: number): Promise<string> {
  const found = await lookups.addressesOf(name)
  const chosen = found[attempt % found.length]?.address
  if (chosen === undefined) throw new Error('There is no address.')
  return chosen
}

function unusable(address: string): PeerProblem {
  return {
    reason: 'address',
    message: `'${address}' cannot be dialled. Write grpc://host:port, or grpcs: where there are certificates.`,
  }
}

function requirePingInterval(ms: number): number {
  if (Number.isInteger(ms) && ms >= MIN_PING_INTERVAL_MS && ms <= MAX_PING_INTERVAL_MS) return ms
  throw new InvalidArgumentError(
    `pingIntervalMs is ${ms}. Give ${MIN_PING_INTERVAL_MS} to ${MAX_PING_INTERVAL_MS}.`,
  )
}

function stateError(message: string): TransportError {
  return new TransportError('ERR_PAXOS_TRANSPORT_STATE', message)
}
