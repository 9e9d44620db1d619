/**
 * Messages in a stream of bytes: each behind its length, in 4 bytes, the highest first. Must never
 * throw for what came, nor keep more of a message than has been announced and is allowed.
 */
import { Buffer } from 'node:buffer'

/** The length in front of a message. */
export const LENGTH_BYTES = 4

/** The lengths of `messages`, each to be written in front of its message. */
export function lengthsOf(messages: readonly Uint8Array[]): Buffer[] {
  const memory = Buffer.allocUnsafe(LENGTH_BYTES * messages.length)
  return messages.map(({ byteLength }, index) => {
    const at = index * LENGTH_BYTES
    memory.writeUInt32BE(byteLength, at)
    return memory.subarray(at, at + LENGTH_BYTES)
  })
}

/** What comes out of a stream. */
export interface MessageReader {
  /** Takes the next bytes, and hands on each message that they end. Nothing after onMalformed. */
  read(chunk: Uint8Array): void
  /** Hands on nothing any more. */
  stop(): void
}

/** What a reader needs. */
export interface MessageReaderOptions {
  /** What a message may have, asked when its length has come. */
  readonly maxBytes: () => number
  /** A message, in memory of its own. */
  readonly onMessage: (message: Uint8Array) => void
  /** A length above what is allowed. */
  readonly onMalformed: () => void
}

/** Nothing has come yet. */
export function messageReader(options: MessageReaderOptions): MessageReader {
  const { maxBytes, onMessage, onMalformed } = options
  const header = Buffer.alloc(LENGTH_BYTES)
  let headerBytes = 0
  /** The message that has begun to come, and how much of it is there. */
  let body: Uint8Array | null = null
  let bodyBytes = 0
  let isStopped = false

  /** Takes a length, or a part of one; how many bytes it took. */
  function takeLength(chunk: Uint8Array): number {
    const part = chunk.subarray(0, LENGTH_BYTES - headerBytes)
    header.set(part, headerBytes)
    headerBytes += part.byteLength
    if (headerBytes < LENGTH_BYTES) return part.byteLength
    headerBytes = 0
    const length = header.readUInt32BE()
    if (length > maxBytes()) {
      isStopped = true
      onMalformed()
    } else {
      body = ownMemory(length)
      bodyBytes = 0
    }
    return part.byteLength
  }

  /** Takes of `message` what there is; how many bytes it took. */
  function takeBody(message: Uint8Array, chunk: Uint8Array): number {
    const part = chunk.subarray(0, message.byteLength - bodyBytes)
    message.set(part, bodyBytes)
    bodyBytes += part.byteLength
    if (bodyBytes === message.byteLength) {
      body = null
      onMessage(message)
    }
    return part.byteLength
  }

  return {
    read(chunk) {
      let position = 0
      // A message without bytes is complete as soon as its length is.
      while (!isStopped && (position < chunk.byteLength || body?.byteLength === 0)) {
        const rest = chunk.subarray(position)
        position += body === null ? takeLength(rest) : takeBody(body, rest)
      }
    },
    stop() {
      isStopped = true
      body = null
    },
  }
}

/** Neither of a pool that others share, nor filled with zeros first. */
function ownMemory(bytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer)
}
