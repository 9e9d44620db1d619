/**
 * A transport that keeps the contract in the simplest way, and can be told to break one promise of
 * it. The suite must pass the honest one, and catch every broken one.
 */
import {
  expectedPeers,
  FrameTooLargeError,
  MAX_FRAME_BYTES,
  requireName,
  TransportError,
} from '@paxos/core'
import type { ExpectedPeer, NodeId, PeerFigures, Transport, TransportOpen } from '@paxos/core'
import type { TransportHarness } from '@paxos/testkit'
import { CREDENTIAL_FAULTS, watchWith } from './faulty-credentials.ts'
import type { Credentials } from './faulty-credentials.ts'

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
  'delivers until what was sent has left',
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
  'takes any cluster',
  'takes whoever names no cluster',
  'sends to another cluster',
  'tells nobody of another cluster',
  'tells nobody of whom it only hears',
  'takes any incarnation',
  'sends to any incarnation',
  'hears any incarnation',
  'expects nothing where the empty incarnation is expected',
  'expects the empty incarnation where none is expected',
  'judges an incarnation once',
  'expects the incarnation that was there first',
  'never names an incarnation',
  'names an incarnation that nobody has told',
  'takes names that are too long',
  'keeps its address after a name that is too long',
  ...CREDENTIAL_FAULTS,
] as const

export type Fault = (typeof FAULTS)[number]

/** Longer than the suite looks, and over before the tests are. */
const LEFT_RUNNING_MS = 1_500

/** What a slow receiver may have waiting, in frames. */
const MAX_WAITING = 32

/** What a node says of itself at a door. */
interface Caller {
  readonly id: NodeId
  readonly cluster: string
  readonly incarnation: string
  readonly credentials: Credentials
  readonly address: string
}

interface Endpoint extends Caller {
  /** Whether frames of `from` are delivered; otherwise it is refused, and told of. */
  readonly admits: (from: Caller) => boolean
  readonly receive: (from: Caller, frame: Uint8Array) => void
}

type Counts = { -readonly [Name in keyof PeerFigures]: PeerFigures[Name] }

/** A frame that waits for its turn. */
interface Waiting {
  readonly to: NodeId
  /** Whether it is given to the medium, and not dropped at the door. */
  readonly deliver: () => boolean
}

/** A network of its own, whose transports have `fault`, or none. */
export function honestHarness(fault: Fault | null = null): TransportHarness {
  const endpoints = new Map<string, Endpoint>()
  return {
    transport: () => makeTransport(endpoints, fault, 'its own'),
    listen: (node) => `honest:${node}`,
    deserted: 'honest:deserted',
    malformed: ['', 'dishonest:a'],
    impostors: {
      'the credentials of another node': () => makeTransport(endpoints, null, 'of another node'),
      'no credentials': () => makeTransport(endpoints, null, 'none'),
    },
  }
}

