import { describe, expect, it } from 'vitest'
import { majority } from '@paxos/core'
import type { NodeId, Slot, Snapshot } from '@paxos/core'
import { bundled, decodeEntry, encodeEntry, entryKeys } from '@paxos/core/multi'
import { MultiPaxos, REFUSED_HEAD_BYTES } from '@paxos/core/multi'
import type { LogEffects, SessionId } from '@paxos/core/multi'
import { encode } from '@paxos/core/wire'
import { AlreadyAnsweredError, ClosedError, SessionExpiredError } from '@paxos/replica'
import { RefusedByLeaderError } from '@paxos/replica'
import { memory } from '@paxos/durability-memory'
import { memory as memoryTransport, memoryHub } from '@paxos/transport-memory'
import { Applier } from '../src/applier.ts'
import { ClientSession } from '../src/client-session.ts'
import { Forwarding } from '../src/forwarding.ts'
import { Outbox } from '../src/outbox.ts'
import { Outcome } from '../src/outcome.ts'
import { Proposals } from '../src/proposals.ts'
import type { Results } from '../src/applier.ts'
import { Reads } from '../src/reads.ts'
import { settingsOf } from '../src/replica-settings.ts'
import { decodeState, encodeState } from '../src/replica-snapshot.ts'
import { replicaCluster } from './replica-cluster.ts'
import { settled, VirtualClock } from './virtual-clock.ts'

const NOTHING: LogEffects = { send: [], events: [] }

describe('a linearizable read', () => {
  it('that is confirmed before its slot is applied waits for that slot', () => {
    const { reads, answers, apply } = asked()
    apply(4)
    reads.ready(1, 5, 4)
    expect(answers).toEqual([])
    apply(5)
    expect(answers).toEqual([5])
  })

  it('that is confirmed for a slot that is applied is answered at once, and once', () => {
    const { reads, answers, apply } = asked()
    apply(5)
    reads.ready(1, 5, 5)
    apply(6)
    expect(answers).toEqual([5])
  })
})

describe('what a node applies', () => {
  it('follows from the log, whatever its clock says: a session ends when the log says so', () => {
    const log = [
      encodeEntry({ type: 'open-session', space: 'caller', nonce: new Uint8Array(16) }),
      ...[1, 2].map((sequence) =>
        encodeEntry({
          type: 'command',
          // The nonce, and the slot 1.
          session: `caller:${'00'.repeat(15)}01`,
          sequence,
          acknowledged: 1,
          bytes: Uint8Array.of(0x31),
        }),
      ),
    ]
    const states = [0, 1_000_000].map((idleMs) => {
      const applied: unknown[] = []
      const settings = settingsOf({
        id: 'a',
        members: { a: 'memory://a' },
        transport: memoryTransport({ hub: memoryHub() }),
        durability: memory(),
        stateMachine: {
          apply: (command: unknown) => applied.push(command),
          snapshot: () => Uint8Array.of(applied.length),
          restore: () => undefined,
        },
        sessionTimeoutMs: 1000,
      })
      const applier = new Applier(settings, null)
      for (const [index, value] of log.entries()) applier.apply(index + 1, value, index * idleMs)
      const taken = applier.takeSnapshot()
      return 'error' in taken ? taken.error : taken.bytes
    })
    expect(states[1]).toEqual(states[0])
    const [state] = states
    expect(decodeState(state instanceof Uint8Array ? state : new Uint8Array()).machine).toEqual(
      Uint8Array.of(2),
    )
  })
})

