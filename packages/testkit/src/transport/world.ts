/**
 * The network of one scenario: nodes that can be opened, introduced and waited for. It must close
 * everything that a scenario made, also when that fails, and wait for events, never for time.
 */
import { EventEmitter, once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { NodeId, Transport, TransportOpen, TransportWarning } from '@paxos/core'
import { isEqual } from '../bytes.ts'

/** What a transport has to bring along to be tested. A new one is made for each scenario. */
export interface TransportHarness {
  /** A transport that is not open, on the network of this scenario. */
  readonly transport: () => Transport
  /** Where a node may listen: an address that nobody has, or one that means "a free one". */
  readonly listen: (node: NodeId) => string
  /** An address where nobody listens. */
  readonly deserted: string
  /** Addresses that can never be opened. */
  readonly malformed: readonly string[]
  /**
   * Transports of somebody who is no node and says so all the same, each by what it has in place of
   * the credentials: 'another key'. They can be opened with the ids of IMPOSTOR_IDS, and take whoever
   * comes. Default: none, for nothing proves who a node is.
   */
  readonly impostors?: Readonly<Record<string, () => Transport>> | undefined
}

/** An open transport and what it received. */
export interface TestNode {
  readonly id: NodeId
  readonly transport: Transport
  readonly inbox: { readonly from: NodeId; readonly frame: Uint8Array }[]
  /** What the transport warned of. */
  readonly warnings: TransportWarning[]
  /** Emits 'frame' and 'warning', inside receive and warn. */
  readonly events: EventEmitter
  /** Resolves once a frame in the inbox is equal to `frame`. */
  readonly received: (frame: Uint8Array) => Promise<void>
}

/**
 * As whom a node is opened, besides its id, and whom it knows; otherwise as `''`, and nobody. And by
 * what, which is otherwise the transport of the harness.
 */
export interface OpenedAs extends Partial<
  Pick<TransportOpen, 'cluster' | 'incarnation' | 'peers'>
> {
  readonly transport?: () => Transport
}

/** The network of one scenario; everything that was made in it is closed when it is over. */
export interface World {
  readonly harness: TransportHarness
  /** A transport that is not open. */
  readonly made: () => Transport
  readonly openNode: (id: NodeId, listen?: string, as?: OpenedAs) => Promise<TestNode>
  /** Open nodes that know each other. */
  readonly openPair: () => Promise<readonly [TestNode, TestNode]>
  readonly openThree: () => Promise<readonly [TestNode, TestNode, TestNode]>
}

export async function inWorld(
  harness: TransportHarness,
  body: (world: World) => Promise<void>,
): Promise<void> {
  const opened: Transport[] = []
  function made(make = harness.transport): Transport {
    const transport = make()
    opened.push(transport)
    return transport
  }
  async function openNode(
    id: NodeId,
    listen = harness.listen(id),
    { transport: make, ...as }: OpenedAs = {},
  ): Promise<TestNode> {
    const transport = made(make)
    const inbox: TestNode['inbox'] = []
    const arrivals = new EventEmitter()
    const receive = (from: NodeId, frame: Uint8Array): void => {
      inbox.push({ from, frame })
      arrivals.emit('frame')
    }
    const warnings: TransportWarning[] = []
    const warn = (warning: TransportWarning): void => {
      warnings.push(warning)
      arrivals.emit('warning')
    }
    await transport.open({ id, listen, peers: new Map(), receive, warn, ...as })
    async function received(frame: Uint8Array): Promise<void> {
      while (!inbox.some((entry) => isEqual(entry.frame, frame))) await once(arrivals, 'frame')
    }
    return { id, transport, inbox, warnings, events: arrivals, received }
  }
  async function openPair(): Promise<readonly [TestNode, TestNode]> {
    const nodes = [await openNode('a'), await openNode('b')] as const
    introduce(...nodes)
    return nodes
  }
  async function openThree(): Promise<readonly [TestNode, TestNode, TestNode]> {
    const nodes = [await openNode('a'), await openNode('b'), await openNode('c')] as const
    introduce(...nodes)
    return nodes
  }
  try {
    await body({ harness, made: () => made(), openNode, openPair, openThree })
  } finally {
    for (const transport of opened) await transport.close()
  }
}

export function introduce(...nodes: TestNode[]): void {
  const book = new Map(nodes.map((node) => [node.id, node.transport.address]))
  for (const node of nodes) node.transport.setPeers(book)
}

/** Often enough to wait for nothing, and not so often that a slow transport has to drop. */
export const RESEND_AFTER_MS = 20

/** What did not arrive by then never will: in turns and not in time, for a busy machine takes longer. */
const MAX_RESENDS = 1_000

let marks = 0

/** Whatever `from` sent to `to` before has arrived by then, or never will. */
export async function settle(from: TestNode, to: TestNode): Promise<void> {
  marks += 1
  const mark = new TextEncoder().encode(`mark ${marks}`)
  from.transport.send(to.id, mark)
  await to.received(mark)
}

/**
 * Sends `frame` again and again until it arrives, as Paxos does: what is handed over before a
 * transport has noticed that its peer is gone may be lost. Resolves with how often it was sent.
 */
export async function reach(from: TestNode, to: TestNode, frame: Uint8Array): Promise<number> {
  let times = 0
  const send = (): void => {
    times += 1
    from.transport.send(to.id, frame)
  }
  const again = setInterval(send, RESEND_AFTER_MS)
  send()
  try {
    await to.received(frame)
    return times
  } finally {
    clearInterval(again)
  }
}

/**
 * Sends those of `frames` that have not arrived, one after another and again and again, until all
 * have. What arrives is compared at once, for a receiver may do with it what it likes.
 */
export async function reachAll(
  frames: readonly { readonly from: TestNode; readonly frame: Uint8Array }[],
  to: TestNode,
): Promise<void> {
  const missing = new Set(frames)
  let turns = 0
  const send = (): void => {
    turns += 1
    const next = [...missing][turns % missing.size]
    if (turns > MAX_RESENDS)
      to.events.emit('error', new Error(`${missing.size} frames never arrive.`))
    else next?.from.transport.send(to.id, next.frame)
  }
  const arrive = (): void => {
    const last = to.inbox.at(-1)
    for (const one of missing) {
      if (one.from.id === last?.from && isEqual(one.frame, last.frame)) missing.delete(one)
    }
  }
  // Before all others: they may write into the frame.
  to.events.prependListener('frame', arrive)
  const again = setInterval(send, RESEND_AFTER_MS)
  for (const { from, frame } of frames) from.transport.send(to.id, frame)
  try {
    while (missing.size > 0) await once(to.events, 'frame')
  } finally {
    clearInterval(again)
    to.events.off('frame', arrive)
  }
}

/** Sends to `peer` again and again until the figures name a problem with it. */
export async function reachProblem({ transport, events }: TestNode, peer: NodeId): Promise<void> {
  const send = (): void => transport.send(peer, Uint8Array.of(0))
  const again = setInterval(send, RESEND_AFTER_MS)
  send()
  try {
    while (transport.figures?.().peers.get(peer)?.problem === null) await once(events, 'warning')
  } finally {
    clearInterval(again)
  }
}

/** Whatever waits for its turn in the event loop has had it. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

export function ignore(): void {
  // For nodes that only send.
}

/**
 * How much more is in use than there was `before`, at the most: what nobody holds any more counts, too,
 * unless that makes it `bound` or more. To collect is most of the work of whoever asks.
 */
export function keptBytes(before: number, bound: number): number {
  const atMost = process.memoryUsage().arrayBuffers - before
  return atMost < bound ? atMost : retainedBytes() - before
}

/** The memory of the buffers that are in use. */
export function retainedBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect !== 'function') throw new Error('This runtime cannot collect on demand.')
  // The first frees in the background, and the second waits for that.
  collect()
  collect()
  return process.memoryUsage().arrayBuffers
}