function makeTransport(
  endpoints: Map<string, Endpoint>,
  fault: Fault | null,
  credentials: Credentials,
): Transport {
  let phase: 'new' | 'opening' | 'open' | 'closed' = 'new'
  let self: Caller = { id: '', cluster: '', incarnation: '', credentials, address: '' }
  let bound = ''
  let book = nobody
  let waiting: Waiting[] = []
  let warn: TransportOpen['warn']
  let strangers = 0
  let impostors = 0
  const watch = watchWith<Caller>(credentials, fault)
  const counts = new Map<NodeId, Counts>()
  /** Only for faults: what was there, or was decided, first. */
  const first = new Map<NodeId, string>()

  /** Asked anew: close() may have come while open() waited. */
  function wasClosed(): boolean {
    return phase === 'closed'
  }

  function setBook(wanted: TransportOpen['peers']): void {
    const old = fault === 'never forgets a peer' ? book() : new Map<NodeId, ExpectedPeer>()
    const next = new Map([...old, ...expectedPeers(wanted)])
    book = fault === 'keeps the map of peers' ? () => expectedPeers(wanted) : () => next
    for (const peer of counts.keys()) if (!next.has(peer)) counts.delete(peer)
    for (const [peer, { address }] of next) {
      if (peer === self.id && fault !== 'has figures of itself') continue
      const known = counts.get(peer) ?? newCounts(fault)
      counts.set(peer, known)
      if (!address.startsWith('honest:')) {
        known.problem = { reason: 'address', message: 'Write honest:name.' }
      }
    }
  }

  /** Whether `other`, who is there now, is who is expected there. */
  function isExpected(other: Caller, isReceived: boolean): boolean {
    if (!isOfCluster(other, isReceived)) return false
    const wanted = book().get(other.id)?.incarnation ?? null
    if (fault === 'takes any incarnation') return true
    if (fault === (isReceived ? 'hears any incarnation' : 'sends to any incarnation')) return true
    if (fault === 'expects nothing where the empty incarnation is expected' && !wanted) return true
    if (fault === 'expects the empty incarnation where none is expected') {
      return (wanted ?? '') === other.incarnation
    }
    if (fault === 'expects the incarnation that was there first') {
      const before = first.get(other.id) ?? other.incarnation
      first.set(other.id, before)
      if (before !== other.incarnation) return false
    }
    const isWell = wanted === null || wanted === other.incarnation
    if (fault !== 'judges an incarnation once') return isWell
    const before = first.get(other.id) ?? String(isWell)
    first.set(other.id, before)
    return before === 'true'
  }

  function isOfCluster({ cluster }: Caller, isReceived: boolean): boolean {
    if (fault === 'takes any cluster') return true
    if (fault === 'takes whoever names no cluster' && !(cluster && self.cluster)) return true
    return cluster === self.cluster || (fault === 'sends to another cluster' && !isReceived)
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

  function refuse(who: NodeId): void {
    if (fault !== 'never counts strangers') strangers += 1
    warn?.({ peer: null, reason: 'identity', message: `Who is '${who}'? Add it.` })
  }

  /** Whether `other` is who it says, and may be here. What is to be said of it is said. */
  function isProven(other: Caller, isReceived: boolean): boolean {
    if (watch.believes(other.credentials, isReceived)) return !watch.isBanned(other.id)
    if (isReceived) watch.disbelieved(other)
    if (fault === 'counts what an impostor sends' && isReceived) count(other.id, 'received')
    if (fault === 'names the incarnation of an impostor') meet(other)
    if (fault === 'tells nobody of an impostor') return false
    impostors += 1
    const problem = { reason: 'credentials', message: 'Who is it? Give it a key.' } as const
    const known = counts.get(other.id)
    if (known !== undefined && !isReceived) known.problem = problem
    warn?.({ peer: other.id, ...problem })
    return false
  }

  function count(peer: NodeId, what: 'sent' | 'received' | 'dropped'): void {
    const known = counts.get(peer)
    if (known !== undefined) known[what] += 1
  }

  function meet({ id, incarnation }: Caller): void {
    const known = counts.get(id)
    if (known !== undefined && fault !== 'never names an incarnation') {
      known.incarnation = incarnation
    }
  }

  function send(to: NodeId, frame: Uint8Array): void {
    if (frame.byteLength > MAX_FRAME_BYTES && fault !== 'takes frames above the maximum') {
      throw new FrameTooLargeError('Too large. Send less.')
    }
    if (phase !== 'open') {
      if (phase === 'new' && fault === 'throws before open') throw new Error('not open')
      return
    }
    const address = book().get(to)?.address
    if (address === undefined && fault === 'throws for an unknown peer') throw new Error(to)
    if (address === undefined || (to === self.id && fault !== 'delivers to itself')) return
    const from = fault === 'names the receiver as the sender' ? { ...self, id: to } : self
    const copy = copyOf(frame, fault)
    if (copy.byteLength === 0 && fault === 'loses empty frames') return
    const at = watch.pretender(to)?.address ?? address
    const deliver = (): boolean => deliverTo(to, endpoints.get(at), from, copy)
    if (fault === 'counts what never left') count(to, 'sent')
    if (fault === 'delivers inside send') deliver()
    else enqueue({ to, deliver })
  }

  /** Whether it was let through this node's door. */
  function deliverTo(
    to: NodeId,
    endpoint: Endpoint | undefined,
    from: Caller,
    frame: Uint8Array,
  ): boolean {
    if (watch.loses(to)) return true
    const isClaimed = watch.pretender(to) !== undefined
    if (endpoint !== undefined && !isClaimed && !isProven(endpoint, false)) return false
    if (endpoint?.id === to && book().has(to) && !isExpected(endpoint, false)) {
      if (fault !== 'tells nobody of another cluster') refuse(to)
      endpoint.admits(from)
      return false
    }
    const isWell = endpoint?.admits(from) === true
    went(to, isWell)
    if (!isWell) return true
    meet(endpoint)
    endpoint.receive(from, frame)
    return true
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
      const known = counts.get(to)
      if (!deliver()) count(to, 'dropped')
      else if (fault !== 'counts what never left' && known !== undefined) known.sent += 1
    }
  }

  async function open(options: TransportOpen): Promise<void> {
    if (phase !== 'new' && !(phase === 'open' && fault === 'opens twice')) throw stateError()
    phase = 'opening'
    await Promise.resolve()
    if (wasClosed() && fault !== 'opens though it was closed') throw stateError()
    const { id, cluster = '', incarnation = '', listen } = options
    const endpoint: Endpoint = {
      id,
      cluster,
      incarnation,
      credentials,
      address: listen,
      admits(from) {
        const isUnknown = !book().has(from.id)
        if (fault === 'delivers from strangers' || fault === 'names the receiver as the sender') {
          return true
        }
        if (!isUnknown && !isProven(from, true)) return false
        if (!isUnknown && isExpected(from, true)) return true
        const isSilent =
          fault === 'tells nobody of another cluster' ||
          fault === 'tells nobody of whom it only hears'
        if (isUnknown || !isSilent) refuse(from.id)
        return false
      },
      receive(from, frame) {
        if (phase !== 'open' && fault !== 'delivers after close') return
        if (fault !== 'counts no deliveries') count(from.id, 'received')
        meet(from)
        options.receive(from.id, frame)
      },
    }
    try {
      checkAddress(listen, endpoints, fault)
      if (id === '' && fault === 'refuses the empty id') throw stateError()
      if (fault === 'keeps its address after a name that is too long') {
        endpoints.set(listen, endpoint)
      }
      if (fault !== 'takes names that are too long') {
        requireName('The cluster', cluster)
        requireName('The incarnation', incarnation)
      }
    } catch (error) {
      phase = 'closed'
      throw error
    }
    self = endpoint
    bound = listen
    ;({ warn } = options)
    if (fault !== 'ignores the peers of open') setBook(options.peers)
    endpoints.set(bound, endpoint)
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
      refused: {
        ...(strangers > 0 && { identity: strangers }),
        ...(impostors > 0 && { credentials: impostors }),
      },
    }),
    async close() {
      if (fault === 'delivers until what was sent has left' && waiting.length > 0) await turn()
      const keeps = fault === 'keeps its address after close' || fault === 'delivers after close'
      if (phase === 'open' && !keeps) endpoints.delete(bound)
      phase = 'closed'
      if (fault === 'drops at close what was sent before') waiting = []
      if (fault === 'leaves a timer running') setTimeout(() => undefined, LEFT_RUNNING_MS)
    },
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

const nobody = (): ReadonlyMap<NodeId, ExpectedPeer> => new Map()

function newCounts(fault: Fault | null): Counts {
  const incarnation = fault === 'names an incarnation that nobody has told' ? '' : null
  return { isConnected: null, incarnation, sent: 0, received: 0, dropped: 0, problem: null }
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
