import { DecodeError } from '@paxos/core'
import {
  MAX_RESULTS,
  MAX_SESSIONS,
  SessionTable,
  type Entry,
  type Outcome,
} from '@paxos/core/multi'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytes } from './one-node.ts'

const SMALL = { sessions: 3, results: 2 }

const echo = (command: Uint8Array) => command
const nothing = () => new Uint8Array()
const appliedAgain = () => {
  throw new Error('applied again')
}
const fails = () => {
  throw new RangeError('not now')
}

/** A table, the slot of its next entry, and what was applied. */
function world(limits = SMALL) {
  const table = new SessionTable(limits)
  const applied: string[] = []
  let slot = 0
  const apply = (entry: Entry): Outcome =>
    table.apply((slot += 1), entry, (command) => {
      applied.push(Buffer.from(command).toString())
      return bytes(`result ${applied.length}`)
    })
  const open = (nonce: string): number => {
    const outcome = apply({ type: 'open-session', nonce: bytes(nonce) })
    if (outcome.type !== 'opened') throw new Error(outcome.type)
    return outcome.session
  }
  const command = (session: number, sequence: number, acknowledged = 1): Outcome =>
    apply({
      type: 'command',
      session,
      sequence,
      acknowledged,
      bytes: bytes(`${session}.${sequence}`),
    })
  return { table, applied, apply, open, command }
}

describe('P24: a command that is chosen twice is applied once', () => {
  it('and the second time has the result of the first', () => {
    const { open, command, applied } = world()
    const session = open('mine')
    expect(command(session, 1)).toEqual({ type: 'applied', result: bytes('result 1') })
    expect(command(session, 1)).toEqual({ type: 'duplicate', result: bytes('result 1') })
    expect(applied).toEqual([`${session}.1`])
  })

  it('also when it overtakes another of its session', () => {
    const { open, command, applied } = world()
    const session = open('mine')
    command(session, 2)
    command(session, 1)
    expect(command(session, 2).type).toBe('duplicate')
    expect(command(session, 1).type).toBe('duplicate')
    expect(applied).toHaveLength(2)
  })

  it('also when the client had its answer: then the result is forgotten, and the client told so', () => {
    const { open, command, applied } = world()
    const session = open('mine')
    command(session, 1)
    command(session, 2, 2)
    expect(command(session, 1)).toEqual({ type: 'acknowledged' })
    expect(command(session, 2).type).toBe('duplicate')
    expect(applied).toHaveLength(2)
  })

  it('also when a later one acknowledges all before it, and not it: its result is kept', () => {
    const { open, command, applied } = world()
    const session = open('mine')
    command(session, 1)
    command(session, 2)
    command(session, 3, 2)
    expect(command(session, 2)).toEqual({ type: 'duplicate', result: bytes('result 2') })
    expect(applied).toHaveLength(3)
  })

  it('also when the table went through a snapshot in between', () => {
    const { table, open, command } = world()
    const session = open('mine')
    command(session, 1)
    const restored = SessionTable.decode(table.encode(), SMALL)
    const entry = {
      type: 'command',
      session,
      sequence: 1,
      acknowledged: 1,
      bytes: bytes(''),
    } as const
    expect(restored.apply(9, entry, appliedAgain)).toEqual({
      type: 'duplicate',
      result: bytes('result 1'),
    })
  })

  it('what is known of a command can be asked without applying anything', () => {
    const { table, open, command, applied } = world()
    const session = open('mine')
    expect(table.size).toBe(1)
    expect(table.recall(session, 1)).toBeNull()
    command(session, 1)
    expect(table.recall(session, 1)).toEqual({ type: 'duplicate', result: bytes('result 1') })
    command(session, 2, 2)
    expect(table.recall(session, 1)).toEqual({ type: 'acknowledged' })
    expect(table.recall(session + 1, 1)).toEqual({ type: 'unknown-session' })
    expect(applied).toHaveLength(2)
  })

  it('a client that acknowledges far ahead is forgotten as much as one that does so step by step', () => {
    const { table, open, command } = world()
    const session = open('mine')
    command(session, 3)
    command(session, 1)
    command(session, 2 ** 50, 2 ** 50)
    expect(table.recall(session, 3)).toEqual({ type: 'acknowledged' })
    expect(table.recall(session, 2 ** 50)?.type).toBe('duplicate')
    expect(SessionTable.decode(table.encode(), SMALL).encode()).toEqual(table.encode())
  })

  it('opening a session twice with one nonce opens it once', () => {
    const { open, table } = world()
    expect(open('mine')).toBe(open('mine'))
    expect(open('mine too')).toBe(3)
    expect(table.sessions).toEqual([1, 3])
  })
})

