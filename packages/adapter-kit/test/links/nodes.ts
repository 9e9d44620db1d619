/** Nodes on the network of a test, and what strangers say to them. */
import type { LinkMedium, LinkTransport } from '@paxos/adapter-kit/links'
import type { NodeId, PeerAddress, TransportOpen, TransportWarning } from '@paxos/core'
import { encodeHello, encodeRefused, LINK_VERSION } from '../../src/links/packet.ts'
import type { Hello, Refusal } from '../../src/links/packet.ts'
import type { Network, Stranger } from './network.ts'

/** An open transport, what it received, and what it warned of. */
export interface TestNode {
  readonly transport: LinkTransport
  readonly inbox: { readonly from: NodeId; readonly frame: Uint8Array }[]
  readonly warnings: TransportWarning[]
}

/** Opens `id` at its own name. */
export async function openNode(
  net: Network,
  id: NodeId,
  peers: Readonly<Record<NodeId, PeerAddress>> = {},
  options: Partial<TransportOpen> & { readonly medium?: Partial<LinkMedium> } = {},
): Promise<TestNode> {
  const { medium, ...rest } = options
  const transport = net.node(id, medium)
  const inbox: TestNode['inbox'] = []
  const warnings: TransportWarning[] = []
  await transport.open({
    id,
    listen: id,
    peers: new Map(Object.entries(peers)),
    receive: (from, frame) => void inbox.push({ from, frame }),
    warn: (warning) => void warnings.push(warning),
    ...rest,
  })
  return { transport, inbox, warnings }
}

/** The first message of `sender` to `receiver`, who know of no cluster and no incarnation. */
export function hello(sender: NodeId, receiver: NodeId, more: Partial<Hello> = {}): Uint8Array {
  return encodeHello({
    version: LINK_VERSION,
    cluster: '',
    sender,
    receiver,
    incarnation: '',
    expectedIncarnation: null,
    ...more,
  })
}

/** A message in hexadecimal. */
export function hex(message: Uint8Array): string {
  return Buffer.from(message).toString('hex')
}

/** How somebody is turned away, in hexadecimal. */
export function refused(refusal: Refusal): string {
  return hex(encodeRefused(refusal))
}

export const PING = '4a021200'
export const PONG = '4a021a00'

/** Gives messages to a channel, one after another, in the order in which it takes them. */
export function say(net: Network, { channel }: Stranger, ...messages: Uint8Array[]): void {
  for (const message of messages) {
    net.run(0, () => 0)
    if (channel.writable) channel.send([message])
  }
  net.run(0, () => 0)
}
