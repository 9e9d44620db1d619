/**
 * The transport for pages in browsers: it dials, and nobody can dial it. Must never import anything
 * of Node.js.
 */
import { links } from '@paxos/adapter-kit/links'
import type { LinkMedium, LinkTransport } from '@paxos/adapter-kit/links'
import { requireOptions, TransportError } from '@paxos/core'
import type { Transport } from '@paxos/core'
import { ADDRESS_HINT, SCHEME } from './address.ts'
import { browserChannel } from './browser-channel.ts'
import type { BrowserWebSocketClass } from './browser-channel.ts'

export type {
  LinkStats as WebSocketStats,
  LinkTransport as WebSocketTransport,
} from '@paxos/adapter-kit/links'

/** What there is in Node.js is the browser's business here. */
type NoOptions = Readonly<Record<string, never>>

/**
 * A transport that is not open yet. It is opened with the address '' to listen on, and has the
 * address '' when it is open: a page cannot be dialled, so that two pages cannot reach each other.
 * Its peers list it with the address ''. open() rejects with TransportError for any other address,
 * and where there is no WebSocket. There are no options, and InvalidArgumentError is thrown for any.
 */
export function webSocket(options: NoOptions = {}): LinkTransport {
  requireOptions('webSocket() in a page', options, [])
  let Class: BrowserWebSocketClass | null = null
  const medium: LinkMedium = {
    isHidden: true,
    addressHint: ADDRESS_HINT,
    async listen(listen) {
      if (listen !== '') {
        throw new TransportError(
          'ERR_PAXOS_ADDRESS_UNAVAILABLE',
          `A page cannot listen on '${listen}'. Open it with an empty address to listen on.`,
        )
      }
      Class = requireWebSocket()
      return { address: '', close: async () => {} }
    },
    dial(peerAddress) {
      const address = SCHEME.parse(peerAddress)
      if (address === null || address.port === 0 || Class === null) return null
      const url = SCHEME.format(address)
      const found = Class
      return (events) => browserChannel(found, url, events)
    },
  }
  return links(medium)
}

/**
 * What `openTransport` of @paxos/replica/url calls for `ws:` and `wss:`. A page listens nowhere, so
 * that nothing of the address matters here.
 */
export function fromUrl(_url: string, options?: NoOptions): Transport {
  return webSocket(options)
}

function requireWebSocket(): BrowserWebSocketClass {
  const found: unknown = Reflect.get(globalThis, 'WebSocket')
  if (isClass(found)) return found
  throw new TransportError(
    'ERR_PAXOS_TRANSPORT_FAILED',
    'There is no WebSocket here. In Node.js, import @paxos/transport-websocket without the condition browser.',
  )
}

function isClass(value: unknown): value is BrowserWebSocketClass {
  return typeof value === 'function'
}
