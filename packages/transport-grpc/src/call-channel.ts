/**
 * A channel over a stream of gRPC, whoever opened it. gRPC lets only the side that has dialled end
 * its half and go on reading; the other side asks it to, by a Link without a kind. Must never wait
 * for ever for one that does not.
 */
import { CLOSE_TIMEOUT_MS } from '@paxos/adapter-kit/links'
import type { Channel, ChannelEvents } from '@paxos/adapter-kit/links'

/** What is needed of a stream. Both kinds of grpc-js have it, and so has a Duplex of messages. */
export interface MessageStream {
  write(message: Uint8Array, callback?: () => void): unknown
  end(): unknown
  on(event: 'data', listener: (message: Uint8Array) => void): unknown
  on(event: 'end', listener: () => void): unknown
}

/** What a channel needs. */
export interface CallChannelOptions {
  readonly call: MessageStream
  readonly isDialled: boolean
  readonly events: ChannelEvents
  /** Frees all that the stream holds; closed() follows. May be called again. */
  readonly release: () => void
  readonly onTrusted: () => void
}

/** A channel, and how its maker tells that nothing of the stream is left. */
export interface CallChannel {
  readonly channel: Channel
  readonly closed: () => void
}

/** Packet { Link {} }: see proto/transport.proto. */
const GOODBYE = Uint8Array.of(0x4a, 0)

/** The channel over `call`. */
export function callChannel(options: CallChannelOptions): CallChannel {
  const { call, isDialled, events, release, onTrusted } = options
  let isWriting = false
  let isClosing = false
  let isDestroyed = false
  let deadline: NodeJS.Timeout | null = null

  function close(): void {
    if (isClosing) return
    isClosing = true
    deadline = setTimeout(destroy, CLOSE_TIMEOUT_MS)
    if (isDialled) call.end()
    else call.write(GOODBYE)
  }

  function destroy(): void {
    isClosing = true
    isDestroyed = true
    release()
  }

  call.on('data', (message) => {
    if (isDestroyed) return
    if (isDialled && isGoodbye(message)) close()
    else events.onMessage(message)
  })
  // The side that has dialled reads to the end, and learns it from the status of the stream.
  call.on('end', () => {
    if (isDialled) return
    isClosing = true
    deadline ??= setTimeout(destroy, CLOSE_TIMEOUT_MS)
    call.end()
  })

  return {
    channel: {
      get writable() {
        return !isWriting && !isClosing
      },
      send(messages) {
        if (isClosing) return
        isWriting = true
        for (const message of messages.slice(0, -1)) call.write(message)
        // The callback comes when HTTP/2 has taken the whole message, so it waits for a slow peer.
        call.write(messages.at(-1) ?? GOODBYE, () => {
          isWriting = false
          if (!isClosing) events.onWritable()
        })
      },
      close,
      destroy,
      trust: onTrusted,
    },
    closed() {
      if (deadline !== null) clearTimeout(deadline)
      isClosing = true
      isDestroyed = true
      events.onClosed()
    },
  }
}

function isGoodbye({ byteLength, 0: first, 1: second }: Uint8Array): boolean {
  return byteLength === GOODBYE.byteLength && first === GOODBYE[0] && second === GOODBYE[1]
}
