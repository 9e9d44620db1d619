/**
 * Serves a replica to processes that are no members. Must never stop the replica, whatever comes, nor
 * listen where others can reach it unless somebody has said who may come in.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, Server as HttpServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import { requireMethods } from '@paxos/core'
import { asError } from '@paxos/replica/client'
import { codecsOf } from './codecs.ts'
import type { Codecs } from './codecs.ts'
import { ListenError } from './errors.ts'
import { SUBPROTOCOL } from './frames.ts'
import { Guest } from './guest.ts'
import type { Served } from './guest.ts'
import {
  CLOSE_TIMEOUT_MS,
  HANDSHAKE_TIMEOUT_MS,
  MAX_ASKED_BYTES,
  MAX_HEADER_BYTES,
  MAX_STRANGERS,
} from './limits.ts'
import { serveSettingsOf } from './serve-options.ts'
import type { ServeOptions, ServerTlsOptions, ServeSettings } from './serve-options.ts'
import { wsChannel } from './ws-channel.ts'

/** What serves a replica. */
export interface RemoteServer {
  /** What clients are given: 'ws://127.0.0.1:4711/paxos'. `null` with a server of yours. */
  readonly address: string | null
  status(): RemoteServerStatus
  /**
   * Takes nobody in any more, tells the clients to go elsewhere, answers what is under way for up to
   * `drainTimeoutMs`, and ends. The replica goes on. May be called again.
   */
  close(): Promise<void>
  /** As close(), for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** What a server knows of its clients. */
export interface RemoteServerStatus {
  /** Clients, by the names that they have. */
  readonly clients: readonly string[]
  /** Calls that are under way. */
  readonly requests: number
  /** What clients have not taken yet, in bytes. */
  readonly unsentBytes: number
  /** How many were not let in, since the start: for want of credentials, and for want of room. */
  readonly refused: { readonly unauthorized: number; readonly full: number }
}

/**
 * Lets processes that are no members ask `replica`, which goes on when this ends. Resolves when it
 * listens. Rejects with InsecureError where others could reach it and nobody is kept out, with
 * InvalidArgumentError for options that cannot work, and with ListenError when it cannot listen there.
 */
export async function serve<Command, Result, Query = never, Answer = never>(
  replica: Served<Command, Result, Query, Answer>,
  options: ServeOptions<Command, Result, Query, Answer> = {},
): Promise<RemoteServer> {
  const calls = ['propose', 'query', 'openSession', 'events', 'watch', 'status']
  requireMethods('replica', replica, calls, 'what Replica.open() returned')
  const settings = serveSettingsOf(options)
  const server = new Server(replica, codecsOf(options), settings)
  await server.listen()
  return server
}

class Server<Command, Result, Query, Answer> implements RemoteServer {
  readonly #replica: Served<Command, Result, Query, Answer>
  readonly #codecs: Codecs<Command, Result, Query, Answer>
  readonly #settings: ServeSettings
  readonly #upgrader: WebSocketServer
  readonly #http: HttpServer
  readonly #guests = new Map<Guest<Command, Result, Query, Answer>, string>()
  readonly #events: ReturnType<Served<Command, Result, Query, Answer>['events']>
  readonly #refused = { unauthorized: 0, full: 0 }
  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    // Another path of a server of yours is for somebody else, where there is anybody.
    const isOurs = this.#settings.server === null || pathOf(request) === this.#settings.path
    if (!isOurs && this.#http.listenerCount('upgrade') > 1) return
    void this.#welcome(request, socket, head)
  }
  /** Sockets that are about to become clients. */
  #strangers = 0
  #address: string | null = null
  #cancelBeat: (() => void) | null = null
  #closing: Promise<void> | null = null
  /** Nothing is under way any more, and then: nobody is there any more. */
  #idle: (() => void) | null = null
  #allGone: (() => void) | null = null

