/** The state machine of coordination against models that are as simple as can be, from seeds. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DecodeError } from '@paxos/core'
import { coordinationMachine } from '@paxos/coordination'
import type { Command, Query, Result } from '@paxos/coordination'
import { commandCodec, resultCodec } from '../src/codecs.ts'
import { MAX_REMEMBERED_REMOVALS, MAX_WAITERS } from '../src/limits.ts'

type Machine = ReturnType<typeof coordinationMachine>
type Of<Type extends Command['type']> = Extract<Command, { readonly type: Type }>

const ask = (machine: Machine, query: Query): unknown => machine.query?.(query)
const KINDS = ['lock', 'semaphore', 'read-write', 'election', 'barrier'] as const
const PERMITS = { lock: 1, semaphore: 3, 'read-write': 1_000_000, election: 1, barrier: 3 }
const IDS = ['p', 'q', 'r', 's', 't']
const ttlMs = 1000

const id = fc.constantFrom(...IDS)

/** Commands for one thing of `kind`, many enough to fill its line. */
function commandsFor(kind: (typeof KINDS)[number]) {
  const which = id.map((one) => ({ kind, name: 'x', id: one }))
  const acquire = fc
    .record({ id, heavy: fc.boolean(), waits: fc.boolean() })
    .map(({ heavy, ...one }): Of<'acquire'> => {
      const permits = PERMITS[kind]
      const weight = heavy && kind !== 'barrier' ? permits : 1
      return { type: 'acquire', kind, ...one, name: 'x', ttlMs, permits, weight, value: null }
    })
  const command = fc.oneof(
    { weight: 3, arbitrary: acquire },
    { weight: 2, arbitrary: which.map((one): Of<'release'> => ({ type: 'release', ...one })) },
    { weight: 1, arbitrary: which.map((one): Of<'renew'> => ({ type: 'renew', ...one })) },
    {
      weight: 2,
      arbitrary: fc
        .record({ one: which, isStale: fc.boolean() })
        .map(({ one, isStale }) => ({ type: 'expire' as const, ...one, isStale })),
    },
  )
  return fc.array(command, { minLength: 30, maxLength: 40, size: 'max' })
}

/** Everybody who holds or waits, in the order in which they came. */
interface Lease {
  readonly id: string
  readonly weight: number
  token: number
  renewed: number
}

/** A line of people, of whom each is let in when all before him are, and there is room. */
class Model {
  readonly lines = new Map<string, Lease[]>(KINDS.map((each) => [each, []]))

  line(of: string): Lease[] {
    return this.lines.get(of) ?? []
  }

  letIn(of: (typeof KINDS)[number], revision: number): void {
    const line = this.line(of)
    const waiting = line.filter(({ token }) => token === 0)
    const enter = (lease: Lease): void => {
      lease.token = revision
      lease.renewed = revision
    }
    if (of === 'barrier') {
      if (waiting.length >= PERMITS.barrier) waiting.forEach((lease) => enter(lease))
      return
    }
    for (const lease of waiting) {
      const inside = line.filter(({ token }) => token > 0)
      const used = inside.reduce((sum, { weight }) => sum + weight, 0)
      if (used + lease.weight > PERMITS[of]) return
      enter(lease)
    }
  }
}

/** What came of a command, by the model. */
function play(model: Model, asked: Command, revision: number): Result {
  if (asked.type !== 'acquire' && asked.type !== 'release' && asked.type !== 'renew') {
    if (asked.type !== 'expire' || asked.kind === 'queue') throw new Error('Not of this model.')
    const found = model.line(asked.kind).find((lease) => lease.id === asked.id)
    if (found?.renewed === asked.renewed) {
      model.lines.set(
        asked.kind,
        model.line(asked.kind).filter((lease) => lease !== found),
      )
      model.letIn(asked.kind, revision)
    }
    return { type: 'done' }
  }
  if (asked.kind === 'queue') throw new Error('Not of this model.')
  const line = model.line(asked.kind)
  const found = line.find((lease) => lease.id === asked.id)
  if (asked.type === 'release') {
    model.lines.set(
      asked.kind,
      line.filter((lease) => lease !== found),
    )
    if (found !== undefined) model.letIn(asked.kind, revision)
    return { type: 'done' }
  }
  if (found !== undefined) found.renewed = revision
  else if (asked.type === 'acquire') {
    const lease = { id: asked.id, weight: asked.weight, token: 0, renewed: revision }
    line.push(lease)
    if (!asked.waits) {
      const isFirst = line.filter(({ token }) => token === 0).length === 1
      if (isFirst && asked.kind !== 'barrier') model.letIn(asked.kind, revision)
      if (lease.token === 0) {
        line.pop()
        return { type: 'busy' }
      }
    } else model.letIn(asked.kind, revision)
  }
  return { type: 'standing', standing: standingIn(model, asked.kind, asked.id) }
}

