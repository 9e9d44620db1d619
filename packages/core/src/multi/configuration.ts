/**
 * Who is in the cluster, as a value of the log, and which of them suffice for what.
 *
 * The rule (Lamport, Malkhi, Zhou: Reconfiguring a State Machine, 2010, and Stoppable Paxos there;
 * Paxos Made Moderately Complex, 2015, §6):
 *
 * 1. The configuration of a slot follows from the chosen prefix below it. A members entry chosen in
 *    slot s governs from s + 1 on, if it replaces the configuration of slot s; else it says nothing.
 * 2. Behind a members entry that it does not know to be chosen, a leader proposes nothing.
 * 3. A leader proposes in a slot only when a phase 1 quorum of the configuration of that slot has
 *    promised its ballot to it, and it proposes first what that quorum reports.
 *
 * Why that is enough. Let X be the members entry chosen in s, at ballots from x on. Who proposes in a
 * slot above s at ballot b, by another configuration than that of X, has proposed another value than
 * X in s, or means to: at b no quorum holds both, so nothing of it is chosen. And b < x: were b
 * above, its phase 1 quorum of the configuration of s would have reported X, and it would have
 * proposed that. So everything that is proposed above s by the right configuration has a higher
 * ballot than all that is proposed there by a wrong one, and among the former the usual argument
 * holds: their quorums are of one configuration. By induction on slots, one value is chosen in each.
 * No acceptor has to be in both configurations.
 *
 * It must never depend on anything but its arguments: all nodes compute the same from the same log.
 */
import type { NodeId } from '../ballot.ts'
import type { Member, Slot } from '../durability.ts'
import { DecodeError, InvalidArgumentError } from '../errors.ts'
import { requireName } from '../identity.ts'
import { flexible, grid, weighted } from '../quorum-systems.ts'
import { majority } from '../quorum.ts'
import type { QuorumSystem } from '../quorum.ts'
import { decodeUtf8, encodeUtf8 } from '../wire/utf8.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { MAX_ADDRESS_BYTES, MAX_FORMER_MEMBERS, MAX_MEMBERS } from './limits.ts'

/** 'voter': its promises and acceptances count. 'learner': it follows, and never counts. */
export type Role = 'voter' | 'learner'

/** A member of a configuration. */
export interface ConfiguredMember extends Member {
  readonly role: Role
  /**
   * The only incarnation of it whose votes count. `null`: whichever votes. A configuration that the
   * cluster started with names none; see Admission for what a node may do under such a one.
   */
  readonly incarnation: string | null
  /** What its vote weighs under the rule 'weighted', from 1 to 1000. Default: 1. */
  readonly weight?: number | undefined
  /**
   * Who of the voters should lead: those of the highest number, from 0 to 1000. It decides nothing
   * that safety rests on. Default: 0.
   */
  readonly priority?: number | undefined
}

/** What a leader may have a lease by: see `lease.ts` for what it rests on. */
export interface LeaseRule {
  /** For how long an acceptor gives its word, in milliseconds, from 1 to 60,000. */
  readonly durationMs: number
  /**
   * How much slower or faster than time any clock of the cluster may run, in parts of a million, from
   * 500, which is as much as clocks are slewed by, to 250,000.
   */
  readonly maxDriftPpm: number
}

/** Which voters suffice, as data. See `quorum-systems.ts` for what each means. */
export type QuorumRule =
  | { readonly type: 'majority' }
  | { readonly type: 'flexible'; readonly phase1: number; readonly phase2: number }
  | { readonly type: 'weighted' }
  /** The voters in the order in which they stand among the members, so many in a row. */
  | { readonly type: 'grid'; readonly columns: number }

/** What a members entry says. */
export interface MembersEntry {
  readonly type: 'members'
  /** The version that it takes the place of; when another one governs its slot, it says nothing. */
  readonly replaces: Slot
  readonly members: readonly ConfiguredMember[]
  readonly quorums: QuorumRule
  /**
   * Who left last, the newest first: they are still answered, so that they can learn of it. At most
   * MAX_FORMER_MEMBERS.
   */
  readonly former: readonly Member[]
  /** Leaders may have a lease. Absent: none may. */
  readonly lease?: LeaseRule | undefined
}

