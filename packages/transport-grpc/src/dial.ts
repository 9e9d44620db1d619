/**
 * One attempt to open a stream to a peer: look its name up, connect, see that the right node
 * answers. Must never throw, never wait longer than DIAL_TIMEOUT_MS, and never leave a socket behind.
 */
import type { Buffer } from 'node:buffer'
import type { PeerCertificate } from 'node:tls'
import { isIP, isIPv6 } from 'node:net'
import { Client, Metadata } from '@grpc/grpc-js'
import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js'
import { MAX_FRAME_BYTES } from '@paxos/core'
import type { NodeId, PeerProblem } from '@paxos/core'
import { authorityOf } from './address.ts'
import { watchCertificate } from '@paxos/adapter-kit/sockets'
import type { HostAddress } from '@paxos/adapter-kit/sockets'
import { holding } from './client-sockets.ts'
import { decodeId, FROM_KEY, TO_KEY } from './identity.ts'
import { DIAL_TIMEOUT_MS, MAX_RETRY_MS } from './limits.ts'
import { linkOver } from './link.ts'
import type { Link, Made } from './link.ts'
import { ANOTHER_NODE, NO_ADDRESS, problemOf, SILENCE } from './problem.ts'
import { commonOptions, EXCHANGE } from './service.ts'
import type { DialledCall } from './service.ts'

/** What a dial needs. */
export interface DialOptions {
  readonly address: HostAddress
  /** The peer, as a node id and in UTF-8. */
  readonly peer: NodeId
  readonly to: Buffer
  /** This node, in UTF-8. */
  readonly from: Buffer
  /** Made for each attempt; `onCertificate` is told the certificate of the peer. */
  readonly credentials: (onCertificate: (shown: PeerCertificate) => void) => ChannelCredentials
  readonly pingIntervalMs: number
  /** One of the IP addresses of a name. Rejects when there is none. */
  readonly lookup: (host: string) => Promise<string>
  /** Called once, unless it fails or is cancelled before. */
  readonly onLink: (link: Link) => void
  /** It came to nothing, and nothing of it is left. Called once, if onLink is not. */
  readonly onFailed: (problem: PeerProblem) => void
  /** The stream is ended, because the certificate of the peer has expired. */
  readonly onExpired: () => void
}

/** Begins to dial. The function that it returns gives up; too late, it does nothing. */
export function dial(options: DialOptions): () => void {
  let giveUp: (() => void) | null = null
  let isGivenUp = false
  let isLookingUp = isIP(options.address.host) === 0
  const timer = setTimeout(cancel, DIAL_TIMEOUT_MS)

  function cancel(): void {
    clearTimeout(timer)
    if (isGivenUp) return
    isGivenUp = true
    // A look-up goes on without us, and nobody waits for it.
    if (isLookingUp) options.onFailed(SILENCE)
    else giveUp?.()
  }

  function failed(problem: PeerProblem): void {
    clearTimeout(timer)
    options.onFailed(problem)
  }

  function connect(ip: string): void {
    isLookingUp = false
    if (!isGivenUp)
      giveUp = openStream(ip, options, {
        onLink(link) {
          clearTimeout(timer)
          options.onLink(link)
        },
        onFailed: failed,
      })
  }

  const { host } = options.address
  if (isLookingUp) {
    options.lookup(host).then(connect, () => {
      isLookingUp = false
      if (!isGivenUp) failed(NO_ADDRESS)
    })
  } else connect(host)
  return cancel
}

/** What becomes of a stream: exactly one of the two. */
interface Outcome {
  readonly onLink: (link: Link) => void
  readonly onFailed: (problem: PeerProblem) => void
}

function openStream(ip: string, options: DialOptions, { onLink, onFailed }: Outcome): () => void {
  const held = holding()
  let stopWatch: (() => void) | null = null
  const credentials = options.credentials((certificate) => {
    stopWatch?.()
    stopWatch = watchCertificate(certificate, () => {
      options.onExpired()
      release()
    })
  })
  const { client, call } = held.open(() => startCall(ip, options, credentials))
  let made: Made | null = null
  let isOver = false
  let problem = SILENCE

  function release(): void {
    if (isOver) return
    isOver = true
    stopWatch?.()
    call.cancel()
    client.close()
    const tell = made === null ? () => onFailed(problem) : made.closed
    void held.free().then(tell)
  }

  // Without a listener it would end the process. The status says the same.
  call.on('error', () => {})
  call.on('status', ({ code, details }) => {
    problem = problemOf(code, details)
    release()
  })
  call.on('metadata', (answer) => {
    if (isOver || made !== null) return
    if (decodeId(answer.get(FROM_KEY)) !== options.peer) {
      problem = ANOTHER_NODE
      release()
      return
    }
    made = linkOver(call, release)
    onLink(made.link)
  })
  return () => {
    if (made === null) release()
  }
}

function startCall(
  ip: string,
  { address, pingIntervalMs, from, to }: DialOptions,
  credentials: ChannelCredentials,
): { readonly client: Client; readonly call: DialledCall } {
  const client = new Client(targetOf(ip, address.port), credentials, {
    ...commonOptions(pingIntervalMs),
    ...clientOptions(address),
  })
  const metadata = new Metadata()
  metadata.set(FROM_KEY, from)
  metadata.set(TO_KEY, to)
  const { path, requestSerialize, responseDeserialize } = EXCHANGE
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata)
  return { client, call }
}

function targetOf(ip: string, port: number): string {
  return `${isIPv6(ip) ? 'ipv6' : 'ipv4'}:${authorityOf(ip, port)}`
}

function clientOptions({ isSecure, host, port }: HostAddress): ChannelOptions {
  const common: ChannelOptions = {
    'grpc.default_authority': authorityOf(host, port),
    'grpc.keepalive_permit_without_calls': 1,
    // By default a frame of 1 MiB would take 16 round trips.
    'grpc-node.flow_control_window': MAX_FRAME_BYTES,
    // A dial is one attempt on a channel of its own, and the peer decides when to try again.
    'grpc.enable_retries': 0,
    'grpc.initial_reconnect_backoff_ms': MAX_RETRY_MS,
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
