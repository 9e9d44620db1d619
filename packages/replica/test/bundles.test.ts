/**
 * Many commands in one slot, of one session and of many: what a leader puts together, that each command
 * is applied once, with the result and the revision that it would have with a slot of its own, and how
 * much of all that is kept.
 */
import { describe, expect, it } from 'vitest'
import * as fc from 'fast-check'
import type { Snapshot } from '@paxos/core'
import { bundled, decodeEntry, encodeEntry, entryKeys } from '@paxos/core/multi'
import { isForwardable, MAX_COMMANDS } from '@paxos/core/multi'
import type { CommandEntry, CommandsEntry, LogEffects, SessionId } from '@paxos/core/multi'
import { memory } from '@paxos/durability-memory'
import { CommandRefusedError } from '@paxos/replica'
import { memory as memoryTransport, memoryHub } from '@paxos/transport-memory'
import { Applier } from '../src/applier.ts'
import type { Applied, AppliedEntry } from '../src/applier.ts'
import { FREE_ENTRIES, MAX_RESULT_BYTES, MAX_TOGETHER_BYTES } from '../src/limits.ts'
import { Outbox } from '../src/outbox.ts'
import { decodeState } from '../src/replica-snapshot.ts'
import { settingsOf } from '../src/replica-settings.ts'
import { closeAll, leaderOf, replicaCluster, within } from './replica-cluster.ts'
import type { ReplicaCluster } from './replica-cluster.ts'
import { settled } from './virtual-clock.ts'

const NOTHING: LogEffects = { send: [], events: [] }
const MEGABYTE = 1 << 20

describe('commands that leave a leader', () => {
  it('are one in the log where they leave together, and what is no command has a slot of its own', async () => {
    const { outbox, taken } = leading()
    const opening = encodeEntry({
      type: 'open-session',
      space: 'caller',
      nonce: new Uint8Array(16),
    })
    outbox.add(commandOf(1))
    await settled()
    for (const value of [commandOf(2), commandOf(3), opening, commandOf(4)]) outbox.add(value)
    await settled()
    const types = taken.map((values) => values.map((value) => decodeEntry(value).type))
    expect(types).toEqual([['command'], ['bundle', 'open-session', 'command']])
    expect(taken[1]?.[0]).toEqual(bundled([commandOf(2), commandOf(3)], 1000)[0])
  })

  it('wait for company only while much is under way, and for what is under way alone', async () => {
    const { outbox, log, taken } = leading()
    const counts = (): number[] => taken.map((values) => values.flatMap(entryKeys).length)
    log.slotsInFlight = FREE_ENTRIES - 1
    outbox.add(commandOf(1))
    await settled()
    expect(counts()).toEqual([1])
    // The fifth slot is for two, the seventh for eight.
    log.slotsInFlight = FREE_ENTRIES + 2
    for (let number = 2; number <= 8; number += 1) outbox.add(commandOf(number))
    await settled()
    expect(counts()).toEqual([1])
    outbox.add(commandOf(9))
    await settled()
    expect(counts()).toEqual([1, 8])
    outbox.add(commandOf(10))
    await settled()
    expect(counts()).toEqual([1, 8])
    // Something was chosen.
    log.slotsInFlight = FREE_ENTRIES - 1
    outbox.flushSoon()
    await settled()
    expect(counts()).toEqual([1, 8, 1])
  })

  it('wait for no company where they fill a slot, or where it would be none', async () => {
    const { outbox, log, taken } = leading()
    log.slotsInFlight = 1000
    outbox.add(encodeEntry({ type: 'open-session', space: 'caller', nonce: new Uint8Array(16) }))
    await settled()
    expect(taken).toHaveLength(1)
    outbox.add(commandOf(1, new Uint8Array(MAX_TOGETHER_BYTES)))
    await settled()
    expect(taken).toHaveLength(2)
    for (let number = 2; number < 2 + MAX_COMMANDS; number += 1) outbox.add(commandOf(number))
    await settled()
    expect(outbox.length).toBe(0)
  })
})

type Part = CommandEntry | CommandsEntry

/** The sessions of `applying()`: each its nonce, and the slot in which it was opened. */
const SESSIONS = [1, 2, 3].map((slot) => sessionOf(slot))
const NOBODY = sessionOf(9)

const anyPart: fc.Arbitrary<Part> = fc
  .record({
    session: fc.constantFrom(...SESSIONS, NOBODY),
    sequence: fc.integer({ min: 1, max: 8 }),
    behind: fc.integer({ min: 0, max: 8 }),
    commands: fc.array(fc.nat(99), { minLength: 1, maxLength: 4 }),
    isAlone: fc.boolean(),
  })
  .map(({ session, sequence, behind, commands: numbers, isAlone }) => {
    const named = { session, sequence, acknowledged: Math.max(1, sequence - behind) }
    const [bytes = new Uint8Array(), ...rest] = numbers.map((n) => Buffer.from(String(n)))
    return isAlone
      ? { type: 'command' as const, ...named, bytes }
      : { type: 'commands' as const, ...named, commands: [bytes, ...rest] }
  })

