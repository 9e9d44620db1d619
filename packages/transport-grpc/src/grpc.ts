/**
 * The transport: one listener, and for each peer what peer.ts keeps. Must never let a peer, a
 * stranger or an error of the system throw into the node, and never deliver after close.
 */
import { lookup } from 'node:dns/promises'
import { Metadata } from '@grpc/grpc-js'
import {
  FrameTooLargeError,
  InvalidArgumentError,
  MAX_FRAME_BYTES,
  TransportError,
} from '@paxos/core'
import type { NodeId, Transport, TransportOpen } from '@paxos/core'
import { parseAddress, requireAddress } from './address.ts'
import { CLOSING, examine, REFUSALS } from './admission.ts'
import type { Flaw } from './admission.ts'
import type { Admission, Refusal } from './connection.ts'
import {
  channelCredentials,
  checkTlsOptions,
  loadCredentials,
  requireSameKind,
} from './credentials.ts'
import type { NodeCredentials, TlsOptions } from './credentials.ts'
import { dial } from './dial.ts'
import { encodeId, FROM_KEY, requireId, TO_KEY } from './identity.ts'
import {
  DEFAULT_PING_INTERVAL_MS,
  DRAIN_TIMEOUT_MS,
  MAX_PING_INTERVAL_MS,
  MIN_PING_INTERVAL_MS,
} from './limits.ts'
import { listen } from './listener.ts'
import type { Listener } from './listener.ts'
import { peerOf } from './peer.ts'
import type { Peer, PeerOptions } from './peer.ts'
import type { AcceptedCall } from './service.ts'

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
}

/** What has been refused and dropped since the transport was made. */
export interface GrpcStats {
  /** Streams that did not say who dials whom. */
  readonly malformedHandshakes: number
  /** Streams that were meant for another node. */
  readonly misaddressedHandshakes: number
  /** Streams of nodes that are not in the address book. */
  readonly strangerHandshakes: number
  /** Certificates, of either side, that are not those of the node or of the host. */
  readonly mismatchedCertificates: number
  /** Connections of others on which TLS came to nothing. */
  readonly failedTlsHandshakes: number
  /** Connections of others that had no stream of a known peer for too long, or made room. */
  readonly expiredConnections: number
  /** Connections of others that brought more control frames than any peer needs, and were closed. */
  readonly floodedConnections: number
  /** Dials that did not become a stream, for whatever reason. */
  readonly failedDials: number
  /** Frames that made room for newer ones to a slow peer, or were out of date when it came back. */
  readonly droppedFrames: number
}

/** What there is between open and close. */
interface Session {
  readonly id: NodeId
  /** The id in UTF-8. */
  readonly from: Buffer
  readonly credentials: NodeCredentials | null
  readonly receive: TransportOpen['receive']
  readonly listener: Listener
}

interface Entry {
  readonly address: string
  readonly peer: Peer
}