describe('the memory of sessions is bounded', () => {
  it('when there are too many, the one that was unused for longest is expired', () => {
    const { apply, open, command, table } = world()
    const [one, two, three] = [open('1'), open('2'), open('3')]
    command(one, 1)
    expect(apply({ type: 'open-session', nonce: bytes('4') })).toEqual({
      type: 'opened',
      session: 5,
      expired: [two],
    })
    expect(command(two, 1)).toEqual({ type: 'unknown-session' })
    expect(table.sessions).toEqual([one, three, 5])
    expect([table.usedAt(one), table.usedAt(two)]).toEqual([4, null])
  })

  it('a session with too many unacknowledged results takes no more commands until some are', () => {
    const { open, command, applied } = world()
    const session = open('mine')
    command(session, 1)
    command(session, 2)
    expect(command(session, 3)).toEqual({ type: 'too-many-results' })
    expect(command(session, 2).type).toBe('duplicate')
    expect(command(session, 3, 2).type).toBe('applied')
    expect(applied).toHaveLength(3)
  })

  it('sessions are ended by an entry, which says which of them were open', () => {
    const { apply, open, command } = world()
    const session = open('mine')
    expect(apply({ type: 'expire-sessions', sessions: [session, 99] })).toEqual({
      type: 'expired',
      expired: [session],
    })
    expect(command(session, 1)).toEqual({ type: 'unknown-session' })
  })

  it('a no-op is none of the sessions’', () => {
    expect(world().apply({ type: 'no-op' })).toEqual({ type: 'none' })
  })

  it('the default limits are those that are documented', () => {
    const table = new SessionTable()
    for (let slot = 1; slot <= MAX_SESSIONS + 1; slot += 1) {
      table.apply(slot, { type: 'open-session', nonce: bytes(String(slot)) }, nothing)
    }
    expect(table.sessions).toHaveLength(MAX_SESSIONS)
    const session = MAX_SESSIONS + 1
    const rest = { type: 'command', session, acknowledged: 1, bytes: bytes('') } as const
    for (let sequence = 1; sequence <= MAX_RESULTS; sequence += 1) {
      expect(table.apply(20_000 + sequence, { ...rest, sequence }, nothing).type).toBe('applied')
    }
    const one = { ...rest, sequence: MAX_RESULTS + 1 }
    expect(table.apply(30_000, one, nothing).type).toBe('too-many-results')
    expect(SessionTable.decode(table.encode()).encode()).toEqual(table.encode())
  }, 30_000)
})

