/**
 * One request of HTTP and its answer, between Node's sockets and the service. What it holds of
 * either is counted, and what the other side does not send or take in time is given up. Must never
 * keep a body that nobody reads, nor close a connection before its client could read why.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { targetOf } from './admission.ts'
import { BATCH_PATH } from './api.ts'
import { json } from './asked.ts'
import type { Answered, Service } from './asked.ts'
import type { Budget, Share } from './budget.ts'
import type { Shares } from './client-address.ts'
import type { Caller } from './connections.ts'
import { tooLarge } from './input.ts'
import { greedy, Place } from './place.ts'
import type { Places } from './place.ts'
import { discard, readBody } from './receive.ts'
import type { BodyLimit } from './receive.ts'
import { batchTooLarge, Refusal } from './refusal.ts'
import { gone, sendBytes, sendStream, sendText } from './send.ts'
import type { SendLimits } from './send.ts'

export interface ExchangeLimits extends SendLimits {
  /** Requests that are answered at once. */
  readonly requests: number
  readonly watches: number
  readonly smallAnswerBytes: number
  readonly bodyBytes: number
  readonly batchBytes: number
  readonly discardWithinMs: number
  readonly discardedBytes: number
}

/** What all exchanges of a server share. */
export interface Exchanges extends Places {
  readonly limits: ExchangeLimits
  readonly service: Service
  readonly received: Budget
  readonly unsent: Budget
  /** Whether no further request is wanted. */
  readonly isClosing: () => boolean
  readonly watches: Shares
  /** Why so many were refused before the service heard of them. */
  readonly refused: Map<string, number>
}

/** Resolves when the request is answered, or its client is gone. Never rejects. */
export async function exchange(
  all: Exchanges,
  { address, gone: signal }: Caller,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  incoming.on('error', ignore)
  outgoing.on('error', ignore)
  const client = clientOf(all, address)
  const place = new Place(all, client)
  const cut = (): void => void outgoing.destroy()
  const received = all.received.share(cut)
  const unsent = all.unsent.share(cut)
  try {
    // No variable holds the answer while it is sent: its text would be kept beside its bytes.
    await answer(all, place, incoming, outgoing, received, signal).then((answered) => {
      place.giveBack()
      received.release()
      return send(all, answered, incoming, outgoing, unsent, client)
    })
  } catch {
    // The client is gone, or was cut off.
    outgoing.destroy()
  } finally {
    place.giveBack()
    received.release()
    unsent.release()
  }
}

/** Whose share a request counts for; `null` for who has shown a token, or will be refused. */
export function clientOf(all: Places, address: string): string | null {
  return all.doorkeeper().tokens === null ? address : null
}

/** Its client hears of it by the end of the connection, if it is still there. */
function ignore(): void {}

async function answer(
  all: Exchanges,
  place: Place,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  received: Share,
  signal: AbortSignal,
): Promise<Answered> {
  const refusal = place.refusalOf(incoming)
  if (refusal !== null) return refused(all, refusal)
  const { method = 'GET', url = '/', headers } = incoming
  const target = targetOf(url)
  const body = await readBody(incoming, outgoing, received, bodyLimitOf(target.path, all.limits))
  if (body instanceof Refusal) return refused(all, body)
  received.keep()
  return await all.service({ ...target, method, headers, body, signal })
}

function bodyLimitOf(path: string, { bodyBytes, batchBytes }: ExchangeLimits): BodyLimit {
  if (path === BATCH_PATH) return { bytes: batchBytes, refuse: batchTooLarge }
  return { bytes: bodyBytes, refuse: tooLarge }
}

/** Throws when the client is gone. Not async, so that nothing of it is kept until the end. */
function send(
  all: Exchanges,
  answered: Answered,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  unsent: Share,
  client: string | null,
): Promise<void> {
  const { status, body } = answered
  if (body instanceof ReadableStream) {
    return sendWatch(all, { ...answered, body }, incoming, outgoing, unsent, client)
  }
  const headers = headersOf(all, answered, incoming)
  if (outgoing.destroyed || outgoing.closed) throw gone()
  if (incoming.method === 'HEAD') {
    outgoing.writeHead(status, headers)
    return sendText('', outgoing, all.limits)
  }
  const text = body ?? ''
  const bytes = Buffer.byteLength(text)
  // Results of writes are small: what has happened is never called refused.
  if (bytes > all.limits.smallAnswerBytes && !unsent.take(bytes)) {
    return send(all, refused(all, noRoomForAnswer()), incoming, outgoing, unsent, client)
  }
  if (mayHaveBody(status)) headers['content-length'] = bytes
  outgoing.writeHead(status, headers)
  if (!incoming.complete) return sendUnread(all, text, incoming, outgoing)
  if (bytes <= all.limits.sendStepBytes) return sendText(text, outgoing, all.limits)
  return sendBytes(Buffer.from(text), outgoing, unsent, all.limits)
}

/** Answers a request whose body is not wanted: its client may read the answer once it has sent it. */
async function sendUnread(
  all: Exchanges,
  text: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  outgoing.write(text)
  await discard(incoming, all.limits)
  await sendText('', outgoing, all.limits)
}

/** As send(), within the share of the client. */
async function sendWatch(
  all: Exchanges,
  answered: Answered & { readonly body: ReadableStream<Uint8Array> },
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  unsent: Share,
  client: string | null,
): Promise<void> {
  const { status, body } = answered
  if (client !== null && !all.watches.take(client)) {
    await body.cancel()
    const refusal = refused(all, greedy('watches'))
    return await send(all, refusal, incoming, outgoing, unsent, client)
  }
  try {
    if (outgoing.destroyed || outgoing.closed) return await body.cancel()
    outgoing.writeHead(status, headersOf(all, answered, incoming))
    await sendStream(body, outgoing, all.limits)
  } finally {
    if (client !== null) all.watches.give(client)
  }
}

function mayHaveBody(status: number): boolean {
  return status !== 204 && status !== 304
}

/** A client whose request was not read to its end has to begin anew on another connection. */
function headersOf(
  all: Exchanges,
  { headers }: Answered,
  incoming: IncomingMessage,
): Record<string, string | number> {
  const isLast = !incoming.complete || all.isClosing()
  return {
    ...headers,
    // What others have written must never be taken for a page.
    'x-content-type-options': 'nosniff',
    ...(isLast ? { connection: 'close' } : {}),
  }
}

/** Refused before the service hears of it. */
export function refused(
  { refused: counts }: Pick<Exchanges, 'refused'>,
  { status, body }: Refusal,
): Answered {
  const { code } = body.error
  counts.set(code, (counts.get(code) ?? 0) + 1)
  return json(body, status, status === 401 ? { 'www-authenticate': 'Bearer realm="kv-store"' } : {})
}

export function noRoomForAnswer(): Refusal {
  const message = 'Too many answers wait for clients that do not read. Ask later, or another node.'
  return new Refusal(503, 'unavailable', message)
}