describe('a revision', () => {
  const open = encodeEntry({ type: 'open-session', space: 'node', nonce: new Uint8Array(16) })
  // Its nonce, and the slot in which it is opened.
  const session: SessionId = `node:${'0'.repeat(31)}1`
  const nothing = encodeEntry({ type: 'no-op' })
  const one = (sequence: number) => {
    const bytes = Uint8Array.of(0x31)
    return encodeEntry({ type: 'command', session, sequence, acknowledged: 1, bytes })
  }
  const several = (sequence: number) => {
    const commands = [Uint8Array.of(0x31), Uint8Array.of(0x32), Uint8Array.of(0x33)]
    return encodeEntry({ type: 'commands', session, sequence, acknowledged: 1, commands })
  }
  it('is the same on every node, whether it began with the log or with an older snapshot of it', () => {
    // As an earlier version wrote it: commands alone, and what a leader fills a slot with.
    const old = [open, one(1), nothing, one(2), Uint8Array.of(5), one(3)]
    const log = [...old, several(4), nothing, one(5), several(5), several(6)]
    const fromTheLog = applying(log, null)
    // To the machine of that version a command was known by its slot.
    expect(fromTheLog.revisions).toEqual([2, 4, 6, 7, 8, 9, 11, 15, 16, 17])
    for (let through = 1; through <= old.length; through += 1) {
      const { snapshot } = applying(old.slice(0, through), null)
      const of = { ...snapshot, bytes: asOfSlots(snapshot.bytes) }
      const later = applying(log, of)
      expect(later.revisions).toEqual(fromTheLog.revisions.slice(-later.revisions.length))
      expect(later.snapshot).toEqual(fromTheLog.snapshot)
    }
    for (let through = 1; through < log.length; through += 1) {
      const later = applying(log, applying(log.slice(0, through), null).snapshot)
      expect(later.snapshot).toEqual(fromTheLog.snapshot)
    }
  })
})

describe('a members entry', () => {
  it('is nothing to apply: the state machine and the sessions do not see it', () => {
    const applied: unknown[] = []
    const settings = settingsOf({
      id: 'a',
      members: { a: 'memory://a' },
      transport: memoryTransport({ hub: memoryHub() }),
      durability: memory(),
      stateMachine: {
        apply: (command: unknown) => applied.push(command),
        snapshot: () => Uint8Array.of(applied.length),
        restore: () => undefined,
      },
    })
    const applier = new Applier(settings, null)
    const stateOf = () => {
      const taken = applier.takeSnapshot()
      if ('error' in taken) throw taken.error
      return decodeState(taken.bytes)
    }
    const before = stateOf()
    const entry = encodeEntry({
      type: 'members',
      replaces: 0,
      members: [{ id: 'b', address: 'memory://b', role: 'voter', incarnation: null }],
      quorums: { type: 'majority' },
      former: [{ id: 'a', address: 'memory://a' }],
    })
    expect(applier.foresee(entry)).toBe('something')
    expect(applier.apply(1, entry, 0)).toMatchObject({ type: 'members' })
    expect(applied).toEqual([])
    expect(applier.appliedThrough).toBe(1)
    expect(stateOf()).toEqual({ ...before, revision: 1 })
  })
})

