/**
 * The state as text: a checksum, then JSON in which bytes are base64. Must never read what is damaged
 * as if it were a state.
 */
import { createHash } from 'node:crypto'
import { CorruptionError, EMPTY_SAVED } from '@paxos/core'
import type { Change, Identity, Saved } from '@paxos/core'

/** What the file holds: the state, and whose it is. */
export interface Stored extends Saved {
  readonly identity: Identity | null
}

/** What a file that is not there holds. */
export const NOTHING: Stored = { ...EMPTY_SAVED, identity: null }

/** `saved` after `change`, with bytes of its own. */
export function withChange(saved: Stored, change: Change): Stored {
  // A clone shares nothing, and makes plain bytes of what is a Buffer.
  const { accepted = [], ...rest } = structuredClone(change)
  const next = { ...saved, ...rest }
  const slots = new Map([...saved.accepted, ...accepted].map((entry) => [entry.slot, entry]))
  const through = next.snapshot?.through ?? 0
  const above = [...slots.values()].filter(({ slot }) => slot > through)
  return { ...next, accepted: above.toSorted((a, b) => a.slot - b.slot) }
}

export function encode(saved: Stored): string {
  const json = JSON.stringify(saved, (_, value: unknown) =>
    value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value,
  )
  return `${checksum(json)}\n${json}\n`
}

/** Throws CorruptionError for anything but what encode() returned. */
export function decode(text: string): Stored {
  const [sum, json = ''] = text.split('\n')
  if (text !== `${checksum(json)}\n${json}\n` || sum !== checksum(json)) {
    throw new CorruptionError('The state is damaged. Keep the node off until its disk is back.')
  }
  return JSON.parse(json, (_, value: unknown) =>
    isBase64(value) ? new Uint8Array(Buffer.from(value.base64, 'base64')) : value,
  )
}

function isBase64(value: unknown): value is { readonly base64: string } {
  return typeof value === 'object' && value !== null && 'base64' in value
}

function checksum(json: string): string {
  return createHash('sha256').update(json).digest('hex')
}