/** Who is in the cluster from some slot on. */
export interface Configuration extends Omit<MembersEntry, 'type' | 'replaces'> {
  /** The slot of its members entry; 0 for the one that the cluster started with. */
  readonly version: Slot
}

/** That of `slot` and of those behind it, when `entry` is chosen in `slot`, which `before` governs. */
export function configurationAfter(
  before: Configuration,
  slot: Slot,
  entry: MembersEntry,
): Configuration {
  if (entry.replaces !== before.version) return before
  const { members, quorums, former, lease } = entry
  return { version: slot, members, quorums, former, ...(lease !== undefined && { lease }) }
}

/** The voters of a configuration, in order. */
export function votersOf({ members }: Pick<Configuration, 'members'>): readonly ConfiguredMember[] {
  return members.filter(({ role }) => role === 'voter')
}

/**
 * The quorums of a configuration. Throws InvalidArgumentError for one with which nothing could be
 * chosen, or two values: no voters, sizes whose quorums need not meet, a row of a grid that is not
 * full.
 */
export function quorumsOf(configuration: Pick<Configuration, 'members' | 'quorums'>): QuorumSystem {
  const { quorums: rule } = configuration
  const voters = votersOf(configuration)
  const ids = voters.map(({ id }) => id)
  switch (rule.type) {
    case 'majority':
      return majority(ids)
    case 'flexible':
      return flexible(ids, rule)
    case 'weighted':
      return weighted(new Map(voters.map(({ id, weight }) => [id, weight ?? 1])))
    case 'grid':
      return grid(rowsOf(ids, rule.columns))
  }
}

/**
 * Throws InvalidArgumentError for members of which no cluster can be made: none that votes, an id or
 * an address that two of them have, one that has left and is there, a name that no message could
 * carry, quorums that need not meet.
 */
export function requireConfiguration({
  members,
  quorums,
  former,
  lease,
}: Omit<Configuration, 'version'>): void {
  if (members.length > MAX_MEMBERS || former.length > MAX_FORMER_MEMBERS) {
    throw new InvalidArgumentError(
      `${members.length} members, and ${former.length} former ones, are too many. ` +
        `Name at most ${MAX_MEMBERS}, and ${MAX_FORMER_MEMBERS}.`,
    )
  }
  for (const { role, incarnation } of members) {
    if (role !== 'voter' && role !== 'learner') {
      throw new InvalidArgumentError(`A role is ${String(role)}. Use 'voter' or 'learner'.`)
    }
    if (incarnation === null) continue
    requireName('The incarnation of a member', incarnation)
    if (incarnation === '') {
      throw new InvalidArgumentError('An incarnation is empty. Use null where none is named.')
    }
  }
  for (const member of [...members, ...former]) requireMember(member)
  requireDistinct(
    'id',
    [...members, ...former].map(({ id }) => id),
  )
  requireDistinct(
    'address',
    members.map(({ address }) => address),
  )
  if (members.some(({ weight = 1 }) => !isWhole(weight, 1, MAX_WEIGHT))) {
    throw new InvalidArgumentError(`A weight is none. Give whole numbers from 1 to ${MAX_WEIGHT}.`)
  }
  if (members.some(({ priority = 0 }) => !isWhole(priority, 0, MAX_PRIORITY))) {
    throw new InvalidArgumentError(
      `A priority is none. Give whole numbers from 0 to ${MAX_PRIORITY}.`,
    )
  }
  if (lease !== undefined) requireLease(lease)
  if (!RULES.includes(quorums.type)) {
    throw new InvalidArgumentError(
      `The rule of quorums is ${quorums.type}. Use one of ${RULES.join(', ')}.`,
    )
  }
  quorumsOf({ members, quorums })
}

/**
 * Throws InvalidArgumentError for a lease that nobody could hold, or that rests on clocks which do not
 * exist.
 */
