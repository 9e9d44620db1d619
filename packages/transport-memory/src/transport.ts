/**
 * One node's end of the in-process network. It keeps the contract of a transport: states, address
 * book and limits; what happens to frames on their way is the hub's. Must never hand a frame on
 * before its size is checked.
 */
import { expectedPeers, FrameTooLargeError, MAX_FRAME_BYTES, TransportError } from '@paxos/core'
import type {
  ExpectedPeer,
  NodeId,
  PeerAddress,
  PeerFigures,
  PeerProblem,
  Transport,
  TransportOpen,
} from '@paxos/core'
import { callerOf } from './door.ts'
import type { Caller } from './door.ts'
import { normalizeAddress, requireAddress } from './address.ts'

/** A node as the hub sees it. */
export interface Endpoint extends Caller {
  /** In the long form. */
  readonly address: string
  /** What the address book says of `node`: frames of strangers are not delivered. */
  readonly entryOf: (node: NodeId) => ExpectedPeer | undefined
  readonly receive: (from: NodeId, frame: Uint8Array) => void
  /** A frame from or to `other` was not let through the door, and this is why. */
  readonly refuse: (other: NodeId, why: string) => void
  /** A frame from or to `other` was let through. */
  readonly met: (other: Caller) => void
  /** What became of a frame that this node sent: it arrived, made room or found nobody. */
  readonly told: (to: NodeId, outcome: Ending, isDuplicate: boolean) => void
}

/** Who sends a frame, and whom it is to reach there. */
export interface Route {
  readonly sender: Endpoint
  /** In the long form. */
  readonly address: string
  /** The incarnation that the sender expects there; null where any will do. */
  readonly expected: string | null
}

/** The hub as a node sees it. */
export interface Network {
  /** Throws TransportError (ERR_PAXOS_ADDRESS_IN_USE). */
  bind(endpoint: Endpoint): void
  /** Nothing is delivered to `endpoint` any more. */
  unbind(endpoint: Endpoint): void
  /** Takes a copy of `frame`, and delivers it later or never. */
  send(to: NodeId, route: Route, frame: Uint8Array): void
}

/** What became of a frame, or of one copy of it. */
export type Ending =
  'delivered' | 'lost' | 'cut' | 'dropped' | 'too-large' | 'unreachable' | 'refused'

/** Endings of frames that never were in the medium: they made room there, or met a closed door. */
const NEVER_SENT: readonly Ending[] = ['dropped', 'refused']

type Counts = { -readonly [Name in keyof PeerFigures]: PeerFigures[Name] }

function noCounts(): Counts {
  return { isConnected: null, incarnation: null, sent: 0, received: 0, dropped: 0, problem: null }
}

type State = 'new' | 'opening' | 'open' | 'closed'

