/** What the hub's door says to whom, beside what every transport promises of it. */
import { describe, expect, it } from 'vitest'
import type { Transport, TransportOpen, TransportWarning } from '@paxos/core'
import { memory, memoryHub } from '@paxos/transport-memory'
import type { MemoryHub, Trace } from '@paxos/transport-memory'
import { virtualTime } from './virtual-time.ts'

interface Node {
  readonly transport: Transport
  readonly received: number[]
  readonly warnings: TransportWarning[]
}

async function openOn(hub: MemoryHub, options: Partial<TransportOpen>): Promise<Node> {
  const transport = memory({ hub })
  const received: number[] = []
  const warnings: TransportWarning[] = []
  const peers = new Map(['a', 'b'].map((id) => [id, `memory://${id}`]))
  await transport.open({
    id: 'a',
    listen: `memory://${options.id ?? 'a'}`,
    peers,
    receive: (_, frame) => received.push(frame[0] ?? 0),
    warn: (warning) => warnings.push(warning),
    ...options,
  })
  return { transport, received, warnings }
}

function network(): {
  readonly hub: MemoryHub
  readonly traces: Trace[]
  readonly run: () => void
} {
  const time = virtualTime()
  const traces: Trace[] = []
  const hub = memoryHub({
    scheduler: time,
    delayMs: { min: 5, max: 5 },
    observe: (trace) => traces.push(trace),
  })
  return { hub, traces, run: () => time.advance(10) }
}

describe('a frame that meets a closed door', () => {
  it('is observed as refused, was never sent, and both sides are told why', async () => {
    const { hub, traces, run } = network()
    const a = await openOn(hub, { cluster: 'x' })
    const b = await openOn(hub, { id: 'b', cluster: 'y' })
    a.transport.send('b', Uint8Array.of(1))
    run()
    expect(b.received).toEqual([])
    expect(traces.map(({ outcome }) => outcome)).toEqual(['refused'])
    const problem = {
      reason: 'identity',
      message: 'Node "b" is of cluster "y", and "a" of "x". Is its address right?',
    }
    expect(a.warnings).toEqual([{ peer: 'b', ...problem }])
    expect(b.warnings).toEqual([{ peer: 'a', ...problem }])
    const counts = { isConnected: null, incarnation: null, sent: 0, received: 0 }
    expect(a.transport.figures?.()).toEqual({
      peers: new Map([['b', { ...counts, dropped: 1, problem }]]),
      refused: { identity: 1 },
    })
    expect(b.transport.figures?.()).toEqual({
      peers: new Map([['a', { ...counts, dropped: 0, problem }]]),
      refused: { identity: 1 },
    })
  })

  it('is told of as of the incarnation that its receiver expects', async () => {
    const { hub, run } = network()
    const a = await openOn(hub, { incarnation: 'new' })
    const expecting = new Map([['a', { address: 'memory://a', incarnation: 'old' }]])
    const b = await openOn(hub, { id: 'b', peers: expecting })
    a.transport.send('b', Uint8Array.of(1))
    run()
    expect(b.received).toEqual([])
    expect(a.warnings).toEqual(b.warnings.map((warning) => ({ ...warning, peer: 'b' })))
    expect(b.warnings.map(({ message }) => message)).toEqual([
      'Node "a" is incarnation "new", and "b" expects "old". ' +
        'Has its disk been lost, or exchanged with another?',
    ])
  })

  it('is of the node that sent it, whoever has taken its place since', async () => {
    const { hub, run } = network()
    const former = await openOn(hub, { incarnation: 'old' })
    const expecting = new Map([['a', { address: 'memory://a', incarnation: 'old' }]])
    const b = await openOn(hub, { id: 'b', peers: expecting })
    former.transport.send('b', Uint8Array.of(1))
    await former.transport.close()
    const successor = await openOn(hub, { incarnation: 'new' })
    successor.transport.send('b', Uint8Array.of(2))
    run()
    expect(b.received).toEqual([1])
    expect(former.warnings).toEqual([])
    expect(successor.warnings).toHaveLength(1)
    expect(successor.transport.figures?.().peers.get('b')).toMatchObject({ sent: 0, dropped: 1 })
  })

  it('meets the one that stands when it arrives', async () => {
    const { hub, run } = network()
    const a = await openOn(hub, { incarnation: 'it' })
    const b = await openOn(hub, { id: 'b' })
    a.transport.send('b', Uint8Array.of(1))
    b.transport.setPeers(new Map([['a', { address: 'memory://a', incarnation: 'another' }]]))
    run()
    expect(b.received).toEqual([])
    b.transport.setPeers(new Map([['a', { address: 'memory://a', incarnation: 'it' }]]))
    a.transport.send('b', Uint8Array.of(2))
    run()
    expect(b.received).toEqual([2])
    expect(b.transport.figures?.().peers.get('a')).toMatchObject({ incarnation: 'it' })
    expect(a.transport.figures?.().peers.get('b')).toMatchObject({ incarnation: '' })
  })
})
