/**
 * What the calls that change members are given, checked before anything is asked. Must refuse what no
 * members entry could say, so that nothing of it ever reaches the log.
 */
import { InvalidArgumentError, kindOf, requireOptions, requireText } from '@paxos/core'
import type { NodeId, Slot } from '@paxos/core'
import { MAX_ADDRESS_BYTES, requireLease } from '@paxos/core/multi'
import { encode } from '@paxos/core/wire'
import type { MembersChange, NewMember } from './member-changes.ts'
import type { WaitOptions } from './outcome.ts'

/** How to change the members. */
export interface ChangeMembersOptions extends WaitOptions {
  /**
   * The version that the members are to have, as members() said: when it is another one by then,
   * nothing is changed. Default: whichever there is.
   */
  readonly expected?: Slot | undefined
}

const CHANGES = [
  'add',
  'remove',
  'move',
  'renew',
  'promote',
  'demote',
  'weigh',
  'prioritize',
  'quorums',
  'lease',
] as const

/** Throws InvalidArgumentError for what is no change. */
export function requireChange(change: MembersChange): void {
  requireOptions('changeMembers', change, CHANGES satisfies readonly (keyof MembersChange)[])
  const { add = {}, remove = [], move = {}, renew = {}, promote = [], demote = [] } = change
  const { weigh = {}, prioritize = {}, lease } = change
  for (const [id, member] of entriesOf('add', add)) requireNewMember(id, member)
  for (const [name, addresses] of [
    ['move', move],
    ['renew', renew],
  ] as const) {
    for (const [id, address] of entriesOf(name, addresses)) requirePlace(id, address)
  }
  for (const [name, ids] of [
    ['remove', remove],
    ['promote', promote],
    ['demote', demote],
  ] as const) {
    requireIds(name, ids)
  }
  for (const [id, weight] of entriesOf('weigh', weigh)) requireWeight(id, weight)
  for (const [id, priority] of entriesOf('prioritize', prioritize)) requirePriority(id, priority)
  if (lease === undefined || lease === null) return
  requireOptions('lease', lease, ['durationMs', 'maxDriftPpm'])
  requireLease(lease)
}

/** Throws InvalidArgumentError for a version that there cannot be. */
export function requireVersion(expected: unknown): void {
  if (expected === undefined || (Number.isSafeInteger(expected) && Number(expected) >= 0)) return
  throw new InvalidArgumentError(
    `expected is ${kindOf(expected)}. Give the version that members() says.`,
  )
}

/** Throws InvalidArgumentError for what cannot be a member that joins. */
export function requireNewMember(id: NodeId, member: NewMember): void {
  requireOptions(`The member ${JSON.stringify(id)}`, member, [
    'address',
    'role',
    'weight',
    'priority',
  ])
  const { address, role, weight, priority } = member
  requirePlace(id, address)
  if (role !== undefined && role !== 'voter' && role !== 'learner') {
    throw new InvalidArgumentError(
      "A role is 'voter' or 'learner'. Give one of them, or leave it out.",
    )
  }
  if (weight !== undefined) requireWeight(id, weight)
  if (priority !== undefined) requirePriority(id, priority)
}

/** Throws InvalidArgumentError for an id that no frame could carry, or an address that is none. */
export function requirePlace(id: NodeId, address: unknown): void {
  requireId(id)
  requireText(`The address of ${JSON.stringify(id)}`, address)
  const bytes = new TextEncoder().encode(String(address)).byteLength
  if (bytes > 0 && bytes <= MAX_ADDRESS_BYTES) return
  throw new InvalidArgumentError(
    `The address of ${JSON.stringify(id)} has ${bytes} bytes. Give one of 1 to ${MAX_ADDRESS_BYTES}.`,
  )
}

/** Throws InvalidArgumentError for an id that no frame could carry. */
export function requireId(id: NodeId): void {
  requireText('The id of a member', id)
  encode({ cluster: '', from: id, message: { type: 'learn' } })
}

function requireIds(name: string, ids: readonly NodeId[]): void {
  if (!Array.isArray(ids)) {
    throw new InvalidArgumentError(`${name} is ${kindOf(ids)}. Give a list of ids.`)
  }
  for (const id of ids) requireId(id)
}

function requirePriority(id: NodeId, priority: unknown): void {
  const isPriority = Number.isSafeInteger(priority) && Number(priority) >= 0
  if (isPriority && Number(priority) <= MAX_PRIORITY) return
  throw new InvalidArgumentError(
    `The priority of ${JSON.stringify(id)} is none. Give a whole number from 0 to ${MAX_PRIORITY}.`,
  )
}

function requireWeight(id: NodeId, weight: unknown): void {
  if (Number.isSafeInteger(weight) && Number(weight) >= 1 && Number(weight) <= MAX_WEIGHT) return
  throw new InvalidArgumentError(
    `The weight of ${JSON.stringify(id)} is none. Give a whole number from 1 to ${MAX_WEIGHT}.`,
  )
}

function entriesOf<T>(name: string, byId: Readonly<Record<NodeId, T>>): [NodeId, T][] {
  const isMap = typeof byId === 'object' && byId !== null && !Array.isArray(byId)
  if (isMap) return Object.entries(byId)
  throw new InvalidArgumentError(`${name} is ${kindOf(byId)}. Give an object, by ids.`)
}

/** As core takes them. */
const MAX_WEIGHT = 1000

const MAX_PRIORITY = 1000
