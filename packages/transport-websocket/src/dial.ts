/**
 * Dials a peer with `ws`, over TLS or not. Must never throw, nor reach anybody whose certificate
 * names another than the peer.
 */
import { lookup } from 'node:dns'
import { connect } from 'node:net'
import type { LookupFunction, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { NodeId } from '@paxos/core'
import { WebSocket } from 'ws'
import { formatAddress } from './address.ts'
import type { WebSocketAddress } from './address.ts'
import type { Opener } from './channel.ts'
import type { Counters } from './stats.ts'
import { clientOptions } from './tls.ts'
import type { Credentials } from './tls.ts'
import { maxPayload, wsChannel } from './ws-channel.ts'

/** What a dialler needs. */
export interface DialOptions {
  readonly address: WebSocketAddress
  /** For `wss:`, and only then. */
  readonly credentials: Credentials | null
  readonly peer: NodeId
  readonly lookups: Lookups
  readonly counters: Counters
}

/** Dials `address` when it is called. */
export function dialler(options: DialOptions): Opener {
  const url = formatAddress(options.address)
  return (events) => {
    const socket = connectSocket(options)
    const ws = new WebSocket(url, {
      createConnection: () => socket,
      perMessageDeflate: false,
      autoPong: false,
      maxPayload,
    })
    return wsChannel({ ws, socket, events, onTrusted: () => {} })
  }
}

function connectSocket({ address, credentials, peer, lookups, counters }: DialOptions): Socket {
  const { host, port } = address
  const to = { host, port, lookup: lookups.lookup }
  if (credentials === null) return connect(to)
  const onWrongCertificate = (): void => void (counters.wrongCertificates += 1)
  return connectTls({ ...to, ...clientOptions(credentials, host, peer, onWrongCertificate) })
}

/** The look-ups of names that run: they cannot be cancelled, and keep the process alive. */
export interface Lookups {
  readonly lookup: LookupFunction
  /** Resolves when none runs. */
  settled(): Promise<void>
}

/** No look-up runs yet. */
export function makeLookups(): Lookups {
  const waiting: (() => void)[] = []
  let running = 0
  return {
    lookup(host, options, callback) {
      running += 1
      lookup(host, options, (...answer) => {
        running -= 1
        if (running === 0) for (const resolve of waiting.splice(0)) resolve()
        callback(...answer)
      })
    },
    async settled() {
      if (running > 0) await new Promise<void>((resolve) => waiting.push(resolve))
    },
  }
}
