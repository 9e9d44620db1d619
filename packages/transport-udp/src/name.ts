/**
 * The IP address behind the host of one peer. A look-up takes a thread of the process and may take
 * seconds, so it is not made for every datagram: an address is used for a while, and goes on to be
 * used while it is looked up again or cannot be found any more. Of several addresses one is used, and
 * the next when nobody answers there. Must never throw or reject.
 */
import { isIP } from 'node:net'
import { NAME_LIFETIME_MS, NAME_RETRY_MS } from './limits.ts'

/** A host and what is known of its address. */
export interface Name {
  /** Calls back with the address, or `null` when there is none; at once unless it must look. */
  resolve(callback: (ip: string | null) => void): void
  /** Uses the next of several addresses from now on. False when there is no other. */
  turn(): boolean
}

/** What a name needs. */
export interface NameOptions {
  readonly host: string
  /** The family of the socket that the address is for. */
  readonly family: 4 | 6
  /** All addresses of the name, the best first. Rejects when there is no such name. */
  readonly lookup: (host: string) => Promise<readonly string[]>
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

/** A name that has not been looked up yet; an IP address never is. */
export function nameOf({ host, family, lookup, now }: NameOptions): Name {
  const literal = isIP(host)
  if (literal !== 0) {
    const ip = literal === family ? host : mapped(host, family)
    return { resolve: (callback) => callback(ip), turn: () => false }
  }
  let known: readonly string[] = []
  let ip: string | null = null
  let againAtMs = -Infinity
  let waiting: ((ip: string | null) => void)[] | null = null

  function settle(found: readonly string[]): void {
    if (found.length > 0) known = found
    if (ip === null || !known.includes(ip)) ip = known[0] ?? null
    againAtMs = now() + (found.length === 0 ? NAME_RETRY_MS : NAME_LIFETIME_MS)
    const callbacks = waiting ?? []
    waiting = null
    for (const callback of callbacks) callback(ip)
  }

  function resolve(callback: (ip: string | null) => void): void {
    const isStale = now() >= againAtMs
    if (isStale && waiting === null) {
      waiting = []
      lookup(host).then(settle, () => settle([]))
    }
    if (ip === null && waiting !== null) waiting.push(callback)
    else callback(ip)
  }

  function turn(): boolean {
    const next = ip === null ? undefined : known[(known.indexOf(ip) + 1) % known.length]
    if (next === undefined || next === ip) return false
    ip = next
    return true
  }
  return { resolve, turn }
}

/** An IPv6 socket reaches IPv4 by mapped addresses (RFC 4291, 2.5.5.2); the reverse is not so. */
function mapped(host: string, family: 4 | 6): string | null {
  return family === 6 ? `::ffff:${host}` : null
}
