/**
 * A proxy that does to requests what networks do: loses them, loses answers, sends them twice, or
 * keeps them for ever.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import { raw } from './serving.ts'
import type { Answered } from './serving.ts'

export const MISHAPS = [
  'none',
  /** Delivered twice; the first answer is lost. */
  'twice',
  /** The connection breaks before the request is delivered. */
  'lost',
  /** The connection breaks when the request has been answered. */
  'answer lost',
  /** Somebody in between says that it is overloaded. */
  'overloaded',
  /** Somebody in between answers in its own words. */
  'nonsense',
  /** Nobody answers at all; the request is delivered. */
  'silence',
] as const

export type Mishap = (typeof MISHAPS)[number]

/** The URL of a proxy before `target`; `next` says what happens to the next request. */
export async function badNetwork(
  target: string,
  next: (request: IncomingMessage) => Mishap,
): Promise<string> {
  const server = createServer((request, response) => {
    handle(target, next(request), request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('no port')
  return `http://127.0.0.1:${address.port}`
}

async function handle(
  target: string,
  mishap: Mishap,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = 'GET', url = '/' } = request
  const body = await buffer(request)
  const { host: _, connection: __, ...rest } = request.headers
  const headers = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [name, String(value)]),
  )
  const deliver = (): Promise<Answered> => raw(target, url, { method, headers, body })
  switch (mishap) {
    case 'none':
      return answer(response, await deliver())
    case 'twice':
      await deliver()
      return answer(response, await deliver())
    case 'lost':
      response.destroy()
      return
    case 'answer lost':
      await deliver()
      response.destroy()
      return
    case 'overloaded':
      response.writeHead(503, { 'content-type': 'text/html' }).end('<h1>Busy</h1>')
      return
    case 'nonsense':
      response.writeHead(200).end('<h1>It works!</h1>')
      return
    case 'silence':
      await deliver()
  }
}

function answer(response: ServerResponse, { status, headers, body }: Answered): void {
  const { 'content-type': type = 'text/plain', etag } = headers
  response.writeHead(status, { 'content-type': type, ...(etag === undefined ? {} : { etag }) })
  response.end(body)
}
