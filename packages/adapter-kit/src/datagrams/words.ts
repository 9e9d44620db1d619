/**
 * What is said of cookies: who asks says to which cluster and as which incarnation it belongs, and so
 * does who answers, so that each knows the other before any frame leaves. The layout is in
 * datagram.ts. Must never throw for bytes from the network.
 */
import { Buffer } from 'node:buffer'
import type { NodeId } from '@paxos/core'
import type { Identity } from './identity.ts'
import {
  COOKIE,
  decodeUtf8,
  EPOCH_BYTES,
  readSafe,
  roomFor,
  SECRET_BYTES,
  startDatagram,
} from './header.ts'
import type { Head } from './header.ts'
import { MAX_WORD_BYTES } from './limits.ts'

/** What is said of cookies. Nonces and cookies have SECRET_BYTES bytes each. */
export type CookieWord = Question | Answer | Refusal | Unknown

/** "Give me a cookie." */
export interface Question extends Identity {
  readonly kind: 'question'
  readonly nonce: Uint8Array
}

/** "Here it is": with the nonce of the question. */
export interface Answer extends Identity {
  readonly kind: 'answer'
  readonly nonce: Uint8Array
  readonly cookie: Uint8Array
  /** A safe integer. */
  readonly epoch: number
}

/** "You are of another cluster, or another incarnation than I expect": with the nonce of the question. */
export interface Refusal extends Identity {
  readonly kind: 'refusal'
  readonly nonce: Uint8Array
}

/** "I did not give you this cookie." */
export interface Unknown {
  readonly kind: 'unknown'
  readonly cookie: Uint8Array
}

/** A word that came, and who says that it is from him. */
export type ReceivedWord = CookieWord & { readonly type: 'cookie'; readonly sender: NodeId }

const KINDS: readonly CookieWord['kind'][] = ['question', 'answer', 'unknown', 'refusal']
const NAME_LENGTH_BYTES = 1
const NOTHING = new Uint8Array()

/**
 * A datagram that says `word`, with room for the tag. A question is as large as any answer may be, as
 * far as `datagramBytes` allows: who answers sends no more than came.
 */
export function encodeWord(head: Head, word: CookieWord, datagramBytes: number): Buffer {
  const content = contentOf(word)
  const largest = roomFor(head, Math.min(datagramBytes, MAX_WORD_BYTES))
  const bytes =
    word.kind === 'question' ? Math.max(content.byteLength, largest) : content.byteLength
  const { datagram, start } = startDatagram(head, COOKIE, bytes)
  datagram.set(content, start)
  return datagram
}

/** The size of the largest word of a node with this identity, when nothing is added to it. */
export function wordBytesOf(head: Head, identity: Identity): number {
  const secret = new Uint8Array(SECRET_BYTES)
  const word = { kind: 'answer', nonce: secret, cookie: secret, epoch: 0, ...identity } as const
  return encodeWord(head, word, 0).byteLength
}

/** The word that `content` is; `null` when it is none. */
export function decodeWord(sender: NodeId, content: Uint8Array): ReceivedWord | null {
  const word = wordIn(content)
  return word === null ? null : { type: 'cookie', sender, ...word }
}

function contentOf(word: CookieWord): Buffer {
  const kind = Uint8Array.of(KINDS.indexOf(word.kind) + 1)
  switch (word.kind) {
    case 'question':
    case 'refusal':
      return Buffer.concat([kind, word.nonce, ...namesOf(word)])
    case 'answer': {
      const epoch = Buffer.alloc(EPOCH_BYTES)
      epoch.writeBigUInt64BE(BigInt(word.epoch))
      return Buffer.concat([kind, word.nonce, word.cookie, epoch, ...namesOf(word)])
    }
    case 'unknown':
      return Buffer.concat([kind, word.cookie])
  }
}

function namesOf({ cluster, incarnation }: Identity): Uint8Array[] {
  return [cluster, incarnation].flatMap((name) => {
    const bytes = Buffer.from(name, 'utf8')
    return [Uint8Array.of(bytes.byteLength), bytes]
  })
}

function wordIn(content: Uint8Array): CookieWord | null {
  const kind = KINDS[(content[0] ?? 0) - 1]
  const first = content.subarray(1, 1 + SECRET_BYTES)
  const rest = content.subarray(1 + SECRET_BYTES)
  if (kind === undefined || first.byteLength < SECRET_BYTES) return null
  switch (kind) {
    case 'question':
    case 'refusal': {
      const read = readNames(rest)
      // What fills a question up is not looked at.
      if (read === null || (kind === 'refusal' && read.rest.byteLength > 0)) return null
      return { kind, nonce: first, ...read.identity }
    }
    case 'answer':
      return answerIn(first, rest)
    case 'unknown':
      return rest.byteLength === 0 ? { kind, cookie: first } : null
  }
}

function answerIn(nonce: Uint8Array, rest: Uint8Array): Answer | null {
  if (rest.byteLength < SECRET_BYTES + EPOCH_BYTES) return null
  const cookie = rest.subarray(0, SECRET_BYTES)
  const epoch = readSafe(rest, SECRET_BYTES)
  const read = readNames(rest.subarray(SECRET_BYTES + EPOCH_BYTES))
  if (epoch === null || read === null || read.rest.byteLength > 0) return null
  return { kind: 'answer', nonce, cookie, epoch, ...read.identity }
}

/** The two names that `bytes` begin with, and what follows; `null` when there are none. */
function readNames(
  bytes: Uint8Array,
): { readonly identity: Identity; readonly rest: Uint8Array } | null {
  const [cluster, behindCluster] = readName(bytes)
  const [incarnation, rest] = readName(behindCluster)
  if (cluster === null || incarnation === null) return null
  return { identity: { cluster, incarnation }, rest }
}

function readName(bytes: Uint8Array): readonly [string | null, Uint8Array] {
  const end = NAME_LENGTH_BYTES + (bytes[0] ?? 0)
  if (bytes.byteLength < end) return [null, NOTHING]
  return [decodeUtf8(bytes.subarray(NAME_LENGTH_BYTES, end)), bytes.subarray(end)]
}
