/**
 * What travels: a frame is one binary message of a WebSocket, of two bytes that say how long its head is,
 * the head in JSON, and the bytes of a command, a result, a query or an answer as their codec made them.
 * The head is JSON because people read it when something is wrong, and because a later release may add
 * fields that this one skips; the rest is not, for what the application sends need not be text and is not
 * to be written twice. Which version is spoken is settled before the first frame, by the WebSocket's
 * subprotocol. Must never return what it has not checked, nor throw anything but DecodeError.
 */
import { DecodeError } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import type { Consistency } from '@paxos/replica'
import { MAX_HEAD_BYTES } from './limits.ts'

/** The subprotocol: another version has another name. */
export const SUBPROTOCOL = 'paxos-remote.1'

/** What a client says. The bytes of commands and queries come beside it. */
export type Asked =
  | {
      readonly type: 'propose'
      readonly id: number
      readonly session: string
      readonly sequence: number
      readonly acknowledged: number
      readonly evenIfFull: boolean
    }
  | {
      readonly type: 'query'
      readonly id: number
      readonly consistency: Consistency
      /** With 'bounded' alone. */
      readonly maxStalenessMs: number | null
    }
  | { readonly type: 'open-session'; readonly id: number }
  /** Nobody waits for the answer any more. */
  | { readonly type: 'cancel'; readonly id: number }
  /** What the client wants to be told from now on. */
  | { readonly type: 'listen'; readonly events: boolean; readonly applied: boolean }

/** What a server says. The bytes of results, answers and events come beside it. */
export type Told =
  /** First of all. */
  | {
      readonly type: 'welcome'
      readonly node: NodeId
      /** Requests that may be under way at once. */
      readonly requests: number
      readonly requestBytes: number
    }
  | { readonly type: 'answer'; readonly id: number }
  | { readonly type: 'session'; readonly id: number; readonly session: string }
  | {
      readonly type: 'error'
      readonly id: number
      readonly code: string | null
      readonly message: string
      /** Of ERR_PAXOS_NOT_LEADER. */
      readonly leader: NodeId | null
    }
  /** Who leads, and where its clients are served, where that is known. */
  | { readonly type: 'leader'; readonly leader: NodeId | null; readonly address: string | null }
  | { readonly type: 'event' }
  /** The state may be another one. */
  | { readonly type: 'applied' }
  /** Nothing more is to be asked here; what is under way is answered. */
  | { readonly type: 'leaving' }

/** A head, and the bytes beside it. */
export interface Frame<Head> {
  readonly head: Head
  readonly body: Uint8Array
}

const NOTHING = new Uint8Array()

export function encodeFrame(head: Asked | Told, body: Uint8Array = NOTHING): Uint8Array {
  const written = new TextEncoder().encode(JSON.stringify(head))
  const { byteLength } = written
  if (byteLength > MAX_HEAD_BYTES) throw malformed('a head that is too long')
  const frame = new Uint8Array(2 + byteLength + body.byteLength)
  frame[0] = byteLength >> 8
  frame[1] = byteLength & 0xff
  frame.set(written, 2)
  frame.set(body, 2 + byteLength)
  return frame
}

/** What a client said. Throws DecodeError for anything else. */
export function decodeAsked(bytes: Uint8Array): Frame<Asked> {
  const { head, body } = split(bytes)
  return { head: askedIn(head), body }
}

/** What a server said. Throws DecodeError for anything else; `null` for what a later release says. */
export function decodeTold(bytes: Uint8Array): Frame<Told> | null {
  const { head, body } = split(bytes)
  const told = toldIn(head)
  return told === null ? null : { head: told, body }
}

function split(bytes: Uint8Array): { readonly head: Fields; readonly body: Uint8Array } {
  const [high, low] = bytes
  if (high === undefined || low === undefined) throw malformed('no head')
  const end = 2 + high * 0x100 + low
  if (bytes.byteLength < end) throw malformed('a head that is cut off')
  let head: unknown
  try {
    head = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(2, end)))
  } catch (cause) {
    throw malformed('a head that is no JSON', { cause })
  }
  if (!isFields(head)) throw malformed('a head that is no object')
  return { head, body: bytes.subarray(end) }
}

function askedIn(head: Fields): Asked {
  switch (head['type']) {
    case 'propose': {
      const sequence = positive(head, 'sequence')
      const acknowledged = positive(head, 'acknowledged')
      if (acknowledged > sequence) throw malformed('an acknowledgement of what comes later')
      return {
        type: 'propose',
        id: positive(head, 'id'),
        session: session(head),
        sequence,
        acknowledged,
        evenIfFull: flag(head, 'evenIfFull'),
      }
    }
    case 'query': {
      const { maxStalenessMs } = head
      const consistency = CONSISTENCIES.find((one) => one === head['consistency'])
      if (consistency === undefined) throw malformed('a consistency that there is not')
      if ((consistency === 'bounded') !== isAge(maxStalenessMs)) throw malformed('a wrong bound')
      return {
        type: 'query',
        id: positive(head, 'id'),
        consistency,
        maxStalenessMs: isAge(maxStalenessMs) ? maxStalenessMs : null,
      }
    }
    case 'open-session':
    case 'cancel':
      return { type: head['type'], id: positive(head, 'id') }
    case 'listen':
      return { type: 'listen', events: flag(head, 'events'), applied: flag(head, 'applied') }
    default:
      throw malformed('a request that there is not')
  }
}

function toldIn(head: Fields): Told | null {
  switch (head['type']) {
    case 'welcome':
      return {
        type: 'welcome',
        node: text(head, 'node'),
        requests: positive(head, 'requests'),
        requestBytes: positive(head, 'requestBytes'),
      }
    case 'answer':
      return { type: 'answer', id: positive(head, 'id') }
    case 'session':
      return { type: 'session', id: positive(head, 'id'), session: session(head) }
    case 'error':
      return {
        type: 'error',
        id: positive(head, 'id'),
        code: textOrNull(head, 'code'),
        message: text(head, 'message'),
        leader: textOrNull(head, 'leader'),
      }
    case 'leader':
      return {
        type: 'leader',
        leader: textOrNull(head, 'leader'),
        address: textOrNull(head, 'address'),
      }
    case 'event':
    case 'applied':
    case 'leaving':
      return { type: head['type'] }
    default:
      if (typeof head['type'] === 'string') return null
      throw malformed('no type')
  }
}

const CONSISTENCIES = ['linearizable', 'lease', 'bounded', 'local'] as const

type Fields = Readonly<Record<string, unknown>>

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function positive(head: Fields, name: string): number {
  const value = head[name]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  throw malformed(`no whole number above 0 as ${name}`)
}

function isAge(value: unknown): value is number {
  return typeof value === 'number' && value >= 0
}

function flag(head: Fields, name: string): boolean {
  const value = head[name]
  if (typeof value === 'boolean') return value
  throw malformed(`neither true nor false as ${name}`)
}

function text(head: Fields, name: string): string {
  const value = head[name]
  if (typeof value === 'string') return value
  throw malformed(`no text as ${name}`)
}

function textOrNull(head: Fields, name: string): string | null {
  return head[name] === null || head[name] === undefined ? null : text(head, name)
}

function session(head: Fields): string {
  const name = text(head, 'session')
  if (/^[0-9a-f]{32}$/.test(name)) return name
  throw malformed('no name of a session')
}

/** Without what was found, which may be a secret. */
function malformed(what: string, options?: ErrorOptions): DecodeError {
  const message = `A frame has ${what}. Run releases of @paxos/remote that know one another.`
  return new DecodeError(message, options)
}
