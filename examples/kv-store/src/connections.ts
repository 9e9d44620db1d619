/**
 * The connections of a server. Each is answered one request at a time, in the order in which they
 * came. When there are as many connections as there may be, one that is idle makes room: first
 * those that have never asked for anything, then those that were idle longest. An address that has
 * its share makes room by its own. Must never cut one that is being answered.
 */
import type { Socket } from 'node:net'
import { clientOf, Shares } from './client-address.ts'

/** Who asks. */
export interface Caller {
  /** As clientOf() says it. */
  readonly address: string
  /** Aborts when the connection is closed. */
  readonly gone: AbortSignal
}

/** Answers one request, and resolves when that is over. Must not reject. */
export type Exchange = (caller: Caller) => Promise<void>

export interface ConnectionLimits {
  readonly connections: number
  /** The part of them that one address may have. */
  readonly shareOfAddress: number
  /** Requests of one connection that wait before no more of them are read. */
  readonly sentAhead: number
  /** And of all connections. */
  readonly sentAheadInAll: number
}

interface Connection extends Caller {
  readonly name: string
  readonly over: AbortController
  /** With TLS it is first the one beneath. */
  socket: Socket
  readonly waiting: Exchange[]
  /** Whether an answer can be written: with TLS, once it stands. */
  isReady: boolean
  isBusy: boolean
  isGone: boolean
  /** Whether its last answer is written: what is asked after it has been answered already. */
  isDismissed: boolean
  /** Tells a client that nothing more is to be asked. */
  dismiss: () => void
}

/**
 * What an idle connection is told before it is closed: the answer to a request that is on its way
 * already, to which the client would find its connection reset. Nothing of such a request is done.
 */
const LAST_ANSWER = [
  'HTTP/1.1 503 Service Unavailable',
  'Connection: close',
  'Content-Length: 0',
  '',
  '',
].join('\r\n')

export class Connections {
  readonly #limits: ConnectionLimits
  readonly #shares: Shares
  /** By the address of the client: a TLS socket has that of the one beneath. */
  readonly #all = new Map<string, Connection>()
  readonly #bySocket = new WeakMap<Socket, Connection>()
  /** Those that have asked for nothing yet, the oldest first. */
  readonly #silent = new Set<Connection>()
  /** Those that have been answered, the one that is idle longest first. */
  readonly #idle = new Set<Connection>()
  #waiting = 0
  #cut = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
    this.#shares = new Shares(limits.connections, limits.shareOfAddress)
  }

  get count(): number {
    return this.#all.size
  }

  /** How many were closed to make room, or refused because none could. */
  get cut(): number {
    return this.#cut
  }

  /** A client has connected. `isReady`: it can be answered, for there is no TLS to come. */
  opened(socket: Socket, isReady: boolean): void {
    // One that had asked for another protocol in vain begins anew.
    if (this.#bySocket.has(socket)) return
    const [name, client] = [nameOf(socket), clientOf(socket.remoteAddress)]
    if (!this.#isRoomFor(client)) {
      this.#cut += 1
      socket.destroy()
      return
    }
    const over = new AbortController()
    const connection: Connection = {
      name,
      address: client,
      gone: over.signal,
      over,
      socket,
      waiting: [],
      isReady,
      isBusy: false,
      isGone: false,
      isDismissed: false,
      dismiss: () => connection.socket.end(LAST_ANSWER),
    }
    this.#all.set(name, connection)
    this.#bySocket.set(socket, connection)
    this.#silent.add(connection)
    socket.once('close', () => this.#remove(connection))
  }

  /** What is to be closed instead, once TLS stands. */
  secured(socket: Socket): void {
    const connection = this.#all.get(nameOf(socket))
    if (connection === undefined) return
    connection.socket = socket
    connection.isReady = true
    this.#bySocket.set(socket, connection)
  }

  /** A connection speaks another protocol than HTTP from now on, in which it is dismissed otherwise. */
  upgraded(socket: Socket, dismiss: () => void): void {
    const connection = this.#bySocket.get(socket)
    if (connection !== undefined) connection.dismiss = dismiss
  }

  /** A request has come on a connection: it is answered when those before it are. */
  asked(socket: Socket, exchange: Exchange): void {
    const connection = this.#bySocket.get(socket)
    if (
      connection === undefined ||
      connection.isGone ||
      this.#waiting >= this.#limits.sentAheadInAll
    ) {
      socket.destroy()
      return
    }
    if (connection.isDismissed) return
    this.#silent.delete(connection)
    this.#idle.delete(connection)
    connection.waiting.push(exchange)
    this.#waiting += 1
    if (connection.waiting.length >= this.#limits.sentAhead) socket.pause()
    if (!connection.isBusy) void this.#answer(connection)
  }

  /**
   * Closes those that are not being answered, with a last answer. They are read on until the client
   * has closed as well: bytes that nobody reads would reset the connection, and the answer with it.
   */
  closeIdle(): void {
    for (const connection of [...this.#silent, ...this.#idle]) {
      connection.isDismissed = true
      if (connection.isReady) connection.dismiss()
      else connection.socket.destroy()
    }
  }

  /** Ends those that were told, and are still there. */
  closeDismissed(): void {
    for (const { socket, isDismissed } of this.#all.values()) if (isDismissed) socket.destroy()
  }

  closeAll(): void {
    for (const { socket } of this.#all.values()) socket.destroy()
  }

  async #answer(connection: Connection): Promise<void> {
    connection.isBusy = true
    for (;;) {
      const exchange = connection.waiting.shift()
      if (exchange === undefined) break
      this.#waiting -= 1
      await exchange(connection)
      if (connection.waiting.length === 0 && connection.socket.isPaused()) {
        connection.socket.resume()
      }
    }
    connection.isBusy = false
    if (!connection.socket.destroyed) this.#idle.add(connection)
  }

  /** Whether the client may have one more, which is taken from its share. */
  #isRoomFor(client: string): boolean {
    if (!this.#shares.take(client)) {
      return this.#makeRoom((other) => other.address === client) && this.#shares.take(client)
    }
    if (this.#all.size < this.#limits.connections || this.#makeRoom(() => true)) return true
    this.#shares.give(client)
    return false
  }

  #makeRoom(by: (connection: Connection) => boolean): boolean {
    for (const connections of [this.#silent, this.#idle]) {
      for (const connection of connections) {
        if (!by(connection)) continue
        this.#cut += 1
        this.#remove(connection)
        connection.socket.destroy()
        return true
      }
    }
    return false
  }

  #remove(connection: Connection): void {
    const { name, address } = connection
    if (connection.isGone) return
    connection.isGone = true
    // The same address may have come again before it was heard that this one is closed.
    if (this.#all.get(name) === connection) this.#all.delete(name)
    this.#shares.give(address)
    this.#silent.delete(connection)
    this.#idle.delete(connection)
    this.#waiting -= connection.waiting.length
    connection.waiting.length = 0
    connection.over.abort()
  }
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