function standingIn(model: Model, of: string, one: string) {
  const lease = model.line(of).find((each) => each.id === one)
  if (lease === undefined) return { type: 'gone' as const }
  if (lease.token === 0) return { type: 'waiting' as const }
  return { type: 'held' as const, token: lease.token, value: null, deliveries: 0 }
}

describe('what is held', () => {
  it('is as a line of people has it, at every step, and a snapshot goes on as the state does', () => {
    fc.assert(
      fc.property(fc.constantFrom(...KINDS).chain(commandsFor), (asked) => {
        let machine = coordinationMachine()
        const model = new Model()
        let highest = 0
        for (const [index, one] of asked.entries()) {
          const revision = index + 1
          const found = model.line(one.kind).find((lease) => lease.id === one.id)
          const given: Command =
            'isStale' in one
              ? {
                  type: 'expire',
                  kind: one.kind,
                  name: one.name,
                  id: one.id,
                  renewed: Math.max(0, (found?.renewed ?? 0) - (one.isStale ? 1 : 0)),
                }
              : one
          same(commandCodec.decode(commandCodec.encode(given)), given)
          same(machine.apply(given, revision), play(model, given, revision))
          for (const person of IDS) {
            const standing = standingIn(model, one.kind, person)
            const query = { type: 'standing', kind: one.kind, name: 'x', id: person } as const
            same(ask(machine, query), { type: 'standing', standing })
            if (standing.type !== 'held' || one.kind !== 'lock') continue
            // Whoever has it now has a token that nobody had before.
            if (standing.token < highest) expect(standing.token).toBe(highest)
            highest = standing.token
          }
          if (index % 17 === 16) {
            const bytes = machine.snapshot()
            machine = coordinationMachine()
            // oxlint-disable-next-line typescript/no-floating-promises -- a state machine answers at once
            machine.restore(bytes)
            expect(Buffer.compare(machine.snapshot(), bytes)).toBe(0)
          }
        }
      }),
      { numRuns: 40, seed: 17 },
    )
  })

  it('by a command that comes twice is the same', () => {
    const machine = coordinationMachine()
    const one = aLock('p')
    const first = machine.apply(one, 1)
    expect(machine.apply(one, 2)).toEqual(first)
  })

  it('is refused to more than may wait', () => {
    const machine = coordinationMachine()
    machine.apply(aLock('holder'), 1)
    for (let at = 0; at < MAX_WAITERS; at += 1) machine.apply(aLock(`w${at}`), at + 2)
    const result = machine.apply(aLock('one more'), MAX_WAITERS + 2)
    expect(result).toEqual({ type: 'refused', reason: 'too-many-waiters' })
  })

  it('is refused with other permits than those that are in use', () => {
    const machine = coordinationMachine()
    machine.apply({ ...aLock('p'), kind: 'semaphore', permits: 2 }, 1)
    const other = { ...aLock('q'), kind: 'semaphore', permits: 3 } as const
    expect(machine.apply(other, 2)).toEqual({ type: 'refused', reason: 'permits-differ' })
    machine.apply({ type: 'release', kind: 'semaphore', name: 'x', id: 'p' }, 3)
    expect(machine.apply(other, 4)).toMatchObject({ standing: { type: 'held' } })
  })
})

