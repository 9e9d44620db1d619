/**
 * A channel by the WebSocket that browsers have (WHATWG, WebSockets). It cannot ping, does not say
 * when it has written, and cannot be ended at once: so it is asked, and abandoned. Must never throw,
 * whatever the browser forbids.
 */
import type { ChannelEvents, Channel, CloseCode } from './channel.ts'
import { BROWSER_BUFFER_BYTES, BROWSER_POLL_MS, CLOSE_TIMEOUT_MS } from './limits.ts'

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
  let closeTimer: ReturnType<typeof setTimeout> | undefined
  let pollTimer: ReturnType<typeof setTimeout> | undefined

  function finish(): void {
    if (isClosed) return
    isClosed = true
    clearTimeout(closeTimer)
    clearTimeout(pollTimer)
    events.closed()
  }

  function isOpen(): boolean {
    return !isClosed && socket?.readyState === OPEN
  }

  function callWhenWritten(written: () => void): void {
    if (!isOpen()) return
    if ((socket?.bufferedAmount ?? 0) <= BROWSER_BUFFER_BYTES) written()
    else pollTimer = setTimeout(callWhenWritten, BROWSER_POLL_MS, written)
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
      if (!isClosed) events.opened()
    })
    socket.addEventListener('message', ({ data }) => {
      if (isClosed) return
      if (data instanceof ArrayBuffer) events.message(new Uint8Array(data))
      else events.malformed()
    })
    // A browser does not tell pages what went wrong, and says that it closed as well.
    socket.addEventListener('error', () => {})
    socket.addEventListener('close', finish)
  }

  return {
    get isOpen() {
      return isOpen()
    },
    send(messages, written) {
      for (const message of messages) tryTo(() => socket?.send(message))
      queueMicrotask(() => callWhenWritten(written))
    },
    ping: null,
    trust() {},
    close(code: CloseCode) {
      closeTimer ??= setTimeout(abandon, CLOSE_TIMEOUT_MS)
      tryTo(() => socket?.close(code))
    },
    terminate: abandon,
  }
}

function tryTo<T>(action: () => T): T | null {
  try {
    return action()
  } catch {
    return null
  }
}
