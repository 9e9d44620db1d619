/** Nodes in memory, peers that say what a test wants, and nobody; closed by closeNodes after each test. */
import { EventEmitter, once } from 'node:events'
import type { NodeId, PeerAddress, Transport } from '@paxos/core'
import { datagrams } from '@paxos/adapter-kit/datagrams'
import type { DatagramOptions, DatagramTransport } from '@paxos/adapter-kit/datagrams'
import { decodeDatagram } from '../../src/datagrams/datagram.ts'
import { SECRET_BYTES } from '../../src/datagrams/header.ts'
import type { Identity } from '../../src/datagrams/identity.ts'
import { encodeWord } from '../../src/datagrams/words.ts'
import { hubOf } from './hub.ts'
import { headOf, signed, stamped } from './samples.ts'

export interface TestNode {
  readonly id: NodeId
  readonly transport: DatagramTransport
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

/** Who a node says that it is, where a test says nothing else. */
const NOBODY: Identity = { cluster: '', incarnation: '' }

const opened: Transport[] = []
let hub = hubOf()

export async function closeNodes(): Promise<void> {
  for (const transport of opened.splice(0)) await transport.close()
  hub = hubOf()
}

/** A transport that closeNodes closes. */
export function makeTransport(options?: DatagramOptions): DatagramTransport {
  const transport = datagrams(hub.medium, options)
  opened.push(transport)
  return transport
}

export async function openNode(
  id: NodeId,
  peers: Record<NodeId, PeerAddress> = {},
  options: DatagramOptions & Partial<Identity> & { readonly listen?: string } = {},
): Promise<TestNode> {
  const { listen = 'hub://*', cluster = '', incarnation = '', ...rest } = options
  const transport = makeTransport(rest)
  const inbox: TestNode['inbox'] = []
  const arrivals = new EventEmitter()
  await transport.open({
    id,
    cluster,
    incarnation,
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

/** Sends datagrams to `address` from nobody, who has gone then. */
export async function inject(address: string, sent: readonly Uint8Array[]): Promise<void> {
  const nobody = hub.attach('hub://*', () => {})
  for (const datagram of sent) nobody.post(datagram, address)
  nobody.detach()
}

/** Somebody at a free address who counts the bytes that come. */
export function openVictim(): { readonly address: string; readonly bytes: () => number } {
  let bytes = 0
  const { address } = hub.attach('hub://*', ({ byteLength }) => (bytes += byteLength))
  return { address, bytes: () => bytes }
}

/** A puppet that answers each question for a cookie. */
export async function openPuppet(
  id: NodeId,
  key: Uint8Array | null = null,
  identity: Identity = NOBODY,
): Promise<Puppet> {
  const head = headOf(id, key !== null)
  const events = new EventEmitter()
  const received: Uint8Array[] = []
  const cookies = new Map<NodeId, { cookie: Uint8Array; epoch: number; sequence: number }>()
  let bytes = 0

  function sign(datagram: Uint8Array, to: NodeId): Uint8Array {
    return key === null ? datagram : signed(datagram, key, to)
  }

  const port = hub.attach('hub://*', (datagram, from) => {
    bytes += datagram.byteLength
    const word = decodeDatagram(datagram)
    if (word?.type !== 'cookie') received.push(new Uint8Array(datagram))
    else if (word.kind === 'answer') {
      const { epoch } = word
      cookies.set(word.sender, { cookie: new Uint8Array(word.cookie), epoch, sequence: 0 })
    } else if (word.kind === 'question') {
      const cookie = new Uint8Array(SECRET_BYTES).fill(7)
      const answer = { kind: 'answer', nonce: word.nonce, cookie, epoch: 1, ...identity } as const
      port.post(sign(encodeWord(head, answer, 1_200), word.sender), from)
    }
    events.emit('datagram')
  })

  const puppet: Puppet = {
    id,
    address: port.address,
    datagrams: received,
    get bytes() {
      return bytes
    },
    async received(count) {
      while (received.length < count) await once(events, 'datagram')
    },
    async enter(to) {
      cookies.delete(to.id)
      const question = {
        kind: 'question',
        nonce: new Uint8Array(SECRET_BYTES),
        ...identity,
      } as const
      port.post(sign(encodeWord(head, question, 1_200), to.id), to.transport.address)
      while (!cookies.has(to.id)) await once(events, 'datagram')
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
      for (const datagram of sent) port.post(datagram, to.transport.address)
    },
  }
  return puppet
}

/** A node, and a peer of it that was let in. */
export async function openWithPuppet(
  id: NodeId,
  puppetId: NodeId,
  options: DatagramOptions & { readonly key?: Uint8Array } = {},
): Promise<readonly [TestNode, Puppet]> {
  const { key = null, ...rest } = options
  const puppet = await openPuppet(puppetId, key)
  const authentication = key === null ? {} : { authentication: { sign: key } }
  const node = await openNode(id, { [puppetId]: puppet.address }, { ...authentication, ...rest })
  await puppet.enter(node)
  return [node, puppet]
}
