import { CEILING_INTERVAL_MS, InvalidArgumentError, MAX_ROUND, ROUNDS_STEP } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { encodeEntry, isEntry, MAX_SLOTS_AHEAD, NO_OP, SLOTS_STEP } from '@paxos/core/multi'
import type { MultiPaxosMessage } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import { at } from '../messages.ts'
import { LogCluster } from './cluster.ts'
import { accept, bytes, disbelieved, entry, heartbeat, heartbeatAnswer } from './one-node.ts'
import {
  instantly,
  knowsMore,
  leadingA,
  NO_EFFECTS,
  nodeA,
  only,
  prepare,
  promise,
  values,
} from './one-node.ts'

const B1 = at(1, 'b')
const STEP = ROUNDS_STEP

/** What begins with an exclamation mark is none. */
const isValue = ([first]: Uint8Array): boolean => first !== 0x21

/** Waits until every node has applied a new command of every node. */
function expectProgress(cluster: LogCluster): void {
  const { running } = cluster
  const commands = running.map((id) => cluster.propose(id))
  cluster.runUntil(() =>
    running.every((id) => {
      const { commands: applied } = cluster.machine(id)
      return commands.every((command) => applied.includes(command))
    }),
  )
}

/** The same of one node, while another is cut off. */
function expectProgressOf(cluster: LogCluster, id: NodeId): void {
  const command = cluster.propose(id)
  cluster.runUntil(() => cluster.machine(id).commands.includes(command))
}

function restartAll(cluster: LogCluster): void {
  for (const id of cluster.ids) {
    cluster.crash(id)
    cluster.restart(id)
  }
}

describe('rounds that are far ahead', () => {
  const FAR: readonly MultiPaxosMessage[] = [
    prepare(at(MAX_ROUND, 'b'), 1),
    promise(at(MAX_ROUND), 1),
    promise(at(1), 1, { entries: [entry(1, at(MAX_ROUND, 'b'), 'x')] }),
    accept(at(MAX_ROUND, 'b'), 1, 1, ['x']),
    { type: 'logAccepted', ballot: at(MAX_ROUND), through: 1 },
    heartbeat(at(MAX_ROUND, 'b'), 1, 0),
    { type: 'nack', ballot: at(1), promised: at(MAX_ROUND, 'b') },
    { type: 'handOver', ballot: at(MAX_ROUND, 'b') },
    { type: 'fetched', from: 1, entries: [entry(1, at(MAX_ROUND, 'b'), 'x')], chosenThrough: 1 },
  ]
  it.each(FAR)('are not believed in a $type, and the next ballot is as before', (message) => {
    const a = nodeA()
    expect(a.receive('b', message)).toEqual(disbelieved('b', 'round'))
    instantly(a, a.lead())
    expect(a.ballot).toEqual(at(1))
  })

  const EDGES = [STEP, 2 * STEP - 1, 2 * STEP, 3 * STEP - 1, 3 * STEP]
  it.each(EDGES)('round %d, said once to one node, parts no node from the others', (round) => {
    const cluster = new LogCluster({ snapshotEvery: 10 })
    const leader = cluster.runUntilLed()
    const [hit = '', third = ''] = cluster.ids.filter((id) => id !== leader)
    cluster.run(1000)
    cluster.inject(third, hit, prepare(at(round, third), 1))
    expectProgress(cluster)
    restartAll(cluster)
    expectProgress(cluster)
    for (const id of cluster.ids) {
      cluster.crash(id)
      expectProgress(cluster)
      cluster.restart(id)
    }
  })

  it('a node that was flooded for a time is followed again after about as long', () => {
    const cluster = new LogCluster()
    const leader = cluster.runUntilLed()
    const [hit = '', third = ''] = cluster.ids.filter((id) => id !== leader)
    cluster.isolate(hit)
    const floods = 20
    for (let steps = 3; steps < 3 + floods; steps += 1) {
      cluster.run(CEILING_INTERVAL_MS)
      cluster.inject(third, hit, prepare(at(steps * STEP - 1, third), 1))
    }
    cluster.run(100)
    expect(cluster.disk(hit).saved.promised?.round).toBeGreaterThan(floods * STEP)
    expectProgressOf(cluster, leader)
    cluster.heal()
    cluster.crash(leader)
    const command = cluster.propose(third)
    const withinMs = 2 * floods * CEILING_INTERVAL_MS + 5000
    cluster.runUntil(() => cluster.machine(hit).commands.includes(command), withinMs)
  })
})

