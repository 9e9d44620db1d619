import {
  CorruptionError,
  DecodeError,
  DurabilityError,
  FrameTooLargeError,
  IdentityError,
  invariant,
  InvalidArgumentError,
  InvariantError,
  joinEffects,
  LockedError,
  majority,
  MAX_ROUND,
  MissingPackageError,
  nextBallot,
  PaxosError,
  TransportError,
} from '@paxos/core'
import { describe, expect, it } from 'vitest'
import { at } from './messages.ts'

const cause = new Error('underneath')

describe('every error is a named PaxosError with a stable code', () => {
  it.each([
    [InvalidArgumentError, 'InvalidArgumentError', 'ERR_PAXOS_INVALID_ARGUMENT'],
    [DecodeError, 'DecodeError', 'ERR_PAXOS_DECODE'],
    [InvariantError, 'InvariantError', 'ERR_PAXOS_INVARIANT'],
    [FrameTooLargeError, 'FrameTooLargeError', 'ERR_PAXOS_FRAME_TOO_LARGE'],
    [CorruptionError, 'CorruptionError', 'ERR_PAXOS_CORRUPTION'],
    [IdentityError, 'IdentityError', 'ERR_PAXOS_IDENTITY'],
    [LockedError, 'LockedError', 'ERR_PAXOS_LOCKED'],
    [MissingPackageError, 'MissingPackageError', 'ERR_PAXOS_PACKAGE_MISSING'],
  ])('%o', (Class, name, code) => {
    const error = new Class('What happened. What to do.', { cause })
    expect(error).toBeInstanceOf(PaxosError)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name, code, message: 'What happened. What to do.', cause })
  })

  it.each(['ERR_PAXOS_ADDRESS_IN_USE', 'ERR_PAXOS_TRANSPORT_FAILED'] as const)(
    'a TransportError says why: %s',
    (code) => {
      const error = new TransportError(code, 'What happened. What to do.', { cause })
      expect(error).toBeInstanceOf(PaxosError)
      expect(error).toMatchObject({ name: 'TransportError', code, cause })
    },
  )

  it.each(['ERR_PAXOS_DURABILITY_FAILED', 'ERR_PAXOS_DURABILITY_POISONED'] as const)(
    'a DurabilityError says why: %s',
    (code) => {
      const error = new DurabilityError(code, 'What happened. What to do.', { cause })
      expect(error).toBeInstanceOf(PaxosError)
      expect(error).toMatchObject({ name: 'DurabilityError', code, cause })
    },
  )
})

describe('what must be true is asserted', () => {
  it('invariant() throws unless its condition holds, and says to stop', () => {
    expect(() => {
      invariant(true, 'all is well')
    }).not.toThrow()
    expect(() => {
      invariant(false, 'one and one is three')
    }).toThrow(/^Impossible state: one and one is three\. Stop this node/)
  })

  it('rounds end before numbers stop being exact', () => {
    expect(nextBallot(at(MAX_ROUND - 1), 'a')).toEqual(at(MAX_ROUND))
    expect(() => nextBallot(at(MAX_ROUND), 'a')).toThrow(InvariantError)
  })

  it('one step asks for at most one save', () => {
    const saving = { send: [], save: { change: { promised: at(1) }, then: [] }, events: [] }
    const quiet = { send: [], events: [] }
    expect(joinEffects(quiet, saving, quiet)).toEqual(saving)
    expect(joinEffects(quiet, quiet)).toEqual(quiet)
    expect(() => joinEffects(saving, saving)).toThrow(InvariantError)
  })
})

it('a refused argument says what was wrong, and in the last sentence the way out', () => {
  expect(() => majority([])).toThrow(/ Name at least one\.$/)
  expect(() => majority(['a', 'a'])).toThrow(/ Name each once\.$/)
  expect(() => majority(['all'])).toThrow(/ Give the node another id\.$/)
})
