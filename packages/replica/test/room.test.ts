/**
 * What is taken is given back: any number of commands, saves and reads may go through one object's
 * life, however large they are; and what happens once in a session's life, happens.
 */
import type { Message, TransportOpen } from '@paxos/core'
import { decodeEntry, encodeEntry } from '@paxos/core/multi'
import type { LogEffects, SessionId } from '@paxos/core/multi'
import { encode } from '@paxos/core/wire'
import { AlreadyAnsweredError, SessionExpiredError } from '@paxos/replica'
import { memory } from '@paxos/durability-memory'
import { memory as memoryTransport, memoryHub } from '@paxos/transport-memory'
import { describe, expect, it } from 'vitest'
import { Applier } from '../src/applier.ts'
import { Host } from '../src/host.ts'
import { MAX_OUTBOX_BYTES, MAX_RUNNING_SAVE_BYTES, MAX_RUNNING_SAVES } from '../src/limits.ts'
import { Outbox } from '../src/outbox.ts'
import { Outcome } from '../src/outcome.ts'
import { Proposals } from '../src/proposals.ts'
import type { Results } from '../src/applier.ts'
import { Reads } from '../src/reads.ts'
import { settingsOf } from '../src/replica-settings.ts'
import { settled, VirtualClock } from './virtual-clock.ts'

const NOTHING: LogEffects = { send: [], events: [] }
/** What an engine answers that has nothing to do. */
const IDLE = { send: [], events: [] }
const MEGABYTE = new Uint8Array(1 << 20)

/** How often each limit is used up in a life. */
const LIVES = 3

describe('an outbox', () => {
  const perLife = Math.floor(MAX_OUTBOX_BYTES / (MEGABYTE.byteLength + 1024))

  it.each(['a', 'b'])('takes any number of bytes in its life, where %s leads', async (leader) => {
    let left = 0
    const outbox = new Outbox(
      {
        id: 'a',
        leader,
        forwardsTo: [leader],
        room: { values: 10, bytes: 1 << 30 },
        slotsInFlight: 0,
        propose: (values) => ({ first: (left += values.length), effects: NOTHING }),
        forward(values) {
          left += values.length
          return NOTHING
        },
      },
      (give) => void give(),
    )
    for (let life = 1; life <= LIVES; life += 1) {
      for (let value = 0; value < perLife; value += 1) expect(outbox.add(MEGABYTE)).toBe(true)
      await settled()
      expect([outbox.length, left]).toEqual([0, life * perLife])
    }
  })

  it('has all its room again when it is emptied', () => {
    const outbox = silentOutbox()
    for (let life = 0; life < LIVES; life += 1) {
      for (let value = 0; value < perLife; value += 1) expect(outbox.add(MEGABYTE)).toBe(true)
      outbox.clear()
    }
  })

  it('has no more room than before for what the engine gives back', async () => {
    let asked = 0
    const outbox = new Outbox(
      {
        id: 'a',
        leader: 'a',
        forwardsTo: [],
        get room() {
          return asked === 0 ? { values: 10, bytes: 1 << 30 } : { values: 0, bytes: 0 }
        },
        slotsInFlight: 0,
        propose() {
          asked += 1
          return { first: null, effects: NOTHING }
        },
        forward: () => NOTHING,
      },
      (give) => void give(),
    )
    for (let value = 0; value < perLife; value += 1) outbox.add(MEGABYTE)
    await settled()
    expect([asked, outbox.length]).toEqual([1, perLife])
    expect([outbox.add(MEGABYTE), outbox.add(MEGABYTE)]).toEqual([false, false])
  })
})

