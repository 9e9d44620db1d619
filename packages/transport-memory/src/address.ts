/**
 * Addresses of the in-process network: `memory://name`, or `memory:name` for short. A name means
 * something only within its hub.
 */
import { TransportError } from '@paxos/core'

/** The address in its long form; `null` when it is none of ours. */
export function normalizeAddress(address: string): string | null {
  const name = /^memory:(?:\/\/)?([^\s/?#]+)$/.exec(address)?.[1]
  return name === undefined ? null : `memory://${name}`
}

/** As normalizeAddress, but throws TransportError (ERR_PAXOS_ADDRESS_MALFORMED). */
export function requireAddress(address: string): string {
  const normalized = normalizeAddress(address)
  if (normalized !== null) return normalized
  throw new TransportError(
    'ERR_PAXOS_ADDRESS_MALFORMED',
    `'${address}' is no address of an in-process network. Write memory://name.`,
  )
}
