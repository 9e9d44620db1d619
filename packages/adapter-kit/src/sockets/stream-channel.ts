/**
 * A channel over any stream of bytes, such as a socket: messages behind their lengths, as framing.ts
 * has them. Must never keep more of an unknown other side than a first message takes, nor wait for
 * ever for one that does not close.
 */
import type { Duplex } from 'node:stream'
import type { Channel, ChannelEvents } from '../links/medium.ts'
import { LENGTH_BYTES, lengthsOf, messageReader } from './framing.ts'
import { CLOSE_TIMEOUT_MS, MAX_MESSAGE_BYTES, MAX_UNIDENTIFIED_BYTES } from './limits.ts'
import { problemOf } from './problem.ts'

/** What a channel is made of. */
export interface StreamChannelOptions {
  /**
   * Nobody else reads from it, or writes to it. It has to emit 'close' when it is destroyed. Its
   * errors are taken care of, and told by onProblem as problemOf() has them; who has better words
   * listens for 'error' before this is called, and tells them first.
   */
  readonly stream: Duplex
  readonly events: ChannelEvents
  /** What it emits once it can be used, for one that is being dialled. Default: it is open. */
  readonly opensWith?: string
  /** The other side is known from here on. */
  readonly onTrusted?: () => void
}

/** The channel of `stream`. */
export function streamChannel(options: StreamChannelOptions): Channel {
  const { stream, events, opensWith, onTrusted } = options
  let isOpen = opensWith === undefined
  let isClosing = false
  /** What has come from a side that is not known; `null` once it is. */
  let unknownBytes: number | null = 0
  let closeTimer: NodeJS.Timeout | null = null

  const reader = messageReader({
    maxBytes() {
      if (unknownBytes === null) return MAX_MESSAGE_BYTES
      unknownBytes += LENGTH_BYTES
      return MAX_UNIDENTIFIED_BYTES - unknownBytes
    },
    onMessage(message) {
      if (unknownBytes !== null) unknownBytes += message.byteLength
      events.onMessage(message)
    },
    onMalformed: () => events.onMalformed(),
  })

  function close(): void {
    if (isClosing) return
    isClosing = true
    closeTimer = setTimeout(destroy, CLOSE_TIMEOUT_MS)
    stream.end()
  }

  function destroy(): void {
    isClosing = true
    reader.stop()
    stream.destroy()
  }

  function closed(): void {
    isClosing = true
    reader.stop()
    if (closeTimer !== null) clearTimeout(closeTimer)
    events.onClosed()
  }

  if (opensWith !== undefined) {
    stream.once(opensWith, () => {
      if (isClosing) return
      isOpen = true
      events.onOpen()
    })
  }
  stream.on('data', (chunk: Uint8Array) => reader.read(chunk))
  stream.on('drain', () => {
    if (!isClosing) events.onWritable()
  })
  stream.on('error', (error) => events.onProblem(problemOf(error)))
  // The other side has said goodbye: what was sent to it leaves, and then it is over.
  stream.on('end', close)
  stream.on('finish', destroyWhenOver)
  stream.on('end', destroyWhenOver)
  if (stream.closed) process.nextTick(closed)
  else stream.once('close', closed)

  /** A stream need not do so by itself. */
  function destroyWhenOver(): void {
    if (stream.readableEnded && stream.writableFinished) destroy()
  }

  return {
    get writable() {
      return isOpen && !isClosing && stream.writable && !stream.writableNeedDrain
    },
    send(messages) {
      if (!isOpen || isClosing) return
      const lengths = lengthsOf(messages)
      stream.cork()
      for (const [index, message] of messages.entries()) {
        stream.write(lengths[index])
        if (message.byteLength > 0) stream.write(message)
      }
      stream.uncork()
    },
    close,
    destroy,
    trust() {
      unknownBytes = null
      onTrusted?.()
    },
  }
}
