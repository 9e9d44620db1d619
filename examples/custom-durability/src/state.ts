/**
 * The state as text: a checksum, then JSON in which bytes are base64. Must never read what is damaged
 * as if it were a state.
 */
import { createHash } from 'node:crypto'
import type { Stored } from '@paxos/adapter-kit/stores'
import { admittedBefore, CorruptionError } from '@paxos/core'

export function encode(stored: Stored): string {
  const json = JSON.stringify(stored, (_, value: unknown) =>
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
  const stored: Stored = JSON.parse(json, (_, value: unknown) =>
    isBase64(value) ? new Uint8Array(Buffer.from(value.base64, 'base64')) : value,
  )
  // Absent: it was written before that was saved.
  return { ...stored, admitted: stored.admitted ?? admittedBefore(stored) }
}

function isBase64(value: unknown): value is { readonly base64: string } {
  return typeof value === 'object' && value !== null && 'base64' in value
}

function checksum(json: string): string {
  return createHash('sha256').update(json).digest('hex')
}