/** Slots, each with what stands in it; most of them come again. */
const anyLog = fc
  .array(fc.array(anyPart, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 8 })
  .chain((slots) =>
    fc.shuffledSubarray([...slots, ...slots, ...slots.map((each) => each.toReversed())]),
  )

describe('what stands beside others in a slot', () => {
  it('is applied as if each had a slot of its own: once, in order, with its revision and result', () => {
    fc.assert(
      fc.property(anyLog, (slots) => {
        const together = applying(slots.map((parts) => valueOf(parts)))
        const alone = applying(slots.flat().map(encodeEntry))
        expect(together.state).toEqual(alone.state)
        expect(together.told).toEqual(alone.told)
      }),
      { numRuns: 60 },
    )
  })

  it('leads to the same state behind a snapshot, wherever that is taken', () => {
    fc.assert(
      fc.property(anyLog, fc.nat(), (slots, at) => {
        const log = slots.map((parts) => valueOf(parts))
        const through = at % (log.length + 1)
        const before = applying(log.slice(0, through))
        const behind = applying(log.slice(through), before.snapshot)
        expect(behind.snapshot).toEqual(applying(log).snapshot)
      }),
      { numRuns: 30 },
    )
  })

  it('is nothing where one of them is malformed, for every node', () => {
    const fine: Part = { type: 'command', ...numbersOf(1), bytes: Buffer.from('2') }
    const value = valueOf([fine, { ...fine, sequence: 2 }])
    // It acknowledges itself.
    value[value.length - 2] = 9
    expect(applying([value, encodeEntry(fine)]).state).toMatchObject({ applied: [[5, 2]] })
  })

  it('comes from no other node: a leader alone puts it together', () => {
    const fine: Part = { type: 'command', ...numbersOf(1), bytes: Buffer.from('2') }
    const value = valueOf([fine, { ...fine, sequence: 2 }])
    expect(isForwardable(value)).toBe(false)
  })
})

describe('calls of many sessions', () => {
  it('share slots, and each is applied once and answered, through every node and a crash', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    const nodes = await cluster.openAll()
    const [leaderId, leader] = leaderOf(nodes)
    const opened = Array.from({ length: 60 }, () => leader.openSession())
    const sessions = await within(cluster, Promise.all(opened))
    const write = [...nodes.values()].flatMap((node) =>
      // Each asks each node for the same command.
      sessions.map((id) => node.propose({ name: id, add: 1 }, { session: { id, sequence: 1 } })),
    )
    expect(await within(cluster, Promise.all(write))).toEqual(write.map(() => 1))
    expect(bundlesIn(cluster)).toBeGreaterThan(0)
    const [other = leader] = [...nodes].flatMap(([id, node]) => (id === leaderId ? [] : node))
    const again = sessions.map((id) =>
      other.propose({ name: id, add: 1 }, { session: { id, sequence: 2 } }),
    )
    await cluster.crash(leaderId, leader)
    nodes.delete(leaderId)
    expect(await within(cluster, Promise.all(again))).toEqual(again.map(() => 2))
    await cluster.clock.advance(2000)
    for (const id of nodes.keys()) {
      expect(cluster.machines.get(id)?.content).toEqual(
        Object.fromEntries(sessions.toSorted().map((name) => [name, 2])),
      )
    }
    await closeAll(nodes)
  })
})

describe('a slot with many commands', () => {
  it('keeps as much of their results as of one, and tells all of them to who waits', () => {
    const { applier, apply } = echoing()
    const sizes = [1, 600 << 10, 600 << 10, 5]
    const applied = apply(textsOf(1, sizes))
    if (applied.type !== 'commands') throw new Error(applied.type)
    const lengths = applied.results().map((result) => result().length)
    expect(lengths).toEqual(sizes)
    const kept = applier.takeSnapshot()
    if ('error' in kept) throw kept.error
    expect(kept.bytes.length).toBeLessThan(MAX_RESULT_BYTES + 1000)
    // A retry, and a node that took a snapshot.
    const later = [applier.recall(numbersOf(1), 'commands'), apply(textsOf(1, sizes))]
    for (const found of later) {
      if (found === null || !('results' in found)) throw new Error('It is not known.')
      const told = found.results().map((result) => lengthOrError(result))
      expect(told).toEqual([1, 600 << 10, 'ERR_PAXOS_ALREADY_ANSWERED', 5])
    }
  })

  it('counts as many as it has towards the next snapshot, on every node alike', () => {
    // The openings, and four commands in each slot: past ten, and past twenty.
    expect(dueWhere(0)).toEqual([5, 8])
    for (let taken = 4; taken <= 8; taken += 1) expect(dueWhere(taken)).toEqual([5, 8])
  })
})

/** Commands of which each is a text of so many characters. */
function textsOf(sequence: number, sizes: readonly number[]): Uint8Array {
  const commands = sizes.map((size) => Buffer.from(JSON.stringify('x'.repeat(size))))
  return encodeEntry({ type: 'commands', ...numbersOf(sequence), commands })
}

