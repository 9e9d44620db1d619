/**
 * How requests of the client leave: by node:http and node:https, on connections that are kept. Must
 * never follow a redirect: a write would be made elsewhere.
 */
import { Agent, request } from 'node:http'
import { Agent as TlsAgent, request as requestByTls } from 'node:https'
import type { Readable } from 'node:stream'
import { onAbort } from './abort.ts'
import type { Heads } from './asked.ts'
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
  /** Whether it may travel on a stream, with others, where there is one. Default: no. */
  readonly mayStream?: boolean
}

/** The body has to be read, or destroyed. */
export interface Received {
  readonly status: number
  readonly headers: Heads
  readonly body: Readable | string
}

/** Rejects with an error that has a code when the node is not reached, and with the reason of the signal. */
export type Send = (node: string, target: string, outgoing: Outgoing) => Promise<Received>

export function httpSender(tls: ClientTls | undefined): Send {
  const agent = new Agent({ keepAlive: true })
  const tlsAgent = tlsAgentOf(tls)
  const places = new Map<string, Place>()
  return async (node, target, { method, headers, body, signal }) => {
    const place = places.get(node) ?? placeOf(node)
    places.set(node, place)
    const options = { ...place, path: target, method, headers }
    return await new Promise((resolve, reject) => {
      const sent = place.isTls
        ? requestByTls({ ...options, agent: tlsAgent })
        : request({ ...options, agent })
      const letGo = onAbort(signal, () => {
        sent.destroy()
        reject(signal.reason)
      })
      // The answer may be read for long: what ends that is the connection.
      sent.once('close', letGo)
      sent.on('error', reject)
      sent.once('response', (incoming) => {
        // Whoever reads it hears of it as well.
        incoming.on('error', () => undefined)
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: incoming })
      })
      sent.end(body)
    })
  }
}

interface Place {
  readonly isTls: boolean
  readonly hostname: string
  readonly port: string
}

/** `node` is a base URL. */
function placeOf(node: string): Place {
  const { protocol, hostname, port } = new URL(node)
  // An address of IPv6 stands in brackets.
  return { isTls: protocol === 'https:', hostname: hostname.replace(/^\[|\]$/g, ''), port }
}

function tlsAgentOf(tls: ClientTls | undefined): TlsAgent {
  try {
    return new TlsAgent({ keepAlive: true, ...tls })
  } catch (cause) {
    throw new RequestError('invalid-argument', TLS_UNUSABLE, { cause })
  }
}

const TLS_UNUSABLE = 'tls cannot be used. Give ca, cert and key in PEM, the key that of the cert.'
