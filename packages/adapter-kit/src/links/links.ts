/**
 * The transport that a medium makes: states, address book, and who is let in. Must never let a
 * peer, or what it sends, throw into the node, and never deliver after close.
 */
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
} from '@paxos/core'
import { platform as ownPlatform } from './clock.ts'
import type { LinkPlatform } from './clock.ts'
import { connect } from './connection.ts'
import type { Connection, Self } from './connection.ts'
import {
  CLOSE_TIMEOUT_MS,
  DEFAULT_PING_INTERVAL_MS,
  MAX_PING_INTERVAL_MS,
  MAX_UNIDENTIFIED_CONNECTIONS,
  MIN_PING_INTERVAL_MS,
} from './limits.ts'
import type { LinkHost, LinkMedium, Listening, Visitor } from './medium.ts'
import { isCarriable, requireCarriable } from './packet.ts'
import type { Hello, Refusal } from './packet.ts'
import { makePeer } from './peer.ts'
import type { Peer, PeerConnection } from './peer.ts'
import { newTally } from './stats.ts'
import type { LinkStats } from './stats.ts'

/** A transport, and what it counted. */
export interface LinkTransport extends Transport {
  /** What went wrong so far: a copy. */
  stats(): LinkStats
  /** As in the contract; always there. */
  figures(): TransportFigures
}

/** How a transport is made of a medium. */
export interface LinkOptions {
  /**
   * Milliseconds between two pings on a connection, a whole number from 10 to 3,600,000. Default
   * 5,000. A peer that answers none for three intervals is given up, and connected to again. Nodes
   * may differ.
   */
  readonly pingIntervalMs?: number | undefined
  /** Time, chance and turns of the event loop, each in place of those of where it runs: for tests. */
  readonly platform?: Partial<LinkPlatform> | undefined
}

/** A peer, and what the address book says of it. */
type Entry = Peer & ExpectedPeer

/** What there is between open and close. */
interface Session {
  readonly self: Self
  readonly listening: Listening
  readonly receive: TransportOpen['receive']
}

/**
 * A transport over `medium` that is not open yet: see Transport for what it promises. Throws
 * InvalidArgumentError for options that cannot work, or are not known.
 */
