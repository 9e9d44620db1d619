/**
 * What a leader makes of members entries: which of them it proposes, and the ones that it proposes by
 * itself, which name the disks of voters that were never named. It alone hears everybody, so it alone
 * knows who is there. Must never propose an entry by which the cluster would stand still, nor one that
 * lets a disk vote which has not learned the log, or which is not the one that it says (P28, P34).
 */
import type { NodeId, Slot } from '@paxos/core'
import { votersOf } from '@paxos/core/multi'
import type { Configuration, ConfiguredMember, MembersEntry } from '@paxos/core/multi'
import { MembersRefusedError } from './errors.ts'
import { LEARNER_SILENT_PERIODS, VOTER_BEHIND_PERIODS } from './limits.ts'
import { newVotersOf, requireLiveQuorum } from './member-changes.ts'

/** Which disk of a member was heard last, and how far it has stored the log. */
export interface HeardDisk {
  readonly incarnation: string
  readonly storedThrough: Slot
}

export interface MembersLeaderOptions {
  readonly id: NodeId
  /** That of this node. */
  readonly incarnation: string
  readonly configuration: () => Configuration
  /** What the other members say of themselves. */
  readonly heardDisks: () => ReadonlyMap<NodeId, HeardDisk>
  /** Who was heard since then. */
  readonly heardSince: (sinceMs: number) => ReadonlySet<NodeId>
  /** Which other voters are known to vote for this leadership, and were heard since then. */
  readonly votedSince: (sinceMs: number) => ReadonlySet<NodeId>
  readonly chosenThrough: () => Slot
  readonly nowMs: () => number
  /** Whether that member is spoken with at that address. */
  readonly isAt: (id: NodeId, address: string) => boolean
  readonly heartbeatPeriodMs: number
  readonly livenessWindowMs: number
}

/** The members as the leader decides about them. */
export class MembersLeader {
  readonly #options: MembersLeaderOptions
  /** What was chosen when, since this node leads; the oldest first, as long as it is needed. */
  #chosen: { readonly atMs: number; readonly through: Slot }[] = []
  /** The disk that was named last of each who is there or left lately, as far as this node has seen. */
  readonly #named = new Map<NodeId, string>()
  /** Who has said as which disk it runs, and when: since it is the member that it is now. */
  readonly #heard = new Map<NodeId, { readonly incarnation: string; readonly atMs: number }>()
  #before: Configuration | null = null

  constructor(options: MembersLeaderOptions) {
    this.#options = options
    this.membersChanged()
  }

