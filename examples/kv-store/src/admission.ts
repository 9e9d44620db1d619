/**
 * Who may ask at all: looked at before anything of a request is read or believed. It keeps out web
 * pages of others that somebody on this machine or network visits, paths that a proxy in front reads
 * in another way, and whoever has no token. Must never look at the state, nor log a token.
 */
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { Refusal } from './refusal.ts'
import type { Tokens } from './tokens.ts'

export interface Doorkeeper {
  /** Names under which this server is known, in lower case. Addresses, and names without a dot, are always taken. */
  readonly hosts: ReadonlySet<string>
  /** Who may ask; `null`: everybody. */
  readonly tokens: Tokens | null
}

/** Why a request is refused; `null` when it is not. */
export function refusalAtTheDoor(
  { method = '', url = '', headers }: Pick<IncomingMessage, 'method' | 'url' | 'headers'>,
  { hosts, tokens }: Doorkeeper,
): Refusal | null {
  const target = TARGET.exec(url)
  if (target === null) return malformed('a path that begins with /')
  const [, authority, path = ''] = target
  if (!isPlainPath(path)) return malformed("a path without '.', '..' and '\\' in it")
  for (const host of [authority, headers.host]) {
    if (host !== undefined && !isOurs(host, hosts)) return misdirected(host)
  }
  if (isOfAnotherSite(method, headers, authority ?? headers.host)) return crossSite()
  if (tokens !== null && !tokens.allow(headers.authorization)) return unauthorized()
  return null
}

/** The path and the query in a target that was let in. */
export function targetOf(url: string): { readonly path: string; readonly query: string } {
  const [, , path = '', query = ''] = TARGET.exec(url) ?? []
  return { path, query }
}

/** A path, a query and a fragment, which is nobody's, behind a scheme and an authority if need be. */
const TARGET =
  /^(?:https?:\/\/([^/?#]*))?(\/[^?#]*)(?:\?([\x21\x22\x24-\x7e]*)(?:#[\x21-\x7e]*)?)?$/i

/**
 * Whether every reader of the path sees the same one. A step, written '..' or '%2e%2e', would be
 * taken by some: a proxy that allows /keys/public/ must not let through what is not below it.
 */
function isPlainPath(path: string): boolean {
  if (!/^[\x21-\x7e]*$/.test(path) || path.includes('\\')) return false
  return path.split('/').every((step) => !/^(?:\.|%2e){1,2}$/i.test(step))
}

/**
 * Whether the Host header names this server. An attacker who has a name resolve to this machine
 * (DNS rebinding) gets a browser to ask it, but cannot make it send another Host than that name.
 * A name without a dot is not in the DNS of the world, and an address is no name.
 */
function isOurs(host: string, hosts: ReadonlySet<string>): boolean {
  const name = /^(?:\[([\da-f:.]+)\]|([a-z\d._-]+))(?::\d{1,5})?$/i.exec(host)
  if (name === null) return false
  const [, address, plain = ''] = name
  if (address !== undefined) return isIP(address) === 6
  const lower = plain.toLowerCase()
  if (!lower.includes('.') || isIP(lower) === 4 || lower.endsWith('.localhost')) return true
  return hosts.has(lower)
}

/** Whether a browser says that a page of another site asks. Other clients say nothing. */
function isOfAnotherSite(
  method: string,
  headers: IncomingMessage['headers'],
  host: string | undefined,
): boolean {
  const { origin, 'sec-fetch-site': site, 'sec-fetch-mode': mode } = headers
  if (origin !== undefined && authorityOf(origin) !== host?.toLowerCase()) return true
  if (site === undefined || site === 'same-origin' || site === 'none') return false
  // Somebody follows a link.
  return !(method === 'GET' && mode === 'navigate')
}

function authorityOf(origin: string): string | null {
  return /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]?.toLowerCase() ?? null
}

function malformed(expected: string): Refusal {
  return new Refusal(400, 'invalid-argument', `The target is none of ours. Ask for ${expected}.`)
}

function misdirected(host: string): Refusal {
  const message =
    `This server is not known as '${host.slice(0, 100)}'. Ask it by its address, ` +
    'or start it with --allow-host and that name.'
  return new Refusal(403, 'forbidden', message)
}

function crossSite(): Refusal {
  const message = 'A page of another site may not ask. Serve the page from the same host and port.'
  return new Refusal(403, 'forbidden', message)
}

function unauthorized(): Refusal {
  const message = 'Give a token that this server knows, as in Authorization: Bearer <token>.'
  return new Refusal(401, 'unauthorized', message)
}
