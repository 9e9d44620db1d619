/**
 * The transport, whatever the platform: states, address book, and who is let in. Must never let a
 * peer, or what it sends, throw into the node, and never deliver after close.
 */
import { FrameTooLargeError, MAX_FRAME_BYTES, TransportError } from '@paxos/core'
import type { NodeId, Transport, TransportFigures, TransportOpen } from '@paxos/core'
import type { Opener } from './channel.ts'
import type { Clock } from './clock.ts'
import { connect } from './connection.ts'
import type { Connection } from './connection.ts'
import { isCarriable, requireId } from './hello.ts'
import { CLOSE_TIMEOUT_MS } from './limits.ts'
import { makePeer } from './peer.ts'
import type { Peer, PeerConnection } from './peer.ts'
import type { Tally, WebSocketStats } from './stats.ts'

/** A transport, and what it counted. */
export interface WebSocketTransport extends Transport {
  /** What went wrong so far: a copy. */
  stats(): WebSocketStats
  /** As in the contract; always there. */
  figures(): TransportFigures
}

/** What a platform brings: how it listens and dials. */
export interface Platform {
  /** Whether nobody can dial us. */
  readonly isHidden: boolean
  /**
   * Listens for the node `id`. Rejects with TransportError, and then leaves nothing open; with the
   * reason of `signal` when that is aborted while it does not know yet where to listen.
   */
  listen(
    address: string,
    accept: (visitor: Visitor) => void,
    id: NodeId,
    signal: AbortSignal,
  ): Promise<Listener>
  /** Looks up no more names. Resolves when none is being looked up, and soon in any case. */
  release(): Promise<void>
  /** Dials `peer`; `null` when its address is none that we could dial. */
  opener(address: string, peer: NodeId): Opener | null
  /** Calls back at the end of this turn of the event loop. */
  readonly defer: (callback: () => void) => void
  readonly clock: Clock
  /** Returns numbers from 0 up to, but not including, 1. */
  readonly random: () => number
  readonly pingIntervalMs: number
  readonly tally: Tally
}

/** Where peers can dial us. */
export interface Listener {
  /** With the real port. */
  readonly address: string
  /** Takes nobody in any more. Resolves when nothing keeps the process alive. */
  close(): Promise<void>
}

/** A connection that was accepted, and what is known of the other side. */
export interface Visitor {
  readonly open: Opener
  /** Whether its certificate, where one is asked for, is that of `id`. */
  readonly provesToBe: (id: NodeId) => boolean
  /** Whether it is a page in a browser, which any site can make dial us. */
  readonly isPage: boolean
}

/** What there is between open and close. */
interface Session {
  readonly id: NodeId
  readonly listener: Listener
  readonly receive: TransportOpen['receive']
}

/** A transport that is not open yet. */
export function makeTransport(platform: Platform): WebSocketTransport {
  const { clock, random, defer, pingIntervalMs, tally } = platform
  const peers = new Map<NodeId, Peer & { readonly address: string }>()
  const connections = new Set<Connection>()
  let state: 'new' | 'opening' | 'open' | 'closed' = 'new'
  let session: Session | null = null
  let opening: Promise<void> | null = null
  let closing: Promise<void> | null = null
  let boundAddress: string | null = null
  /** Ends open() when it does not know yet where to listen. */
  const closed = new AbortController()

  async function start({ id, listen, peers: book, receive, warn }: TransportOpen): Promise<void> {
    try {
      requireId(id)
      tally.records.listen(warn)
      const welcome = (visitor: Visitor): void => accept(id, visitor)
      const listener = await platform.listen(listen, welcome, id, closed.signal)
      if (isClosed()) {
        await listener.close()
        throw closedError()
      }
      session = { id, listener, receive }
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

  function setPeers(book: ReadonlyMap<NodeId, string>): void {
    if (session === null) return
    for (const [id, peer] of peers) {
      if (book.get(id) !== peer.address) forget(id, peer)
    }
    tally.records.retain([...book.keys()].filter((id) => id !== session?.id))
    for (const [id, address] of book) {
      // As with a malformed address, an id that no hello can carry is no error.
      if (id !== session.id && !peers.has(id) && isCarriable(id)) addPeer(session, id, address)
    }
  }

  function forget(id: NodeId, peer: Peer): void {
    peers.delete(id)
    peer.forget()
  }

  function addPeer({ id: self, receive }: Session, id: NodeId, address: string): void {
    const opener = platform.opener(address, id)
    // A page has no address, and is no problem.
    if (opener === null && address !== '') {
      tally.records.fail(id, {
        reason: 'address',
        message: `'${address}' cannot be dialled. Write ws://host:port, or wss: where there are certificates.`,
      })
    }
    const peer = makePeer({
      self,
      id,
      opener,
      isHidden: platform.isHidden,
      receive: (frame) => receive(id, frame),
      pingIntervalMs,
      clock,
      random,
      defer,
      tally,
      onDialled: keepUntilClosed,
    })
    peers.set(id, { ...peer, address })
  }

  function keepUntilClosed(connection: Connection): void {
    connections.add(connection)
    void connection.closed.then(() => connections.delete(connection))
  }

  function accept(self: NodeId, visitor: Visitor): void {
    let events: PeerConnection | null = null
    const connection = connect({
      open: visitor.open,
      self,
      peer: null,
      isWelcome: (sender) => isWelcome(sender, visitor),
      pingIntervalMs,
      clock,
      tally,
      events: {
        identified: (sender) => (events = peers.get(sender)?.adopt(connection) ?? null),
        frame: (frame) => events?.frame(frame),
        written: () => events?.written(),
        closed: () => events?.closed(),
      },
    })
    keepUntilClosed(connection)
  }

  /**
   * A page is let in only as a peer that has no address to dial: any site that somebody visits can
   * make a browser dial a node, and must not pass for one of the others.
   */
  function isWelcome(sender: NodeId, { isPage, provesToBe }: Visitor): boolean {
    const peer = peers.get(sender)
    if (peer === undefined || (isPage && peer.isDialable)) {
      tally.refuse('strangerConnections', null)
      return false
    }
    if (provesToBe(sender)) return true
    tally.refuse('wrongCertificates', sender)
    return false
  }

  async function shut(): Promise<void> {
    state = 'closed'
    closed.abort(closedError())
    const listener = session?.listener
    session = null
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
    await Promise.all([listener?.close(), platform.release(), ...gone])
    stopTimer()
  }

  return {
    async open(options) {
      if (state !== 'new') throw stateError('A transport opens once. Make another one.')
      state = 'opening'
      opening = start(options)
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

function closedError(): TransportError {
  return stateError('It was closed while it opened. Make another one.')
}

function stateError(message: string): TransportError {
  return new TransportError('ERR_PAXOS_TRANSPORT_STATE', message)
}
