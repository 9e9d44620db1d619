/**
 * Tags that prove that a datagram was made, for this receiver, by somebody who has the key.
 *
 *     tag = the first 16 bytes of HMAC-SHA-256(key, n ‖ receiver ‖ datagram without its tag)
 *
 * with n the length of the receiver's id in one byte, and the id in UTF-8. The header, the sender
 * and all that follows are in the datagram; the receiver is not, as both ends know it, and the tag
 * keeps a datagram for one node from being used on another. Must never show a key, in errors and
 * under inspection neither, and must keep nothing of a datagram.
 */
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isUint8Array } from 'node:util/types'
import { InvalidArgumentError, requireOptions } from '@paxos/core'
import { hasTag, TAG_BYTES } from './header.ts'
import { MAX_KEYS, MIN_KEY_BYTES } from './limits.ts'

/** The keys that the nodes of one cluster share, each at least 32 random bytes. */
export interface DatagramAuthentication {
  /** What this node signs with. It accepts it, too. */
  readonly sign: Uint8Array
  /** What it accepts beside that: up to three keys, for the time of a rotation. Default none. */
  readonly accept?: readonly Uint8Array[]
}

/** How the datagrams of a node are signed and verified. */
export interface Authentication {
  /** Whether datagrams have a tag. Those that are received must be alike. */
  readonly isOn: boolean
  /** Writes the tag for `receiver`, in UTF-8, into the end of `datagram`. */
  readonly sign: (receiver: Uint8Array, datagram: Uint8Array) => void
  /** Whether `datagram`, which is ours, may be believed by `receiver`, in UTF-8. */
  readonly verify: (receiver: Uint8Array, datagram: Uint8Array) => boolean
}

/**
 * Takes copies of the keys. Without any, nothing is signed, and a datagram that is signed is not
 * believed either: who sent it counts on being protected. Throws InvalidArgumentError.
 */
export function authentication(options: DatagramAuthentication | undefined): Authentication {
  if (options === undefined) return withoutKeys
  requireOptions('authentication', options, ['sign', 'accept'])
  // Callers without types may have left anything out.
  const { sign, accept = [] } = options as Partial<DatagramAuthentication>
  if (!Array.isArray(accept) || accept.length >= MAX_KEYS) {
    throw new InvalidArgumentError(
      `authentication.accept is no list of at most ${MAX_KEYS - 1} keys. Drop those that nobody signs with.`,
    )
  }
  const signing = keyOf(sign, 'authentication.sign')
  const accepted = [signing, ...accept.map((key) => keyOf(key, 'A key of authentication.accept'))]
  return {
    isOn: true,
    sign(receiver, datagram) {
      const body = datagram.subarray(0, -TAG_BYTES)
      datagram.set(tagOf(signing, receiver, body), body.byteLength)
    },
    verify(receiver, datagram) {
      if (!hasTag(datagram) || datagram.byteLength < TAG_BYTES) return false
      const body = datagram.subarray(0, -TAG_BYTES)
      const tag = datagram.subarray(-TAG_BYTES)
      return accepted.some((key) => timingSafeEqual(tagOf(key, receiver, body), tag))
    },
  }
}

const withoutKeys: Authentication = {
  isOn: false,
  sign: () => {},
  verify: (_, datagram) => !hasTag(datagram),
}

function tagOf(key: KeyObject, receiver: Uint8Array, body: Uint8Array): Uint8Array {
  const hmac = createHmac('sha256', key)
  hmac.update(Uint8Array.of(receiver.byteLength)).update(receiver).update(body)
  return hmac.digest().subarray(0, TAG_BYTES)
}

/** A copy of `key` that no inspection shows. */
function keyOf(key: unknown, name: string): KeyObject {
  if (isUint8Array(key) && key.byteLength >= MIN_KEY_BYTES) return createSecretKey(key)
  const what = isUint8Array(key) ? `has ${key.byteLength} bytes` : 'is no Uint8Array'
  throw new InvalidArgumentError(
    `${name} ${what}. Give ${MIN_KEY_BYTES} random bytes or more: randomBytes(32) of node:crypto makes them.`,
  )
}