describe('proposals count nothing when nothing waits', () => {
  const gone = new AlreadyAnsweredError('It is over. Read the state.')

  it('that were applied, those that had to wait included', async () => {
    const { proposals, wanted } = world()
    const all = Array.from({ length: 70 }, (_, index) => {
      const { outcome, result } = wanted()
      proposals.propose(ticket(index + 1), MEGABYTE, outcome)
      return result
    })
    expect(proposals.waiting).toBeGreaterThan(0)
    for (let sequence = 1; sequence <= 70; sequence += 1) {
      proposals.applied(sessionOf(3), sequence, () => [() => 'done'])
    }
    expect([proposals.pending, proposals.waiting, proposals.bytes]).toEqual([0, 0, 0])
    expect(new Set(await Promise.all(all))).toEqual(new Set(['done']))
  })

  it('that were refused, or are remembered behind a snapshot', async () => {
    const { proposals, wanted, known } = world()
    const [refused, remembered, unknown] = [wanted(), wanted(), wanted()]
    proposals.propose(ticket(1), MEGABYTE, refused.outcome)
    proposals.refused(sessionOf(3), 1, gone)
    await expect(refused.result).rejects.toBe(gone)
    proposals.propose(ticket(2), MEGABYTE, remembered.outcome)
    proposals.propose(ticket(3), MEGABYTE, unknown.outcome)
    known.set(2, { results: () => [() => 'it'] }).set(3, gone)
    proposals.skipped()
    expect(await remembered.result).toBe('it')
    await expect(unknown.result).rejects.toBe(gone)
    expect(proposals.bytes).toBe(0)
  })

  it('that nobody awaits any more, on their way or not', async () => {
    const { proposals, wanted, clock } = world()
    const all = Array.from({ length: 70 }, (_, index) => {
      const { outcome, result } = wanted(10)
      proposals.propose(ticket(index + 1), MEGABYTE, outcome)
      return result.catch(() => 'given up')
    })
    await clock.advance(10)
    expect(await Promise.all(all)).toContain('given up')
    // Those that take the place of the first are forgotten in their turn.
    for (let tries = 0; tries < 2; tries += 1) proposals.tidy()
    expect([proposals.pending, proposals.waiting, proposals.bytes]).toEqual([0, 0, 0])
  })

  it('that asked for a session and have one, or get none', async () => {
    const { proposals, handed } = world()
    const clock = new VirtualClock()
    const [opened, refused] = [new Outcome<string>(clock), new Outcome<string>(clock)]
    const results = [opened.wait(), refused.wait()]
    proposals.openSession(opened)
    proposals.openSession(refused)
    const nonces = handed.map((value) => {
      const entry = decodeEntry(value)
      return entry.type === 'open-session' ? entry.nonce : new Uint8Array()
    })
    proposals.opened('caller', nonces[0] ?? new Uint8Array(), sessionOf(4))
    proposals.notOpened('caller', nonces[1] ?? new Uint8Array(), gone)
    await expect(results[0]).resolves.toBeTypeOf('string')
    await expect(results[1]).rejects.toBe(gone)
    expect(proposals.bytes).toBe(0)
  })
})

it('a command of this node’s own session that is gone is made in a new one, once', async () => {
  const { proposals, handed, wanted } = world()
  const { outcome, result } = wanted()
  proposals.propose(null, Uint8Array.of(1), outcome)
  await settled()
  proposals.opened('node', nonceIn(handed[0]), sessionOf(7))
  expect(handed.map((value) => decodeEntry(value))).toMatchObject([
    { type: 'open-session', space: 'node' },
    { type: 'commands', session: sessionOf(7), sequence: 1 },
  ])
  proposals.refused(sessionOf(7), 1, new SessionExpiredError('It is gone. Open another.'))
  proposals.opened('node', nonceIn(handed[2]), sessionOf(8))
  expect(handed.slice(2).map((value) => decodeEntry(value))).toMatchObject([
    { type: 'open-session', space: 'node' },
    { type: 'commands', session: sessionOf(8), sequence: 1, commands: [Uint8Array.of(1)] },
  ])
  proposals.applied(sessionOf(8), 1, () => [() => 'made'])
  expect(await result).toBe('made')
  expect([proposals.pending, proposals.bytes]).toEqual([0, 0])
})

