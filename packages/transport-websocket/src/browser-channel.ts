/**
 * A channel by the WebSocket that browsers have (WHATWG, WebSockets). It does not say when it has
 * written, and cannot be ended at once: so it is asked, and abandoned. Must never throw,
 * whatever the browser forbids.
 */
import { CLOSE_TIMEOUT_MS } from '@paxos/adapter-kit/links'
import type { Channel, ChannelEvents } from '@paxos/adapter-kit/links'
import { BROWSER_BUFFER_BYTES, BROWSER_POLL_MS } from './limits.ts'

/** What we use of a browser's WebSocket. */
export interface BrowserWebSocket {
  binaryType: string
  readonly readyState: number
  readonly bufferedAmount: number
  addEventListener(type: 'open' | 'error' | 'close', listener: () => void): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  send(message: Uint8Array): void
  close(code: number): void
}

/** Connects to a URL. May throw. */
export type BrowserWebSocketClass = new (url: string) => BrowserWebSocket

const OPEN = 1

/** The channel of a new connection to `url`. */
export function browserChannel(
  Class: BrowserWebSocketClass,
  url: string,
  events: ChannelEvents,
): Channel {
  const socket = tryTo(() => new Class(url))
  let isClosed = false
  let isWriting = false
  let closeTimer: ReturnType<typeof setTimeout> | undefined
  let pollTimer: ReturnType<typeof setTimeout> | undefined

  function finish(): void {
    if (isClosed) return
    isClosed = true
    clearTimeout(closeTimer)
    clearTimeout(pollTimer)
    events.onClosed()
  }

  function isOpen(): boolean {
    return !isClosed && socket?.readyState === OPEN
  }

  function tellWhenWritten(): void {
    if (!isOpen()) return
    if ((socket?.bufferedAmount ?? 0) <= BROWSER_BUFFER_BYTES) {
      isWriting = false
      events.onWritable()
    } else {
      pollTimer = setTimeout(tellWhenWritten, BROWSER_POLL_MS)
    }
  }

  function abandon(): void {
    tryTo(() => socket?.close(1000))
    queueMicrotask(finish)
  }

  if (socket === null) {
    queueMicrotask(finish)
  } else {
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('open', () => {
      if (!isClosed) events.onOpen()
    })
    socket.addEventListener('message', ({ data }) => {
      if (isClosed) return
      if (data instanceof ArrayBuffer) events.onMessage(new Uint8Array(data))
      else events.onMalformed()
    })
    // A browser does not tell pages what went wrong, and says that it closed as well.
    socket.addEventListener('error', () => {})
    socket.addEventListener('close', finish)
  }

  return {
    get writable() {
      return !isWriting && isOpen()
    },
    send(messages) {
      isWriting = true
      for (const message of messages) tryTo(() => socket?.send(message))
      queueMicrotask(tellWhenWritten)
    },
    close() {
      closeTimer = setTimeout(abandon, CLOSE_TIMEOUT_MS)
      tryTo(() => socket?.close(1000))
    },
    destroy: abandon,
  }
}

function tryTo<T>(action: () => T): T | null {
  try {
    return action()
  } catch {
    return null
  }
}