describe('values on their way to the leader', () => {
  it('that the engine has no room for after all come again, before later ones', async () => {
    const taken: string[] = []
    let isFull = true
    const log = {
      id: 'a' as NodeId,
      leader: 'a' as NodeId,
      forwardsTo: [],
      room: { values: 10, bytes: 1000 },
      propose(values: readonly Uint8Array[]) {
        if (!isFull) taken.push(values.map((value) => value.join()).join(' '))
        const first = isFull ? null : 1
        isFull = false
        return { first, effects: NOTHING }
      },
      slotsInFlight: 0,
      forward: () => NOTHING,
    }
    const outbox = new Outbox(log, (give) => {
      give()
    })
    outbox.add(Uint8Array.of(1))
    outbox.add(Uint8Array.of(2))
    await settled()
    outbox.add(Uint8Array.of(3))
    await settled()
    expect(taken.join(' ')).toBe('1 2 3')
    expect(outbox.length).toBe(0)
  })

  it('a copy of what waits, is in flight or was recovered is none; of what is applied it is', async () => {
    const taken: string[] = []
    const log = {
      id: 'a',
      leader: 'a',
      forwardsTo: [],
      room: { values: 10, bytes: 1000 },
      propose(values: readonly Uint8Array[]) {
        taken.push(...values.flatMap(entryKeys))
        return { first: 1, effects: NOTHING }
      },
      slotsInFlight: 0,
      forward: () => NOTHING,
    }
    const outbox = new Outbox(log, (give) => {
      give()
    })
    const [value, recovered] = [commandOf(1), commandOf(2)]
    outbox.begin([recovered])
    const copies = async (): Promise<number> => {
      for (const each of [value, recovered, value]) expect(outbox.add(commandOf(each))).toBe(true)
      await settled()
      return taken.length
    }
    expect(await copies()).toBe(1)
    expect(await copies()).toBe(1)
    outbox.applied(value)
    outbox.applied(recovered)
    expect(await copies()).toBe(3)
    // What another leader had begun, this one has not.
    outbox.clear()
    expect(await copies()).toBe(5)
    // In one slot they are the same.
    const [bundle = value] = bundled([value, recovered], 1000)
    outbox.applied(bundle)
    expect(await copies()).toBe(7)
    outbox.clear()
    outbox.begin([bundle])
    expect(await copies()).toBe(7)
  })

  it('a copy of what was handed to another node may have to be handed over again', async () => {
    const taken: Uint8Array[] = []
    const log = {
      id: 'a',
      leader: 'b',
      forwardsTo: ['b'],
      room: { values: 0, bytes: 0 },
      propose: () => ({ first: null, effects: NOTHING }),
      slotsInFlight: 0,
      forward(values: readonly Uint8Array[]) {
        taken.push(...values)
        return NOTHING
      },
    }
    const outbox = new Outbox(log, (give) => {
      give()
    })
    for (let count = 1; count <= 2; count += 1) {
      for (let copy = 0; copy < 2; copy += 1) outbox.add(commandOf(1))
      await settled()
      expect(taken).toHaveLength(count)
    }
  })

  it('are bounded: what does not fit is refused', () => {
    const log = {
      id: 'a',
      leader: null,
      forwardsTo: [],
      room: { values: 0, bytes: 0 },
      propose: () => ({ first: null, effects: NOTHING }),
      slotsInFlight: 0,
      forward: () => NOTHING,
    }
    const outbox = new Outbox(log, () => undefined)
    const value = new Uint8Array(1 << 20)
    const added = Array.from({ length: 100 }, () => outbox.add(value)).filter(Boolean)
    expect(added).toHaveLength(63)
    expect(outbox.length).toBe(63)
  })

  it('of a leader itself leave room for those of others', () => {
    const engine = new MultiPaxos({ id: 'a', quorums: majority(['a']), random: () => 0.5 })
    engine.lead()
    engine.saved()
    const forwarding = new Forwarding({
      engine,
      input: (give) => {
        give()
      },
      nowMs: () => 0,
      random: () => 0.5,
      heartbeatPeriodMs: 200,
      livenessWindowMs: 1000,
      retransmitIntervalMs: 200,
      foresee: () => 'something',
      relays: () => [],
      relayed: () => undefined,
      refused: () => undefined,
    })
    const bytes = new Uint8Array(1_000_000)
    for (let sequence = 1; sequence <= 60; sequence += 1) {
      const command = { type: 'command', session: sessionOf(1), sequence } as const
      forwarding.wanted.add(encodeEntry({ ...command, acknowledged: 1, bytes }))
    }
    const own = forwarding.queued
    expect(own).toBeLessThan(34)
    const theirs = Array.from({ length: 10 }, (_, index) => commandOf(index + 100))
    forwarding.forwarded('b', theirs)
    expect(forwarding.queued).toBe(own + theirs.length)
  })
})

it('P24: a session acknowledges only what is answered, although later ones are', () => {
  const session = new ClientSession(sessionOf(7), 0)
  expect([session.take(0), session.take(0)].map(({ acknowledged }) => acknowledged)).toEqual([1, 1])
  session.answered(2)
  expect(session.take(0)).toEqual({ session: sessionOf(7), sequence: 3, acknowledged: 1 })
  session.answered(1)
  expect(session.take(0)).toEqual({ session: sessionOf(7), sequence: 4, acknowledged: 3 })
})