/** A transport that is not open yet. */
export function attach(network: Network): Transport {
  let state: State = 'new'
  let endpoint: Endpoint | null = null
  let addressBook: ReadonlyMap<NodeId, ExpectedPeer> = new Map()
  let warn: TransportOpen['warn']
  const counts = new Map<NodeId, Counts>()
  let refusals = 0

  function countsOf(node: NodeId): Counts {
    let found = counts.get(node)
    if (found === undefined) counts.set(node, (found = noCounts()))
    return found
  }

  async function open(options: TransportOpen): Promise<void> {
    if (state !== 'new') throw stateError('A transport opens once', 'Make another one.')
    state = 'closed' // Until all is well: a transport that failed to open does not open again.
    const { id, listen, peers, receive } = options
    const bound: Endpoint = {
      ...callerOf(options),
      address: requireAddress(listen),
      entryOf: (node) => addressBook.get(node),
      receive(from, frame) {
        countsOf(from).received += 1
        receive(from, frame)
      },
      refuse,
      met,
      told,
    }
    network.bind(bound)
    ;({ warn } = options)
    state = 'opening'
    endpoint = bound
    setBook(id, peers)
    await Promise.resolve()
    if (isClosed()) {
      endpoint = null
      throw stateError('It was closed while it opened', 'Make another one.')
    }
    state = 'open'
  }

  /** Out of line, because close() may run while open() waits. */
  function isClosed(): boolean {
    return state === 'closed'
  }

  function setBook(self: NodeId, book: ReadonlyMap<NodeId, PeerAddress>): void {
    const peers = expectedPeers(book)
    addressBook = reachable(self, peers)
    for (const id of counts.keys()) if (!peers.has(id)) counts.delete(id)
    for (const [id, { address }] of peers) {
      if (id === self) continue
      const { problem } = countsOf(id)
      const isMalformed = !addressBook.has(id)
      if (isMalformed) {
        fail(id, { reason: 'address', message: `'${address}' is no address. Write memory://name.` })
      } else if (problem?.reason === 'address') countsOf(id).problem = null
    }
  }

  function fail(peer: NodeId, problem: PeerProblem): void {
    countsOf(peer).problem = problem
    warn?.({ peer, ...problem })
  }

  function refuse(other: NodeId, why: string): void {
    if (isClosed()) return
    refusals += 1
    const problem = { reason: 'identity', message: why } as const
    const found = counts.get(other)
    if (found !== undefined) found.problem = problem
    warn?.({ peer: found === undefined ? null : other, ...problem })
  }

  function met({ id, incarnation }: Caller): void {
    const found = counts.get(id)
    if (found !== undefined) found.incarnation = incarnation
  }

  /** A frame is counted when it has left the queue: as sent, or as dropped. */
  function told(to: NodeId, outcome: Ending, isDuplicate: boolean): void {
    const found = counts.get(to)
    if (found === undefined || isClosed()) return
    if (!isDuplicate) found[NEVER_SENT.includes(outcome) ? 'dropped' : 'sent'] += 1
    if (outcome === 'delivered') found.problem = null
    else if (outcome === 'unreachable') {
      const message = `Nobody who knows this node listens at ${addressBook.get(to)?.address}. Is it open?`
      fail(to, { reason: 'no-answer', message })
    }
  }

  return {
    open,
    get address() {
      if (endpoint === null || state === 'opening') {
        throw stateError('It has no address yet', 'Await open() first.')
      }
      return endpoint.address
    },
    setPeers(peers) {
      if (endpoint !== null) setBook(endpoint.id, peers)
    },
    send(to, frame) {
      if (frame.byteLength > MAX_FRAME_BYTES) {
        throw new FrameTooLargeError(
          `A frame has ${frame.byteLength} bytes. Send at most ${MAX_FRAME_BYTES}.`,
        )
      }
      if (endpoint === null || state !== 'open') return
      const peer = addressBook.get(to)
      if (peer === undefined) {
        const found = counts.get(to)
        if (found !== undefined) found.dropped += 1
        return
      }
      const { address, incarnation: expected } = peer
      network.send(to, { sender: endpoint, address, expected }, frame)
    },
    figures: () => ({
      peers: new Map([...counts].map(([id, found]) => [id, { ...found }])),
      refused: refusals === 0 ? {} : { identity: refusals },
    }),
    async close() {
      const wasBound = state === 'opening' || state === 'open'
      state = 'closed'
      if (wasBound && endpoint !== null) network.unbind(endpoint)
    },
  }
}

/**
 * The peers that frames can be sent to. One with an address that is none of ours is left out: it
 * is a peer that cannot be reached, and the address book may come from the other nodes.
 */
function reachable(
  self: NodeId,
  peers: ReadonlyMap<NodeId, ExpectedPeer>,
): ReadonlyMap<NodeId, ExpectedPeer> {
  const known = new Map<NodeId, ExpectedPeer>()
  for (const [id, peer] of peers) {
    const address = normalizeAddress(peer.address)
    if (id !== self && address !== null) known.set(id, { ...peer, address })
  }
  return known
}

function stateError(what: string, wayOut: string): TransportError {
  return new TransportError('ERR_PAXOS_TRANSPORT_STATE', `${what}. ${wayOut}`)
}
