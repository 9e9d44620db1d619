/**
 * The same envelopes by way of protobufjs and proto/paxos.proto itself: what somebody who joins
 * from another language would send and understand.
 */
import { readFileSync } from 'node:fs'
import protobuf from 'protobufjs'
import type { Envelope } from '@paxos/core'

export const protoSource = readFileSync(new URL('../../proto/paxos.proto', import.meta.url), 'utf8')

/** The type `paxos.v1.Envelope` of a .proto file. */
export function envelopeType(source: string = protoSource): protobuf.Type {
  return protobuf.parse(source).root.lookupType('paxos.v1.Envelope')
}

/** As protobufjs wants it: presence is presence of the key, so proto3 defaults are left out. */
export function toReference(envelope: Envelope): Record<string, unknown> {
  const { type, ...body } = envelope.message
  const { cluster, from: sender, membersDigest = 0 } = envelope
  return {
    ...withoutDefaults({ cluster, sender, membersDigest }),
    [type]: withoutDefaults(body),
  }
}

function withoutDefaults(fields: object): Record<string, unknown> {
  const kept = Object.entries(fields).filter(([, value]) => !isDefault(value))
  return Object.fromEntries(kept.map(([name, value]) => [name, each(value, withoutDefaults)]))
}

/** Never asked of the items of a list: there a default takes its place like any other. */
function isDefault(value: unknown): boolean {
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0
  return [undefined, null, '', 0, false].some((nothing) => nothing === value)
}

/** Does to a message, and to each message of a list, what `change` does. */
function each(value: unknown, change: (message: object) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => each(item, change))
  return isMessage(value) ? change(value) : value
}

/** As our `decode` gives it, for `toEqual`. Validates nothing. */
export function fromReference(type: protobuf.Type, bytes: Uint8Array): unknown {
  const found = type.toObject(type.decode(bytes), { longs: Number, defaults: true, oneofs: true })
  const kind: unknown = found['message']
  if (typeof kind !== 'string') throw new Error('protobufjs found no message')
  const mayBeAbsent = MAY_BE_ABSENT[kind] ?? []
  const fields = Object.entries(bodyIn(plain(found[kind]))).filter(
    ([name, value]) => !(mayBeAbsent.includes(name) && isDefault(value)),
  )
  return {
    cluster: plain(found['cluster']),
    from: plain(found['sender']),
    ...(found['membersDigest'] === 0 ? {} : { membersDigest: plain(found['membersDigest']) }),
    message: { type: kind, ...Object.fromEntries(fields) },
  }
}

/** Fields that an earlier release does not know: to protobufjs they are 0, false or empty then. */
const MAY_BE_ABSENT: Readonly<Record<string, readonly string[]>> = {
  logPrepare: ['version', 'names', 'released'],
  logPromise: ['incarnation'],
  logAccepted: ['incarnation'],
  logHeartbeat: ['complete', 'leaseAt', 'leaseMs', 'version'],
  logHeartbeatAnswer: ['incarnation', 'storedThrough', 'leaseAt'],
  campaign: ['version'],
  forward: ['relayed'],
  forwardRefused: ['reason'],
  readIndex: ['relayed', 'byLease'],
  fetchEntries: ['maxBytes'],
  fetched: ['complete'],
  fetchSnapshot: ['maxBytes'],
  snapshotChunk: ['configuration'],
}

function bodyIn(found: unknown): object {
  return isMessage(found) ? found : {}
}

/** Buffers are compared as what they are on the wire. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value)
  if (Array.isArray(value)) return value.map(plain)
  if (!isMessage(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
}

/** Whether a field of a message is itself one. */
export function isMessage(value: unknown): value is object {
  if (value instanceof Uint8Array || Array.isArray(value)) return false
  return typeof value === 'object' && value !== null
}
