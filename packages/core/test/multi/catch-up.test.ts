import { EMPTY_SAVED, InvalidArgumentError, majority, MAX_VALUE_BYTES } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { CHUNK_BYTES, MAX_KEPT_LOG_BYTES, MAX_SNAPSHOT_BYTES } from '@paxos/core/multi'
import { SNAPSHOT_KEPT_FOR_MS } from '@paxos/core/multi'
import { describe, expect, it } from 'vitest'
import { at } from '../messages.ts'
import { LogCluster } from './cluster.ts'
import {
  accept,
  accepted,
  bytes,
  disbelieved,
  entry,
  heartbeat,
  instantly,
  leadingA,
} from './one-node.ts'
import { NO_EFFECTS, noOp, nodeA, only, values, type MessageOf } from './one-node.ts'

const behind = () => {
  const a = nodeA({ livenessWindowMs: 60_000 })
  instantly(a, a.receive('b', accept(B1, 3, 12, ['above'])))
  a.receive('b', heartbeat(B1, 1, 9))
  return a
}

const withEntries = (count: number, size = 1) => {
  const a = leadingA()
  for (let slot = 2; slot <= count; slot += 1) {
    instantly(a, a.propose([new Uint8Array(size).fill(slot)]).effects)
    instantly(a, a.receive('b', accepted(at(1), slot)))
  }
  return a
}

const answer = (effects: ReturnType<ReturnType<typeof nodeA>['receive']>) =>
  effects.send[0]?.message

const B1 = at(1, 'b')

const fetched = (
  from: number,
  texts: readonly string[],
  chosenThrough: number,
): MessageOf<'fetched'> => ({
  type: 'fetched',
  from,
  entries: texts.map((text, index) => entry(from + index, B1, text)),
  chosenThrough,
})

const chunk = (rest: Partial<MessageOf<'snapshotChunk'>> = {}): MessageOf<'snapshotChunk'> => ({
  type: 'snapshotChunk',
  ballot: B1,
  through: 9,
  members: [{ id: 'b', address: 'udp://b' }],
  totalBytes: 6,
  offset: 0,
  bytes: bytes('abc'),
  ...rest,
})

/** A cluster of which one node knows nothing, and the others hold many large commands. */
function withLateJoiner(count: number, padding: number, seed = 1) {
  const cluster = new LogCluster({ seed })
  const leader = cluster.runUntilLed()
  const [late = '', other = ''] = cluster.ids.filter((id) => id !== leader)
  cluster.isolate(late)
  const commands = Array.from({ length: count }, (_, index) =>
    cluster.propose(leader, `command${index}`, padding),
  )
  cluster.run(3000)
  expect(cluster.machine(leader).commands).toEqual(commands)
  return { cluster, leader, late, other, commands }
}

const arrivals = (cluster: LogCluster, type: string, to: NodeId): number =>
  cluster.trace.lines.filter((line) => line.includes(`→ ${to}`) && line.includes(type)).length

