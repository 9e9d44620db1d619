/**
 * The HTTP server of one node: binds an address, and stops so that those who are being answered get
 * their answers. Must never wait for ever for somebody who does not read them.
 */
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { once } from 'node:events'
import { getRequestListener } from '@hono/node-server'
import { UserError } from './fail.ts'
import { IDLE_CONNECTION_MS, MAX_CONNECTIONS, RECEIVE_WITHIN_MS } from './limits.ts'

/** An address to listen on. */
export interface HttpAddress {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
}

/** A server that listens. */
export interface HttpServer {
  /** With the real port. */
  readonly url: string
  /** Accepts nobody any more, and resolves when all have been answered, or after that time. */
  close(finishWithinMs: number): Promise<void>
}

const TIMEOUTS = { requestTimeout: RECEIVE_WITHIN_MS, keepAliveTimeout: IDLE_CONNECTION_MS }

/** Serves `fetch`. Rejects with a UserError when the address cannot be taken. */
export async function listen(
  { host, port }: HttpAddress,
  fetch: (request: Request) => Response | Promise<Response>,
): Promise<HttpServer> {
  const answer = getRequestListener(fetch, { overrideGlobalObjects: false })
  const server = createServer(TIMEOUTS, (request, response) => {
    if (!server.listening) response.setHeader('connection', 'close')
    void answer(request, response)
  })
  server.maxConnections = MAX_CONNECTIONS
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw cannotListen(host, port, error)
  }
  return { url: urlOf(server, host), close: (withinMs) => close(server, withinMs) }
}

async function close(server: Server, finishWithinMs: number): Promise<void> {
  const closed = once(server, 'close')
  // Connections that are answered now are kept for another request, which is not to come.
  server.close()
  const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_PERIOD_MS)
  const cut = setTimeout(() => server.closeAllConnections(), finishWithinMs)
  await closed
  clearInterval(sweep)
  clearTimeout(cut)
}

/** How often connections that have become idle are looked for while closing, in milliseconds. */
const SWEEP_PERIOD_MS = 20

function urlOf(server: Server, host: string): string {
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function cannotListen(host: string, port: number, error: unknown): UserError {
  const code = error instanceof Error && 'code' in error ? error.code : null
  const why =
    code === 'EADDRINUSE'
      ? 'is taken by another program. Choose another port, or 0 for a free one.'
      : `cannot be listened on (${String(code ?? error)}). Choose an address of this machine.`
  return new UserError(`${host}:${port} ${why}`)
}
