/**
 * Dials a peer by grpc-js: looks its name up, connects, and opens the one stream. Must never throw,
 * never leave a socket behind, nor reach a server whose certificate is not that of the peer.
 */
import { isIP, isIPv6 } from 'node:net'
import { Client, credentials, status } from '@grpc/grpc-js'
import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js'
import { MAX_MESSAGE_BYTES } from '@paxos/adapter-kit/links'
import type { ChannelEvents, OpenChannel } from '@paxos/adapter-kit/links'
import {
  EXPIRED,
  identityError,
  problemOf as networkProblemOf,
  watchCertificate,
} from '@paxos/adapter-kit/sockets'
import type { HostAddress, Lookups, Sockets } from '@paxos/adapter-kit/sockets'
import type { NodeId } from '@paxos/core'
import { callChannel } from './call-channel.ts'
import type { CallChannel } from './call-channel.ts'
import { holding } from './client-sockets.ts'
import { RECONNECT_MS } from './limits.ts'
import { problemOf } from './problem.ts'
import { COMMON_OPTIONS, EXCHANGE } from './service.ts'

/** How `peer` is dialled at `target`. The addresses of a name take turns, one for each dial. */
export function dialler(sockets: Sockets, target: HostAddress, peer: NodeId): OpenChannel {
  let dials = 0
  return (events) => {
    const held = holding()
    let cancel: (() => void) | null = null
    let stream: CallChannel | null = null
    let stopWatch: (() => void) | null = null
    let isOver = false

    function release(): void {
      if (isOver) return
      isOver = true
      stopWatch?.()
      cancel?.()
      void held.free().then(() => (stream === null ? events.onClosed() : stream.closed()))
    }

    function watch(own: Parameters<typeof identityError>[0]): ChannelCredentials {
      return credentials.createFromSecureContext(own.context, {
        // The name that grpc-js hands in may be a stand-in: see clientOptions.
        checkServerIdentity(_, certificate) {
          const mismatch = identityError(own, target.host, peer, certificate)
          if (mismatch !== undefined) events.onProblem(networkProblemOf(mismatch))
          stopWatch?.()
          stopWatch = watchCertificate(certificate, () => {
            events.onProblem(EXPIRED)
            release()
          })
          return mismatch
        },
      })
    }

    function start(ip: string): void {
      if (isOver) return
      const own = sockets.credentials()
      const client = new Client(
        `${isIPv6(ip) ? 'ipv6' : 'ipv4'}:${authorityOf(ip, target.port)}`,
        own === null ? credentials.createInsecure() : watch(own),
        { ...COMMON_OPTIONS, ...clientOptions(target) },
      )
      const { path, requestSerialize, responseDeserialize } = EXCHANGE
      const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
      cancel = () => {
        call.cancel()
        client.close()
      }
      // Without a listener it would end the process. The status says the same.
      call.on('error', () => {})
      call.on('status', ({ code, details }) => {
        tellEnd(events, code, details)
        // What came before is read by then.
        setImmediate(release)
      })
      stream = callChannel({ call, isDialled: true, events, release, onTrusted() {} })
      events.onOpen()
    }

    addressOf(sockets.lookups, target.host, dials).then(
      (ip) => held.open(() => start(ip)),
      (error: unknown) => {
        if (isOver) return
        events.onProblem(networkProblemOf(error))
        release()
      },
    )
    dials += 1
    return {
      get writable() {
        return stream?.channel.writable ?? false
      },
      send: (messages) => stream?.channel.send(messages),
      close() {
        if (stream === null) release()
        else stream.channel.close()
      },
      destroy: release,
    }
  }
}

function tellEnd(events: ChannelEvents, code: status, details: string): void {
  if (code === status.RESOURCE_EXHAUSTED && details.includes('larger than max')) {
    events.onMalformed()
    return
  }
  const problem = problemOf(code, details)
  if (problem !== null) events.onProblem(problem)
}

async function addressOf(lookups: Lookups, host: string, dials: number): Promise<string> {
  if (isIP(host) !== 0) return host
  const found = await lookups.addressesOf(host)
  return found[dials % found.length]?.address ?? host
}

/** `host:port`, with an IPv6 host in brackets. */
function authorityOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function clientOptions({ isSecure, host, port }: HostAddress): ChannelOptions {
  const common: ChannelOptions = {
    'grpc.default_authority': authorityOf(host, port),
    // By default a frame of 1 MiB would take 16 round trips.
    'grpc-node.flow_control_window': MAX_MESSAGE_BYTES,
    // A dial is one attempt on a channel of its own, and links decides when to try again.
    'grpc.enable_retries': 0,
    'grpc.initial_reconnect_backoff_ms': RECONNECT_MS,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.service_config_disable_resolution': 1,
    // A variable of the environment must not divert the traffic of the cluster.
    'grpc.enable_http_proxy': 0,
  }
  if (!isSecure) return common
  // TLS must not be told an IP address as the name of a server (RFC 6066, 3), and grpc-js has no
  // way to tell none. Who the server is, is checked against the address all the same.
  return { ...common, 'grpc.ssl_target_name_override': isIP(host) === 0 ? host : 'no-name.invalid' }
}
