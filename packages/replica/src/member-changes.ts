/**
 * What a change of members comes to: one entry of the log, or two where somebody is to vote who did
 * not vote before, for he learns first. Pure: a configuration and a change in, an entry or a refusal
 * out. Must never make an entry with which nothing could be chosen, or two values, nor one that lets a
 * node vote which has not learned (P28).
 */
import { InvalidArgumentError, invariant } from '@paxos/core'
import type { Member, NodeId } from '@paxos/core'
import {
  MAX_FORMER_MEMBERS,
  MAX_MEMBERS,
  quorumsOf,
  requireConfiguration,
  votersOf,
} from '@paxos/core/multi'
import type {
  Configuration,
  ConfiguredMember,
  LeaseRule,
  MembersEntry,
  QuorumRule,
  Role,
} from '@paxos/core/multi'
import { MembersRefusedError } from './errors.ts'
import type { MembersRefusal } from './errors.ts'
import { plainAddress } from './members.ts'

/** A member that joins. */
export interface NewMember {
  /** Where it listens; no other member does. */
  readonly address: string
  /** 'voter': it learns first, and votes when it has caught up. Default: 'voter'. */
  readonly role?: Role | undefined
  /** What its vote weighs under the rule 'weighted', from 1 to 1000. Default: 1. */
  readonly weight?: number | undefined
  /** Who should lead: the voters of the highest priority, from 0 to 1000. Default: 0. */
  readonly priority?: number | undefined
}

/** What to change, all of it together or nothing. Each member is named at most once. */
export interface MembersChange {
  /** Who joins, by id. */
  readonly add?: Readonly<Record<NodeId, NewMember>> | undefined
  /** Who leaves. */
  readonly remove?: readonly NodeId[] | undefined
  /** Where members listen from now on that keep their disks, by id. */
  readonly move?: Readonly<Record<NodeId, string>> | undefined
  /**
   * Members whose disk was lost or is to be forgotten, and where they listen from now on, by id: each
   * begins anew from an empty disk, learns, and votes again if it did.
   */
  readonly renew?: Readonly<Record<NodeId, string>> | undefined
  /** Learners that are to vote. */
  readonly promote?: readonly NodeId[] | undefined
  /** Voters that are to be learners. */
  readonly demote?: readonly NodeId[] | undefined
  /** What votes weigh from now on under the rule 'weighted', by id. */
  readonly weigh?: Readonly<Record<NodeId, number>> | undefined
  /**
   * Who should lead from now on, by id: see NewMember.priority. Who is of a higher priority than the
   * leader, has caught up, and was heard without a pause for some liveness windows, is let lead.
   */
  readonly prioritize?: Readonly<Record<NodeId, number>> | undefined
  /** Which voters suffice from now on. Default: as before. */
  readonly quorums?: QuorumRule | undefined
  /** By what a leader has a lease from now on; `null`: none has. Default: as before. */
  readonly lease?: LeaseRule | null | undefined
}

/** What one entry changes. */
export interface Step {
  /** Members that are new, or other than before. */
  readonly put: readonly Put[]
  readonly remove: readonly NodeId[]
  readonly quorums?: QuorumRule | undefined
  readonly lease?: LeaseRule | null | undefined
}

/** One member of a step. */
export interface Put {
  readonly id: NodeId
  /** Whether it joins; otherwise it has to be a member. */
  readonly joins: boolean
  /** What it is from now on; what is left out stays as it is. */
  readonly as: Partial<Omit<ConfiguredMember, 'id'>>
}

/**
 * The steps of a change, to be made in this order: what has to come first so that new voters can
 * learn, and the rest. Throws MembersRefusedError for a change that means nothing in `configuration`.
 */
export function stepsOf(configuration: Configuration, change: MembersChange): readonly Step[] {
  requireOnce(change)
  const { add = {}, remove = [], move = {}, renew = {}, promote = [], demote = [] } = change
  const { weigh = {}, prioritize = {}, quorums, lease } = change
  const first: Put[] = []
  const last: Put[] = []
  for (const [id, { address, role = 'voter', weight, priority }] of Object.entries(add)) {
    const as = { address, role: 'learner', incarnation: null, weight, priority } as const
    first.push({ id, joins: true, as })
    if (role === 'voter') last.push(promotion(id))
  }
  for (const [id, address] of Object.entries(renew)) {
    const { role } = memberIn(configuration, id)
    first.push({ id, joins: false, as: { address, role: 'learner', incarnation: null } })
    if (role === 'voter') last.push(promotion(id))
  }
  for (const [id, address] of Object.entries(move)) {
    first.push({ id, joins: false, as: { address } })
  }
  for (const id of promote) {
    requireRole(configuration, id, 'learner')
    last.push(promotion(id))
  }
  const learns = last.length > 0
  const rest: Put[] = learns ? last : first
  for (const id of demote) {
    requireRole(configuration, id, 'voter')
    rest.push({ id, joins: false, as: { role: 'learner' } })
  }
  for (const [id, weight] of Object.entries(weigh)) {
    rest.push({ id, joins: false, as: { weight } })
  }
  for (const [id, priority] of Object.entries(prioritize)) {
    rest.push({ id, joins: false, as: { priority } })
  }
  for (const id of remove) memberIn(configuration, id)
  const rules = { ...(quorums && { quorums }), ...(lease !== undefined && { lease }) }
  const final: Step = { put: rest, remove, ...rules }
  return learns && first.length > 0 ? [{ put: first, remove: [] }, final] : [final]
}