describe('a node that was away', () => {
  it('fetches the entries that it missed, page by page, one request at a time', () => {
    const { cluster, leader, late, commands } = withLateJoiner(40, 50_000)
    const before = arrivals(cluster, 'fetched', late)
    let open = 0
    cluster.filter = (from, to, message) => {
      if (from === late && message.type === 'fetchEntries' && cluster.engine(late).leader !== null)
        open += 1
      if (to === late && message.type === 'fetched' && message.entries.length > 0) open -= 1
      expect(open).toBeLessThanOrEqual(1)
      return true
    }
    cluster.heal()
    cluster.runUntil(() => cluster.machine(late).applied === cluster.machine(leader).applied, 2000)
    expect(cluster.machine(late).commands).toEqual(commands)
    expect(arrivals(cluster, 'fetched', late) - before).toBeGreaterThan(3)
  })

  it('has a snapshot in pieces, where the entries are gone, and the rest as entries', () => {
    const { cluster, leader, late, other, commands } = withLateJoiner(60, 100_000)
    cluster.takeSnapshot(leader, 2_000_000)
    cluster.takeSnapshot(other, 2_000_000)
    cluster.run(100)
    const last = cluster.propose(leader)
    cluster.run(100)
    cluster.heal()
    cluster.runUntil(() => cluster.machine(late).applied === cluster.machine(leader).applied, 3000)
    expect(cluster.machine(late).commands).toEqual([...commands, last])
    expect(cluster.disk(late).saved.snapshot?.bytes.length).toBeGreaterThan(2_000_000)
    expect(arrivals(cluster, 'snapshot ', late)).toBeGreaterThanOrEqual(8)
  })

  it('P20: goes on from the piece whose answer was lost, and the leader stays', () => {
    const { cluster, leader, late, other } = withLateJoiner(60, 100_000)
    cluster.takeSnapshot(leader, 4_000_000)
    cluster.takeSnapshot(other, 4_000_000)
    cluster.run(100)
    const { ballot } = cluster.engine(leader)
    const offsets: number[] = []
    let count = 0
    cluster.filter = (_, to, message) => {
      if (to !== late || message.type !== 'snapshotChunk') return true
      offsets.push(message.offset)
      count += 1
      return count % 3 !== 0
    }
    cluster.heal()
    cluster.runUntil(() => cluster.machine(late).applied === cluster.machine(leader).applied)
    // Each piece arrives once, or is asked for again: never from the start.
    expect(offsets.filter((offset) => offset === 0).length).toBeLessThanOrEqual(2)
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b))
    expect(cluster.engine(leader).ballot).toEqual(ballot)
  })

  it('P20: a slow transfer ends although newer snapshots are taken all the time', () => {
    const { cluster, leader, late, other } = withLateJoiner(60, 100_000)
    const padding = 3_000_000
    cluster.takeSnapshot(leader, padding)
    cluster.takeSnapshot(other, padding)
    cluster.run(100)
    const { ballot } = cluster.engine(leader)
    let newer = 0
    cluster.filter = (from, to, message) => {
      if (to !== late || message.type !== 'snapshotChunk') return true
      // Each piece that arrives is slower than the log: another snapshot is taken meanwhile.
      newer += 1
      if (newer % 2 === 0) return true
      cluster.propose(leader, `newer${newer}`)
      cluster.takeSnapshot(from, padding)
      return true
    }
    cluster.heal()
    cluster.runUntil(() => cluster.machine(late).applied > 60, 10_000)
    cluster.filter = () => true
    cluster.runUntil(() => cluster.isQuiet)
    expect(newer).toBeLessThan(40)
    expect(cluster.engine(leader).ballot).toEqual(ballot)
  })

  it('P20: while it stores a slow snapshot it answers heartbeats, and starts no election', () => {
    const { cluster, leader, late, other } = withLateJoiner(60, 100_000)
    cluster.takeSnapshot(leader)
    cluster.takeSnapshot(other)
    cluster.run(100)
    cluster.heal()
    cluster.holdSaves(late)
    cluster.runUntil(() => cluster.disk(late).running > 0)
    cluster.isolate(other)
    const { ballot } = cluster.engine(leader)
    cluster.run(10_000)
    expect(cluster.engine(leader).ballot).toEqual(ballot)
    expect(cluster.engine(leader).phase).toBe('leading')
    expect(cluster.disk(late).saved.snapshot).toBeNull()
  })

  it('gets it from another when the leader does not hear its questions, though it hears the leader', () => {
    const { cluster, leader, late, other } = withLateJoiner(40, 50_000)
    const asked: string[] = []
    cluster.filter = (from, to, message) => {
      if (from === late && message.type === 'fetchEntries') asked.push(to)
      return true
    }
    cluster.heal()
    cluster.cutOneWay(late, leader)
    cluster.runUntil(() => cluster.machine(late).applied === cluster.machine(leader).applied, 5000)
    expect(asked).toContain(other)
    // And what is lost later, too: the leader alone says that there is more.
    cluster.cutOneWay(leader, late)
    const last = cluster.propose(leader)
    cluster.run(150)
    cluster.heal()
    cluster.cutOneWay(late, leader)
    cluster.runUntil(() => cluster.machine(late).commands.includes(last), 5000)
  })

  it('gets it from another when what the leader sends it is lost for being large', () => {
    const { cluster, leader, late } = withLateJoiner(40, 50_000)
    cluster.filter = (from, to, message) =>
      from !== leader || to !== late || message.type !== 'fetched' || message.entries.length === 0
    cluster.heal()
    cluster.runUntil(() => cluster.machine(late).applied >= 40, 5000)
  })

  it('gets it from the leader in small pages when large ones are lost and nobody else is there', () => {
    const { cluster, leader, late, other } = withLateJoiner(100, 100)
    cluster.filter = (from, to, message) => {
      if (from !== leader || to !== late || message.type !== 'fetched') return true
      return message.entries.reduce((sum, { value }) => sum + value.length, 0) < 1200
    }
    cluster.heal()
    cluster.isolate(other)
    cluster.runUntil(() => cluster.machine(late).applied >= 100, 60_000)
  })

  it('P18: ids are any strings, and a member that was never heard of before catches up like any other', () => {
    const cluster = new LogCluster({ ids: ['', 'zz', '10', '9', '😀'] })
    const leader = cluster.runUntilLed()
    const late = cluster.ids.find((id) => id !== leader) ?? ''
    cluster.isolate(late)
    const commands = Array.from({ length: 5 }, () => cluster.propose(leader))
    cluster.run(500)
    cluster.heal()
    cluster.runUntil(() => cluster.machine(late).commands.length === 5)
    expect(cluster.machine(late).commands).toEqual(commands)
  })

  it('asks another when the one that it asks stays silent, and waits longer each time', () => {
    const a = nodeA({ livenessWindowMs: 60_000 })
    a.receive('b', heartbeat(B1, 1, 9))
    a.receive('c', { type: 'campaign', run: 1, number: 1, chosenThrough: 7 })
    const asked = [199, 200, 599, 600, 799, 800].map((ms) =>
      only(a.tick(ms).send, 'fetchEntries').map(({ to }) => to),
    )
    expect(asked).toEqual([[], ['b'], [], ['c'], [], ['c']])
    // b says something, and is asked again when c was silent for as long.
    expect(only(a.receive('b', heartbeat(B1, 1, 10)).send, 'fetchEntries')).toEqual([])
    expect(only(a.tick(1200).send, 'fetchEntries').map(({ to }) => to)).toEqual(['b'])
  })

  it('asks who it knows nothing of, when those who know more do not answer', () => {
    const a = nodeA({ livenessWindowMs: 60_000 })
    a.receive('b', heartbeat(B1, 1, 9))
    a.tick(200)
    const [question] = only(a.receive('b', heartbeat(B1, 1, 9)).send, 'fetchEntries')
    expect(question).toBeUndefined()
    a.tick(599)
    a.receive('b', heartbeat(B1, 1, 9))
    a.tick(600)
    expect(only(a.receive('b', heartbeat(B1, 1, 9)).send, 'fetchEntries')).toMatchObject([
      { to: 'c', message: { from: 1 } },
    ])
    // It knows no more either: then the leader's turn comes again, and not c's at once.
    const turn = only(a.receive('c', fetched(1, [], 0)).send, 'fetchEntries')
    expect(turn).toMatchObject([{ to: 'b' }])
    expect(a.receive('c', fetched(1, ['x'], 9))).toEqual(NO_EFFECTS)
  })

  it('takes an answer that comes after another was asked', () => {
    const a = nodeA({ livenessWindowMs: 60_000 })
    a.receive('b', heartbeat(B1, 1, 2))
    a.receive('c', { type: 'campaign', run: 1, number: 1, chosenThrough: 2 })
    for (const ms of [200, 600]) a.tick(ms)
    expect(a.receive('b', fetched(1, ['x'], 2)).events).toMatchObject([{ type: 'chosen' }])
    // The question to c is open yet: nothing else is asked before it is answered.
    expect(only(a.tick(610).send, 'fetchEntries')).toEqual([])
    const next = only(a.receive('c', fetched(1, ['x'], 2)).send, 'fetchEntries')
    expect(next).toMatchObject([{ message: { from: 2 } }])
  })

  it('asks for less after two answers were missed, for more when they come, and gives them time', () => {
    const a = nodeA({ livenessWindowMs: 600_000, quorums: majority(['a', 'b']) })
    const asked = (effects: ReturnType<typeof a.receive>) =>
      only(effects.send, 'fetchEntries').map(({ message }) => message.maxBytes ?? 0)
    const [KiB, more] = [1 << 10, heartbeat(B1, 1, 100)]
    expect(asked(a.receive('b', more))).toEqual([64 * KiB])
    a.tick(150)
    expect(asked(a.receive('b', fetched(1, ['x'], 100)))).toEqual([128 * KiB])
    // The next answer may take twice as long as the last. So much was never answered: half of it.
    expect([449, 450].map((ms) => asked(a.tick(ms)))).toEqual([[], [64 * KiB]])
    // Then twice as long again. One answer may be lost; two in a row may have been too large.
    expect([1049, 1050, 2249].map((ms) => asked(a.tick(ms)))).toEqual([[], [64 * KiB], []])
    a.tick(2250)
    expect(asked(a.receive('b', more))).toEqual([32 * KiB])
    const sizes = Array.from({ length: 12 }, (_, index) =>
      asked(a.receive('b', fetched(2 + index, ['x'], 100))),
    )
    const small = Array.from({ length: 7 }, () => [32 * KiB])
    expect(sizes.slice(0, 7)).toEqual(small)
    expect(sizes.slice(7).flat()).toEqual([64, 128, 256, 512, 512].map((size) => size * KiB))
  })

  it('takes no page that is not what it must be, and waits for a better one', () => {
    const a = nodeA({ livenessWindowMs: 60_000 })
    a.receive('b', heartbeat(B1, 1, 9))
    for (const page of [
      { ...fetched(1, ['x', 'y'], 9), entries: [entry(1, B1, 'x'), entry(3, B1, 'y')] },
      { ...fetched(1, ['x'], 9), entries: [entry(2, B1, 'x')] },
      fetched(3, ['z'], 9),
      fetched(1, [], 9),
    ]) {
      expect(a.receive('b', page)).toEqual(NO_EFFECTS)
      expect(a.chosenThrough).toBe(0)
    }
    const far = { ...fetched(1, ['x'], 9), entries: [entry(1, at(2 ** 50, 'b'), 'x')] }
    expect(a.receive('b', far)).toEqual(disbelieved('b', 'round'))
    expect(a.receive('b', fetched(1, ['x'], 9)).events).toEqual([
      { type: 'chosen', first: 1, values: values('x') },
    ])
  })

  it('asks for no more when who it asks knows no more', () => {
    const a = nodeA({ livenessWindowMs: 60_000 })
    a.receive('b', heartbeat(B1, 1, 9))
    expect(a.receive('b', fetched(1, [], 0))).toEqual(NO_EFFECTS)
    expect(only(a.tick(500).send, 'fetchEntries')).toEqual([])
  })
})