export function requireLease({ durationMs, maxDriftPpm }: LeaseRule): void {
  if (!isWhole(durationMs, 1, MAX_LEASE_MS)) {
    throw new InvalidArgumentError(
      `A lease lasts ${durationMs} ms. Give whole milliseconds from 1 to ${MAX_LEASE_MS}.`,
    )
  }
  if (isWhole(maxDriftPpm, MIN_DRIFT_PPM, MAX_DRIFT_PPM)) return
  throw new InvalidArgumentError(
    `A lease expects clocks to run wrong by ${maxDriftPpm} ppm at most. No clock can be trusted ` +
      `so much, or so little: give from ${MIN_DRIFT_PPM} to ${MAX_DRIFT_PPM}.`,
  )
}

/**
 * How a configuration is written. 'plain' is of before there were priorities and leases, and holds
 * none: a node of then reads it. What says nothing of them is written like that.
 */
export type MembersForm = 'plain' | 'full'

/** The plainest form that holds what is said. */
export function formOf({ members, lease }: Omit<Configuration, 'version'>): MembersForm {
  const hasPriority = members.some(({ priority = 0 }) => priority > 0)
  return hasPriority || lease !== undefined ? 'full' : 'plain'
}

/** Writes all but the version, in the form that formOf() says. */
export function writeMembers(
  writer: ByteWriter,
  configuration: Omit<Configuration, 'version'>,
): void {
  requireConfiguration(configuration)
  const { members, quorums, former, lease } = configuration
  const isFull = formOf(configuration) === 'full'
  writer.integer(members.length)
  for (const { id, address, role, incarnation, weight, priority } of members) {
    writeText(writer, id)
    writeText(writer, address)
    writer.byte(role === 'voter' ? 1 : 0)
    writeText(writer, incarnation ?? '')
    writer.integer(weight ?? 1)
    if (isFull) writer.integer(priority ?? 0)
  }
  writeRule(writer, quorums)
  writer.integer(former.length)
  for (const { id, address } of former) {
    writeText(writer, id)
    writeText(writer, address)
  }
  if (!isFull) return
  writer.integer(lease?.durationMs ?? 0)
  writer.integer(lease?.maxDriftPpm ?? 0)
}

/** Reads what writeMembers() wrote. Throws DecodeError, also for members that make no cluster. */
export function readMembers(reader: ByteReader, form: MembersForm): Omit<Configuration, 'version'> {
  const isFull = form === 'full'
  const members = readFew(reader, MAX_MEMBERS, () => readMember(reader, isFull))
  const quorums = readRule(reader)
  const former = readFew(reader, MAX_FORMER_MEMBERS, () => {
    const id = readText(reader)
    return { id, address: readText(reader) }
  })
  const lease = isFull ? readLease(reader) : null
  const read = { members, quorums, former, ...(lease !== null && { lease }) }
  try {
    requireConfiguration(read)
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    throw reader.malformed(error.message)
  }
  if (formOf(read) !== form) throw reader.malformed('it is not of the plainest form')
  return read
}

function readLease(reader: ByteReader): LeaseRule | null {
  const [durationMs, maxDriftPpm] = [reader.integer(), reader.integer()]
  return durationMs === 0 && maxDriftPpm === 0 ? null : { durationMs, maxDriftPpm }
}

/**
 * A configuration in bytes, for a snapshot. Throws InvalidArgumentError for one of which no cluster
 * can be made.
 */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  requireVersion(configuration.version)
  const writer = new ByteWriter()
  writer.byte(FORMS[formOf(configuration)])
  writer.integer(configuration.version)
  writeMembers(writer, configuration)
  return writer.finish()
}

/** What encodeConfiguration() made these bytes of. Throws DecodeError when it was nothing. */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  const reader = new ByteReader(bytes, 'a configuration')
  const first = reader.byte()
  const form = first === FORMS.plain ? 'plain' : 'full'
  if (first !== FORMS[form]) throw new DecodeError(UNKNOWN_FORM)
  const version = reader.integer()
  const read = readMembers(reader, form)
  reader.end()
  return { version, ...read }
}

/** The first byte of an encoded configuration: another form would have another. */
const FORMS: Readonly<Record<MembersForm, number>> = { plain: 1, full: 2 }