describe('slots that are far ahead', () => {
  const FAR = 9 * SLOTS_STEP
  const chunk = { members: [], totalBytes: 1, offset: 0, bytes: Uint8Array.of(1) }
  it.each<[string, MultiPaxosMessage]>([
    ['from', prepare(B1, FAR)],
    ['from', { type: 'fetchEntries', from: FAR }],
    ['from', { type: 'fetched', from: FAR, entries: [], chosenThrough: 1 }],
    ['next', promise(at(1), 1, { entries: [entry(1, B1, 'x')], next: FAR })],
    ['chosenThrough', promise(at(1), 1, { chosenThrough: FAR })],
    ['compactedThrough', promise(at(1), 1, { compactedThrough: FAR })],
    ['base', heartbeat(B1, FAR, 0)],
    ['first', accept(B1, 1, FAR, ['x'])],
    ['through', { type: 'logAccepted', ballot: at(1), through: FAR }],
    ['through', { type: 'fetchSnapshot', through: FAR, offset: 0 }],
    ['through', { type: 'snapshotChunk', ballot: B1, through: FAR, ...chunk }],
    ['slot', { type: 'readIndexAnswer', run: 1, number: 1, slot: FAR }],
  ])('are not believed as %s of a message', (_field, message) => {
    expect(nodeA().receive('b', message)).toEqual(disbelieved('b', 'slot'))
  })

  it('are not believed, and come to be believed where they are said again and again', () => {
    const a = nodeA({ livenessWindowMs: 60_000 })
    const far = heartbeat(B1, 1, 9 * SLOTS_STEP)
    const heard = Array.from({ length: 9 }, (_, times) => {
      a.tick(times * CEILING_INTERVAL_MS)
      return only(a.receive('b', far).send, 'logHeartbeatAnswer').length
    })
    expect(heard).toEqual([0, 0, 0, 0, 0, 0, 0, 1, 1])
  })
})

describe('values that are none', () => {
  const BAD: readonly MultiPaxosMessage[] = [
    accept(B1, 1, 1, ['x', '!']),
    promise(at(1), 1, { entries: [entry(1, B1, 'x'), entry(2, B1, '!')] }),
    { type: 'fetched', from: 1, entries: [entry(1, B1, '!')], chosenThrough: 1 },
  ]
  it.each(BAD)('are not believed in a $type, by a follower, a candidate or a leader', (message) => {
    const candidate = nodeA({ isValue })
    instantly(candidate, candidate.lead())
    for (const node of [nodeA({ isValue }), candidate, leadingA({ isValue })]) {
      expect(node.receive('b', message)).toEqual(disbelieved('b', 'value'))
    }
  })

  it('and that another node hands over are refused to it, while the others are taken', () => {
    const forward = { type: 'forward', values: values('x', '!') } as const
    expect(nodeA({ isValue }).receive('b', forward)).toEqual({ send: [], events: [] })
    expect(leadingA({ isValue }).receive('b', forward)).toEqual({
      send: [{ to: 'b', message: { type: 'forwardRefused', heads: values('!') } }],
      events: [
        { type: 'disbelieved', from: 'b', reason: 'value' },
        { type: 'forwarded', from: 'b', values: values('x') },
      ],
    })
  })

  it('are refused where they are proposed or handed over', () => {
    const a = leadingA({ isValue })
    expect(() => a.propose(values('x', '!'))).toThrow(InvalidArgumentError)
    expect(() => a.forward(values('!'))).toThrow('Value 1 of 1 is none')
    expect(a.propose(values('x')).first).toBe(2)
  })

  it('isEntry: what encodeEntry makes is one, and what no version made is none', () => {
    const nonce = bytes('n')
    expect(isEntry(NO_OP)).toBe(true)
    expect(isEntry(encodeEntry({ type: 'open-session', nonce }))).toBe(true)
    expect([[], [9, 9, 9], [0, 0]].map((each) => isEntry(Uint8Array.from(each)))).toEqual([
      false,
      false,
      false,
    ])
  })

  it('a snapshot that is none is not installed, and another node is asked for one', () => {
    const a = nodeA({ isSnapshot: isValue, livenessWindowMs: 60_000 })
    a.receive('b', heartbeat(B1, 1, 9))
    const chunk = { type: 'snapshotChunk', ballot: B1, through: 9, members: [] } as const
    const nonsense = { ...chunk, totalBytes: 1, offset: 0, bytes: bytes('!') }
    expect(a.receive('b', nonsense)).toEqual(disbelieved('b', 'value'))
    const asked = only(a.receive('b', heartbeat(B1, 1, 9)).send, 'fetchEntries')
    expect(asked).toMatchObject([{ to: 'c' }])
    const good = { ...chunk, totalBytes: 1, offset: 0, bytes: bytes('x') }
    expect(a.receive('c', good).events).toMatchObject([{ type: 'snapshot-installed' }])
  })
})

