/**
 * A transport that keeps the contract in the simplest way, and can be told to break one promise of
 * it. The suite must pass the honest one, and catch every broken one.
 */
import { expectedPeers, FrameTooLargeError, MAX_FRAME_BYTES, TransportError } from '@paxos/core'
import type { NodeId, PeerFigures, Transport, TransportOpen } from '@paxos/core'
import type { TransportHarness } from '@paxos/testkit'

/** Promises that can be broken, one at a time. */
export const FAULTS = [
  'delivers inside send',
  'does not copy the frame',
  'shares one copy between receivers',
  'hands on the subclass that was sent',
  'cuts long frames',
  'loses empty frames',
  'takes frames above the maximum',
  'names the receiver as the sender',
  'throws for an unknown peer',
  'throws before open',
  'delivers to itself',
  'delivers from strangers',
  'ignores the peers of open',
  'keeps the map of peers',
  'never forgets a peer',
  'tells an address before it is open',
  'takes an address twice',
  'takes a malformed address',
  'opens twice',
  'opens though it was closed',
  'keeps its address after close',
  'delivers after close',
  'leaves a timer running',
  'drops at close what was sent before',
  'keeps everything for a slow receiver',
  'refuses the empty id',
  'has figures of itself',
  'counts what never left',
  'forgets what it dropped',
  'counts no deliveries',
  'keeps a problem after all is well',
  'tells nobody of a problem',
  'never counts strangers',
] as const

export type Fault = (typeof FAULTS)[number]

/** Longer than the suite looks, and over before the tests are. */
const LEFT_RUNNING_MS = 1_500

/** What a slow receiver may have waiting, in frames. */
const MAX_WAITING = 32

interface Endpoint {
  readonly knows: (from: NodeId) => boolean
  readonly refuse: (from: NodeId) => void
  readonly receive: (from: NodeId, frame: Uint8Array) => void
}

type Counts = { -readonly [Name in keyof PeerFigures]: PeerFigures[Name] }

/** A frame that waits for its turn. */
interface Waiting {
  readonly to: NodeId
  readonly deliver: () => void
}

/** A network of its own, whose transports have `fault`, or none. */
export function honestHarness(fault: Fault | null = null): TransportHarness {
  const endpoints = new Map<string, Endpoint>()
  return {
    transport: () => makeTransport(endpoints, fault),
    listen: (node) => `honest:${node}`,
    deserted: 'honest:deserted',
    malformed: ['', 'dishonest:a'],
  }
}