describe('proposals', () => {
  const ticket = { session: sessionOf(3), sequence: 1, acknowledged: 1 }

  it('the same command of a session that is on its way is not sent again, and answered to both', async () => {
    const { proposals, handed, wanted } = world()
    const [first, second] = [wanted(), wanted()]
    proposals.propose(ticket, Uint8Array.of(1), first.outcome)
    proposals.propose(ticket, Uint8Array.of(1), second.outcome)
    expect(handed.map((value) => decodeEntry(value).type)).toEqual(['command'])
    proposals.applied(sessionOf(3), 1, () => [() => 'once'])
    expect(await Promise.all([first.result, second.result])).toEqual(['once', 'once'])
  })

  it('behind a snapshot each has its remembered result, goes on, or is said to be unknown', async () => {
    const { proposals, wanted, known } = world()
    const [applied, open, forgotten] = [wanted(), wanted(), wanted()]
    const bytes = Uint8Array.of(1)
    proposals.propose({ ...ticket, session: sessionOf(1) }, bytes, applied.outcome)
    proposals.propose({ ...ticket, session: sessionOf(2) }, bytes, open.outcome)
    proposals.propose({ ...ticket, session: sessionOf(3) }, bytes, forgotten.outcome)
    const unknown = expect(forgotten.result).rejects.toThrow(SessionExpiredError)
    known.set(sessionOf(1), { results: () => [() => 'remembered'] })
    known.set(sessionOf(3), new SessionExpiredError('Unknown. Read the state.'))
    proposals.skipped()
    expect(await applied.result).toBe('remembered')
    await unknown
    expect(proposals.pending).toBe(1)
    proposals.applied(sessionOf(2), 1, () => [() => 'later'])
    expect(await open.result).toBe('later')
  })

  it('behind a snapshot a session is open that was opened in it: the leader does not open it again', async () => {
    const { proposals, handed, known, clock } = world()
    const outcome = new Outcome<string>(clock)
    const opened = outcome.wait()
    proposals.openSession(outcome)
    proposals.skipped()
    expect(proposals.pending).toBe(1)
    known.set('opening', sessionOf(7))
    proposals.skipped()
    expect(`caller:${await opened}`).toBe(sessionOf(7))
    expect([proposals.pending, handed.length]).toEqual([0, 1])
  })

  it('a command that is applied here is answered at once: its slot does not come again', async () => {
    const { proposals, handed, wanted, known } = world()
    const [applied, over, elsewhere] = [wanted(), wanted(), wanted()]
    const bytes = Uint8Array.of(1)
    known.set(sessionOf(1), { results: () => [() => 'remembered'] })
    known.set(sessionOf(2), new AlreadyAnsweredError('It is over. Read the state.'))
    known.set(sessionOf(3), new SessionExpiredError('Unknown. Read the state.'))
    proposals.propose({ ...ticket, session: sessionOf(1) }, bytes, applied.outcome)
    expect(await applied.result).toBe('remembered')
    proposals.propose({ ...ticket, session: sessionOf(2) }, bytes, over.outcome)
    await expect(over.result).rejects.toThrow(AlreadyAnsweredError)
    expect(handed).toEqual([])
    // Its session may have been opened on another node, a moment ago.
    proposals.propose({ ...ticket, session: sessionOf(3) }, bytes, elsewhere.outcome)
    expect(handed).toHaveLength(1)
  })

  it('that nobody waits for are forgotten, but for those that a session has to account for', async () => {
    const { proposals, wanted, clock, forgotten } = world()
    const { outcome, result } = wanted(1000)
    const gaveUp = expect(result).rejects.toThrow('1000')
    proposals.propose(ticket, Uint8Array.of(1), outcome)
    proposals.propose(null, Uint8Array.of(1), wanted().outcome)
    await Promise.resolve()
    proposals.tidy()
    expect(forgotten).toEqual([])
    await clock.advance(1000)
    await gaveUp
    proposals.tidy()
    expect(forgotten.map((value) => decodeEntry(value).type)).toEqual(['command'])
    expect(proposals.pending).toBe(1)
  })

  it('a refusal that is not for want of a session is told, and not tried again', async () => {
    const { proposals, handed, wanted } = world()
    const { outcome, result } = wanted()
    proposals.propose(null, Uint8Array.of(1), outcome)
    await Promise.resolve()
    proposals.opened('node', new Uint8Array(16), sessionOf(7))
    proposals.refused(sessionOf(7), 1, new AlreadyAnsweredError('It is over. Read the state.'))
    await expect(result).rejects.toThrow(AlreadyAnsweredError)
    expect(handed).toHaveLength(2)
    expect(proposals.pending).toBe(0)
  })

  it('of one turn go into one entry: each has its own result, in the order of the calls', async () => {
    const { proposals, handed, wanted } = world()
    const all = [wanted(), wanted(), wanted()]
    for (const [index, { outcome }] of all.entries()) {
      proposals.propose(null, Uint8Array.of(index), outcome)
    }
    await Promise.resolve()
    proposals.opened('node', new Uint8Array(16), sessionOf(7))
    expect(handed.slice(1).map((value) => decodeEntry(value))).toEqual([
      {
        type: 'commands',
        session: sessionOf(7),
        sequence: 1,
        acknowledged: 1,
        commands: [Uint8Array.of(0), Uint8Array.of(1), Uint8Array.of(2)],
      },
    ])
    expect(proposals.pending).toBe(3)
    const no = new AlreadyAnsweredError('It is over. Read the state.')
    proposals.applied(sessionOf(7), 1, () => [
      () => 'first',
      () => {
        throw no
      },
      () => 'third',
    ])
    const results = await Promise.allSettled(all.map(({ result }) => result))
    expect(results).toEqual([
      { status: 'fulfilled', value: 'first' },
      { status: 'rejected', reason: no },
      { status: 'fulfilled', value: 'third' },
    ])
    expect([proposals.pending, proposals.bytes]).toEqual([0, 0])
  })

  it('fail with what the source of random bytes throws, and the next are made when it is well', async () => {
    const { proposals, handed, wanted, entropy } = world()
    const [none, held, later] = [wanted(), wanted(), wanted()]
    entropy.error = new Error('no entropy')
    proposals.propose(null, Uint8Array.of(1), none.outcome)
    await expect(none.result).rejects.toBe(entropy.error)
    proposals.propose(ticket, Uint8Array.of(1), held.outcome)
    entropy.error = null
    proposals.propose(null, Uint8Array.of(1), later.outcome)
    await Promise.resolve()
    expect(handed.map((value) => decodeEntry(value).type)).toEqual(['command', 'open-session'])
    expect(proposals.waiting).toBe(1)
  })

  it('alone go on their way at once while few are, and gather while many are', async () => {
    const { proposals, handed, wanted } = world()
    const propose = async () => {
      proposals.propose(null, Uint8Array.of(1), wanted().outcome)
      await Promise.resolve()
    }
    await propose()
    proposals.opened('node', new Uint8Array(16), sessionOf(7))
    for (let count = 0; count < 30; count += 1) await propose()
    // None alone while the fifth is on its way, and none with fewer than twice as many after each.
    expect(handed.slice(1).map(commandsIn)).toEqual([1, 1, 1, 1, 2, 4, 8])
    expect(proposals.waiting).toBe(13)
    proposals.applied(sessionOf(7), 1, () => [() => 'done'])
    expect(handed.slice(8).map(commandsIn)).toEqual([13])
  })

  it('that a leader refuses are given up: what waits for a session that is refused waits no more', async () => {
    const { proposals, handed, wanted } = world()
    const [own, held, other] = [wanted(), wanted(), wanted()]
    const reason = new RefusedByLeaderError('It is too new. Upgrade the leader.')
    proposals.propose(null, Uint8Array.of(1), own.outcome)
    await Promise.resolve()
    proposals.propose(ticket, Uint8Array.of(1), held.outcome)
    proposals.propose({ ...ticket, sequence: 2 }, new Uint8Array(1000), other.outcome)
    const refuse = (at: number) => {
      const value = handed[at] ?? new Uint8Array()
      proposals.refusedByLeader([Uint8Array.of(9), value.slice(0, REFUSED_HEAD_BYTES)], reason)
    }
    refuse(0)
    await expect(own.result).rejects.toBe(reason)
    // Those behind it had to wait for it, and do no longer.
    expect([proposals.pending, proposals.waiting, handed.length]).toEqual([2, 0, 3])
    refuse(1)
    await expect(held.result).rejects.toBe(reason)
    expect(proposals.pending).toBe(1)
    refuse(2)
    await expect(other.result).rejects.toBe(reason)
    // The next one tries again to open one.
    proposals.propose(null, Uint8Array.of(1), wanted().outcome)
    await Promise.resolve()
    expect([proposals.pending, handed.length]).toEqual([1, 4])
  })

  it('past their bound they wait, of whichever session, and past another they are refused', async () => {
    const { proposals, handed, wanted } = world()
    const bytes = new Uint8Array(1 << 20)
    const all = Array.from({ length: 300 }, (_, index) => {
      const { outcome, result } = wanted()
      proposals.propose({ ...ticket, session: sessionOf(index + 1) }, bytes, outcome)
      return result
    })
    expect(handed).toHaveLength(63)
    const settledOnes = Promise.allSettled(all)
    proposals.end(new ClosedError('Closed. Open it again.'))
    const codes = (await settledOnes).map((one) =>
      one.status === 'rejected' ? String(one.reason.code) : 'answered',
    )
    expect(codes.filter((code) => code === 'ERR_PAXOS_OVERLOADED')).toHaveLength(45)
    expect(codes.filter((code) => code === 'ERR_PAXOS_CLOSED')).toHaveLength(255)
  })
})

