/**
 * One node's end of the in-process network. It keeps the contract of a transport: states, address
 * book and limits; what happens to frames on their way is the hub's. Must never hand a frame on
 * before its size is checked.
 */
import { FrameTooLargeError, MAX_FRAME_BYTES, TransportError } from '@paxos/core'
import type { NodeId, Transport, TransportOpen } from '@paxos/core'
import { normalizeAddress, requireAddress } from './address.ts'

/** A node as the hub sees it. */
export interface Endpoint {
  readonly id: NodeId
  /** In the long form. */
  readonly address: string
  /** Whether `node` is in the address book: frames of strangers are not delivered. */
  readonly knows: (node: NodeId) => boolean
  readonly receive: (from: NodeId, frame: Uint8Array) => void
}

/** The hub as a node sees it. */
export interface Network {
  /** Throws TransportError (ERR_PAXOS_ADDRESS_IN_USE). */
  bind(endpoint: Endpoint): void
  /** Nothing is delivered to `endpoint` any more. */
  unbind(endpoint: Endpoint): void
  /** Takes a copy of `frame`, and delivers it later or never. */
  send(from: NodeId, to: NodeId, address: string, frame: Uint8Array): void
}

type State = 'new' | 'opening' | 'open' | 'closed'

/** A transport that is not open yet. */
export function attach(network: Network): Transport {
  let state: State = 'new'
  let endpoint: Endpoint | null = null
  let addressBook: ReadonlyMap<NodeId, string> = new Map()

  async function open(options: TransportOpen): Promise<void> {
    if (state !== 'new') throw stateError('A transport opens once', 'Make another one.')
    state = 'closed' // Until all is well: a transport that failed to open does not open again.
    const { id, listen, peers, receive } = options
    const bound = { id, address: requireAddress(listen), knows, receive }
    network.bind(bound)
    state = 'opening'
    endpoint = bound
    addressBook = reachable(id, peers)
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

  function knows(node: NodeId): boolean {
    return addressBook.has(node)
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
      if (endpoint !== null) addressBook = reachable(endpoint.id, peers)
    },
    send(to, frame) {
      if (frame.byteLength > MAX_FRAME_BYTES) {
        throw new FrameTooLargeError(
          `A frame has ${frame.byteLength} bytes. Send at most ${MAX_FRAME_BYTES}.`,
        )
      }
      const address = addressBook.get(to)
      if (endpoint === null || state !== 'open' || address === undefined) return
      network.send(endpoint.id, to, address, frame)
    },
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
function reachable(self: NodeId, peers: ReadonlyMap<NodeId, string>): Map<NodeId, string> {
  const addresses = new Map<NodeId, string>()
  for (const [id, peer] of peers) {
    const address = normalizeAddress(peer)
    if (id !== self && address !== null) addresses.set(id, address)
  }
  return addresses
}

function stateError(what: string, wayOut: string): TransportError {
  return new TransportError('ERR_PAXOS_TRANSPORT_STATE', `${what}. ${wayOut}`)
}