function makeTransport(endpoints: Map<string, Endpoint>, fault: Fault | null): Transport {
  let phase: 'new' | 'opening' | 'open' | 'closed' = 'new'
  let id: NodeId = ''
  let bound = ''
  let peers: ReadonlyMap<NodeId, string> = new Map()
  let waiting: Waiting[] = []
  let warn: TransportOpen['warn']
  let strangers = 0
  const counts = new Map<NodeId, Counts>()

  /** Asked anew: close() may have come while open() waited. */
  function wasClosed(): boolean {
    return phase === 'closed'
  }

  function book(next: ReadonlyMap<NodeId, string>): ReadonlyMap<NodeId, string> {
    if (fault === 'keeps the map of peers') return next
    return new Map(fault === 'never forgets a peer' ? [...peers, ...next] : next)
  }

  function setBook(wanted: TransportOpen['peers']): void {
    const next = new Map([...expectedPeers(wanted)].map(([peer, { address }]) => [peer, address]))
    peers = book(next)
    for (const peer of counts.keys()) if (!peers.has(peer)) counts.delete(peer)
    for (const [peer, address] of peers) {
      if (peer === id && fault !== 'has figures of itself') continue
      const known = counts.get(peer) ?? newCounts()
      counts.set(peer, known)
      if (!address.startsWith('honest:')) {
        known.problem = { reason: 'address', message: 'Write honest:name.' }
      }
    }
  }

  function went(to: NodeId, isWell: boolean): void {
    const known = counts.get(to)
    if (known === undefined) return
    if (isWell) {
      if (fault !== 'keeps a problem after all is well') known.problem = null
      return
    }
    known.problem = { reason: 'no-answer', message: 'Nobody is there. Open it.' }
    if (fault !== 'tells nobody of a problem') warn?.({ peer: to, ...known.problem })
  }

  function count(peer: NodeId, what: 'sent' | 'received' | 'dropped'): void {
    const known = counts.get(peer)
    if (known !== undefined) known[what] += 1
  }

  function send(to: NodeId, frame: Uint8Array): void {
    if (frame.byteLength > MAX_FRAME_BYTES && fault !== 'takes frames above the maximum') {
      throw new FrameTooLargeError('Too large. Send less.')
    }
    if (phase !== 'open') {
      if (phase === 'new' && fault === 'throws before open') throw new Error('not open')
      return
    }
    const address = peers.get(to)
    if (address === undefined && fault === 'throws for an unknown peer') throw new Error(to)
    if (address === undefined || (to === id && fault !== 'delivers to itself')) return
    const from = fault === 'names the receiver as the sender' ? to : id
    const copy = copyOf(frame, fault)
    if (copy.byteLength === 0 && fault === 'loses empty frames') return
    const deliver = (): void => {
      const endpoint = endpoints.get(address)
      const isWell = endpoint?.knows(from) === true
      went(to, isWell)
      if (isWell) endpoint.receive(from, copy)
      else endpoint?.refuse(from)
    }
    if (fault === 'counts what never left') count(to, 'sent')
    if (fault === 'delivers inside send') deliver()
    else enqueue({ to, deliver })
  }

  function enqueue(frame: Waiting): void {
    waiting.push(frame)
    if (fault !== 'keeps everything for a slow receiver' && waiting.length > MAX_WAITING) {
      const oldest = waiting.shift()
      if (oldest !== undefined && fault !== 'forgets what it dropped') count(oldest.to, 'dropped')
    }
    if (waiting.length === 1) setImmediate(flush)
  }

  function flush(): void {
    const due = waiting
    waiting = []
    for (const { to, deliver } of due) {
      if (fault !== 'counts what never left') count(to, 'sent')
      deliver()
    }
  }

  async function open(options: TransportOpen): Promise<void> {
    if (phase !== 'new' && !(phase === 'open' && fault === 'opens twice')) throw stateError()
    phase = 'opening'
    await Promise.resolve()
    if (wasClosed() && fault !== 'opens though it was closed') throw stateError()
    try {
      checkAddress(options.listen, endpoints, fault)
      if (options.id === '' && fault === 'refuses the empty id') throw stateError()
    } catch (error) {
      phase = 'closed'
      throw error
    }
    id = options.id
    bound = options.listen
    ;({ warn } = options)
    if (fault !== 'ignores the peers of open') setBook(options.peers)
    endpoints.set(bound, {
      knows: (from) =>
        fault === 'delivers from strangers' || fault === 'names the receiver as the sender'
          ? true
          : peers.has(from),
      receive: (from, frame) => {
        if (phase !== 'open' && fault !== 'delivers after close') return
        if (fault !== 'counts no deliveries') count(from, 'received')
        options.receive(from, frame)
      },
      refuse: (from) => {
        if (fault !== 'never counts strangers') strangers += 1
        warn?.({ peer: null, reason: 'identity', message: `Who is '${from}'? Add it.` })
      },
    })
    phase = 'open'
  }

  return {
    open,
    get address() {
      if (phase !== 'open' && fault !== 'tells an address before it is open') throw stateError()
      return bound
    },
    setPeers: setBook,
    send,
    figures: () => ({
      peers: new Map([...counts].map(([peer, known]) => [peer, { ...known }])),
      refused: strangers === 0 ? {} : { identity: strangers },
    }),
    async close() {
      const keeps = fault === 'keeps its address after close' || fault === 'delivers after close'
      if (phase === 'open' && !keeps) endpoints.delete(bound)
      phase = 'closed'
      if (fault === 'drops at close what was sent before') waiting = []
      if (fault === 'leaves a timer running') setTimeout(() => undefined, LEFT_RUNNING_MS)
    },
  }
}

function newCounts(): Counts {
  return { isConnected: null, incarnation: null, sent: 0, received: 0, dropped: 0, problem: null }
}

let lastCopy: { readonly of: Uint8Array | null; readonly copy: Uint8Array } = {
  of: null,
  copy: new Uint8Array(),
}

function copyOf(frame: Uint8Array, fault: Fault | null): Uint8Array {
  if (fault === 'does not copy the frame') return frame
  if (fault === 'cuts long frames') return new Uint8Array(frame.subarray(0, 65_507))
  if (fault === 'hands on the subclass that was sent' && frame instanceof Buffer) {
    return Buffer.from(frame)
  }
  const copy = new Uint8Array(frame)
  if (fault !== 'shares one copy between receivers') return copy
  if (lastCopy.of !== frame) lastCopy = { of: frame, copy }
  return lastCopy.copy
}

function checkAddress(
  listen: string,
  endpoints: ReadonlyMap<string, Endpoint>,
  fault: Fault | null,
): void {
  if (!listen.startsWith('honest:') && fault !== 'takes a malformed address') {
    throw new TransportError('ERR_PAXOS_ADDRESS_MALFORMED', 'Write honest:name.')
  }
  if (endpoints.has(listen) && fault !== 'takes an address twice') {
    throw new TransportError('ERR_PAXOS_ADDRESS_IN_USE', 'Taken. Take another.')
  }
}

function stateError(): TransportError {
  return new TransportError('ERR_PAXOS_TRANSPORT_STATE', 'Not now. Make a new transport.')
}