describe('a queue', () => {
  const queueCommand = fc.oneof(
    fc
      .record({ item: fc.constantFrom('one', 'two', 'three', 'four') })
      .map(({ item }): Of<'enqueue'> => ({ type: 'enqueue', name: 'x', item, value: item })),
    fc
      .record({ id, waits: fc.boolean() })
      .map((one): Of<'take'> => ({ type: 'take', name: 'x', ttlMs, ...one })),
    id.map((one): Of<'acknowledge'> => ({ type: 'acknowledge', name: 'x', id: one })),
    id.map((one): Of<'release'> => ({ type: 'release', kind: 'queue', name: 'x', id: one })),
  )

  it('gives each item to one at a time, and forgets none that was not acknowledged', () => {
    fc.assert(
      fc.property(
        fc.array(queueCommand, { minLength: 40, maxLength: 50, size: 'max' }),
        (asked) => {
          let machine = coordinationMachine()
          const there = new Set<string>()
          for (const [index, one] of asked.entries()) {
            const revision = index + 1
            const had = ask(machine, ofTaker('id' in one ? one.id : ''))
            machine.apply(one, revision)
            if (one.type === 'enqueue') there.add(one.item)
            if (one.type === 'acknowledge') {
              const value = valueIn(had)
              if (value !== null) there.delete(value)
            }
            const taken = IDS.flatMap((person) => valueIn(ask(machine, ofTaker(person))) ?? [])
            same(new Set(taken).size, taken.length)
            const ready = there.size - taken.length
            const sizes = ask(machine, { type: 'queue', name: 'x' })
            // Nobody waits while there is something.
            const waiting = ready > 0 ? 0 : waitingIn(sizes)
            same(sizes, { type: 'queue', ready, taken: taken.length, waiting })
            if (index % 17 === 16) {
              const bytes = machine.snapshot()
              machine = coordinationMachine()
              // oxlint-disable-next-line typescript/no-floating-promises -- a state machine answers at once
              machine.restore(bytes)
              expect(machine.snapshot()).toEqual(bytes)
            }
          }
        },
      ),
      { numRuns: 40, seed: 17 },
    )
  })

  it('gives what came back before what nobody had, and says how often', () => {
    const machine = coordinationMachine()
    for (const [at, item] of ['one', 'two', 'three'].entries()) {
      machine.apply({ type: 'enqueue', name: 'x', item, value: item }, at)
    }
    machine.apply(take('p'), 3)
    machine.apply({ type: 'expire', kind: 'queue', name: 'x', id: 'p', renewed: 2 }, 4)
    expect(machine.apply(take('q'), 5)).toMatchObject({ standing: { value: 'two', token: 5 } })
    machine.apply({ type: 'expire', kind: 'queue', name: 'x', id: 'p', renewed: 3 }, 6)
    expect(machine.apply(take('r'), 7)).toMatchObject({
      standing: { value: 'one', token: 7, deliveries: 2 },
    })
    expect(machine.apply({ type: 'acknowledge', name: 'x', id: 'p' }, 8)).toMatchObject({
      standing: { type: 'gone' },
    })
  })
})

