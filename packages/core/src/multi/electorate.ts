/**
 * Whose votes count in one configuration, and when they suffice. It must never count a vote of an
 * incarnation that the configuration does not name, nor anybody who is no voter of it.
 */
import type { NodeId } from '../ballot.ts'
import type { Slot } from '../durability.ts'
import type { QuorumSystem } from '../quorum.ts'
import { quorumsOf } from './configuration.ts'
import type { Configuration, ConfiguredMember } from './configuration.ts'

/** Who has voted, and as which incarnation it said that it did; '' where it did not say. */
export type Votes = ReadonlyMap<NodeId, string>

/** The voters of one configuration. */
export class Electorate {
  readonly configuration: Configuration
  readonly quorums: QuorumSystem
  readonly #members: ReadonlyMap<NodeId, ConfiguredMember>

  /** Whether the configuration says it all; else its quorums are those that the host gave. */
  readonly isWhole: boolean

  /** `quorums` only where they cannot be said as data. */
  constructor(configuration: Configuration, quorums?: QuorumSystem) {
    this.configuration = configuration
    this.quorums = quorums ?? quorumsOf(configuration)
    this.isWhole = quorums === undefined
    this.#members = new Map(configuration.members.map((member) => [member.id, member]))
  }

  /** Whether another says the same, whatever its version. */
  isLike({ configuration }: Electorate): boolean {
    return said(configuration) === said(this.configuration)
  }

  get version(): Slot {
    return this.configuration.version
  }

  member(id: NodeId): ConfiguredMember | null {
    return this.#members.get(id) ?? null
  }

  isVoter(id: NodeId): boolean {
    return this.quorums.acceptors.has(id)
  }

  /** The incarnation of `id` whose votes count; `null` where any does. */
  named(id: NodeId): string | null {
    return this.#members.get(id)?.incarnation ?? null
  }

  /** Whether a vote of `id` counts when it is of that incarnation. */
  counts(id: NodeId, incarnation: string): boolean {
    const named = this.named(id)
    return this.isVoter(id) && (named === null || named === incarnation)
  }

  isPhase1Quorum(votes: Votes): boolean {
    return this.quorums.isPhase1Quorum(this.#counted(votes))
  }

  isPhase2Quorum(votes: Votes): boolean {
    return this.quorums.isPhase2Quorum(this.#counted(votes))
  }

  #counted(votes: Votes): Set<NodeId> {
    const counted = new Set<NodeId>()
    for (const [id, incarnation] of votes) if (this.counts(id, incarnation)) counted.add(id)
    return counted
  }
}

function said({ members, quorums, former }: Configuration): string {
  return JSON.stringify([members, quorums, former])
}