it('a message of a single decree is none of a replica’s: it is counted and dropped', async () => {
  const cluster = replicaCluster('a', 'b')
  const node = await cluster.open('a')
  const other = memoryTransport({ hub: cluster.hub })
  const { a = '', b = '' } = cluster.members
  const peers = new Map([['a', a]])
  await other.open({ id: 'b', cluster: 'paxos', listen: b, peers, receive: () => undefined })
  other.send('a', encode({ cluster: 'paxos', from: 'b', message: { type: 'learn' } }))
  await cluster.clock.advance(10)
  expect(node.status().dropped.foreign).toBe(1)
  await node.close()
  await other.close()
})

it('a snapshot of another form is refused, whatever it holds', () => {
  const state = { sessions: Uint8Array.of(1), machine: Uint8Array.of(2, 3), revision: 300 }
  const bytes = encodeState(state)
  expect(decodeState(bytes)).toEqual({ ...state, hasPlainResults: false })
  bytes[0] = 4
  expect(() => decodeState(bytes)).toThrow(/none of a replica of this version/)
})

/** How many commands an entry has of a node's own session. */
function commandsIn(value: Uint8Array): number {
  const entry = decodeEntry(value)
  return entry.type === 'commands' ? entry.commands.length : 0
}

/** A command of that sequence, or a copy of one. */
function commandOf(of: number | Uint8Array): Uint8Array {
  if (typeof of !== 'number') return new Uint8Array(of)
  const bytes = Uint8Array.of(1)
  return encodeEntry({
    type: 'command',
    session: sessionOf(1),
    sequence: of,
    acknowledged: 1,
    bytes,
  })
}

