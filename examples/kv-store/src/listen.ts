/**
 * The HTTP server of one node: binds an address, and stops so that those who are being answered get
 * their answers. Must never wait for ever for somebody who sends nothing or does not read.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Server as TlsServer } from 'node:https'
import { once } from 'node:events'
import { Server as NetServer } from 'node:net'
import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Doorkeeper } from './admission.ts'
import type { Service } from './asked.ts'
import { Budget } from './budget.ts'
import { Shares } from './client-address.ts'
import { Connections } from './connections.ts'
import { connectionsWithin } from './descriptors.ts'
import { exchange } from './exchange.ts'
import type { Exchanges } from './exchange.ts'
import { UserError } from './fail.ts'
import { HTTP_LIMITS } from './http-limits.ts'
import type { HttpLimits } from './http-limits.ts'
import { Streams } from './streams.ts'
import type { Tokens } from './tokens.ts'

/** An address to listen on. */
export interface HttpAddress {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
}

/** What a server shows of itself, and whom it asks for a certificate. All in PEM. */
export interface HttpTls {
  readonly cert: string
  readonly key: string
  /** The authorities of clients: with them, each has to show a certificate. Default: none has to. */
  readonly ca?: string
}

export interface ListenOptions {
  /** Default: no TLS. */
  readonly tls?: HttpTls | undefined
  /** Other names than that of the address under which clients ask. Default: none. */
  readonly allowedHosts?: readonly string[] | undefined
  /** Who may ask. Default: everybody. */
  readonly tokens?: Tokens | undefined
  /** Default: those of limits.ts. */
  readonly limits?: Partial<HttpLimits> | undefined
}

/** What a server holds, and whom it turned away. Counts only grow. */
export interface HttpFigures {
  readonly connections: number
  /** Connections that made room for others, or found none. */
  readonly connectionsCut: number
  readonly streams: number
  readonly requests: number
  readonly receivedBytes: number
  readonly unsentBytes: number
  /** By code. */
  readonly refused: ReadonlyMap<string, number>
}

/** A server that listens. */
export interface HttpServer {
  /** With the real port. */
  readonly url: string
  figures(): HttpFigures
  /** For connections that come from now on. Throws what node:tls throws for what it cannot use. */
  replaceTls(tls: HttpTls): void
  /** For requests that come from now on. */
  replaceTokens(tokens: Tokens): void
  /** Accepts nobody any more, and resolves when all have been answered, or after that time. */
  close(finishWithinMs: number): Promise<void>
}

/** Serves `service`. Rejects with a UserError when the address cannot be taken. */
export async function listen(
  { host, port }: HttpAddress,
  service: Service,
  options: ListenOptions = {},
): Promise<HttpServer> {
  const limits = { ...HTTP_LIMITS, connections: connectionsWithin(), ...options.limits }
  const connections = new Connections(limits)
  const hosts = new Set([host, ...(options.allowedHosts ?? [])].map((name) => name.toLowerCase()))
  let doorkeeper: Doorkeeper = { hosts, tokens: options.tokens ?? null }
  let isClosing = false
  const exchanges: Exchanges & { readonly limits: HttpLimits } = {
    limits,
    service,
    doorkeeper: () => doorkeeper,
    received: new Budget({ bytes: limits.receivedBytes, stalledAfterMs: limits.stalledAfterMs }),
    unsent: new Budget({ bytes: limits.unsentBytes, stalledAfterMs: limits.stalledAfterMs }),
    isClosing: () => isClosing,
    running: 0,
    requests: new Shares(limits.requests, limits.shareOfAddress),
    watches: new Shares(limits.watches, limits.shareOfAddress),
    refused: new Map(),
  }
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    connections.asked(incoming.socket, (caller) => exchange(exchanges, caller, incoming, outgoing))
  }
  const streams = new Streams(exchanges, connections)
  const server = serverOf(options.tls, limits)
  server.on('connection', (socket) => connections.opened(socket, options.tls === undefined))
  server.on('secureConnection', (socket) => connections.secured(socket))
  server.on('request', answer).on('checkContinue', answer)
  server.on('upgrade', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    // From here on nobody else listens.
    socket.on('error', () => undefined)
    connections.asked(socket, (caller) => {
      if (!streams.open(caller, incoming, socket, head)) beginAnew(server, incoming, head)
      return Promise.resolve()
    })
  })
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw cannotListen(host, port, error)
  }
  return {
    url: urlOf(server, host, options.tls === undefined ? 'http' : 'https'),
    figures: () => ({
      connections: connections.count,
      connectionsCut: connections.cut,
      streams: streams.count,
      requests: exchanges.running,
      receivedBytes: exchanges.received.used,
      unsentBytes: exchanges.unsent.used,
      refused: exchanges.refused,
    }),
    replaceTls(tls) {
      if ('setSecureContext' in server) server.setSecureContext(tls)
    },
    replaceTokens(tokens) {
      doorkeeper = { ...doorkeeper, tokens }
    },
    async close(finishWithinMs) {
      isClosing = true
      streams.close()
      await close(server, connections, finishWithinMs, limits)
    },
  }
}