/**
 * The entry that makes `step` in the place of `configuration`. A promoted member has no incarnation in
 * it: the leader names the one that it hears. Throws MembersRefusedError.
 */
export function entryOf(configuration: Configuration, step: Step): MembersEntry {
  const left = configuration.members.filter(({ id }) => step.remove.includes(id))
  const members = new Map(configuration.members.map((member) => [member.id, member]))
  for (const id of step.remove) {
    memberIn(configuration, id)
    members.delete(id)
  }
  for (const put of step.put) {
    const before = members.get(put.id)
    if (put.joins && before !== undefined) throw duplicateId(put.id)
    if (!put.joins && before === undefined) throw unknownMember(configuration, put.id)
    members.set(put.id, withoutDefaults({ ...(before ?? NOBODY), ...put.as, id: put.id }))
  }
  const lease = leaseAfter(configuration, step)
  const entry: MembersEntry = {
    type: 'members',
    replaces: configuration.version,
    members: [...members.values()],
    quorums: step.quorums ?? configuration.quorums,
    former: formerOf(configuration, left, members),
    ...(lease !== null && { lease }),
  }
  requireSound(entry)
  return entry
}

/** Whether everything that `step` changes is so already. */
export function isMade(configuration: Configuration, step: Step): boolean {
  const members = new Map(configuration.members.map((member) => [member.id, member]))
  const { quorums = configuration.quorums } = step
  return (
    step.remove.every((id) => !members.has(id)) &&
    step.put.every(({ id, as }) => {
      const member = members.get(id)
      return member !== undefined && isAs(member, as)
    }) &&
    JSON.stringify(quorums) === JSON.stringify(configuration.quorums) &&
    isSameLease(leaseAfter(configuration, step), configuration.lease ?? null)
  )
}

function leaseAfter(configuration: Configuration, { lease }: Step): LeaseRule | null {
  return lease === undefined ? (configuration.lease ?? null) : lease
}

function isSameLease(a: LeaseRule | null, b: LeaseRule | null): boolean {
  return a?.durationMs === b?.durationMs && a?.maxDriftPpm === b?.maxDriftPpm
}

/** Who votes by `entry` and did not vote before, or as another incarnation. */
export function newVotersOf(
  before: Pick<Configuration, 'members'>,
  entry: Pick<MembersEntry, 'members'>,
): readonly ConfiguredMember[] {
  const voted = new Map(votersOf(before).map((voter) => [voter.id, voter.incarnation]))
  return votersOf(entry).filter(({ id, incarnation }) => {
    const named = voted.get(id)
    // A voter that was never named may be named; that is no new one.
    return named === undefined || (named !== null && named !== incarnation)
  })
}

/**
 * Throws MembersRefusedError unless the voters of `entry` that are `alive` are quorums of both
 * phases: else the cluster would stand still by the change itself (P34).
 */
export function requireLiveQuorum(entry: MembersEntry, alive: ReadonlySet<NodeId>): void {
  const quorums = quorumsOf(entry)
  if (quorums.isPhase1Quorum(alive) && quorums.isPhase2Quorum(alive)) return
  const missing = [...quorums.acceptors].filter((id) => !alive.has(id))
  throw new MembersRefusedError(
    'no-live-quorum',
    `Of the voters that there would be, ${namesOf(missing)} ${missing.length === 1 ? 'is' : 'are'} ` +
      'not heard to vote, and the rest is no quorum: nothing could be chosen any more. Start those ' +
      'first; remove them in the same change, or renew those whose disk was lost.',
  )
}

const NOBODY = { address: '', role: 'learner', incarnation: null } as const

function promotion(id: NodeId): Put {
  return { id, joins: false, as: { role: 'voter', incarnation: null } }
}

function isAs(member: ConfiguredMember, as: Put['as']): boolean {
  const { address = member.address, role = member.role } = as
  const { weight = member.weight ?? 1, priority = member.priority ?? 0 } = as
  const isPlace = member.address === address && member.role === role
  return isPlace && (member.weight ?? 1) === weight && (member.priority ?? 0) === priority
}

/** A weight of 1 is as none, and so is a priority of 0. */
function withoutDefaults(member: ConfiguredMember): ConfiguredMember {
  const { weight = 1, priority = 0, ...rest } = member
  return { ...rest, ...(weight !== 1 && { weight }), ...(priority !== 0 && { priority }) }
}

