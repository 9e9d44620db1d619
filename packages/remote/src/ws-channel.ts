/**
 * A channel by `ws`. Must never keep more than one frame of what comes and is not understood, answer the
 * pings of who reads nothing, nor wait for ever for who does not close.
 */
import { WebSocket } from 'ws'
import type { ClientOptions } from 'ws'
import type { Channel, ChannelEvents, Closed, CloseReason, Dial } from './channel.ts'
import { SUBPROTOCOL } from './frames.ts'
import {
  CLOSE_TIMEOUT_MS,
  DIAL_TIMEOUT_MS,
  MAX_TOLD_BYTES,
  UNSENT_BYTES_TO_WAIT,
} from './limits.ts'

/** Codes with which a connection is closed (RFC 6455, 7.4.1). */
const CODES: Readonly<Record<CloseReason, number>> = {
  done: 1000,
  leaving: 1001,
  'not-understood': 1007,
  'too-much': 1008,
}

/** What is shown to a server, and what is asked of it. All in PEM. */
export interface ClientTlsOptions {
  /** The authorities whose certificates are trusted. Default: those that Node.js comes with. */
  readonly ca?: string | Uint8Array | undefined
  /** The certificate of this client, where servers ask for one, and its key. */
  readonly cert?: string | Uint8Array | undefined
  readonly key?: string | Uint8Array | undefined
  /** What the key is encrypted with. Default: it is not. */
  readonly passphrase?: string | undefined
  /** The name in the server's certificate, where that is not the one in its address. */
  readonly servername?: string | undefined
}

/** Dials by WebSocket; `token` is asked for each time, so that it may be replaced. */
export function wsDial(token: () => string | null, tls: ClientTlsOptions | undefined): Dial {
  return (address, events) => {
    let shown: string | null
    try {
      shown = token()
    } catch {
      // Not what it says, which may be the token.
      queueMicrotask(() => {
        events.onClosed({ type: 'unauthorized', problem: 'was not asked: token() threw' })
      })
      return NOWHERE
    }
    const options: ClientOptions = {
      ...inBuffers(tls),
      handshakeTimeout: DIAL_TIMEOUT_MS,
      perMessageDeflate: false,
      autoPong: false,
      followRedirects: false,
      maxPayload: MAX_TOLD_BYTES,
      headers: shown === null ? {} : { authorization: `Bearer ${shown}` },
    }
    return wsChannel(new WebSocket(address, SUBPROTOCOL, options), events)
  }
}

/** What was never opened. */
const NOWHERE: Channel = {
  unsentBytes: 0,
  send: () => undefined,
  ping: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
  close: () => undefined,
  destroy: () => undefined,
}

/** The channel of `ws`, whether it is open already or is still to connect. */
export function wsChannel(ws: WebSocket, events: ChannelEvents): Channel {
  /** What is known of the end; the first reason is the cause of those that follow. */
  let closed: Closed | null = null
  let closeTimer: NodeJS.Timeout | undefined

  ws.binaryType = 'arraybuffer'
  ws.on('open', () => events.onOpen())
  ws.on('message', (data, isBinary) => {
    events.onHeard()
    if (isBinary && data instanceof ArrayBuffer) events.onFrame(new Uint8Array(data))
    else close('not-understood')
  })
  ws.on('ping', (data) => {
    events.onHeard()
    // `ws` itself would keep an answer to each for whoever reads none.
    if (ws.bufferedAmount <= UNSENT_BYTES_TO_WAIT) ws.pong(data)
  })
  ws.on('pong', () => events.onHeard())
  ws.on('unexpected-response', (_, response) => {
    closed ??= refusalOf(response.statusCode ?? 0)
    response.destroy()
    ws.terminate()
  })
  ws.on('error', (error) => {
    closed ??= closedBy(error)
  })
  ws.once('close', (code: number) => {
    clearTimeout(closeTimer)
    if (code === CODES['not-understood'] || code === CODES['too-much']) {
      closed ??= { type: 'protocol', problem: `ended the connection as not understood (${code})` }
    }
    events.onClosed(closed ?? { type: 'lost', problem: 'has closed the connection' })
  })

  function close(reason: CloseReason): void {
    // A side that is paused would not see that the other one confirms.
    if (ws.isPaused) ws.resume()
    closeTimer ??= setTimeout(() => ws.terminate(), CLOSE_TIMEOUT_MS)
    ws.close(CODES[reason])
  }

  return {
    get unsentBytes() {
      return ws.bufferedAmount
    },
    send(frame) {
      if (ws.readyState === WebSocket.OPEN) ws.send(frame, () => events.onDrain())
    },
    ping() {
      if (ws.readyState === WebSocket.OPEN) ws.ping()
    },
    pause() {
      if (ws.readyState === WebSocket.OPEN) ws.pause()
    },
    resume() {
      if (ws.isPaused) ws.resume()
    },
    close,
    destroy() {
      if (ws.isPaused) ws.resume()
      ws.terminate()
    },
  }
}

function inBuffers(tls: ClientTlsOptions | undefined): ClientOptions {
  if (tls === undefined) return {}
  const { ca, cert, key, passphrase, servername } = tls
  return {
    ...(ca === undefined ? {} : { ca: Buffer.from(ca) }),
    ...(cert === undefined ? {} : { cert: Buffer.from(cert) }),
    ...(key === undefined ? {} : { key: Buffer.from(key) }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(servername === undefined ? {} : { servername }),
  }
}

function refusalOf(status: number): Closed {
  if (status === 401 || status === 403) {
    return { type: 'unauthorized', problem: `does not let this client in (${status})` }
  }
  if (status === 503) return { type: 'lost', problem: 'takes no more clients now (503)' }
  return { type: 'protocol', problem: `speaks HTTP, and not ${SUBPROTOCOL} (${status})` }
}

/** What an error of `ws`, of the socket or of TLS says of the other side. */
function closedBy(error: Error): Closed {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (/^ERR_SSL.*(?:CERTIFICATE|ALERT)/.test(code)) {
    return { type: 'unauthorized', problem: `does not take the certificate (${code})` }
  }
  if (/subprotocol/i.test(error.message) || code.startsWith('WS_ERR_')) {
    return { type: 'protocol', problem: `speaks something else than ${SUBPROTOCOL}` }
  }
  if (/CERT|SIGNATURE|UNABLE_TO_/.test(code)) {
    return { type: 'lost', problem: `shows a certificate that is not trusted (${code})` }
  }
  const what = code === '' ? error.message : code
  return { type: 'lost', problem: `cannot be reached (${what})` }
}
