/**
 * What is chosen in a log, by whom its disks say that it is accepted, and who is in the cluster as it
 * follows from that. Must never believe what an engine says is chosen, nor count a disk that the
 * configuration of a slot does not name.
 */
import { compareBallots, formatBallot } from '@paxos/core'
import type { Ballot, NodeId, QuorumSystem, Slot } from '@paxos/core'
import { commandsOf, configurationAfter, decodeEntry, isEntry } from '@paxos/core/multi'
import { membersEntryIn, quorumsOf } from '@paxos/core/multi'
import type { Configuration } from '@paxos/core/multi'
import { bytesOf } from './durable.ts'
import type { Report } from './violation.ts'

/** What is known of a slot in which something is chosen. */
export interface Chosen {
  readonly value: string
  /** The lowest ballot at which it is known to be. */
  readonly ballot: Ballot
}

/** One disk of a node, by its incarnation; '' before it has one. */
export interface Voter {
  readonly id: NodeId
  readonly incarnation: string
}

/** What was accepted in a slot at a ballot, and on which disks. */
interface Held {
  readonly ballot: Ballot
  readonly value: string
  /** By node: the incarnations of its disks. */
  readonly by: Map<NodeId, Set<string>>
}

/** Told of each configuration that begins to govern, and of the one before. */
export type OnConfiguration = (before: Configuration, after: Configuration) => void

/** The choices of one log. */
export class Choices {
  readonly #report: Report
  readonly #onConfiguration: OnConfiguration
  readonly #chain: Configuration[]
  readonly #chosen = new Map<Slot, Chosen>()
  readonly #held = new Map<Slot, Map<string, Held>>()
  #through: Slot = 0
  /** By revision, from 1 on: in which slot that command is chosen; `null` where that holds none. */
  readonly #slots: (Slot | null)[] = []

  constructor(initial: Configuration, report: Report, onConfiguration: OnConfiguration) {
    this.#chain = [initial]
    this.#report = report
    this.#onConfiguration = onConfiguration
  }

  /** The slot of the command with that revision; `null` while it is not known to be chosen. */
  slotOf(revision: number): Slot | null {
    return this.#slots[revision - 1] ?? null
  }

  /** In every slot through this one something is chosen. */
  get through(): Slot {
    return this.#through
  }

  /** The one behind everything that is chosen without a gap. */
  get newest(): Configuration {
    const newest = this.#chain.at(-1)
    if (newest === undefined) throw new Error('There is always a configuration.')
    return newest
  }

  /** All that there were, the oldest first. */
  get chain(): readonly Configuration[] {
    return this.#chain
  }

  /** That of a slot; of one that is not reached yet, the newest. */
  governing(slot: Slot): Configuration {
    return this.#chain.findLast(({ version }) => version < slot || version === 0) ?? this.newest
  }

  of(slot: Slot): Chosen | undefined {
    return this.#chosen.get(slot)
  }

  /** Whether that disk holds what was accepted there. */
  isHeld(voter: Voter, slot: Slot, ballot: Ballot): boolean {
    const held = this.#held.get(slot)?.get(formatBallot(ballot))
    return held?.by.get(voter.id)?.has(voter.incarnation) === true
  }

  /** A disk has made it durable. */
  held({ id, incarnation }: Voter, slot: Slot, ballot: Ballot, value: string): void {
    const name = formatBallot(ballot)
    let inSlot = this.#held.get(slot)
    if (inSlot === undefined) this.#held.set(slot, (inSlot = new Map()))
    let held = inSlot.get(name)
    if (held === undefined) inSlot.set(name, (held = { ballot, value, by: new Map() }))
    const incarnations = held.by.get(id)
    if (incarnations?.has(incarnation) === true) return
    if (incarnations === undefined) held.by.set(id, new Set([incarnation]))
    else incarnations.add(incarnation)
    this.#judge(slot, held)
    this.#advance()
  }

  #judge(slot: Slot, { ballot, value, by }: Held): void {
    if (!isQuorum(2, this.governing(slot), (id, named) => has(by.get(id), named))) return
    const chosen = this.#chosen.get(slot)
    if (chosen !== undefined && chosen.value !== value) {
      this.#report('agreement', null, `Two values are chosen in slot ${slot}.`)
    }
    if (chosen === undefined || compareBallots(ballot, chosen.ballot) < 0) {
      this.#chosen.set(slot, { value, ballot })
    }
  }

  /** Who governs a slot is known when the one before is chosen. */
  #advance(): void {
    for (;;) {
      const chosen = this.#chosen.get(this.#through + 1)
      if (chosen === undefined) return
      this.#through += 1
      const before = this.newest
      const value = bytesOf(chosen.value)
      this.#noteCommands(value)
      const entry = membersEntryIn(value)
      if (entry === null) continue
      const after = configurationAfter(before, this.#through, entry)
      if (after === before) continue
      this.#chain.push(after)
      this.#onConfiguration(before, after)
      this.#judgeAnew()
    }
  }

  /** A slot without a command takes a revision too. What is no entry, for a test has made it up, has none. */
  #noteCommands(value: Uint8Array): void {
    const entry = isEntry(value) ? decodeEntry(value) : null
    const count = entry === null ? 0 : commandsOf(entry).length
    if (count === 0) this.#slots.push(null)
    for (let n = 0; n < count; n += 1) this.#slots.push(this.#through)
  }

  /** What is behind a members entry is governed by another configuration than it seemed. */
  #judgeAnew(): void {
    for (const [slot, inSlot] of this.#held) {
      if (slot <= this.#through) continue
      this.#chosen.delete(slot)
      for (const held of inSlot.values()) this.#judge(slot, held)
    }
  }
}

type Voting = Pick<Configuration, 'members' | 'quorums'>

/**
 * Whether those voters of a configuration suffice of which `counts` says so, given the one incarnation
 * that counts, or `null` where any does.
 */
export function isQuorum(
  phase: 1 | 2,
  configuration: Voting,
  counts: (id: NodeId, named: string | null) => boolean,
): boolean {
  const { quorums, named } = votingIn(configuration)
  const counted = new Set<NodeId>()
  for (const id of quorums.acceptors) if (counts(id, named.get(id) ?? null)) counted.add(id)
  return phase === 1 ? quorums.isPhase1Quorum(counted) : quorums.isPhase2Quorum(counted)
}

interface Electorate {
  readonly quorums: QuorumSystem
  readonly named: ReadonlyMap<NodeId, string | null>
}

/** Made once for each: a configuration is asked for at each save. */
const electorates = new WeakMap<Voting, Electorate>()

function votingIn(configuration: Voting): Electorate {
  let found = electorates.get(configuration)
  if (found === undefined) {
    const named = new Map(configuration.members.map(({ id, incarnation }) => [id, incarnation]))
    electorates.set(configuration, (found = { quorums: quorumsOf(configuration), named }))
  }
  return found
}

function has(incarnations: ReadonlySet<string> | undefined, named: string | null): boolean {
  return incarnations !== undefined && (named === null || incarnations.has(named))
}