export function links(medium: LinkMedium, options: LinkOptions = {}): LinkTransport {
  requireOptions('links()', options, ['pingIntervalMs', 'platform'])
  const pingIntervalMs = requireInterval(options.pingIntervalMs ?? DEFAULT_PING_INTERVAL_MS)
  const platform = { ...ownPlatform, ...options.platform }
  const { clock } = platform
  const tally = newTally()
  const peers = new Map<NodeId, Entry>()
  const connections = new Set<Connection>()
  /** Accepted, and have not said who they are; the oldest first. */
  const strangers = new Set<Connection>()
  let state: 'new' | 'opening' | 'open' | 'closed' = 'new'
  let session: Session | null = null
  let opening: Promise<void> | null = null
  let closing: Promise<void> | null = null
  let boundAddress: string | null = null
  const aborted = new AbortController()
  /** Settles when the medium listens, or does not. */
  let listened: Promise<Listening> | null = null

  async function start(open: TransportOpen): Promise<void> {
    const { id, cluster = '', incarnation = '', listen, receive, warn } = open
    try {
      requireCarriable('A node id', id)
      requireCarriable('The name of a cluster', cluster)
      requireCarriable('An incarnation', incarnation)
      tally.records.listen(warn)
      const self = { id, cluster, incarnation }
      listened = medium.listen(listen, hostOf(self))
      const listening = await unlessAborted(listened, aborted.signal)
      if (isClosed()) throw closedError()
      session = { self, listening, receive }
      boundAddress = listening.address
      state = 'open'
      setPeers(open.peers)
    } catch (error) {
      state = 'closed'
      throw error
    }
  }

  function hostOf(self: Self): LinkHost {
    return {
      self: self.id,
      signal: aborted.signal,
      accept: (visitor) => accept(self, visitor),
      refused: (counter, problem) => tally.refuse(counter, null, problem ?? undefined),
      warn: (warning) => tally.records.warn({ peer: null, ...warning }),
    }
  }

  /** Out of line, because close() may run while start() waits. */
  function isClosed(): boolean {
    return state === 'closed'
  }

  function setPeers(peersToBe: ReadonlyMap<NodeId, PeerAddress>): void {
    if (session === null) return
    const { self } = session
    const book = expectedPeers(peersToBe)
    for (const [id, peer] of peers) {
      const entry = book.get(id)
      if (entry?.address !== peer.address || entry.incarnation !== peer.incarnation) {
        forget(id, peer)
      }
    }
    tally.records.retain([...book.keys()].filter((id) => id !== self.id))
    for (const [id, entry] of book) {
      // As with a malformed address, what no hello can carry is no error.
      const isPossible = isCarriable(id) && isCarriable(entry.incarnation ?? '')
      if (id !== self.id && !peers.has(id) && isPossible) addPeer(session, id, entry)
    }
  }

  function forget(id: NodeId, peer: Peer): void {
    peers.delete(id)
    peer.forget()
  }

  function addPeer({ self, receive }: Session, id: NodeId, { address, incarnation }: ExpectedPeer) {
    const opener = medium.dial(address, id)
    // A page has no address, and is no problem.
    if (opener === null && address !== '') {
      const hint = medium.addressHint ?? 'Write it as this transport does.'
      tally.records.fail(id, {
        reason: 'address',
        message: `'${address}' cannot be dialled. ${hint}`,
      })
    }
    const peer = makePeer({
      self,
      peer: { id, incarnation },
      opener,
      isHidden: medium.isHidden ?? false,
      receive: (frame) => receive(id, frame),
      pingIntervalMs,
      platform,
      tally,
      onDialled: keepUntilClosed,
    })
    peers.set(id, { ...peer, address, incarnation })
  }

  function keepUntilClosed(connection: Connection): void {
    connections.add(connection)
    void connection.closed.then(() => connections.delete(connection))
  }

  function accept(self: Self, visitor: Visitor): void {
    let events: PeerConnection | null = null
    const connection = connect({
      open: visitor.open,
      self,
      peer: null,
      admit: (hello) => admit(hello, visitor),
      pingIntervalMs,
      clock,
      tally,
      events: {
        identified({ sender, incarnation }) {
          strangers.delete(connection)
          events = peers.get(sender)?.adopt(connection, incarnation) ?? null
        },
        frame: (frame) => events?.frame(frame),
        written: () => events?.written(),
        closed() {
          strangers.delete(connection)
          events?.closed()
        },
      },
    })
    const [oldest] = strangers
    if (strangers.size >= MAX_UNIDENTIFIED_CONNECTIONS) oldest?.expel()
    strangers.add(connection)
    keepUntilClosed(connection)
    if (isClosed()) connection.terminate()
  }

  /**
   * A page is let in only as a peer that has no address to dial: any site that somebody visits can
   * make a browser dial a node, and must not pass for one of the others.
   */
  function admit({ sender, incarnation }: Hello, visitor: Visitor): Refusal | null {
    const peer = peers.get(sender)
    if (peer === undefined || (visitor.isPage === true && peer.isDialable)) return 'stranger'
    if (visitor.provesToBe !== undefined && !visitor.provesToBe(sender)) return 'unproven'
    const isExpected = peer.incarnation === null || peer.incarnation === incarnation
    return isExpected ? null : 'incarnation'
  }

  async function stopListening(): Promise<void> {
    const listening = await listened?.catch(() => null)
    await listening?.close()
  }

  async function shut(): Promise<void> {
    state = 'closed'
    session = null
    aborted.abort(closedError())
    // At once, and before anything is awaited: this may be called while a frame is delivered.
    for (const peer of peers.values()) peer.drain()
    peers.clear()
    const stopTimer = clock.after(CLOSE_TIMEOUT_MS, () => {
      for (const connection of connections) connection.terminate()
    })
    await opening?.catch(() => {})
    // Those that are open are being drained.
    for (const connection of connections) if (!connection.isOpen) connection.close()
    const gone = [...connections].map(({ closed }) => closed)
    await Promise.all([stopListening(), ...gone])
    stopTimer()
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
      peers.get(to)?.push(frame)
    },
    close() {
      closing ??= shut()
      return closing
    },
    figures: () => tally.records.figures(),
    stats: () => ({ ...tally.counters }),
  }
}

/** As `promise`, and rejects with the reason of `signal` when that is aborted before. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    promise.then(resolve, reject)
  })
}

function closedError(): TransportError {
  return stateError('It was closed while it opened. Make another one.')
}

function stateError(message: string): TransportError {
  return new TransportError('ERR_PAXOS_TRANSPORT_STATE', message)
}

function requireInterval(intervalMs: number): number {
  if (
    Number.isInteger(intervalMs) &&
    intervalMs >= MIN_PING_INTERVAL_MS &&
    intervalMs <= MAX_PING_INTERVAL_MS
  ) {
    return intervalMs
  }
  throw new InvalidArgumentError(
    `pingIntervalMs is ${intervalMs}. Give ${MIN_PING_INTERVAL_MS} to ${MAX_PING_INTERVAL_MS}.`,
  )
}