  constructor(
    replica: Served<Command, Result, Query, Answer>,
    codecs: Codecs<Command, Result, Query, Answer>,
    settings: ServeSettings,
  ) {
    this.#replica = replica
    this.#codecs = codecs
    this.#settings = settings
    this.#http = settings.server ?? httpServer(settings)
    this.#upgrader = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      autoPong: false,
      maxPayload: MAX_ASKED_BYTES,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    })
    this.#events = replica.events()
  }

  get address(): string | null {
    return this.#address
  }

  status(): RemoteServerStatus {
    const guests = [...this.#guests.keys()]
    return {
      clients: [...this.#guests.values()],
      requests: guests.reduce((sum, { requests }) => sum + requests, 0),
      unsentBytes: this.#unsentBytes,
      refused: { ...this.#refused },
    }
  }

  async listen(): Promise<void> {
    const { server, host, port } = this.#settings
    this.#http.on('upgrade', this.#onUpgrade)
    if (server === null) {
      try {
        await listening(this.#http, port, host)
      } catch (cause) {
        void this.#events.return?.()
        const message = `The server cannot listen on ${host}, port ${port}. Give another one.`
        throw new ListenError(message, { cause })
      }
      this.#address = addressOf(this.#http, this.#settings)
    }
    this.#beatLater()
    void this.#follow()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  get #unsentBytes(): number {
    let sum = 0
    for (const guest of this.#guests.keys()) sum += guest.unsentBytes
    return sum
  }

  /** Tells the guests who leads, until the replica is over. Never rejects. */
  async #follow(): Promise<void> {
    for await (const event of this.#events) {
      if (event.type !== 'leader-changed' && event.type !== 'events-lost') continue
      for (const guest of this.#guests.keys()) guest.tellLeader()
    }
    if (this.#closing === null) for (const guest of this.#guests.keys()) guest.leave()
  }

  #beatLater(): void {
    const { clock, heartbeatMs } = this.#settings
    this.#cancelBeat = clock.schedule(heartbeatMs, () => {
      for (const guest of this.#guests.keys()) guest.beat()
      this.#beatLater()
    })
  }

  /** Never rejects, and never throws into the HTTP server. */
  async #welcome(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const onError = (): void => {
      socket.destroy()
    }
    socket.on('error', onError)
    this.#strangers += 1
    const { clock } = this.#settings
    const cancel = clock.schedule(HANDSHAKE_TIMEOUT_MS, onError)
    const left = closeOf(socket)
    try {
      const refusal = this.#refusalAtOnce(request)
      if (refusal !== null) return refuse(socket, refusal)
      const admitted = await Promise.race([this.#settings.doorkeeper.admit(request), left.promise])
      if (admitted === null || socket.destroyed) return
      if (typeof admitted === 'number') {
        this.#refused.unauthorized += 1
        this.#settings.logger.warn('a client was not let in', { from: peerOf(request) })
        return refuse(socket, admitted)
      }
      if (this.#isFull || this.#closing !== null) return this.#refuseFull(socket)
      socket.off('error', onError)
      this.#upgrader.handleUpgrade(request, socket, head, (ws) => this.#takeIn(ws, admitted))
    } catch (thrown) {
      this.#settings.logger.error('a client was lost', { error: asError(thrown) })
      socket.destroy()
    } finally {
      cancel()
      left.forget()
      this.#strangers -= 1
    }
  }

  get #isFull(): boolean {
    return this.#guests.size >= this.#settings.maxConnections
  }

  #refusalAtOnce(request: IncomingMessage): number | null {
    const { role } = this.#replica.status()
    const isOver = this.#closing !== null || role === 'closed' || role === 'stopped'
    if (isOver || this.#isFull || this.#strangers > MAX_STRANGERS) {
      this.#refused.full += 1
      return 503
    }
    if (pathOf(request) !== this.#settings.path) return 404
    const offered = request.headers['sec-websocket-protocol'] ?? ''
    const isOurs = offered.split(',').some((one) => one.trim() === SUBPROTOCOL)
    return isOurs ? null : 400
  }

  #refuseFull(socket: Duplex): void {
    this.#refused.full += 1
    refuse(socket, 503)
  }

  #takeIn(ws: WebSocket, name: string): void {
    const { addresses, logger } = this.#settings
    const channel = wsChannel(ws, {
      onOpen: () => undefined,
      onFrame: (frame) => guest.hear(frame),
      onHeard: () => guest.heard(),
      onDrain: () => guest.drained(),
      onClosed: ({ problem }) => {
        this.#guests.delete(guest)
        guest.gone()
        logger.debug('a client has left', { client: name, problem })
        this.#noteIdle()
        if (this.#guests.size === 0) this.#allGone?.()
      },
    })
    const guest: Guest<Command, Result, Query, Answer> = new Guest({
      replica: this.#replica,
      codecs: this.#codecs,
      channel,
      addressOf: (node) => addresses.get(node) ?? null,
      unsentOfAll: () => this.#unsentBytes,
      onIdle: () => this.#noteIdle(),
    })
    this.#guests.set(guest, name)
    logger.debug('a client has come', { client: name })
  }

  #noteIdle(): void {
    if (this.#idle === null) return
    for (const guest of this.#guests.keys()) if (!guest.isIdle) return
    this.#idle()
  }

  async #close(): Promise<void> {
    const { server, clock, drainTimeoutMs } = this.#settings
    this.#http.off('upgrade', this.#onUpgrade)
    const ended = server === null ? closed(this.#http) : Promise.resolve()
    for (const guest of this.#guests.keys()) guest.leave()
    await new Promise<void>((resolve) => {
      const cancel = clock.schedule(drainTimeoutMs, resolve)
      this.#idle = () => {
        cancel()
        resolve()
      }
      this.#noteIdle()
    })
    this.#cancelBeat?.()
    await this.#events.return?.()
    const left = new Promise<void>((resolve) => {
      this.#allGone = resolve
      if (this.#guests.size === 0) resolve()
    })
    for (const guest of this.#guests.keys()) guest.end('leaving')
    if (server === null) this.#http.closeIdleConnections()
    const cancel = clock.schedule(CLOSE_TIMEOUT_MS, () => {
      for (const guest of this.#guests.keys()) guest.gone()
      if (server === null) this.#http.closeAllConnections()
    })
    await Promise.all([ended, left])
    cancel()
  }
}

function httpServer({ tls, maxConnections }: ServeSettings): HttpServer {
  const limits = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HANDSHAKE_TIMEOUT_MS,
    requestTimeout: HANDSHAKE_TIMEOUT_MS,
    connectionsCheckingInterval: HANDSHAKE_TIMEOUT_MS / 2,
  }
  const server =
    tls === null
      ? createServer(limits)
      : createTlsServer({ ...limits, ...tlsOf(tls), handshakeTimeout: HANDSHAKE_TIMEOUT_MS })
  server.maxConnections = maxConnections + MAX_STRANGERS
  server.on('request', (_, response) => {
    response
      .writeHead(426, { Upgrade: 'websocket', Connection: 'Upgrade, close', 'Content-Length': 0 })
      .end()
  })
  server.on('clientError', (_, socket: Socket) => socket.destroy())
  server.on('tlsClientError', (_, socket: Socket) => socket.destroy())
  return server
}

function tlsOf({ cert, key, passphrase, ca, clientCertificate }: ServerTlsOptions): object {
  return {
    cert: Buffer.from(cert),
    key: Buffer.from(key),
    minVersion: 'TLSv1.2',
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(ca === undefined
      ? {}
      : {
          ca: Buffer.from(ca),
          requestCert: true,
          rejectUnauthorized: clientCertificate !== 'optional',
        }),
  }
}

function listening(server: HttpServer, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      // What fails later fails for one connection.
      server.on('error', () => undefined)
      resolve()
    })
  })
}

function closed(server: HttpServer): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}

function addressOf(http: HttpServer, { tls, host, path }: ServeSettings): string | null {
  const found = http.address()
  if (found === null || typeof found === 'string') return null
  const name = host.includes(':') ? `[${host}]` : host
  return `${tls === null ? 'ws' : 'wss'}://${name}:${found.port}${path}`
}

/** Resolves when it is closed. */
function closeOf(socket: Duplex): { readonly promise: Promise<null>; readonly forget: () => void } {
  let onClose: (() => void) | null = null
  const promise = new Promise<null>((resolve) => {
    onClose = () => resolve(null)
    socket.once('close', onClose)
  })
  return {
    promise,
    forget: () => {
      if (onClose !== null) socket.off('close', onClose)
    },
  }
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? ''
}

function peerOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? 'nobody'
}

const WORDS: Readonly<Record<number, string>> = {
  400: `Bad Request\r\nX-Expected: ${SUBPROTOCOL}`,
  401: 'Unauthorized\r\nWWW-Authenticate: Bearer',
  403: 'Forbidden',
  404: 'Not Found',
  503: 'Service Unavailable',
}

function refuse(socket: Duplex, status: number): void {
  const words = WORDS[status] ?? 'Bad Request'
  // Who does not close its side would keep the socket.
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${words}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