/** The newest first; an id that is a member again is none of them (P31). */
function formerOf(
  { former }: Configuration,
  left: readonly Member[],
  members: ReadonlyMap<NodeId, unknown>,
): readonly Member[] {
  const gone = new Set(left.map(({ id }) => id))
  const before = former.filter(({ id }) => !gone.has(id))
  return [...left.map(({ id, address }) => ({ id, address })), ...before]
    .filter(({ id }) => !members.has(id))
    .slice(0, MAX_FORMER_MEMBERS)
}

/** Two operations on one member in one change contradict each other, or mean the same. */
function requireOnce({
  add,
  remove = [],
  move,
  renew,
  promote,
  demote,
  weigh,
  prioritize,
  quorums,
  lease,
}: MembersChange): void {
  const named = [
    ...[add, move, renew, weigh, prioritize].flatMap((each) => Object.keys(each ?? {})),
    ...[remove, promote ?? [], demote ?? []].flat(),
  ]
  const twice = named.find((id, at) => named.indexOf(id) !== at)
  if (twice !== undefined) {
    throw new MembersRefusedError(
      'meaningless',
      `The change says two things of ${JSON.stringify(twice)}. Make them one after the other.`,
    )
  }
  if (named.length > 0 || quorums !== undefined || lease !== undefined) return
  throw new MembersRefusedError('meaningless', 'The change changes nothing. Say what is to be.')
}

function memberIn(configuration: Configuration, id: NodeId): ConfiguredMember {
  const found = configuration.members.find((member) => member.id === id)
  if (found !== undefined) return found
  throw unknownMember(configuration, id)
}

function requireRole(configuration: Configuration, id: NodeId, role: Role): void {
  const found = memberIn(configuration, id).role
  if (found === role) return
  throw new MembersRefusedError(
    'meaningless',
    `${JSON.stringify(id)} is a ${found} already. Leave it out of the change.`,
  )
}

/** Throws MembersRefusedError for members of which no cluster can be made, with the way out. */
function requireSound(entry: MembersEntry): void {
  const { members } = entry
  if (members.length > MAX_MEMBERS) {
    throw new MembersRefusedError(
      'too-many',
      `There would be ${members.length} members, and there may be ${MAX_MEMBERS}. Remove some first.`,
    )
  }
  requireAddresses(members)
  if (votersOf(entry).length === 0) {
    throw new MembersRefusedError(
      'no-voter',
      'Nobody would be left who votes, so nothing could be chosen any more. Add another voter first, ' +
        'or close the last node if the cluster is to end.',
    )
  }
  try {
    requireConfiguration(entry)
  } catch (cause) {
    invariant(cause instanceof InvalidArgumentError, 'a configuration is refused for no reason')
    const words = `${cause.message} Say in the same change which quorums there are to be.`
    throw new MembersRefusedError('quorums', words, { cause })
  }
}

/** P32: of two members at one address, one would answer for both. */
function requireAddresses(members: readonly ConfiguredMember[]): void {
  const owners = new Map<string, NodeId>()
  for (const { id, address } of members) {
    if (address === '') {
      throw new MembersRefusedError(
        'meaningless',
        `The address of ${JSON.stringify(id)} is empty. Say where it listens.`,
      )
    }
    const plain = plainAddress(address)
    const owner = owners.get(plain)
    if (owner !== undefined) {
      throw new MembersRefusedError(
        'duplicate-address',
        `${JSON.stringify(owner)} and ${JSON.stringify(id)} would have one address, ` +
          `${JSON.stringify(address)}. Give each an address of its own, or remove the other in the same change.`,
      )
    }
    owners.set(plain, id)
  }
}

function duplicateId(id: NodeId): MembersRefusedError {
  return new MembersRefusedError(
    'duplicate-id',
    `${JSON.stringify(id)} is a member already. Choose another id; replaceMember() gives it a new ` +
      'disk, moveMember() another address.',
  )
}

function unknownMember({ members }: Configuration, id: NodeId): MembersRefusedError {
  return new MembersRefusedError(
    'unknown-member',
    `${JSON.stringify(id)} is no member. Name one of ${namesOf(members.map((each) => each.id))}.`,
  )
}

function namesOf(ids: readonly NodeId[]): string {
  return ids.map((id) => JSON.stringify(id)).join(', ')
}

/** What a leader's host sends back with a refusal, and what its receiver makes of that. */
export function refusalInWords({ reason, message }: MembersRefusedError): string {
  return `${reason}: ${message}`
}

const REASONS: readonly string[] = [
  'no-live-quorum',
  'not-caught-up',
  'quorums',
] satisfies readonly MembersRefusal[]

/** The refusal that came with such words. */
export function refusalFromWords(words: string): MembersRefusedError {
  const [, reason = '', message = ''] = /^([a-z-]+): (.*)$/s.exec(words) ?? []
  const known = isReason(reason)
  return new MembersRefusedError(known ? reason : 'other', known ? message : words)
}

function isReason(text: string): text is MembersRefusal {
  return REASONS.includes(text)
}
