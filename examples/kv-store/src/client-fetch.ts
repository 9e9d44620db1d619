/**
 * How requests of the client leave: by the platform's fetch, or by node:https when certificates are
 * given, which fetch takes none of. Must never follow a redirect: a write would be made elsewhere.
 */
import { Agent, request } from 'node:https'
import { Readable } from 'node:stream'
import { RequestError } from './client-errors.ts'

/** Whom the client trusts, and what it shows, all in PEM. For nodes on https: only. */
export interface ClientTls {
  /** The authorities that sign the certificates of the nodes. Default: those that Node.js trusts. */
  readonly ca?: string
  /** A certificate for nodes that ask for one, and its key. Default: none. */
  readonly cert?: string
  readonly key?: string
}

export interface Outgoing {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
}

export type Send = (url: string, outgoing: Outgoing) => Promise<Response>

const plain: Send = (url, outgoing) => fetch(url, { ...outgoing, redirect: 'manual' })

/** Rejects as fetch does, with a cause that has a code. */
export function sender(tls: ClientTls | undefined): Send {
  if (tls === undefined) return plain
  const agent = agentOf(tls)
  return (url, outgoing) =>
    url.startsWith('https:') ? sendWith(agent, url, outgoing) : plain(url, outgoing)
}

function agentOf(tls: ClientTls): Agent {
  try {
    return new Agent({ keepAlive: true, ...tls })
  } catch (cause) {
    const message = 'tls cannot be used. Give ca, cert and key in PEM, the key that of the cert.'
    throw new RequestError('invalid-argument', message, { cause })
  }
}

function sendWith(
  agent: Agent,
  url: string,
  { method, headers, body, signal }: Outgoing,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method, headers, signal }, (incoming) => {
      const { statusCode: status = 0, headersDistinct } = incoming
      const received = Object.entries(headersDistinct).flatMap(([name, values = []]) =>
        values.map((value): [string, string] => [name, value]),
      )
      if (status === 204 || status === 304) {
        incoming.resume()
        return resolve(new Response(null, { status, headers: received }))
      }
      try {
        // The types of the web's streams are declared twice.
        const stream = Readable.toWeb(incoming) as ReadableStream<Uint8Array>
        resolve(new Response(stream, { status, headers: received }))
      } catch (error) {
        incoming.destroy()
        reject(error instanceof Error ? error : new Error(String(error)))
      }
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