describe('equal logs make equal tables, and equal tables equal bytes', () => {
  const nonce = fc.integer({ min: 0, max: 3 }).map((number) => bytes(`n${number}`))
  const entries = fc.array(
    fc.oneof(
      fc.record({ type: fc.constant('open-session' as const), nonce }),
      fc
        .record({
          session: fc.integer({ min: 1, max: 5 }),
          sequence: fc.integer({ min: 1, max: 6 }),
        })
        .chain(({ session, sequence }) =>
          fc.record({
            type: fc.constant('command' as const),
            session: fc.constant(session),
            sequence: fc.constant(sequence),
            acknowledged: fc.integer({ min: 1, max: sequence }),
            bytes: fc.constant(bytes(`${session}.${sequence}`)),
          }),
        ),
      fc.record({
        type: fc.constant('expire-sessions' as const),
        sessions: fc.array(fc.integer({ min: 4, max: 40 }), { maxLength: 2 }),
      }),
    ),
    { maxLength: 60, size: 'max' },
  )

  it('although one of them goes through a snapshot after every entry', () => {
    fc.assert(
      fc.property(entries, (rest) => {
        const opened = ['n0', 'n1', 'n2'].map((each) => bytes(each))
        const log: Entry[] = [
          ...opened.map((each) => ({ type: 'open-session' as const, nonce: each })),
          ...rest,
        ]
        const straight = new SessionTable(SMALL)
        let other = new SessionTable(SMALL)
        log.forEach((entry, index) => {
          other = SessionTable.decode(other.encode(), SMALL)
          expect(other.apply(index + 1, entry, echo)).toEqual(
            straight.apply(index + 1, entry, echo),
          )
        })
        expect(other.encode()).toEqual(straight.encode())
        expect(straight.sessions.length).toBeLessThanOrEqual(SMALL.sessions)
      }),
      { numRuns: 500 },
    )
  })

  it('whoever holds a result cannot change it', () => {
    const { table, open } = world()
    const session = open('mine')
    const result = Uint8Array.of(1)
    const entry = {
      type: 'command',
      session,
      sequence: 1,
      acknowledged: 1,
      bytes: bytes(''),
    } as const
    const first = table.apply(2, entry, () => result)
    result[0] = 9
    if (first.type === 'applied') first.result[0] = 8
    expect(table.apply(3, entry, echo)).toEqual({ type: 'duplicate', result: Uint8Array.of(1) })
  })

  it('a command whose application throws leaves the table as it was', () => {
    const { table, open } = world()
    const session = open('mine')
    const before = table.encode()
    const entry = {
      type: 'command',
      session,
      sequence: 1,
      acknowledged: 1,
      bytes: bytes(''),
    } as const
    expect(() => table.apply(2, entry, fails)).toThrow(RangeError)
    expect(table.encode()).toEqual(before)
  })
})

describe('a table that is read back', () => {
  const { table, open, command } = world()
  const session = open('mine')
  command(session, 1)
  command(session, 2)
  const whole = table.encode()

  it('is refused when it is cut off anywhere, and when there is more', () => {
    for (let length = 0; length < whole.length; length += 1) {
      expect(() => SessionTable.decode(whole.subarray(0, length), SMALL)).toThrow(DecodeError)
    }
    expect(() => SessionTable.decode(Uint8Array.of(...whole, 0), SMALL)).toThrow(DecodeError)
  })

  it.each([
    ['of another form', '0200', 'form'],
    ['with too many sessions', '0104', 'too many sessions'],
    ['with sessions out of order', '01020201610201000101610101', 'out of order'],
    ['with a nonce that is too long', `01010141${'00'.repeat(65)}`, 'nonce'],
    [
      'with a session that was used before it was opened',
      '0101050161040100',
      'before it was opened',
    ],
    ['with two sessions of one nonce', '0102010161010100020161020100', 'one nonce'],
    ['with too many results', '01010101610101030100', 'too many results'],
    ['with results out of order', '01010101610101020200020100', 'out of order'],
    ['with a result that was acknowledged', '0101010161010201010100', 'out of order'],
  ])('is refused %s', (_, hex, reason) => {
    const broken = Uint8Array.from(Buffer.from(hex, 'hex'))
    expect(() => SessionTable.decode(broken, SMALL)).toThrow(DecodeError)
    expect(() => SessionTable.decode(broken, SMALL)).toThrow(reason)
  })

  it('whatever the bytes: a table that has them as its encoding, or DecodeError', () => {
    const edits = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 3 })
    fc.assert(
      fc.property(edits, (changes) => {
        const edited = Uint8Array.from(whole)
        for (const [index, byte] of changes) edited[index] = byte
        try {
          expect(SessionTable.decode(edited, SMALL).encode()).toEqual(edited)
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error
        }
      }),
      { numRuns: 5000 },
    )
  })
})
