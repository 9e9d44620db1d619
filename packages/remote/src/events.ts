/**
 * Events as they come from a server. Must never throw, whatever they are, nor hand on what is no event.
 */
import type { ReplicaEvent } from '@paxos/replica'
import { revived } from './wire-errors.ts'

/** The event in these bytes; `null` for none. Its type may be one of a later release. */
export function eventIn(body: Uint8Array): ReplicaEvent | null {
  let event: unknown
  try {
    event = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    return null
  }
  if (typeof event !== 'object' || event === null || !('type' in event)) return null
  if (typeof event.type !== 'string') return null
  if (event.type === 'stopped') {
    return { type: 'stopped', error: revived('error' in event ? event.error : null) }
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as the server's replica told it; who shows the token trusts it that far
  return event as ReplicaEvent
}
