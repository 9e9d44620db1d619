/**
 * Who is in the cluster, as far as this node has applied the log, and who can be reached besides. Every
 * node that has applied the same slots knows the same. Must never take an entry for made that was not,
 * nor forget an address while somebody may still be found at it.
 */
import type { Member, NodeId, Slot, Snapshot } from '@paxos/core'
import { configurationAfter, decodeConfiguration, MAX_MEMBERS } from '@paxos/core/multi'
import type { Configuration, LeaseRule, MembersEntry, QuorumRule, Role } from '@paxos/core/multi'
import { membersOf, plainAddress } from './members.ts'

/** Who is in the cluster. */
export interface ReplicaMembers {
  /** Grows with every change: what changeMembers() takes as `expected`. 0: nothing was changed yet. */
  readonly version: Slot
  readonly members: readonly ReplicaMember[]
  /** Which voters suffice. */
  readonly quorums: QuorumRule
  /** By what a leader has a lease; `null`: none has. */
  readonly lease: LeaseRule | null
  /** Whether a quorum of them is known to hold everything before this version. */
  readonly isComplete: boolean
}

/** One member. */
export interface ReplicaMember {
  readonly id: NodeId
  readonly address: string
  /** 'learner': it follows and answers, and its vote is never counted. */
  readonly role: Role
  /** The only disk of it that counts; `null` where none is named yet. */
  readonly incarnation: string | null
  /** What its vote weighs under the rule 'weighted'. */
  readonly weight: number
  /** The voters of the highest one should lead. */
  readonly priority: number
}

/** The configuration of a cluster that begins with `members`: all vote, by majority. */
export function firstConfiguration(
  members: ReadonlyMap<NodeId, string>,
  lease: LeaseRule | null = null,
): Configuration {
  const each = membersOf(members).map((member) => ({
    ...member,
    role: 'voter' as const,
    incarnation: null,
  }))
  const first = { version: 0, members: each, quorums: { type: 'majority' }, former: [] } as const
  return lease === null ? first : { ...first, lease }
}

/** That of the slots behind `snapshot`; `null` where it says none, as those of release 0.0.0. */
export function configurationIn({ configuration }: Snapshot): Configuration | null {
  return configuration === undefined ? null : decodeConfiguration(configuration)
}

/** The members that one node knows. */
export class MembersView {
  #configuration: Configuration
  #completeThrough: Slot = 0
  /** Who left with a change that is not known to be complete. */
  #leaving: readonly Member[] = []

  constructor(configuration: Configuration) {
    this.#configuration = configuration
  }

  /** That of the slot behind the last one that is applied here. */
  get configuration(): Configuration {
    return this.#configuration
  }

  /** Whether a version, and with it every earlier one, is complete. */
  isComplete(version: Slot): boolean {
    return version <= this.#completeThrough
  }

  /** The entry of a slot is applied. Whether it counts: another may have taken its place before. */
  applied(slot: Slot, entry: MembersEntry): boolean {
    const before = this.#configuration
    this.#configuration = configurationAfter(before, slot, entry)
    if (this.#configuration === before) return false
    this.#leaving = [...before.members, ...this.#leaving].slice(0, MAX_MEMBERS)
    return true
  }

  /** A snapshot took the place of the slots through its own. Whether others are members now. */
  installed(snapshot: Snapshot): boolean {
    const found = configurationIn(snapshot)
    if (found === null || found.version === this.#configuration.version) return false
    this.#configuration = found
    return true
  }

  /** The cluster says that a version is complete. Whether that is news. */
  completed(version: Slot): boolean {
    if (version <= this.#completeThrough) return false
    this.#completeThrough = version
    if (this.isComplete(this.#configuration.version)) this.#leaving = []
    return true
  }

  /** For people and programs. */
  get report(): ReplicaMembers {
    const { version, members, quorums, lease = null } = this.#configuration
    return {
      version,
      members: members.map(({ weight = 1, priority = 0, ...member }) => ({
        ...member,
        weight,
        priority,
      })),
      quorums,
      lease,
      isComplete: this.isComplete(version),
    }
  }

  /**
   * Whom `id` speaks with, and where each may be, the likeliest first: the members, where the log says;
   * who left, so that he can be told; and whom the options name, for of those that this node knew while
   * it was away nobody may be left, or be where he was. The members come first: see Whereabouts.
   */
  placesOf(
    id: NodeId,
    given: ReadonlyMap<NodeId, string>,
  ): ReadonlyMap<NodeId, readonly [string, ...string[]]> {
    const { members, former } = this.#configuration
    const places = new Map<NodeId, [string, ...string[]]>()
    for (const each of [...members, ...this.#leaving, ...former, ...membersOf(given)]) {
      const known = places.get(each.id)
      if (known === undefined) places.set(each.id, [each.address])
      else if (!known.some((address) => isSameAddress(address, each.address))) {
        known.push(each.address)
      }
    }
    places.delete(id)
    return places
  }
}

function isSameAddress(one: string, other: string): boolean {
  return one === other || plainAddress(one) === plainAddress(other)
}