describe('reads', () => {
  it('hold no place once they are answered, and are answered once', () => {
    const reads = new Reads(() => undefined, new VirtualClock())
    const [atOnce, later] = [reading(), reading()]
    for (const read of [atOnce, later]) reads.add(read)
    for (let times = 0; times < 2; times += 1) {
      reads.ready(1, 5, 5)
      reads.ready(2, 6, 5)
    }
    expect(reads.size).toBe(1)
    for (const slot of [6, 7]) reads.applied(slot)
    expect([reads.size, atOnce.answered, later.answered]).toEqual([0, 1, 1])
  })

  it('that failed are asked for again, but for those that nobody awaits any more', () => {
    const asked: number[] = []
    const reads = new Reads((id) => asked.push(id), new VirtualClock())
    const [awaited, given] = [reading(), reading()]
    for (const read of [awaited, given]) reads.add(read)
    for (const id of [1, 2]) reads.failed(id)
    given.isAwaited = false
    reads.retry()
    expect([asked, reads.size]).toEqual([[1, 2, 3], 1])
    reads.ready(3, 1, 1)
    expect([awaited.answered, given.answered, reads.size]).toEqual([1, 0, 0])
  })
})

describe('a host', () => {
  it('takes frames after any number of bytes went to its disk, and of saves', async () => {
    const { host, heard, receive } = await runningHost()
    const entry = { slot: 1, ballot: { round: 1, node: 'a' }, value: MEGABYTE }
    const accepted = Array.from(
      { length: 1 + MAX_RUNNING_SAVE_BYTES / MEGABYTE.byteLength },
      () => entry,
    )
    for (let life = 1; life <= LIVES; life += 1) {
      host.input(() => ({ ...IDLE, save: { change: { accepted }, then: [] } }))
      receive()
      // While that much is on its way it takes none.
      expect(heard()).toBe(life - 1)
      await settled()
      receive()
      expect(heard()).toBe(life)
    }
    for (let save = 0; save < MAX_RUNNING_SAVES; save += 1) {
      host.input(() => ({ ...IDLE, save: { change: { chosenThrough: 1 }, then: [] } }))
    }
    receive()
    expect(heard()).toBe(LIVES)
    await settled()
    receive()
    expect(heard()).toBe(LIVES + 1)
    expect(host.dropped.overload).toBe(LIVES + 1)
    await host.close()
  })
})

describe('a snapshot', () => {
  it('is wanted after so many bytes, however few entries they are, and then after as many again', () => {
    const applier = applierWith({ snapshotEveryEntries: 1000, snapshotEveryBytes: 3000 })
    const due: number[] = []
    applier.apply(1, encodeEntry(opening(1)), 0)
    for (let slot = 2; slot <= 10; slot += 1) {
      applier.apply(slot, encodeEntry(command(slot, new Uint8Array(1000).fill(0x20))), 0)
      if (!applier.wantsSnapshot) continue
      due.push(slot)
      applier.takeSnapshot()
    }
    expect(due).toEqual([4, 7, 10])
  })
})

describe('sessions that came with a snapshot', () => {
  it('are idle from when it came, and end like others when nobody uses them', () => {
    const before = applierWith({})
    for (const slot of [1, 2]) before.apply(slot, encodeEntry(opening(slot)), 0)
    const taken = before.takeSnapshot()
    if ('error' in taken) throw taken.error

    const after = applierWith({})
    after.install(taken, 5000)
    expect(after.sessionsIdleSince(5000)).toEqual([])
    expect(after.sessionsIdleSince(5001)).toHaveLength(2)
    after.apply(3, encodeEntry(command(1, Uint8Array.of(0x31), sessionOpenedIn(2))), 6000)
    expect(after.sessionsIdleSince(6000)).toEqual([{ session: sessionOpenedIn(1), usedAt: 1 }])
  })
})

function reading() {
  const read = {
    isAwaited: true,
    answered: 0,
    answer: () => void (read.answered += 1),
    reject: () => undefined,
  }
  return read
}

function silentOutbox(): Outbox {
  const log = {
    id: 'a',
    leader: null,
    forwardsTo: [],
    room: { values: 0, bytes: 0 },
    slotsInFlight: 0,
    propose: () => ({ first: null, effects: NOTHING }),
    forward: () => NOTHING,
  }
  return new Outbox(log, () => undefined)
}

function ticket(sequence: number) {
  return { session: sessionOf(3), sequence, acknowledged: 1 }
}