/** Applies `log` from the beginning, or behind a snapshot. The revisions, and a snapshot of the end. */
function applying(log: readonly Uint8Array[], snapshot: Snapshot | null) {
  const revisions: number[] = []
  const settings = settingsOf({
    id: 'a',
    members: { a: 'memory://a' },
    transport: memoryTransport({ hub: memoryHub() }),
    durability: memory(),
    stateMachine: {
      apply(_: unknown, revision) {
        revisions.push(revision)
        return revision
      },
      snapshot: () => new Uint8Array(),
      restore: () => undefined,
    },
  })
  const applier = new Applier(settings, snapshot)
  const first = (snapshot?.through ?? 0) + 1
  for (const [index, value] of log.slice(first - 1).entries()) {
    applier.apply(first + index, value, 0)
  }
  const taken = applier.takeSnapshot()
  if ('error' in taken) throw taken.error
  return { revisions, snapshot: { ...taken, members: [] } }
}

/** A snapshot in the form of before slots held several commands: see replica-snapshot.ts. */
function asOfSlots(bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(2, ...bytes.subarray(1, 5), ...bytes.subarray(5 + 8))
}

function sessionOf(number: number): SessionId {
  return `caller:${String(number).padStart(32, '0')}`
}

/** Reads with one that waits, and what it was answered from. */
function asked() {
  const reads = new Reads(() => undefined, new VirtualClock())
  const answers: Slot[] = []
  let appliedThrough: Slot = 0
  const apply = (slot: Slot): void => {
    appliedThrough = slot
    reads.applied(slot)
  }
  reads.add({
    isAwaited: true,
    answer: () => answers.push(appliedThrough),
    reject: () => undefined,
  })
  return { reads, answers, apply }
}

/** Proposals that are handed over to nobody, and what the state knows. */
function world() {
  const clock = new VirtualClock()
  const handed: Uint8Array[] = []
  const forgotten: Uint8Array[] = []
  const known = new Map<SessionId | 'opening', { results: Results<string> } | Error | SessionId>()
  const entropy: { error: Error | null } = { error: null }
  const proposals = new Proposals<string>({
    handOver: {
      add: (value) => handed.push(value),
      settled: () => undefined,
      forget: (value) => forgotten.push(value),
    },
    recall: ({ session }) => {
      const found = known.get(session)
      return typeof found === 'object' ? found : null
    },
    openedBy: () => {
      const found = known.get('opening')
      return typeof found === 'string' ? found : null
    },
    nowMs: () => clock.nowMs(),
    nonce: () => {
      if (entropy.error !== null) throw entropy.error
      return new Uint8Array(16)
    },
    renewSessionAfterMs: 1000,
  })
  const wanted = (timeoutMs?: number): { outcome: Outcome<string>; result: Promise<string> } => {
    const outcome = new Outcome<string>(clock)
    return { outcome, result: outcome.wait({ timeoutMs }) }
  }
  return { proposals, handed, forgotten, known, wanted, clock, entropy }
}
