/** Nodes on this machine, and a socket of nobody; closed by closeNodes after each test. */
import { createSocket } from 'node:dgram'
import { EventEmitter, once } from 'node:events'
import type { NodeId, Transport } from '@paxos/core'
import { udp } from '@paxos/transport-udp'
import type { UdpOptions, UdpTransport } from '@paxos/transport-udp'
import { addresses } from '../src/address.ts'

export interface TestNode {
  readonly id: NodeId
  readonly transport: UdpTransport
  readonly inbox: { readonly from: NodeId; readonly frame: Uint8Array }[]
  /** Emits 'frame'. */
  readonly arrivals: EventEmitter
}

const opened: Transport[] = []

export async function closeNodes(): Promise<void> {
  for (const transport of opened.splice(0)) await transport.close()
}

/** A transport that closeNodes closes. */
export function makeTransport(options?: UdpOptions): UdpTransport {
  const transport = udp(options)
  opened.push(transport)
  return transport
}

export async function openNode(
  id: NodeId,
  peers: Record<NodeId, string> = {},
  options: UdpOptions & { readonly listen?: string } = {},
): Promise<TestNode> {
  const { listen = 'udp://127.0.0.1:0', ...rest } = options
  const transport = makeTransport(rest)
  const inbox: TestNode['inbox'] = []
  const arrivals = new EventEmitter()
  await transport.open({
    id,
    listen,
    peers: new Map(Object.entries(peers)),
    receive(from, frame) {
      inbox.push({ from, frame })
      arrivals.emit('frame')
    },
  })
  return { id, transport, inbox, arrivals }
}

/** Makes the nodes know each other. */
export function introduce(...nodes: readonly TestNode[]): void {
  const book = new Map(nodes.map(({ id, transport }) => [id, transport.address]))
  for (const { transport } of nodes) transport.setPeers(book)
}

let marks = 0

/** Whatever `from` sent to `to` before has arrived by then, or never will. */
export async function settle(from: TestNode, to: TestNode): Promise<void> {
  marks += 1
  const mark = Buffer.from(`mark ${marks}`)
  from.transport.send(to.id, mark)
  while (!to.inbox.some(({ frame }) => mark.equals(frame))) await once(to.arrivals, 'frame')
}

/** Sends datagrams to `address` from a socket of nobody. */
export async function inject(address: string, datagrams: readonly Uint8Array[]): Promise<void> {
  const { host, port } = addresses.parse(address) ?? { host: '', port: 0 }
  const socket = createSocket('udp4')
  for (const datagram of datagrams) {
    await new Promise<void>((resolve, reject) => {
      socket.send(datagram, port, host, (error) => {
        if (error === null) resolve()
        else reject(error)
      })
    })
  }
  socket.close()
}