describe('answers that nobody asked for', () => {
  const page: MultiPaxosMessage = {
    type: 'fetched',
    from: 1,
    entries: [entry(1, B1, 'x')],
    chosenThrough: 9,
  }
  const chunk: MultiPaxosMessage = {
    type: 'snapshotChunk',
    ballot: B1,
    through: 9,
    members: [],
    totalBytes: 1,
    offset: 0,
    bytes: bytes('x'),
  }
  it.each([page, chunk])('a $type changes nothing, nor is its sender asked for more', (message) => {
    const a = nodeA({ livenessWindowMs: 60_000 })
    expect(a.receive('b', message)).toEqual(NO_EFFECTS)
    // b is asked, and c answers.
    a.receive('b', knowsMore(9))
    expect(a.receive('c', message)).toEqual(NO_EFFECTS)
    expect(a.chosenThrough).toBe(0)
    expect(only(a.tick(500).send, 'fetchEntries').map(({ to }) => to)).toEqual(['b'])
    expect(a.receive('b', message).save).toBeDefined()
  })

  it('a page from another slot than was asked for changes nothing', () => {
    const a = nodeA({ livenessWindowMs: 60_000 })
    instantly(a, a.receive('b', accept(B1, 1, 1, ['x', 'y'])))
    a.receive('b', heartbeat(B1, 1, 2))
    a.receive('c', knowsMore(9))
    const entries = [entry(2, B1, 'y'), entry(3, B1, 'z')]
    const effects = a.receive('c', { type: 'fetched', from: 2, entries, chosenThrough: 9 })
    expect(effects).toEqual(NO_EFFECTS)
  })

  it('a read index counts from the leader alone, who was asked, and within its reach', () => {
    const a = nodeA()
    a.receive('b', heartbeat(B1, 1, 0))
    const [asked] = only(a.read(7).send, 'readIndex')
    if (asked === undefined) throw new Error('nobody is asked')
    const { run, number } = asked.message
    const answer: MultiPaxosMessage = { type: 'readIndexAnswer', run, number, slot: 5 }
    expect(a.receive('c', answer)).toEqual(NO_EFFECTS)
    expect(a.receive('b', { ...answer, slot: MAX_SLOTS_AHEAD + 1 })).toEqual(NO_EFFECTS)
    expect(a.receive('b', answer).events).toEqual([{ type: 'read-ready', id: 7, slot: 5 }])
  })
})

describe('what a follower claims beyond what was proposed', () => {
  const far = heartbeatAnswer(at(1), 2 ** 32, 2 ** 32, 2 ** 32)

  it('makes it lack nothing, and no more', () => {
    const a = leadingA()
    a.receive('b', far)
    expect(a.peers.get('b')).toMatchObject({ through: 2 ** 32, lag: 0 })
    expect(a.chosenThrough).toBe(1)
  })

  it('confirms no read that was not begun', () => {
    const a = leadingA()
    expect(only(a.read(7).send, 'logHeartbeat')).toHaveLength(1)
    expect(a.receive('b', far).events).toEqual([])
    expect(a.receive('b', heartbeatAnswer(at(1), 1, 1, 1)).events).toEqual([
      { type: 'read-ready', id: 7, slot: 1 },
    ])
  })
})

describe('handing over', () => {
  it('is for the ballot that it names, while the node follows just that one', () => {
    const a = nodeA()
    const to = (round: number) => a.receive('b', { type: 'handOver', ballot: at(round, 'b') })
    expect(to(3)).toEqual(NO_EFFECTS)
    a.receive('b', heartbeat(at(3, 'b'), 1, 0))
    expect(to(2)).toEqual(NO_EFFECTS)
    expect(to(4)).toEqual(NO_EFFECTS)
    instantly(a, a.receive('c', prepare(at(3, 'c'), 1)))
    expect(to(3)).toEqual(NO_EFFECTS)
    a.receive('b', heartbeat(at(5, 'b'), 1, 0))
    expect(to(3)).toEqual(NO_EFFECTS)
    expect(to(5).save?.change.promised).toEqual(at(6))
  })

  it.each(['a', 'all', 'stranger', ''])(
    'to %j is refused, also by a node that does not lead',
    (id) => {
      for (const node of [leadingA(), nodeA()]) {
        expect(() => node.transfer(id, 1000)).toThrow(InvalidArgumentError)
      }
    },
  )
})

describe('the members in a snapshot', () => {
  const mine = [{ id: 'a', address: 'from my options' }]
  const installed = [{ id: 'a', address: 'from the log' }]

  it('are those of the snapshot before, not of the options', () => {
    const a = nodeA({ members: mine, livenessWindowMs: 60_000 })
    a.receive('b', heartbeat(B1, 1, 9))
    const piece = { ballot: B1, through: 9, totalBytes: 1, offset: 0, bytes: bytes('x') }
    instantly(a, a.receive('b', { type: 'snapshotChunk', members: installed, ...piece }))
    instantly(a, a.receive('b', accept(B1, 1, 10, ['ten'])))
    instantly(a, a.receive('b', heartbeat(B1, 1, 10)))
    const { changes } = instantly(a, a.snapshot({ through: 10, bytes: bytes('y') }))
    expect(changes).toMatchObject([{ snapshot: { through: 10, members: installed } }])
  })

  it('are those of the options where there was none', () => {
    const a = leadingA({ members: mine })
    const { changes } = instantly(a, a.snapshot({ through: 1, bytes: bytes('y') }))
    expect(changes).toMatchObject([{ snapshot: { members: mine } }])
  })
})