describe('a snapshot that comes in', () => {
  it('is stored with the promise that it asks for, told before what comes after it, and drops what it covers', () => {
    const a = behind()
    instantly(a, a.receive('c', accept(at(2, 'c'), 10, 10, ['ten'], 9)))
    expect(only(a.receive('b', chunk({ ballot: at(5, 'b') })).send, 'fetchSnapshot')).toEqual([
      {
        to: 'b',
        message: { type: 'fetchSnapshot', through: 9, offset: 3, maxBytes: 128 << 10 },
      },
    ])
    const last = chunk({ ballot: at(5, 'b'), offset: 3, bytes: bytes('def') })
    const { save, events } = a.receive('b', last)
    const snapshot = { through: 9, members: chunk().members, bytes: bytes('abcdef') }
    expect(save?.change).toEqual({ promised: at(5, 'b'), snapshot, chosenThrough: 9 })
    expect(events).toEqual([{ type: 'snapshot-installed', snapshot }])
    expect([a.chosenThrough, a.compactedThrough]).toEqual([9, 9])
    // A leader below that ballot could have other values in the slots of the snapshot.
    a.saved()
    expect(a.receive('c', heartbeat(at(2, 'c'), 10, 9)).send).toMatchObject([
      { to: 'c', message: { type: 'nack', promised: at(5, 'b') } },
    ])
  })

  it.each([
    ['a piece that is not the next', chunk({ offset: 2 })],
    ['a piece of another length', chunk({ offset: 3, totalBytes: 7 })],
    ['a piece beyond the end', chunk({ offset: 3, bytes: bytes('defg') })],
    ['an empty piece', chunk({ offset: 3, bytes: bytes('') })],
    ['the first piece again', chunk()],
    ['the first piece of an older one', chunk({ through: 8 })],
    ['a piece of what is known', chunk({ through: 0 })],
  ])('is not disturbed by %s', (_, wrong) => {
    const a = behind()
    a.receive('b', chunk())
    expect(a.receive('b', wrong).events).toEqual([])
    expect(a.receive('c', chunk({ offset: 3, bytes: bytes('xyz') })).events).toEqual([])
    const { events } = a.receive('b', chunk({ offset: 3, bytes: bytes('def') }))
    expect(events).toMatchObject([{ snapshot: { bytes: bytes('abcdef') } }])
  })

  it('a newer one in its place is begun from its start', () => {
    const a = behind()
    a.receive('b', chunk())
    const newer = a.receive('b', chunk({ through: 11, totalBytes: 4 }))
    expect(only(newer.send, 'fetchSnapshot')[0]?.message).toMatchObject({ through: 11, offset: 3 })
    const { events } = a.receive('b', chunk({ through: 11, totalBytes: 4, offset: 3, bytes: noOp }))
    expect(events).toMatchObject([{ snapshot: { through: 11 } }])
  })

  it('is not begun above MAX_SNAPSHOT_BYTES, nor with too many members', () => {
    const a = behind()
    const members = Array.from({ length: 256 }, () => ({ id: 'n', address: '' }))
    for (const wrong of [{ totalBytes: MAX_SNAPSHOT_BYTES + 1 }, { members }]) {
      expect(only(a.receive('b', chunk(wrong)).send, 'fetchSnapshot')).toEqual([])
    }
    expect(only(a.receive('b', chunk()).send, 'fetchSnapshot')).toHaveLength(1)
  })

  it('keeps its receiver from campaigning for as long as it makes progress', () => {
    const a = nodeA()
    a.receive('b', { type: 'campaign', run: 1, number: 1, chosenThrough: 9 })
    a.tick(1000)
    a.receive('b', chunk({ totalBytes: 9 }))
    a.tick(2000)
    expect(only(a.tick(2000).send, 'campaign')).toEqual([])
    a.receive('b', chunk({ totalBytes: 9, offset: 3 }))
    expect(only(a.tick(3000).send, 'campaign')).toEqual([])
    expect(only(a.tick(3300).send, 'campaign')).toHaveLength(2)
  })

  it('may be empty', () => {
    const a = behind()
    const { events } = a.receive('b', chunk({ totalBytes: 0, bytes: bytes('') }))
    expect(events).toMatchObject([{ type: 'snapshot-installed', snapshot: { bytes: bytes('') } }])
  })

  it('is dropped when this node learns those slots otherwise', () => {
    const a = behind()
    a.receive('b', chunk())
    const nine = Array.from({ length: 9 }, () => 'x')
    instantly(a, a.receive('b', accept(B1, 1, 1, nine, 9)))
    expect(a.chosenThrough).toBe(9)
    expect(a.receive('b', chunk({ offset: 3, bytes: bytes('def') })).events).toEqual([])
    expect(only(a.tick(1000).send, 'fetchSnapshot')).toEqual([])
  })

  it('is left for another node’s when its own stays silent for long, and goes on when that one does', () => {
    const a = behind()
    a.receive('b', chunk())
    a.receive('c', { type: 'campaign', run: 1, number: 1, chosenThrough: 9 })
    const asked: string[] = []
    for (let ms = 200; ms <= 12_000 && !asked.includes('c fetchEntries'); ms += 200) {
      asked.push(...a.tick(ms).send.map(({ to, message }) => `${to} ${message.type}`))
    }
    expect(asked).toEqual([...Array.from({ length: 6 }, () => 'b fetchSnapshot'), 'c fetchEntries'])
    // c has one too, with other bytes, and is silent in its turn: b goes on where it was.
    a.receive('c', chunk({ totalBytes: 4, bytes: bytes('x') }))
    for (let ms = 12_200; ms <= 40_000 && asked.at(-1) !== 'b fetchSnapshot'; ms += 200) {
      asked.push(...a.tick(ms).send.map(({ to, message }) => `${to} ${message.type}`))
    }
    const last = chunk({ offset: 3, bytes: bytes('def') })
    expect(a.receive('b', last).events).toMatchObject([{ snapshot: { bytes: bytes('abcdef') } }])
  })

  it('goes on with the one there is when nobody else knows more', () => {
    const a = behind()
    a.receive('b', chunk())
    for (let ms = 200; ms <= 6000; ms += 200) a.tick(ms)
    expect(a.receive('b', chunk({ offset: 3, bytes: bytes('def') })).events).toHaveLength(1)
  })
})

