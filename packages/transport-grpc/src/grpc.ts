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
import { parseAddress, requireAddress } from './address.ts'
import { CLOSING, examine, REFUSALS } from './admission.ts'
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
import { makeRecords } from './figures.ts'
import { listen } from './listener.ts'
import type { Listener } from './listener.ts'
import { makeLookups } from './lookups.ts'
import type { Lookups } from './lookups.ts'
import { peerOf } from './peer.ts'
import type { Peer, PeerOptions } from './peer.ts'
import type { AcceptedCall } from './service.ts'
import { COUNTER_OF, noCounts, REFUSED } from './stats.ts'
import type { GrpcStats, RefusalCounter } from './stats.ts'
import { EXPIRED, watchOwn } from './validity.ts'

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
  /** Replaced by reload(). */
  credentials: NodeCredentials | null
  /** Ends the watch over the own certificate. */
  stopWatch: () => void
  readonly receive: TransportOpen['receive']
  readonly listener: Listener
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
  let tls = options.tls === undefined ? null : checkTlsOptions(options.tls)
  const counters = noCounts()
  const records = makeRecords()
  const lookups = makeLookups()
  const peers = new Map<NodeId, Entry>()
  /** Peers that left: close() waits for them. */
  const leaving = new Set<Promise<unknown>>()
  let state: 'new' | 'opening' | 'open' | 'closed' = 'new'
  let session: Session | null = null
  let opening: Promise<void> | null = null
  let closing: Promise<void> | null = null
  let boundAddress: string | null = null
  /** Ends open() when it does not know yet where to listen. */
  const closed = new AbortController()

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
      const address = requireAddress(at)
      requireSameKind(address.isSecure, tls)
      const credentials = loadCredentials(id, tls)
      const listener = await listen({
        address,
        lookup: ownAddress,
        credentials,
        pingIntervalMs,
        admit,
        onExpired: () => refuse('expiredConnections', null),
        onFlood: () => refuse('floodedConnections', null),
        onTlsFailed: () => refuse('failedTlsHandshakes', null),
        onCertificateEnd: () => records.warn({ peer: null, ...EXPIRED }),
      })
      if (isClosed()) {
        await listener.close()
        throw closedError()
      }
      const stopWatch = tls === null ? () => {} : watchOwn(tls, records.warn)
      session = { id, from, credentials, stopWatch, receive, listener }
      boundAddress = listener.address
      state = 'open'
      setPeers(book)
    } catch (error) {
      state = 'closed'
      throw error
    }
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

  function admit(call: AcceptedCall, commonName: string | null): Refusal | Admission {
    if (session === null || isClosed()) return CLOSING
    const { id: own, from: ownId, credentials } = session
    const finding = examine(
      { from: call.metadata.get(FROM_KEY), to: call.metadata.get(TO_KEY), commonName },
      { own, isMutual: credentials?.isMutual === true, knows: (id) => peers.has(id) },
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
    const address = parseAddress(written)
    const to = encodeId(peer)
    if (address === null || address.port === 0 || to === null) return null
    const { from } = open
    if (address.isSecure !== (open.credentials !== null)) return null
    let attempt = -1
    const lookUp = (host: string): Promise<string> => addressOf(lookups, host, (attempt += 1))
    const common = { address, peer, to, from, pingIntervalMs, lookup: lookUp }
    return (onLink, onFailed) =>
      dial({
        ...common,
        credentials: (onCertificate) =>
          channelCredentials(open.credentials, peer, address.host, onMismatch, onCertificate),
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

  /** Where to listen. Rejects at once when the transport is closed. */
  function ownAddress(host: string): Promise<string> {
    return new Promise((resolve, reject) => {
      closed.signal.addEventListener('abort', () => reject(closed.signal.reason), { once: true })
      addressOf(lookups, host, 0).then(resolve, reject)
    })
  }

  function waitFor(promise: Promise<unknown>): void {
    leaving.add(promise)
    void promise.finally(() => leaving.delete(promise))
  }

  async function shut(): Promise<void> {
    state = 'closed'
    closed.abort(closedError())
    await opening?.catch(() => {})
    const last = session
    session = null
    last?.listener.stop()
    last?.stopWatch()
    for (const { peer } of peers.values()) waitFor(peer.drain())
    const timer = setTimeout(() => {
      for (const { peer } of peers.values()) waitFor(peer.destroy())
    }, DRAIN_TIMEOUT_MS)
    const lookedUp = lookups.close()
    await Promise.all(leaving)
    clearTimeout(timer)
    await last?.listener.close()
    await lookedUp
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
    reload(next) {
      if (tls === null) {
        throw new TransportError(
          'ERR_PAXOS_CREDENTIALS',
          'There are no certificates to replace. Give tls from the beginning.',
        )
      }
      const checked = checkTlsOptions(next)
      if ((checked.mutual ?? true) !== (tls.mutual ?? true)) {
        throw new InvalidArgumentError('tls.mutual cannot change while a node runs. Restart it.')
      }
      const loaded = loadCredentials(session?.id ?? null, checked)
      tls = checked
      if (session === null || loaded === null) return
      session.credentials = loaded
      session.listener.renew(loaded)
      session.stopWatch()
      session.stopWatch = watchOwn(checked, records.warn)
    },
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
async function addressOf(lookups: Lookups, name: string, attempt: number): Promise<string> {
  const found = await lookups.addressesOf(name)
  const chosen = found[attempt % found.length]
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

function closedError(): TransportError {
  return stateError('It was closed while it opened. Make another one.')
}

function stateError(message: string): TransportError {
  return new TransportError('ERR_PAXOS_TRANSPORT_STATE', message)
}