  /**
   * Others are members. Of one that joins, or gets a new disk, the former disk is remembered, and what
   * was heard of it counts no more: it may have been the last of a node that was removed (P31).
   */
  membersChanged(): void {
    const configuration = this.#options.configuration()
    const { members, former } = configuration
    const were = new Map(this.#before?.members.map((member) => [member.id, member]))
    const known = new Set([...members, ...former].map(({ id }) => id))
    for (const id of this.#named.keys()) if (!known.has(id)) this.#named.delete(id)
    for (const id of this.#heard.keys()) if (!known.has(id)) this.#heard.delete(id)
    for (const { id, incarnation } of members) {
      if (incarnation !== null) this.#named.set(id, incarnation)
      const was = were.get(id)
      const isOther = was === undefined || (was.incarnation !== null && incarnation === null)
      if (this.#before !== null && isOther) this.#heard.delete(id)
    }
    this.#before = configuration
  }

  /** A member says as which disk it runs. */
  heard(from: NodeId, incarnation: string): void {
    if (incarnation === '' || incarnation === this.#spent(from)) return
    this.#heard.set(from, { incarnation, atMs: this.#options.nowMs() })
  }

  /** Whether it is the one that is meant by that id who runs as that disk, and no former one of it. */
  isMeant(id: NodeId, incarnation: string): boolean {
    const member = this.#options.configuration().members.find((each) => each.id === id)
    if (member === undefined) return true
    const { incarnation: named } = member
    return named === null ? incarnation !== this.#spent(id) : incarnation === named
  }

  /** To be called now and then while this node leads. */
  observe(): void {
    const { nowMs, chosenThrough } = this.#options
    this.#chosen.push({ atMs: nowMs(), through: chosenThrough() })
    const [, second] = this.#chosen
    if (second !== undefined && second.atMs <= this.#asOfMs) this.#chosen.shift()
  }

  /** This node has begun to lead, or leads no longer. */
  leadershipChanged(): void {
    this.#chosen = []
  }

  /**
   * What to propose for `entry`, with the disks named of those that are to vote; `null` when it says
   * nothing any more: whoever wants it will see so in the log. Throws MembersRefusedError.
   */
  consider(entry: MembersEntry): MembersEntry | null {
    const configuration = this.#options.configuration()
    if (entry.replaces !== configuration.version) return null
    const anew = new Set(newVotersOf(configuration, entry).map(({ id }) => id))
    const members = entry.members.map((member) =>
      anew.has(member.id) ? this.#promoted(member) : member,
    )
    const named = { ...entry, members }
    requireLiveQuorum(named, this.#alive(configuration, named))
    return named
  }

  /** The entry that names the disks of the voters, once all are heard; `null` when there is none. */
  naming(): MembersEntry | null {
    const { version, ...rest } = this.#options.configuration()
    const { members } = rest
    const unnamed = members.filter(
      ({ role, incarnation }) => role === 'voter' && incarnation === null,
    )
    if (unnamed.length === 0) return null
    const named = members.map((member) =>
      unnamed.includes(member)
        ? { ...member, incarnation: this.#diskOf(member.id)?.incarnation ?? null }
        : member,
    )
    if (named.some(({ role, incarnation }) => role === 'voter' && incarnation === null)) return null
    return { ...rest, type: 'members', replaces: version, members: named }
  }

  #promoted(member: ConfiguredMember): ConfiguredMember {
    const { id } = member
    const disk = this.#diskOf(id)
    if (disk === null || !this.#isThere(id)) {
      throw new MembersRefusedError(
        'not-caught-up',
        `${JSON.stringify(id)} was not heard. Start it at ${JSON.stringify(member.address)}` +
          `${this.#spent(id) === null ? '' : ', from another disk than before'}.`,
      )
    }
    if (member.incarnation !== null && member.incarnation !== disk.incarnation) {
      throw new MembersRefusedError(
        'not-caught-up',
        `${JSON.stringify(id)} was heard with another disk than the one that is to vote. ` +
          'Make the change again.',
      )
    }
    const { storedThrough } = disk
    if (id !== this.#options.id && storedThrough < this.#neededThrough) {
      throw new MembersRefusedError(
        'not-caught-up',
        `${JSON.stringify(id)} has stored the log through slot ${storedThrough}, and has not caught up. ` +
          'Let it run, and make the change again.',
      )
    }
    return { ...member, incarnation: disk.incarnation }
  }

  /** The disk with which it voted before it left, or got another one: that one never votes again. */
  #spent(id: NodeId): string | null {
    const member = this.#options.configuration().members.find((each) => each.id === id)
    return (member?.incarnation ?? null) === null ? (this.#named.get(id) ?? null) : null
  }

  #diskOf(id: NodeId): HeardDisk | null {
    const { incarnation, chosenThrough } = this.#options
    if (id === this.#options.id) return { incarnation, storedThrough: chosenThrough() }
    const disk = this.#options.heardDisks().get(id)
    return disk !== undefined && disk.incarnation === this.#heard.get(id)?.incarnation ? disk : null
  }

  /** Whether it has spoken lately: what has stopped since may never come back. */
  #isThere(id: NodeId): boolean {
    if (id === this.#options.id) return true
    return (this.#heard.get(id)?.atMs ?? -Infinity) >= this.#seldomSinceMs
  }

  /** Since when a learner has spoken that is there. */
  get #seldomSinceMs(): number {
    const { nowMs, livenessWindowMs, heartbeatPeriodMs } = this.#options
    return nowMs() - Math.max(1.5 * livenessWindowMs, LEARNER_SILENT_PERIODS * heartbeatPeriodMs)
  }

  /**
   * What a new voter must have stored: all that was chosen some time ago, for it says seldom how far
   * it has come. Who has just begun to lead asks for everything.
   */
  get #neededThrough(): Slot {
    const [oldest] = this.#chosen
    const isOld = oldest !== undefined && oldest.atMs <= this.#asOfMs
    return isOld ? oldest.through : this.#options.chosenThrough()
  }

  get #asOfMs(): number {
    const { nowMs, heartbeatPeriodMs } = this.#options
    return nowMs() - VOTER_BEHIND_PERIODS * heartbeatPeriodMs
  }

  /**
   * Who is there, and votes: this node, the voters that it hears, and the learners, which say less. Not
   * those that move, but where they are already: they have to be started again where they will be. Nor
   * those that are heard and do not vote: where no disk is named, a new one may wait to be let in for
   * ever, and where one is named, no other disk ever is (P28, P34).
   */
  #alive(before: Configuration, after: MembersEntry): ReadonlySet<NodeId> {
    const { id, heardSince, votedSince, nowMs, isAt, livenessWindowMs } = this.#options
    const voters = new Set(votersOf(before).map((voter) => voter.id))
    const addresses = new Map(before.members.map((member) => [member.id, member.address]))
    const latelyMs = nowMs() - 1.5 * livenessWindowMs
    const lately = heardSince(latelyMs)
    const vote = votedSince(latelyMs)
    const seldom = heardSince(this.#seldomSinceMs)
    const alive = after.members.filter(
      (member) =>
        (voters.has(member.id) ? lately : seldom).has(member.id) &&
        (addresses.get(member.id) === member.address || isAt(member.id, member.address)) &&
        (member.incarnation === null
          ? vote.has(member.id)
          : member.incarnation === (this.#heard.get(member.id)?.incarnation ?? member.incarnation)),
    )
    return new Set([id, ...alive.map((member) => member.id)])
  }
}
