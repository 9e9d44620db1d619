/**
 * A channel by `ws`. Must never keep more of an unknown other side than a first message takes, nor
 * wait for ever for one that does not close.
 */
import type { Socket } from 'node:net'
import { CLOSE_TIMEOUT_MS } from '@paxos/adapter-kit/links'
import type { Channel, ChannelEvents } from '@paxos/adapter-kit/links'
import { problemOf } from '@paxos/adapter-kit/sockets'
import type { PeerProblem } from '@paxos/core'
import { WebSocket } from 'ws'
import { MAX_UNIDENTIFIED_BYTES, MAX_UNREAD_PONG_BYTES } from './limits.ts'

/** What both sides tell `ws`. A message of links is one of WebSocket. */
export { MAX_MESSAGE_BYTES as maxPayload } from '@paxos/adapter-kit/links'

const NO_WEB_SOCKET: PeerProblem = {
  reason: 'protocol',
  message: 'Whoever listens there speaks HTTP, and no WebSocket. Is the address right?',
}

/** What a channel is made of. */
export interface WsChannelOptions {
  readonly ws: WebSocket
  /** The socket under `ws`. */
  readonly socket: Socket
  readonly events: ChannelEvents
}

/** The channel of `ws`, whether it is open already or is still to connect. */
export function wsChannel({ ws, socket, events }: WsChannelOptions): Channel {
  let untrustedBytes: number | null = 0
  let isWriting = false
  let closeTimer: NodeJS.Timeout | undefined

  ws.binaryType = 'arraybuffer'
  ws.on('open', () => {
    // From here on, and not before: what HTTP and TLS take has limits of its own.
    socket.on('data', countUntrusted)
    events.onOpen()
  })
  ws.on('message', (data, isBinary) => {
    if (isBinary && data instanceof ArrayBuffer) events.onMessage(new Uint8Array(data))
    else events.onMalformed()
  })
  ws.on('ping', (data) => {
    // `ws` itself would keep an answer to each for whoever reads none.
    if (socket.writableLength <= MAX_UNREAD_PONG_BYTES) ws.pong(data)
  })
  ws.on('error', (error) => {
    // Others are errors of the network: the peer is gone.
    if ('code' in error && String(error.code).startsWith('WS_ERR_')) events.onMalformed()
    else events.onProblem(isNoUpgrade(error) ? NO_WEB_SOCKET : problemOf(error))
  })
  ws.on('close', () => {
    clearTimeout(closeTimer)
    events.onClosed()
  })
  if (ws.readyState === WebSocket.OPEN) socket.on('data', countUntrusted)

  function written(): void {
    isWriting = false
    events.onWritable()
  }

  /** `ws` itself would wait for a first message of the size of a frame. */
  function countUntrusted(chunk: Uint8Array): void {
    if (untrustedBytes === null) return
    untrustedBytes += chunk.byteLength
    if (untrustedBytes > MAX_UNIDENTIFIED_BYTES) {
      events.onMalformed()
      ws.terminate()
    }
  }

  return {
    get writable() {
      return !isWriting && ws.readyState === WebSocket.OPEN
    },
    send(messages) {
      isWriting = true
      socket.cork()
      const last = messages.length - 1
      for (const [index, message] of messages.entries()) {
        if (index === last) ws.send(message, written)
        else ws.send(message)
      }
      socket.uncork()
    },
    trust() {
      untrustedBytes = null
      socket.off('data', countUntrusted)
    },
    close() {
      closeTimer = setTimeout(() => ws.terminate(), CLOSE_TIMEOUT_MS)
      ws.close(1000)
    },
    destroy() {
      ws.terminate()
    },
  }
}

function isNoUpgrade({ message }: Error): boolean {
  return message.startsWith('Unexpected server response')
}
