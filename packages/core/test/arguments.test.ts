import { InvalidArgumentError, kindOf, requireOptions } from '@paxos/core'
import { describe, expect, it } from 'vitest'

const KNOWN = ['id', 'members', 'livenessWindowMs', 'heartbeatPeriodMs', 'stateMachine', 'tls']

const complaint = (given: unknown, known: readonly string[] = KNOWN): string => {
  try {
    requireOptions('open', given, known)
    return 'nothing'
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidArgumentError)
    return error instanceof Error ? error.message : 'no error'
  }
}

describe('options that plain JavaScript gives', () => {
  it('pass when all of them are known, whatever they hold', () => {
    expect(complaint({})).toBe('nothing')
    expect(complaint({ id: 7, members: undefined, tls: null })).toBe('nothing')
    expect(complaint(Object.create({ inherited: 1 }))).toBe('nothing')
  })

  it.each([
    ['livenessWindow', 'livenessWindowMs'],
    ['liveness_window_ms', 'livenessWindowMs'],
    ['livenesWindowMs', 'livenessWindowMs'],
    ['heartbeatPeriod', 'heartbeatPeriodMs'],
    ['StateMachine', 'stateMachine'],
    ['member', 'members'],
    ['TLS', 'tls'],
    ['ID', 'id'],
  ])('an unknown one is refused by name, with what was meant: %s', (written, meant) => {
    expect(complaint({ [written]: 1 })).toBe(
      `Unknown option '${written}' of open. Did you mean '${meant}'?`,
    )
  })

  it('where there are none, whatever is given is refused', () => {
    expect(complaint({}, [])).toBe('nothing')
    expect(complaint({ tls: 1 }, [])).toBe(
      "Unknown option 'tls' of open. There are none: leave it out.",
    )
    expect(complaint(null, [])).toBe('The options of open are null. Leave them out.')
  })

  it.each(['compression', '__proto', 'x', '', 'y'.repeat(10_000)])(
    'one that resembles none is told which there are: %s',
    (written) => {
      expect(complaint({ [written]: undefined })).toBe(
        `Unknown option '${written}' of open. Use ${KNOWN.join(', ')}.`,
      )
    },
  )

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['a secret', 'a string'],
    [7, 'a number'],
    [[], 'an array'],
    [() => 1, 'a function'],
  ])('that are %s are no options, and what they hold is not repeated', (given, kind) => {
    expect(complaint(given)).toBe(
      `The options of open are ${kind}. Give an object with ${KNOWN.join(', ')}.`,
    )
  })
})

it.each([
  [new Map(), 'a Map'],
  [Promise.resolve(), 'a promise'],
  [{}, 'an object'],
  [new Uint8Array(), 'a Uint8Array'],
  [1n, 'a bigint'],
  [Symbol('s'), 'a symbol'],
])('what %s is, in words', (value, kind) => {
  expect(kindOf(value)).toBe(kind)
})