function serverOf(tls: HttpTls | undefined, limits: HttpLimits): Server | TlsServer {
  const timeouts = {
    headersTimeout: limits.headWithinMs,
    requestTimeout: limits.receiveWithinMs,
    keepAliveTimeout: limits.idleConnectionMs,
    connectionsCheckingInterval: limits.deadlinesEveryMs,
  }
  if (tls === undefined) return createServer(timeouts)
  const handshake = { handshakeTimeout: limits.handshakeWithinMs, minVersion: 'TLSv1.2' } as const
  const asksForClients = tls.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true }
  return createTlsServer({ ...timeouts, ...handshake, ...asksForClients, ...tls })
}

/**
 * A request that has asked for another protocol in vain is one that has not asked (RFC 9110, 7.8). Node
 * hands it over as if it had, without its body: it is read once more, without that header.
 */
function beginAnew(
  server: Server | TlsServer,
  { method = '', url = '', httpVersion, rawHeaders, socket }: IncomingMessage,
  head: Buffer,
): void {
  const names = rawHeaders.filter((_, index) => index % 2 === 0)
  const lines = names.flatMap((name, index) =>
    name.toLowerCase() === 'upgrade' ? [] : [`${name}: ${rawHeaders[2 * index + 1] ?? ''}`],
  )
  const first = `${method} ${url} HTTP/${httpVersion}`
  const text = [first, ...lines, '', ''].join('\r\n')
  socket.unshift(Buffer.concat([Buffer.from(text, 'latin1'), head]))
  server.emit('setSecureContext' in server ? 'secureConnection' : 'connection', socket)
}

async function close(
  server: Server | TlsServer,
  connections: Connections,
  finishWithinMs: number,
  { lastRequestWithinMs }: HttpLimits,
): Promise<void> {
  const closed = once(server, 'close')
  const sweepAfterMs = Math.min(lastRequestWithinMs, finishWithinMs)
  await takeInWhoHasCome(server, sweepAfterMs)
  // As server.close() does, which closes idle connections at once: a request that is on its way on
  // one of them would not be answered.
  NetServer.prototype.close.call(server)
  const timers = [
    setTimeout(() => connections.closeIdle(), sweepAfterMs),
    // Who has been told, and does not close either.
    setTimeout(() => connections.closeDismissed(), 2 * sweepAfterMs),
    setTimeout(() => connections.closeAll(), finishWithinMs),
  ]
  await closed
  for (const timer of timers) clearTimeout(timer)
  // Ends the timer that looks for deadlines.
  server.close()
}

/**
 * Whom the system has accepted would be reset when the server stops to listen. Node takes in one in
 * a turn of its loop, so it is over when two have brought nobody; and in any case after a while, for
 * others may come all the time.
 */
async function takeInWhoHasCome(server: Server | TlsServer, withinMs: number): Promise<void> {
  let quietTurns = 0
  const count = (): void => void (quietTurns = 0)
  server.on('connection', count)
  const endMs = performance.now() + withinMs
  while (quietTurns < 2 && performance.now() < endMs) {
    quietTurns += 1
    await nextTurn()
  }
  server.off('connection', count)
}

function urlOf(server: Server, host: string, scheme: 'http' | 'https'): string {
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function cannotListen(host: string, port: number, error: unknown): UserError {
  const code = error instanceof Error && 'code' in error ? error.code : null
  const why =
    code === 'EADDRINUSE'
      ? 'is taken by another program. Choose another port, or 0 for a free one.'
      : `cannot be listened on (${String(code ?? error)}). Choose an address of this machine.`
  return new UserError(`${host}:${port} ${why}`)
}