/** Behind the openings of SESSIONS; a command returns what it is given. */
function echoing(options: { readonly snapshotEveryEntries?: number } = {}) {
  const stateMachine = {
    apply: (text: string) => text,
    snapshot: () => new Uint8Array(),
    restore: () => undefined,
  }
  const applier = new Applier(settingsOf({ ...placeOf(), ...options, stateMachine }), null)
  const apply = (value: Uint8Array) => applier.apply(applier.appliedThrough + 1, value, 0)
  for (const opening of openingsOf()) apply(opening)
  return { applier, apply }
}

/** Before which slots a snapshot is due, of a log with four commands in each, where one is taken too. */
function dueWhere(taken: number): number[] {
  const { applier, apply } = echoing({ snapshotEveryEntries: 10 })
  const due: number[] = []
  for (let sequence = 1; sequence <= 5; sequence += 1) {
    apply(textsOf(sequence, [1, 2, 3, 4]))
    if (applier.wantsSnapshot) due.push(applier.appliedThrough)
    if (applier.wantsSnapshot || applier.appliedThrough === taken) applier.takeSnapshot()
  }
  return due
}

function lengthOrError(result: () => string): unknown {
  try {
    return result().length
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}

/** An outbox of a leader whose engine takes everything, and what it has taken. */
function leading() {
  const taken: (readonly Uint8Array[])[] = []
  const log = {
    id: 'a',
    leader: 'a',
    forwardsTo: [],
    room: { values: 1000, bytes: MEGABYTE },
    slotsInFlight: 0,
    propose(values: readonly Uint8Array[]) {
      taken.push(values)
      return { first: 1, effects: NOTHING }
    },
    forward: () => NOTHING,
  }
  const outbox = new Outbox(log, (give) => void give())
  return { outbox, log, taken }
}

/** The first entries of a log, which open SESSIONS. */
function openingsOf(): readonly Uint8Array[] {
  return SESSIONS.map((session, index) => {
    const nonce = new Uint8Array(Buffer.from(String(session).slice('caller:'.length), 'hex'))
    nonce[15] = (nonce[15] ?? 0) ^ (index + 1)
    return encodeEntry({ type: 'open-session', space: 'caller', nonce })
  })
}

/** A node without others. */
function placeOf() {
  return {
    id: 'a',
    members: { a: 'memory://a' },
    transport: memoryTransport({ hub: memoryHub() }),
    durability: memory(),
  }
}

function numbersOf(sequence: number) {
  return { session: sessionOf(1), sequence, acknowledged: 1 }
}

function commandOf(sequence: number, bytes = Uint8Array.of(1)): Uint8Array {
  return encodeEntry({ type: 'command', ...numbersOf(sequence), bytes })
}

function sessionOf(slot: number): SessionId {
  return `caller:${String(slot).padStart(2, '0').repeat(16)}`
}

function valueOf(parts: readonly Part[]): Uint8Array {
  const [value = new Uint8Array(), ...rest] = bundled(parts.map(encodeEntry), MEGABYTE)
  expect(rest).toEqual([])
  return value
}

/** Applies values behind three openings, or behind a snapshot; some of the commands fail. */
function applying(values: readonly Uint8Array[], snapshot: Snapshot | null = null) {
  let state: [revision: number, command: number][] = []
  const settings = settingsOf({
    ...placeOf(),
    stateMachine: {
      apply(command: number, revision) {
        if (command % 7 === 1) throw new CommandRefusedError(`No ${command}.`)
        state.push([revision, command])
        if (command % 5 === 0) throw new Error(`Half of ${command}.`)
        return state.length
      },
      snapshot: () => Buffer.from(JSON.stringify(state)),
      restore: (bytes) => (state = JSON.parse(Buffer.from(bytes).toString())),
    },
  })
  const applier = new Applier(settings, snapshot)
  const log = snapshot === null ? [...openingsOf(), ...values] : values
  const told = log.flatMap((value) => {
    const applied = applier.apply(applier.appliedThrough + 1, value, 0)
    return eachOf(applied).map(wordsOf)
  })
  const taken = applier.takeSnapshot()
  if ('error' in taken) throw taken.error
  const { revision } = decodeState(taken.bytes)
  return { state: { applied: state, revision }, told, snapshot: { ...taken, members: [] } }
}

function eachOf<R>(applied: Applied<R>): readonly AppliedEntry<R>[] {
  return applied.type === 'several' ? applied.each : [applied]
}

/** What its caller is told. */
function wordsOf<R>(applied: AppliedEntry<R>): unknown {
  if (applied.type !== 'commands')
    return 'reason' in applied ? applied.reason.message : applied.type
  try {
    return applied.results().map((result) => {
      try {
        return result()
      } catch (error) {
        return String(error)
      }
    })
  } catch (error) {
    return String(error)
  }
}

/** How many values of the longest log hold several entries. */
function bundlesIn(cluster: ReplicaCluster): number {
  const logs = [...cluster.disks.values()].map(({ saved }) => saved.accepted)
  const log = logs.toSorted((a, b) => b.length - a.length)[0] ?? []
  return log.filter(({ value }) => decodeEntry(value).type === 'bundle').length
}