const UNKNOWN_FORM = 'A configuration is of an unknown form. Upgrade this node.'

const MAX_WEIGHT = 1000

const MAX_PRIORITY = 1000

/** Longer than any leader is waited for. */
const MAX_LEASE_MS = 60_000

const MIN_DRIFT_PPM = 500

const MAX_DRIFT_PPM = 250_000

/** Throws InvalidArgumentError for what is no version: a slot, or 0. */
export function requireVersion(version: Slot): void {
  if (isWhole(version, 0, Number.MAX_SAFE_INTEGER)) return
  throw new InvalidArgumentError(`${version} is no version. Give that of a configuration.`)
}

/**
 * By their places. Another rule, or a bound that is another, needs another kind of entry: what this
 * version cannot read as a members entry says nothing here, and must say nothing to every version.
 */
const RULES = ['majority', 'flexible', 'weighted', 'grid'] as const satisfies QuorumRule['type'][]

function writeRule(writer: ByteWriter, rule: QuorumRule): void {
  writer.byte(RULES.indexOf(rule.type))
  if (rule.type === 'flexible') {
    writer.integer(rule.phase1)
    writer.integer(rule.phase2)
  } else if (rule.type === 'grid') {
    writer.integer(rule.columns)
  }
}

function readRule(reader: ByteReader): QuorumRule {
  const type = RULES[reader.byte()]
  if (type === undefined) throw reader.malformed('its quorums are of an unknown rule')
  switch (type) {
    case 'flexible':
      return { type, phase1: reader.positive(), phase2: reader.positive() }
    case 'grid':
      return { type, columns: reader.positive() }
    case 'majority':
    case 'weighted':
      return { type }
  }
}

function readMember(reader: ByteReader, isFull: boolean): ConfiguredMember {
  const id = readText(reader)
  const address = readText(reader)
  const role = reader.byte()
  if (role > 1) throw reader.malformed('a role is unknown')
  const incarnation = readText(reader)
  const weight = reader.positive()
  const priority = isFull ? reader.integer() : 0
  return {
    id,
    address,
    role: role === 1 ? 'voter' : 'learner',
    incarnation: incarnation === '' ? null : incarnation,
    ...(weight !== 1 && { weight }),
    ...(priority !== 0 && { priority }),
  }
}

function readFew<T>(reader: ByteReader, most: number, read: () => T): T[] {
  const count = reader.integer()
  if (count > most) throw reader.malformed('it names too many members')
  return reader.times(count, read)
}

function writeText(writer: ByteWriter, text: string): void {
  writer.sizedBytes(Uint8Array.from(encodeUtf8(text)))
}

function readText(reader: ByteReader): string {
  const utf8 = reader.sizedBytes()
  try {
    return decodeUtf8(utf8)
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw reader.malformed('a name is not well-formed UTF-8')
  }
}

function rowsOf(ids: readonly NodeId[], columns: number): NodeId[][] {
  if (!isWhole(columns, 1, ids.length) || ids.length % columns !== 0) {
    throw new InvalidArgumentError(
      `${ids.length} voters make no full rows of ${columns}. Choose a divisor of their number.`,
    )
  }
  return Array.from({ length: ids.length / columns }, (_, row) =>
    ids.slice(row * columns, (row + 1) * columns),
  )
}

function requireDistinct(what: string, names: readonly string[]): void {
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice === undefined) return
  throw new InvalidArgumentError(
    `Two members have one ${what}, ${JSON.stringify(twice)}. Give each its own.`,
  )
}

function requireMember({ id, address }: Member): void {
  requireName('The id of a member', id)
  if (id === 'all') {
    throw new InvalidArgumentError("'all' addresses every node. Give the member another id.")
  }
  if (typeof address === 'string' && encodeUtf8(address).length <= MAX_ADDRESS_BYTES) return
  throw new InvalidArgumentError(
    `The address of a member is no text of at most ${MAX_ADDRESS_BYTES} bytes. Give a shorter one.`,
  )
}

function isWhole(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most
}
