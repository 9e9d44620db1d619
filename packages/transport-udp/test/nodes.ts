/** Nodes on this machine, and a socket of nobody; closed by closeNodes after each test. */
import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { EventEmitter, once } from 'node:events'
import type { NodeId, Transport } from '@paxos/core'
import { udp } from '@paxos/transport-udp'
import type { UdpOptions, UdpTransport } from '@paxos/transport-udp'
import { parseAddress } from '../src/address.ts'
import { decodeDatagram, encodeCookieWord, SECRET_BYTES } from '../src/datagram.ts'
import { headOf, signed, stamped } from './datagrams.ts'

export interface TestNode {
  readonly id: NodeId
  readonly transport: UdpTransport
  readonly inbox: { readonly from: NodeId; readonly frame: Uint8Array }[]
  /** Emits 'frame'. */
  readonly arrivals: EventEmitter
}

/** A peer without a transport, which says what a test wants. */
export interface Puppet {
  readonly id: NodeId
  readonly address: string
  /** What came, but for words about cookies. */
  readonly datagrams: Uint8Array[]
  /** How many bytes came, words about cookies included. */
  readonly bytes: number
  /** Resolves once that many datagrams have come. */
  readonly received: (count: number) => Promise<void>
  /** Asks `to` for a cookie, which must have this address for it. */
  readonly enter: (to: TestNode) => Promise<void>
  /** Sends `to` copies of datagrams that are stamped and signed, as a peer that was let in. */
  readonly send: (to: TestNode, datagrams: readonly Uint8Array[]) => Promise<void>
  /** The same, made but not sent. */
  readonly seal: (to: TestNode, datagram: Uint8Array) => Uint8Array
  /** Sends `to` datagrams as they are. */
  readonly sendRaw: (to: TestNode, datagrams: readonly Uint8Array[]) => Promise<void>
}

const opened: Transport[] = []
const tapped: Socket[] = []

export async function closeNodes(): Promise<void> {
  for (const transport of opened.splice(0)) await transport.close()
  for (const socket of tapped.splice(0)) socket.close()
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

/** As settle, but sends again and again, as Paxos does: what a peer's restart meets is lost. */
export async function reach(from: TestNode, to: TestNode): Promise<void> {
  marks += 1
  const mark = Buffer.from(`mark ${marks}`)
  const send = (): void => from.transport.send(to.id, mark)
  const again = setInterval(send, 10)
  send()
  while (!to.inbox.some(({ frame }) => mark.equals(frame))) await once(to.arrivals, 'frame')
  clearInterval(again)
}

/** Sends datagrams to `address` from a socket of nobody. */
export async function inject(address: string, datagrams: readonly Uint8Array[]): Promise<void> {
  const { host, port } = parseAddress(address) ?? { host: '', port: 0 }
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

/** A puppet that answers each question for a cookie. */
export async function openPuppet(id: NodeId, key: Uint8Array | null = null): Promise<Puppet> {
  const socket = createSocket('udp4')
  tapped.push(socket)
  const head = headOf(id, key !== null)
  const datagrams: Uint8Array[] = []
  const cookies = new Map<NodeId, { cookie: Uint8Array; epoch: number; sequence: number }>()
  let bytes = 0

  function sign(datagram: Uint8Array, to: NodeId): Uint8Array {
    return key === null ? datagram : signed(datagram, key, to)
  }

  function post(datagram: Uint8Array, address: string): Promise<void> {
    const { host, port } = parseAddress(address) ?? { host: '', port: 0 }
    return new Promise((resolve, reject) => {
      socket.send(datagram, port, host, (error) => {
        if (error === null) resolve()
        else reject(error)
      })
    })
  }

  socket.on('message', (datagram, { address, port }) => {
    bytes += datagram.byteLength
    const word = decodeDatagram(datagram)
    if (word?.type !== 'cookie') datagrams.push(new Uint8Array(datagram))
    else if (word.kind === 'answer') {
      const { epoch } = word
      cookies.set(word.sender, { cookie: new Uint8Array(word.cookie), epoch, sequence: 0 })
    } else if (word.kind === 'question') {
      const cookie = new Uint8Array(SECRET_BYTES).fill(7)
      const answer = encodeCookieWord(head, { kind: 'answer', nonce: word.nonce, cookie, epoch: 1 })
      void post(sign(answer, word.sender), `udp://${address}:${port}`)
    }
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')

  const puppet: Puppet = {
    id,
    address: `udp://127.0.0.1:${socket.address().port}`,
    datagrams,
    get bytes() {
      return bytes
    },
    async received(count) {
      while (datagrams.length < count) await once(socket, 'message')
    },
    async enter(to) {
      cookies.delete(to.id)
      const nonce = new Uint8Array(SECRET_BYTES)
      const empty = { nonce, cookie: nonce, epoch: 0 }
      await post(
        sign(encodeCookieWord(head, { kind: 'question', ...empty }), to.id),
        to.transport.address,
      )
      while (!cookies.has(to.id)) await once(socket, 'message')
    },
    seal(to, datagram) {
      const stamp = cookies.get(to.id) ?? {
        cookie: new Uint8Array(SECRET_BYTES),
        epoch: 0,
        sequence: 0,
      }
      const sealed = stamped(datagram, stamp)
      stamp.sequence += 1
      return sign(sealed, to.id)
    },
    async send(to, sent) {
      await puppet.sendRaw(
        to,
        sent.map((datagram) => puppet.seal(to, datagram)),
      )
    },
    async sendRaw(to, sent) {
      for (const datagram of sent) await post(datagram, to.transport.address)
    },
  }
  return puppet
}

/** A node, and a peer of it that was let in. */
export async function openWithPuppet(
  id: NodeId,
  puppetId: NodeId,
  options: UdpOptions & { readonly key?: Uint8Array } = {},
): Promise<readonly [TestNode, Puppet]> {
  const { key = null, ...rest } = options
  const puppet = await openPuppet(puppetId, key)
  const authentication = key === null ? {} : { authentication: { sign: key } }
  const node = await openNode(id, { [puppetId]: puppet.address }, { ...authentication, ...rest })
  await puppet.enter(node)
  return [node, puppet]
}