function sessionOf(number: number): SessionId {
  return `caller:${String(number).padStart(32, '0')}`
}

/** Proposals that are handed over to nobody. */
function world() {
  const clock = new VirtualClock()
  const handed: Uint8Array[] = []
  let drawn = 0
  /** By sequence: what the state knows of a command. */
  const known = new Map<number, { results: Results<string> } | Error>()
  const proposals = new Proposals<string>({
    handOver: {
      add: (value) => handed.push(value),
      settled: () => undefined,
      forget: () => undefined,
    },
    recall: ({ sequence }) => known.get(sequence) ?? null,
    openedBy: () => null,
    nowMs: () => clock.nowMs(),
    nonce: () => new Uint8Array(16).fill((drawn += 1)),
    renewSessionAfterMs: 1000,
  })
  const wanted = (timeoutMs?: number) => {
    const outcome = new Outcome<string>(clock)
    return { outcome, result: outcome.wait({ timeoutMs }) }
  }
  return { proposals, handed, known, wanted, clock }
}

function nonceIn(value: Uint8Array | undefined): Uint8Array {
  const entry = decodeEntry(value ?? new Uint8Array())
  if (entry.type !== 'open-session') throw new Error('It opens no session.')
  return entry.nonce
}

/** A host of node a whose engine does nothing but count what it hears from b. */
async function runningHost() {
  let heard = 0
  const opened: TransportOpen[] = []
  const durability = memory()
  await durability.open()
  const host = new Host<Message<Uint8Array>, never>({
    cluster: 'c',
    id: 'a',
    incarnation: '',
    listen: 'memory://a',
    peers: new Map([['b', 'memory://b']]),
    all: () => ['b'],
    firstMembers: ['a', 'b'],
    knowsFirstMembersOnly: () => true,
    engine: {
      nextTickAtMs: null,
      receive() {
        heard += 1
        return IDLE
      },
      saved: () => IDLE,
      tick: () => IDLE,
    },
    understands: (message): message is Message<Uint8Array> => message.type === 'learn',
    isFresh: () => false,
    transport: {
      address: 'memory://a',
      open: async (options) => void opened.push(options),
      send: () => undefined,
      setPeers: () => undefined,
      close: () => Promise.resolve(),
    },
    durability: { ...durability, save: () => Promise.resolve() },
    clock: new VirtualClock(),
    livenessWindowMs: 1000,
    closeTimeoutMs: 1000,
    observe: () => undefined,
    onStopped: (error) => {
      throw error
    },
  })
  await host.start()
  const frame = encode({ cluster: 'c', from: 'b', message: { type: 'learn' } })
  const receive = (): void => opened[0]?.receive('b', frame)
  return { host, receive, heard: () => heard }
}

function applierWith(options: {
  readonly snapshotEveryEntries?: number
  readonly snapshotEveryBytes?: number
}) {
  const settings = settingsOf({
    id: 'a',
    members: { a: 'memory://a' },
    transport: memoryTransport({ hub: memoryHub() }),
    durability: memory(),
    stateMachine: {
      apply: () => 0,
      snapshot: () => new Uint8Array(),
      restore: () => undefined,
    },
    commandCodec: { encode: () => new Uint8Array(), decode: () => null },
    ...options,
  })
  return new Applier(settings, null)
}

function opening(slot: number) {
  return { type: 'open-session', space: 'caller', nonce: new Uint8Array(16).fill(slot) } as const
}

/** What the session that was opened in `slot` is called. */
function sessionOpenedIn(slot: number): SessionId {
  const nonce = new Uint8Array(16).fill(slot)
  const applier = applierWith({})
  for (let at = 1; at < slot; at += 1) applier.apply(at, encodeEntry({ type: 'no-op' }), 0)
  const applied = applier.apply(slot, encodeEntry({ ...opening(slot), nonce }), 0)
  if (applied.type !== 'opened') throw new Error('It was not opened.')
  return applied.session
}

function command(sequence: number, bytes: Uint8Array, session = sessionOpenedIn(1)) {
  return { type: 'command', session, sequence, acknowledged: 1, bytes } as const
}