describe('values', () => {
  it('are changed by who knows what they are, and by nobody else', () => {
    const machine = coordinationMachine()
    expect(machine.apply(put('k', '1', 0), 1)).toMatchObject({ isSet: true })
    const found = { key: 'k', value: '1', revision: 1 }
    expect(machine.apply(put('k', '2', 0), 2)).toEqual({
      type: 'entry',
      isSet: false,
      entry: found,
    })
    expect(machine.apply(put('k', '2', 1), 3)).toMatchObject({ isSet: true })
    const remove = { type: 'remove', space: 'map', name: 'x', key: 'k' } as const
    expect(machine.apply({ ...remove, expected: 1 }, 4)).toMatchObject({ isSet: false })
    expect(machine.apply({ ...remove, expected: 3 }, 5)).toMatchObject({ isSet: true })
    expect(machine.apply(put('k', '3', 0), 6)).toMatchObject({ isSet: true })
  })

  it('that changed behind a revision are told, removed ones too, and whether some are forgotten', () => {
    const machine = coordinationMachine()
    machine.apply(put('a', '1'), 1)
    machine.apply(put('b', '1'), 2)
    machine.apply({ type: 'remove', space: 'map', name: 'x', key: 'a', expected: null }, 3)
    machine.apply(put('b', '2'), 4)
    const gone = { key: 'a', value: null, revision: 3 }
    const set = { key: 'b', value: '2', revision: 4 }
    expect(changes(machine, 1)).toMatchObject({ changes: [gone, set], isIncomplete: false })
    expect(changes(machine, 3)).toMatchObject({ changes: [set] })
    expect(changes(machine, 0)).toMatchObject({ changes: [set] })
    let revision = 4
    for (let at = 0; at <= MAX_REMEMBERED_REMOVALS; at += 1) {
      machine.apply(put(`k${at}`, '1'), (revision += 1))
      const key = { space: 'map', name: 'x', key: `k${at}`, expected: null } as const
      machine.apply({ type: 'remove', ...key }, (revision += 1))
    }
    expect(changes(machine, 2)).toMatchObject({ isIncomplete: true })
    expect(changes(machine, revision - 1)).toMatchObject({ isIncomplete: false })
  })

  it('of a counter are sums, and stay safe integers', () => {
    const machine = coordinationMachine()
    machine.apply({ type: 'add', name: 'n', by: 5 }, 1)
    expect(machine.apply({ type: 'add', name: 'n', by: -7 }, 2)).toMatchObject({
      entry: { value: '-2' },
    })
    const by = Number.MAX_SAFE_INTEGER
    machine.apply({ type: 'add', name: 'n', by }, 3)
    expect(machine.apply({ type: 'add', name: 'n', by }, 4)).toEqual({
      type: 'refused',
      reason: 'number-too-large',
    })
  })
})

describe('what comes from outside', () => {
  it.each([
    ['no JSON', 'acquire'],
    ['no object', '7'],
    ['an unknown type', '{"type":"steal"}'],
    ['the type of a method of objects', '{"type":"constructor"}'],
    [
      'a property that nobody knows',
      '{"type":"take","name":"x","id":"p","ttlMs":1000,"waits":true,"at":1}',
    ],
    ['a property too few', '{"type":"take","name":"x","id":"p","ttlMs":1000}'],
    [
      'a time to live of a year',
      '{"type":"take","name":"x","id":"p","ttlMs":31536000000,"waits":true}',
    ],
    ['half of a surrogate pair', '{"type":"acknowledge","name":"\\ud800","id":"p"}'],
  ])('is no command: %s', (_, text) => {
    expect(() => commandCodec.decode(new TextEncoder().encode(text))).toThrow(DecodeError)
  })

  it('is read as it was written, results too', () => {
    const result: Result = { type: 'standing', standing: { type: 'waiting' } }
    expect(resultCodec.decode(resultCodec.encode(result))).toEqual(result)
  })

  it.each(['', '{}', '{"form":2,"holds":[],"queues":[],"entries":[]}', '[]'])(
    'is no snapshot, and changes nothing: %j',
    (text) => {
      const machine = coordinationMachine()
      machine.apply(aLock('p'), 1)
      const before = machine.snapshot()
      expect(() => machine.restore(new TextEncoder().encode(text))).toThrow(DecodeError)
      expect(machine.snapshot()).toEqual(before)
    },
  )
})

/** As expect() has it, which takes its time even where there is nothing to say. */
function same(found: unknown, expected: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) expect(found).toEqual(expected)
}

function waitingIn(sizes: unknown): number {
  return Number(/"waiting":(\d+)/.exec(JSON.stringify(sizes))?.[1])
}

function ofTaker(one: string): Query {
  return { type: 'standing', kind: 'queue', name: 'x', id: one }
}

function take(one: string): Of<'take'> {
  return { type: 'take', name: 'x', id: one, ttlMs, waits: false }
}

function put(key: string, value: string, expected: number | null = null): Of<'put'> {
  return { type: 'put', space: 'map', name: 'x', key, value, expected }
}

function changes(machine: Machine, after: number): unknown {
  return ask(machine, { type: 'changes', space: 'map', name: 'x', after })
}

function aLock(one: string): Of<'acquire'> {
  const rest = { name: 'x', ttlMs, permits: 1, weight: 1, waits: true, value: null } as const
  return { type: 'acquire', kind: 'lock', id: one, ...rest }
}

function valueIn(answer: unknown): string | null {
  const text = JSON.stringify(answer)
  return /"value":"([a-z]+)"/.exec(text)?.[1] ?? null
}