/** A transport that is not open yet. Throws InvalidArgumentError for options that can never work. */
export function grpc(options: GrpcOptions = {}): GrpcTransport {
  const pingIntervalMs = requirePingInterval(options.pingIntervalMs ?? DEFAULT_PING_INTERVAL_MS)
  const tls = options.tls === undefined ? null : checkTlsOptions(options.tls)
  const counters = noCounts()
  const peers = new Map<NodeId, Entry>()
  /** Peers that left, and look-ups that run: close() waits for them. */
  const leaving = new Set<Promise<unknown>>()
  let state: 'new' | 'opening' | 'open' | 'closed' = 'new'
  let session: Session | null = null
  let opening: Promise<void> | null = null
  let closing: Promise<void> | null = null
  let boundAddress: string | null = null

  async function start({ id, listen: at, peers: book, receive }: TransportOpen): Promise<void> {
    try {
      const from = requireId(id)
      const address = requireAddress(at)
      requireSameKind(address.isSecure, tls)
      const credentials = loadCredentials(id, tls)
      const listener = await listen({
        address,
        credentials,
        pingIntervalMs,
        admit,
        onExpired: () => (counters.expiredConnections += 1),
        onFlood: () => (counters.floodedConnections += 1),
        onTlsFailed: () => (counters.failedTlsHandshakes += 1),
      })
      if (isClosed()) {
        await listener.close()
        throw stateError('It was closed while it opened. Make another one.')
      }
      session = { id, from, credentials, receive, listener }
      boundAddress = listener.address
      state = 'open'
      setPeers(book)
    } catch (error) {
      state = 'closed'
      throw error
    }
  }

  /** Out of line, because close() may run while start() waits. */
  function isClosed(): boolean {
    return state === 'closed'
  }

  function admit(call: AcceptedCall, commonName: string | null): Refusal | Admission {
    if (session === null || isClosed()) return CLOSING
    const { id: own, from: ownId, credentials } = session
    const finding = examine(
      { from: call.metadata.get(FROM_KEY), to: call.metadata.get(TO_KEY), commonName },
      { own, isMutual: credentials?.isMutual === true, knows: (id) => peers.has(id) },
    )
    if ('flaw' in finding) {
      counters[COUNTER_OF[finding.flaw]] += 1
      return REFUSALS[finding.flaw]
    }
    return (link) => {
      const answer = new Metadata()
      answer.set(FROM_KEY, ownId)
      call.sendMetadata(answer)
      peers.get(finding.from)?.peer.accept(link)
    }
  }

  function setPeers(book: ReadonlyMap<NodeId, string>): void {
    if (session === null || isClosed()) return
    for (const [id, { address, peer }] of peers) {
      if (book.get(id) === address) continue
      peers.delete(id)
      waitFor(peer.destroy())
    }
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
    const peer = peerOf({
      own,
      id,
      dial: dialer(open, id, address),
      onFrame(frame) {
        if (!isClosed()) receive(id, frame)
      },
      onDropped: () => (counters.droppedFrames += 1),
      random: Math.random,
      now: () => performance.now(),
    })
    peers.set(id, { address, peer })
  }

  function dialer(
    { from, credentials }: Session,
    peer: NodeId,
    written: string,
  ): PeerOptions['dial'] {
    const address = parseAddress(written)
    const to = encodeId(peer)
    if (address === null || address.port === 0 || to === null) return null
    if (address.isSecure !== (credentials !== null)) return null
    let attempt = -1
    const lookUp = (host: string): Promise<string> => addressOf(host, (attempt += 1))
    const common = { address, peer, to, from, pingIntervalMs, lookup: lookUp }
    return (onLink, onFailed) =>
      dial({
        ...common,
        credentials: channelCredentials(credentials, peer, address.host, () => {
          counters.mismatchedCertificates += 1
        }),
        onLink,
        onFailed() {
          if (!isClosed()) counters.failedDials += 1
          onFailed()
        },
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
    closed?.listener.stop()
    for (const { peer } of peers.values()) waitFor(peer.drain())
    const timer = setTimeout(() => {
      for (const { peer } of peers.values()) waitFor(peer.destroy())
    }, DRAIN_TIMEOUT_MS)
    await Promise.all(leaving)
    clearTimeout(timer)
    await closed?.listener.close()
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
  }
}

/**
 * As grpc(); what `openTransport` of @paxos/replica/url calls for a grpc: or grpcs: address. Of the
 * address only that matters: open() is told where to listen. Throws TransportError for another
 * scheme (ERR_PAXOS_ADDRESS_MALFORMED) and for one that does not go with the options
 * (ERR_PAXOS_CREDENTIALS), and InvalidArgumentError for options that can never work.
 */
export function fromUrl(url: string, options: GrpcOptions = {}): GrpcTransport {
  const scheme = /^grpcs?(?=:)/i.exec(url)?.[0].toLowerCase()
  if (scheme === undefined) {
    throw new TransportError(
      'ERR_PAXOS_ADDRESS_MALFORMED',
      `'${url}' is no gRPC address. Write grpc: or grpcs: in front.`,
    )
  }
  const transport = grpc(options)
  requireSameKind(scheme === 'grpcs', options.tls ?? null)
  return transport
}

/** The addresses of a name take turns, so that one which does not answer hides no other. */
async function addressOf(name: string, attempt: number): Promise<string> {
  const found = await lookup(name, { all: true })
  const chosen = found[attempt % found.length]
  if (chosen === undefined) throw new Error('There is no address.')
  return chosen.address
}

const COUNTER_OF = {
  malformed: 'malformedHandshakes',
  misaddressed: 'misaddressedHandshakes',
  stranger: 'strangerHandshakes',
  mismatch: 'mismatchedCertificates',
} as const satisfies Readonly<Record<Flaw, keyof GrpcStats>>

function noCounts(): { -readonly [Name in keyof GrpcStats]: number } {
  return {
    malformedHandshakes: 0,
    misaddressedHandshakes: 0,
    strangerHandshakes: 0,
    mismatchedCertificates: 0,
    failedTlsHandshakes: 0,
    expiredConnections: 0,
    floodedConnections: 0,
    failedDials: 0,
    droppedFrames: 0,
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
