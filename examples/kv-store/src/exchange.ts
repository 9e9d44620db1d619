/**
 * One request and its answer, between Node's sockets and the Request and Response of the web. What
 * it holds of either is counted, and what the other side does not send or take in time is given up.
 * Must never keep a body that nobody reads, nor close a connection before its client could read why.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { refusalAtTheDoor } from './admission.ts'
import type { Doorkeeper } from './admission.ts'
import { EVENT_STREAM } from './api.ts'
import type { Budget, Share } from './budget.ts'
import { clientOf } from './client-address.ts'
import type { Shares } from './client-address.ts'
import { discard, readBody } from './receive.ts'
import { Refusal } from './refusal.ts'
import { sendBytes, sendStream } from './send.ts'
import type { SendLimits } from './send.ts'

/** Answers a request of the web. */
export type Fetch = (request: Request) => Response | Promise<Response>

export interface ExchangeLimits extends SendLimits {
  /** Requests that are answered at once. */
  readonly requests: number
  readonly watches: number
  readonly smallAnswerBytes: number
  readonly bodyBytes: number
  readonly discardWithinMs: number
  readonly discardedBytes: number
}

/** What all exchanges of a server share. */
export interface Exchanges {
  readonly limits: ExchangeLimits
  readonly fetch: Fetch
  readonly doorkeeper: () => Doorkeeper
  readonly received: Budget
  readonly unsent: Budget
  /** Whether no further request is wanted. */
  readonly isClosing: () => boolean
  /** How many are running, streams not among them. */
  running: number
  /** Of both, what each address has; whoever has shown a token is not counted. */
  readonly requests: Shares
  readonly watches: Shares
  /** Why so many were refused before the service heard of them. */
  readonly refused: Map<string, number>
}

/** Resolves when the request is answered, or its client is gone. Never rejects. */
export async function exchange(
  all: Exchanges,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const gone = new AbortController()
  outgoing.once('close', () => gone.abort())
  for (const stream of [incoming, outgoing]) stream.on('error', () => undefined)
  const client = clientAt(all, incoming)
  const hasShare = client === null || all.requests.take(client)
  const cut = (): void => void outgoing.destroy()
  const received = all.received.share(cut)
  const unsent = all.unsent.share(cut)
  all.running += 1
  let isRunning = true
  const ran = (): void => {
    if (isRunning) all.running -= 1
    if (isRunning && hasShare && client !== null) all.requests.give(client)
    isRunning = false
  }
  try {
    const response = hasShare
      ? await answer(all, incoming, outgoing, received, gone.signal)
      : refused(all, greedy('requests'))
    ran()
    received.release()
    if (isWatch(response)) await sendWatch(all, response, incoming, outgoing, unsent, client)
    else await send(all, response, incoming, outgoing, unsent)
  } catch {
    // The client is gone, or was cut off.
    outgoing.destroy()
  } finally {
    ran()
    received.release()
    unsent.release()
  }
}

/** Who asks; `null` for who has shown a token, or will be refused. */
function clientAt(all: Exchanges, { socket }: IncomingMessage): string | null {
  return all.doorkeeper().tokens === null ? clientOf(socket.remoteAddress) : null
}

async function answer(
  all: Exchanges,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  received: Share,
  signal: AbortSignal,
): Promise<Response> {
  const refusal = refusalAtTheDoor(incoming, all.doorkeeper())
  if (refusal !== null) return refused(all, refusal)
  if (all.running > all.limits.requests) return refused(all, busy())
  const body = await readBody(incoming, outgoing, received, all.limits.bodyBytes)
  if (body instanceof Refusal) return refused(all, body)
  const request = requestOf(incoming, body, signal)
  if (request === null) return refused(all, notUnderstood())
  received.keep()
  return await all.fetch(request)
}

function requestOf(
  { method = 'GET', url = '/', headersDistinct }: IncomingMessage,
  body: Buffer | null,
  signal: AbortSignal,
): Request | null {
  const headers = Object.entries(headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  )
  try {
    return new Request(new URL(url, 'http://node'), { method, headers, body, signal })
  } catch {
    return null
  }
}

function isWatch({ body, headers }: Response): boolean {
  return body !== null && headers.get('content-type') === EVENT_STREAM
}

/** As send(), within the share of the client. */
async function sendWatch(
  all: Exchanges,
  response: Response,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  unsent: Share,
  client: string | null,
): Promise<void> {
  if (client === null) return await send(all, response, incoming, outgoing, unsent)
  if (!all.watches.take(client)) {
    await response.body?.cancel()
    return await send(all, refused(all, greedy('watches')), incoming, outgoing, unsent)
  }
  try {
    await send(all, response, incoming, outgoing, unsent)
  } finally {
    all.watches.give(client)
  }
}

async function send(
  all: Exchanges,
  response: Response,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  unsent: Share,
): Promise<void> {
  const { status, body } = response
  const headers = headersOf(all, response, incoming)
  if (outgoing.destroyed || outgoing.closed || incoming.method === 'HEAD') {
    // Nobody reads it.
    await body?.cancel()
    if (!outgoing.headersSent) outgoing.writeHead(status, headers)
    return await sendBytes(NOTHING, outgoing, unsent, all.limits)
  }
  if (body !== null && isWatch(response)) {
    outgoing.writeHead(status, headers)
    return await sendStream(body, outgoing, all.limits)
  }
  const bytes = Buffer.from(await response.arrayBuffer())
  // Results of writes are small: what has happened is never called refused.
  if (bytes.byteLength > all.limits.smallAnswerBytes && !unsent.take(bytes.byteLength)) {
    return await send(all, refused(all, noMemory()), incoming, outgoing, unsent)
  }
  const length = mayHaveBody(status) ? { 'content-length': bytes.byteLength } : {}
  outgoing.writeHead(status, { ...headers, ...length })
  if (incoming.complete) return await sendBytes(bytes, outgoing, unsent, all.limits)
  outgoing.write(bytes)
  await discard(incoming, all.limits)
  await sendBytes(NOTHING, outgoing, unsent, all.limits)
}

const NOTHING = Buffer.alloc(0)

function mayHaveBody(status: number): boolean {
  return status !== 204 && status !== 304
}

/** A client whose request was not read to its end has to begin anew on another connection. */
function headersOf(
  all: Exchanges,
  response: Response,
  incoming: IncomingMessage,
): Record<string, string> {
  const headers = Object.fromEntries(response.headers)
  return incoming.complete && !all.isClosing() ? headers : { ...headers, connection: 'close' }
}

function refused(all: Exchanges, { status, body }: Refusal): Response {
  const { code } = body.error
  all.refused.set(code, (all.refused.get(code) ?? 0) + 1)
  return Response.json(body, {
    status,
    headers: {
      'x-content-type-options': 'nosniff',
      ...(status === 401 ? { 'www-authenticate': 'Bearer realm="kv-store"' } : {}),
    },
  })
}

function busy(): Refusal {
  return new Refusal(503, 'unavailable', 'This node answers too many at once. Ask another one.')
}

function greedy(what: 'requests' | 'watches'): Refusal {
  const message =
    `This node has too many ${what} of your address. End some, ask another node, or have tokens ` +
    'asked for: those who show one are not counted by their address.'
  return new Refusal(503, 'unavailable', message)
}

function noMemory(): Refusal {
  const message = 'Too many answers wait for clients that do not read. Ask later, or another node.'
  return new Refusal(503, 'unavailable', message)
}

function notUnderstood(): Refusal {
  return new Refusal(400, 'invalid-argument', 'The request cannot be understood. See the README.')
}