describe('a snapshot that a host takes', () => {
  it('makes room when it is durable: only a tail of the entries stays in memory', () => {
    const a = withEntries(40, 200_000)
    const { save } = a.snapshot({ through: 40, bytes: bytes('state') })
    expect(save?.change.snapshot).toEqual({ through: 40, members: [], bytes: bytes('state') })
    expect(a.compactedThrough).toBe(0)
    a.saved()
    expect(a.compactedThrough).toBeGreaterThan(10)
    expect(a.compactedThrough).toBeLessThan(30)
    const first = a.compactedThrough + 1
    expect(answer(a.receive('c', { type: 'fetchEntries', from: first }))).toMatchObject({
      type: 'fetched',
    })
    expect(answer(a.receive('c', { type: 'fetchEntries', from: first - 1 }))).toMatchObject({
      type: 'snapshotChunk',
      through: 40,
      offset: 0,
    })
  })

  it('of what was not told as chosen, or of too many bytes, is an error of the host', () => {
    const a = withEntries(3)
    for (const through of [4, 0, 1.5]) {
      expect(() => a.snapshot({ through, bytes: noOp })).toThrow(InvalidArgumentError)
    }
    const huge = new Uint8Array()
    Object.defineProperty(huge, 'length', { value: MAX_SNAPSHOT_BYTES + 1 })
    expect(() => a.snapshot({ through: 3, bytes: huge })).toThrow(InvalidArgumentError)
  })

  it('that is not newer than the one there is, is ignored', () => {
    const a = withEntries(3)
    instantly(a, a.snapshot({ through: 3, bytes: bytes('new') }))
    expect(a.snapshot({ through: 3, bytes: bytes('other') })).toEqual(NO_EFFECTS)
    expect(a.snapshot({ through: 2, bytes: bytes('old') })).toEqual(NO_EFFECTS)
  })

  it('P19: what cannot be answered is not answered, rather than with something malformed', () => {
    const a = withEntries(3)
    expect(a.receive('c', { type: 'fetchSnapshot', through: 3, offset: 0 })).toEqual(NO_EFFECTS)
    instantly(a, a.snapshot({ through: 3, bytes: bytes('state') }))
    const ask = (through: number, offset: number) =>
      a.receive('c', { type: 'fetchSnapshot', through, offset })
    expect(ask(3, 5)).toEqual(NO_EFFECTS)
    expect(ask(3, Number.MAX_SAFE_INTEGER)).toEqual(NO_EFFECTS)
    expect(ask(4, 0)).toEqual(NO_EFFECTS)
    expect(answer(ask(3, 4))).toMatchObject({ totalBytes: 5, bytes: bytes('e') })
    const far = a.receive('c', { type: 'fetchEntries', from: 2 ** 33 - 1 })
    expect(answer(far)).toMatchObject({ type: 'fetched', entries: [], chosenThrough: 3 })
  })

  it('is sent in pieces of CHUNK_BYTES', () => {
    const a = withEntries(3)
    instantly(a, a.snapshot({ through: 3, bytes: new Uint8Array(CHUNK_BYTES + 10) }))
    const sizes = [0, CHUNK_BYTES].map((offset) => {
      const message = answer(a.receive('c', { type: 'fetchSnapshot', through: 3, offset }))
      return message?.type === 'snapshotChunk' ? message.bytes.length : -1
    })
    expect(sizes).toEqual([CHUNK_BYTES, 10])
  })

  it('is kept while somebody fetches it, for as long as it is asked for, and no longer', () => {
    const a = withEntries(9)
    const take = (through: number) =>
      instantly(a, a.snapshot({ through, bytes: bytes(`state at ${through}`) }))
    const ask = (through: number) =>
      answer(a.receive('c', { type: 'fetchSnapshot', through, offset: 1 }))
    take(3)
    expect(ask(3)).toMatchObject({ through: 3, offset: 1 })
    take(4)
    take(5)
    // 3 is being fetched; 4 is neither that nor the newest.
    expect(ask(3)).toMatchObject({ through: 3, offset: 1 })
    expect(ask(4)).toMatchObject({ through: 5, offset: 0 })
    expect(ask(5)).toMatchObject({ through: 5, offset: 1 })
    instantly(a, a.tick(SNAPSHOT_KEPT_FOR_MS - 1))
    expect(ask(3)).toMatchObject({ through: 3 })
    expect(a.nextTickAtMs).toBeLessThanOrEqual(2 * SNAPSHOT_KEPT_FOR_MS - 1)
    instantly(a, a.tick(2 * SNAPSHOT_KEPT_FOR_MS))
    expect(ask(3)).toMatchObject({ through: 5, offset: 0 })
  })

  it('keeps the log behind it while somebody fetches it, so that what follows it is there in the end', () => {
    const a = withEntries(20, 1_000_000)
    const take = (through: number) =>
      instantly(a, a.snapshot({ through, bytes: bytes(`state at ${through}`) }))
    const entries = (from: number) => answer(a.receive('c', { type: 'fetchEntries', from }))
    take(9)
    // c begins; meanwhile the log goes on, and a newer snapshot would have the entries forgotten.
    expect(entries(1)).toMatchObject({ through: 9, offset: 0 })
    take(20)
    expect(a.compactedThrough).toBeLessThanOrEqual(9)
    // Who begins now is given the same one.
    expect(answer(a.receive('b', { type: 'fetchEntries', from: 1 }))).toMatchObject({ through: 9 })
    expect(entries(10)).toMatchObject({ type: 'fetched', from: 10, chosenThrough: 20 })
    // Until nobody has got on for long enough: who asks the same again has not.
    instantly(a, a.tick(SNAPSHOT_KEPT_FOR_MS - 1))
    expect(entries(10)).toMatchObject({ type: 'fetched', from: 10 })
    expect(a.compactedThrough).toBeLessThanOrEqual(9)
    instantly(a, a.tick(SNAPSHOT_KEPT_FOR_MS))
    expect(a.compactedThrough).toBeGreaterThan(12)
    expect(entries(10)).toMatchObject({ type: 'snapshotChunk', through: 20, offset: 0 })
  })

  it('keeps the log behind it for who has all of it, and is making its state of it, however long', () => {
    const a = withEntries(20, 1_000_000)
    const take = (through: number) =>
      instantly(a, a.snapshot({ through, bytes: bytes(`state at ${through}`) }))
    const all = bytes('state at 9').length
    const still = () => a.receive('c', { type: 'fetchSnapshot', through: 9, offset: all })
    take(9)
    answer(a.receive('c', { type: 'fetchSnapshot', through: 9, offset: 0 }))
    take(20)
    for (let count = 1; count <= 8; count += 1) {
      instantly(a, a.tick((count * SNAPSHOT_KEPT_FOR_MS) / 2))
      expect(still()).toEqual(NO_EFFECTS)
    }
    expect(answer(a.receive('c', { type: 'fetchEntries', from: 10 }))).toMatchObject({
      type: 'fetched',
      from: 10,
    })
    instantly(a, a.tick(6 * SNAPSHOT_KEPT_FOR_MS))
    expect(a.compactedThrough).toBeGreaterThan(12)
  })

  it('keeps no more of the log for anybody than MAX_KEPT_LOG_BYTES, nor a snapshot that leads nowhere', () => {
    const a = withEntries(4)
    instantly(a, a.snapshot({ through: 4, bytes: bytes('state') }))
    const ask = () => answer(a.receive('c', { type: 'fetchSnapshot', through: 4, offset: 1 }))
    expect(ask()).toMatchObject({ through: 4, offset: 1 })
    // One array for all: 144 values of 1 MB do not take so much memory.
    const value = new Uint8Array(MAX_VALUE_BYTES)
    for (let slot = 5; slot <= 148; slot += 1) {
      instantly(a, a.propose([value]).effects)
      instantly(a, a.receive('b', accepted(at(1), slot)))
    }
    instantly(a, a.snapshot({ through: 148, bytes: bytes('newer') }))
    const keptBytes = (148 - a.compactedThrough) * MAX_VALUE_BYTES
    expect(keptBytes).toBeLessThanOrEqual(MAX_KEPT_LOG_BYTES)
    expect(keptBytes).toBeGreaterThan(MAX_KEPT_LOG_BYTES - 2 * MAX_VALUE_BYTES)
    expect(ask()).toMatchObject({ through: 148, offset: 0 })
  })

  it('and entries are sent in what the asking node has room for, or as an earlier release wants them', () => {
    const a = withEntries(40, 1000)
    const sizeOf = (maxBytes?: number) => {
      const page = answer(a.receive('c', { type: 'fetchEntries', from: 2, maxBytes }))
      return page?.type === 'fetched' ? page.entries.length : -1
    }
    expect([sizeOf(1), sizeOf(2500), sizeOf(2 ** 40), sizeOf()]).toEqual([1, 2, 39, 39])
    instantly(a, a.snapshot({ through: 40, bytes: new Uint8Array(CHUNK_BYTES + 10) }))
    const pieceOf = (maxBytes?: number) => {
      const asked = { type: 'fetchSnapshot', through: 40, offset: 0, maxBytes } as const
      const piece = answer(a.receive('c', asked))
      return piece?.type === 'snapshotChunk' ? piece.bytes.length : -1
    }
    expect([pieceOf(100), pieceOf(2 ** 40), pieceOf()]).toEqual([100, CHUNK_BYTES, CHUNK_BYTES])
  })

  it('is offered when it is durable, and not before', () => {
    const a = withEntries(3)
    a.snapshot({ through: 3, bytes: bytes('state') })
    expect(a.receive('c', { type: 'fetchSnapshot', through: 3, offset: 0 }).send).toEqual([])
    a.saved()
    expect(a.receive('c', { type: 'fetchSnapshot', through: 3, offset: 0 }).send).toHaveLength(1)
  })

  it('that was installed is not answered for by an older one, while it is being stored', () => {
    const members = [{ id: 'a', address: 'udp://a' }]
    const a = nodeA({
      livenessWindowMs: 60_000,
      saved: { ...EMPTY_SAVED, snapshot: { through: 0, members, bytes: bytes('') } },
    })
    instantly(a, a.receive('b', accept(B1, 3, 12, ['above'])))
    a.receive('b', heartbeat(B1, 1, 9))
    a.receive('b', chunk({ totalBytes: 3 }))
    expect(a.chosenThrough).toBe(9)
    const ask = () => a.receive('c', { type: 'fetchEntries', from: 5 }).send
    expect(ask()).toEqual([])
    a.saved()
    expect(ask()).toMatchObject([{ to: 'c', message: { type: 'snapshotChunk', through: 9 } }])
  })
})
