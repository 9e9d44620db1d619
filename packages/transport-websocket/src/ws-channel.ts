/**
 * A channel by `ws`. Must never keep more of an unknown other side than a first message takes, nor
 * wait for ever for one that does not close.
 */
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { Channel, ChannelEvents, CloseCode } from './channel.ts'
import { problemOf } from './problem.ts'
import { CLOSE_TIMEOUT_MS, MAX_UNIDENTIFIED_BYTES, MAX_UNREAD_PONG_BYTES } from './limits.ts'

/** What both sides tell `ws`. A frame is one message, as it is. */
export { MAX_FRAME_BYTES as maxPayload } from '@paxos/core'

/** The other side has refused: see CloseCode. */
const REFUSED: CloseCode = 4000

/** What a channel is made of. */
export interface WsChannelOptions {
  readonly ws: WebSocket
  /** The socket under `ws`. */
  readonly socket: Socket
  readonly events: ChannelEvents
  /** The other side has said who it is. */
  readonly onTrusted: () => void
}

/** The channel of `ws`, whether it is open already or is still to connect. */
export function wsChannel({ ws, socket, events, onTrusted }: WsChannelOptions): Channel {
  let untrustedBytes: number | null = 0
  let closeTimer: NodeJS.Timeout | undefined

  ws.binaryType = 'arraybuffer'
  ws.on('open', () => {
    // From here on, and not before: what HTTP and TLS take has limits of its own.
    socket.on('data', countUntrusted)
    events.opened()
  })
  ws.on('message', (data, isBinary) => {
    if (isBinary && data instanceof ArrayBuffer) events.message(new Uint8Array(data))
    else events.malformed()
  })
  ws.on('ping', (data) => {
    events.alive()
    // `ws` itself would keep an answer to each for whoever reads none.
    if (socket.writableLength <= MAX_UNREAD_PONG_BYTES) ws.pong(data)
  })
  ws.on('pong', () => events.alive())
  ws.on('error', (error) => {
    // Others are errors of the network: the peer is gone.
    if ('code' in error && String(error.code).startsWith('WS_ERR_')) events.malformed()
    else events.failed(problemOf(error))
  })
  ws.on('close', (code) => {
    if (code === REFUSED) {
      events.failed({
        reason: 'refused',
        message: 'The peer does not let this node in. Does it know it?',
      })
    }
    clearTimeout(closeTimer)
    events.closed()
  })
  if (ws.readyState === WebSocket.OPEN) socket.on('data', countUntrusted)

  /** `ws` itself would wait for a first message of the size of a frame. */
  function countUntrusted(chunk: Uint8Array): void {
    if (untrustedBytes === null) return
    untrustedBytes += chunk.byteLength
    if (untrustedBytes > MAX_UNIDENTIFIED_BYTES) {
      events.malformed()
      ws.terminate()
    }
  }

  return {
    get isOpen() {
      return ws.readyState === WebSocket.OPEN
    },
    send(messages, written) {
      socket.cork()
      const last = messages.length - 1
      for (const [index, message] of messages.entries()) {
        if (index === last) ws.send(message, () => written())
        else ws.send(message)
      }
      socket.uncork()
    },
    ping() {
      if (ws.readyState === WebSocket.OPEN) ws.ping()
    },
    trust() {
      untrustedBytes = null
      socket.off('data', countUntrusted)
      onTrusted()
    },
    close(code: CloseCode) {
      closeTimer ??= setTimeout(() => ws.terminate(), CLOSE_TIMEOUT_MS)
      ws.close(code)
    },
    terminate() {
      ws.terminate()
    },
  }
}
