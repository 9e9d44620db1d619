/**
 * Watches a cluster from outside: what its disks acknowledged, what it sends, and what its clients are
 * told; what it applies is in `commands.ts`. It must never believe what an engine says about itself.
 */
import { compareBallots, formatBallot } from '@paxos/core'
import type { Ballot, Change, Envelope, Identity, NodeId, Saved, Slot } from '@paxos/core'
import { decodeConfiguration, membersEntryIn } from '@paxos/core/multi'
import type { Configuration } from '@paxos/core/multi'
import { Choices, isQuorum } from './choices.ts'
import type { OnConfiguration } from './choices.ts'
import { Commands } from './commands.ts'
import { Durable, keyOf } from './durable.ts'
import type { Command } from './registers.ts'
import type { Report } from './violation.ts'

type Message = Envelope['message']
type MessageOf<Type extends Message['type']> = Extract<Message, { readonly type: Type }>

/** One disk of a node, from when it was put in until it is lost. */
interface Disk {
  readonly id: NodeId
  /** '' before it was opened. */
  incarnation: string
  readonly durable: Durable
  /** Whether it is in the place of one that had voted. */
  readonly mustWait: boolean
  promiseSent: Ballot | null
  hasVoted: boolean
  /** By ballot: the acceptances through this slot were looked at. */
  readonly heldThrough: Map<string, Slot>
}

/** A node leads, with a ballot with which it did not before. */
export type OnLeader = (id: NodeId, ballot: Ballot) => void

/** Everything that is known of one cluster. */
export class Watcher {
  readonly #report: Report
  readonly #onLeader: OnLeader
  readonly #choices: Choices
  readonly #disks = new Map<NodeId, Disk>()
  readonly #lost: Disk[] = []
  /** By slot and ballot. */
  readonly #values = new Map<string, string>()
  /** By ballot: who has promised it, and as which incarnation. */
  readonly #promisedBy = new Map<string, Map<NodeId, string>>()
  /** By ballot: the life that prepares it. */
  readonly #preparedIn = new Map<string, string>()
  readonly #bases = new Map<string, Slot>()
  readonly #ledBy = new Set<string>()
  /** By ballot: the slot of a members entry, behind which nothing is proposed before it is chosen. */
  readonly #barriers = new Map<string, Slot>()
  #complete: Slot = 0
  /** The incarnations that a candidate has said it will count. */
  readonly #named = new Set<string>()
  readonly #snapshots = new Map<Slot, string>()
  readonly #commands: Commands

  /**
   * `nodes` vote at first. `onConfiguration` is told of each configuration that is chosen, `onLeader`
   * of each ballot, when the first message that leads with it leaves.
   */
  constructor(
    nodes: readonly NodeId[],
    report: Report,
    onConfiguration: OnConfiguration = () => undefined,
    onLeader: OnLeader = () => undefined,
  ) {
    this.#report = report
    this.#onLeader = onLeader
    this.#choices = new Choices(firstConfiguration(nodes), report, onConfiguration)
    this.#commands = new Commands(report, this.#choices)
    for (const id of nodes) this.#diskOf(id)
  }

  /** What is chosen, and who is in the cluster. */
  get choices(): Omit<Choices, 'held'> {
    return this.#choices
  }

  /** The incarnation of the disk that is in a node; '' before it has one. */
  incarnationOf(id: NodeId): string {
    return this.#disks.get(id)?.incarnation ?? ''
  }

  /** The newest version that a leader has called complete. */
  get complete(): Slot {
    return this.#complete
  }

  /** Whether the disk that is in a node took the place of one that had voted. */
  isInPlaceOfAnother(id: NodeId): boolean {
    return this.#disks.get(id)?.mustWait === true
  }

  /** Whether the disk that is in a node says that it was let in to vote where none is named. */
  isAdmitted(id: NodeId): boolean {
    return this.#disks.get(id)?.durable.admitted === true
  }

  /** The disk of a node is lost, with all that is on it; another one is put in, and is empty. */
  lost(id: NodeId): void {
    const disk = this.#diskOf(id)
    this.#lost.push(disk)
    this.#disks.set(id, this.#newDisk(id, disk.hasVoted || disk.mustWait))
  }

  /** A client is about to ask for a command. */
  issued(command: Command): void {
    this.#commands.issued(command)
  }

  /** A disk was opened. */
  opened(id: NodeId, saved: Saved & { readonly identity?: Identity | null }): void {
    const disk = this.#diskOf(id)
    const incarnation = saved.identity?.incarnation ?? ''
    if (disk.incarnation !== '' && disk.incarnation !== incarnation) {
      this.#report('disk-keeps', id, `The disk of ${id} has lost its incarnation.`)
    }
    disk.incarnation = incarnation
    disk.durable.reopen(saved)
    for (const { slot, ballot, value } of saved.accepted) {
      this.#held(disk, slot, ballot, keyOf(value))
    }
  }

  /** A disk has acknowledged a save. */
  saved(id: NodeId, change: Change): void {
    const disk = this.#diskOf(id)
    const { durable } = disk
    const knownBefore = durable.chosenThrough
    durable.apply(change, (slot, value) => this.#choices.of(slot)?.value === value)
    for (const { slot, ballot, value } of change.accepted ?? []) {
      this.#held(disk, slot, ballot, keyOf(value))
    }
    const first = Math.max(knownBefore, durable.snapshotThrough) + 1
    for (let slot = first; slot <= durable.chosenThrough; slot += 1) {
      this.#checkChosen(id, slot, durable.entries.get(slot)?.value ?? null)
    }
    const { snapshot } = change
    if (snapshot === undefined || snapshot.through === 0) return
    if (snapshot.through > this.#choices.through) {
      this.#report('agreement', id, `${id} has a snapshot of ${snapshot.through}, not yet chosen.`)
    }
    this.#checkMembers(id, snapshot.through, snapshot.configuration)
    const bytes = keyOf(snapshot.bytes)
    const known = this.#snapshots.get(snapshot.through) ?? bytes
    this.#snapshots.set(snapshot.through, known)
    if (known === bytes) return
    this.#report('same-state', id, `${id} has another snapshot of slot ${snapshot.through}.`)
  }

  /** A frame is about to leave a node, in the life of that number. */
  sent(id: NodeId, life: number, message: Message): void {
    const { type } = message
    if (type === 'logPrepare') this.#sentPrepare(id, life, message)
    if (type === 'logPromise') this.#sentPromise(id, message)
    if (type === 'logAccept' || type === 'logHeartbeat') this.#sentAsLeader(id, message)
    if (type === 'logAccept') this.#sentAccept(id, message)
    if (type === 'logAccepted' || type === 'logHeartbeatAnswer') this.#sentAccepted(id, message)
    if (type !== 'fetched') return
    for (const { slot, value } of message.entries) this.#checkChosen(id, slot, keyOf(value))
  }

  /** A node has applied a command. `life` names its life. */
  applied(...what: Parameters<Commands['applied']>): void {
    this.#commands.applied(...what)
  }

  /** A client was told the result of a command. */
  acknowledged(command: number): void {
    const slot = this.#commands.slotOf(command)
    const chosen = this.#choices.of(slot)
    // What was on a disk when it was lost was there when the client was told, or before.
    const disks = [...this.#disks.values(), ...this.#lost].filter(
      ({ durable }) => chosen !== undefined && durable.holds(slot, chosen.value),
    )
    const isHeld = isQuorum(2, this.#choices.governing(slot), (id, named) =>
      disks.some((disk) => disk.id === id && (named === null || disk.incarnation === named)),
    )
    if (isHeld) return
    const problem = `A client has the result of command ${command}, which ${disks.length} disks hold.`
    this.#report('acknowledged-in-quorum', null, problem)
  }

  #diskOf(id: NodeId): Disk {
    const disk = this.#disks.get(id) ?? this.#newDisk(id, false)
    this.#disks.set(id, disk)
    return disk
  }

  #newDisk(id: NodeId, mustWait: boolean): Disk {
    const durable = new Durable(id, this.#report)
    const nothing = { incarnation: '', promiseSent: null, hasVoted: false }
    return { id, durable, mustWait, ...nothing, heldThrough: new Map() }
  }

  #held(disk: Disk, slot: Slot, ballot: Ballot, value: string): void {
    this.#checkOneValue(disk.id, slot, ballot, value)
    this.#choices.held(disk, slot, ballot, value)
  }

  /** Whether a phase 1 quorum of that configuration has promised the ballot. */
  #isPromised(id: NodeId, ballot: Ballot, configuration: Configuration): boolean {
    const promisedBy = new Map(this.#promisedBy.get(formatBallot(ballot)))
    const self = this.#diskOf(id)
    if (compareBallots(self.durable.promised, ballot) >= 0) promisedBy.set(id, self.incarnation)
    return isQuorum(1, configuration, (voter, named) => {
      const promisedAs = promisedBy.get(voter)
      return promisedAs !== undefined && (named === null || named === promisedAs)
    })
  }

  #sentPrepare(id: NodeId, life: number, { ballot, names }: MessageOf<'logPrepare'>): void {
    const name = formatBallot(ballot)
    const disk = this.#diskOf(id)
    const own = `${disk.incarnation} ${life}`
    const before = this.#preparedIn.get(name) ?? own
    // A disk that knows nothing may use what a lost one had only asked for.
    const isOther =
      before !== own && (before.startsWith(`${disk.incarnation} `) || this.#ledBy.has(name))
    if (ballot.node !== id || isOther) {
      this.#report('ballot-ownership', id, `${id} prepares ${name}, which is not its own to use.`)
    }
    this.#preparedIn.set(name, own)
    if (names !== undefined) this.#named.add(names)
    if (compareBallots(disk.durable.promised, ballot) < 0) {
      this.#report('durable-before-sent', id, `${id} prepares ${name} before that is durable.`)
    }
  }

  #sentPromise(id: NodeId, message: MessageOf<'logPromise'>): void {
    const { ballot, from, entries, next, chosenThrough, compactedThrough } = message
    const name = formatBallot(ballot)
    const disk = this.#diskOf(id)
    const { durable } = disk
    if (compareBallots(durable.promised, ballot) < 0) {
      this.#report('durable-before-sent', id, `${id} promises ${name} before that is durable.`)
    }
    this.#checkMayVote(disk)
    this.#checkNewest(disk, ballot)
    disk.promiseSent = ballot
    const told = new Map(entries.map((entry) => [entry.slot, entry]))
    for (const { slot, ballot: accepted } of entries) {
      if (this.#choices.isHeld(disk, slot, accepted)) continue
      const problem = `${id} promises ${name} with slot ${slot}, which is not durable.`
      this.#report('durable-before-sent', id, problem)
    }
    // What was asked for is gone into a snapshot: the candidate has to fetch it, and ask again.
    if (compactedThrough >= from) return
    for (const [slot, held] of durable.entries) {
      const isAskedFor = slot >= from && (next === 0 || slot < next)
      // What is known to be chosen may be fetched; what it accepted later is not of this promise.
      const mayBeLeftOut =
        slot <= Math.max(chosenThrough, durable.chosenThrough) ||
        compareBallots(held.ballot, ballot) >= 0
      if (!isAskedFor || mayBeLeftOut) continue
      if (compareBallots(told.get(slot)?.ballot ?? null, held.ballot) >= 0) continue
      this.#report('promise-kept', id, `${id} promises ${name} and hides slot ${slot}.`)
    }
    if (next > 0) return
    const promisedBy = this.#promisedBy.get(name) ?? new Map<NodeId, string>()
    this.#promisedBy.set(name, promisedBy.set(id, disk.incarnation))
  }

  #sentAsLeader(id: NodeId, message: MessageOf<'logAccept' | 'logHeartbeat'>): void {
    const { ballot, base, chosenThrough } = message
    const name = formatBallot(ballot)
    if (!this.#ledBy.has(name)) {
      this.#ledBy.add(name)
      this.#onLeader(id, ballot)
      // One that was away leads by what it knows of the members: see #checkProposer.
      const { chain } = this.#choices
      const isPromised = chain.some((each) => this.#isPromised(id, ballot, each))
      if (ballot.node !== id || !isPromised) {
        this.#report('ballot-ownership', id, `${id} leads with ${name} without a quorum.`)
      }
    }
    const known = this.#bases.get(name) ?? base
    this.#bases.set(name, known)
    if (known !== base) this.#report('ballot-ownership', id, `${id} changes the base of ${name}.`)
    // It votes for itself.
    this.#checkMayVote(this.#diskOf(id))
    if (message.type === 'logHeartbeat') this.#checkComplete(id, message.complete ?? 0)
    if (chosenThrough <= this.#choices.through) return
    this.#report('agreement', id, `${id} says that ${chosenThrough} is chosen, which it is not.`)
  }

  #sentAccept(id: NodeId, { ballot, first, values }: MessageOf<'logAccept'>): void {
    this.#checkProposer(id, ballot, first + values.length - 1)
    for (const [index, value] of values.entries()) {
      const slot = first + index
      const key = keyOf(value)
      this.#checkOneValue(id, slot, ballot, key)
      this.#noteBarrier(ballot, slot, value)
      const chosen = this.#choices.of(slot)
      if (chosen === undefined || compareBallots(ballot, chosen.ballot) <= 0) continue
      if (chosen.value === key) continue
      const problem = `${id} proposes another value in slot ${slot} than the chosen one.`
      this.#report('one-value-a-ballot', id, problem)
    }
  }

  /** The ballot of who proposes in a slot is promised by those who vote there. */
  #checkProposer(id: NodeId, ballot: Ballot, slot: Slot): void {
    const name = formatBallot(ballot)
    const barrier = this.#barriers.get(name) ?? Infinity
    if (slot > barrier && barrier > this.#choices.through) {
      const problem = `${id} proposes in slot ${slot}, behind members that are not chosen.`
      this.#report('members-barrier', id, problem)
    }
    const governing = this.#choices.governing(slot)
    if (this.#isPromised(id, ballot, governing)) return
    // Below the ballot at which the members were chosen, nothing that it proposes there is ever chosen.
    const changed = this.#choices.of(governing.version)
    if (changed !== undefined && compareBallots(ballot, changed.ballot) < 0) return
    const problem = `${id} proposes in slot ${slot} with ${name}, without a quorum of those who vote there.`
    this.#report('ballot-ownership', id, problem)
  }

  #noteBarrier(ballot: Ballot, slot: Slot, value: Uint8Array): void {
    const entry = slot <= this.#choices.through ? null : membersEntryIn(value)
    if (entry?.replaces === this.#choices.newest.version) {
      this.#barriers.set(formatBallot(ballot), slot)
    }
  }

  #sentAccepted(id: NodeId, message: MessageOf<'logAccepted' | 'logHeartbeatAnswer'>): void {
    const { ballot, through } = message
    const name = formatBallot(ballot)
    const disk = this.#diskOf(id)
    this.#checkMayVote(disk)
    this.#checkNewest(disk, ballot)
    let slot = (disk.heldThrough.get(name) ?? (this.#bases.get(name) ?? 1) - 1) + 1
    for (; slot <= through; slot += 1) {
      if (this.#choices.isHeld(disk, slot, ballot) || this.#choices.of(slot) !== undefined) continue
      const problem = `${id} says that it holds slot ${slot} at ${name} before that is durable.`
      return this.#report('durable-before-sent', id, problem)
    }
    disk.heldThrough.set(name, Math.max(through, disk.heldThrough.get(name) ?? 0))
  }

  /** A disk that took the place of one that had voted votes only where it is named. */
  #checkMayVote(disk: Disk): void {
    disk.hasVoted = true
    const { id, incarnation, mustWait } = disk
    if (!mustWait || this.#named.has(incarnation)) return
    const isNamed = this.#choices.chain.some(({ members }) =>
      members.some((member) => member.id === id && member.incarnation === incarnation),
    )
    if (isNamed) return
    this.#report('empty-disk-waits', id, `${id} votes with an empty disk that nobody has let in.`)
  }

  /** Who has left may go only when a quorum of those who vote holds what was chosen before. */
  #checkComplete(id: NodeId, version: Slot): void {
    const chosen = this.#choices.of(version)
    if (version <= this.#complete || chosen === undefined) return
    this.#complete = version
    const disks = [...this.#disks.values(), ...this.#lost].filter(({ durable }) =>
      durable.holds(version, chosen.value),
    )
    const isHeld = this.#choices.chain.some(
      (each) =>
        each.version >= version &&
        isQuorum(2, each, (voter, named) =>
          disks.some((disk) => disk.id === voter && (named === null || disk.incarnation === named)),
        ),
    )
    if (isHeld) return
    const problem = `${id} says that version ${version} is complete, and no quorum holds what is before.`
    this.#report('members-complete', id, problem)
  }

  /** A snapshot says who is in the cluster behind its slot. */
  #checkMembers(id: NodeId, through: Slot, configuration: Uint8Array | undefined): void {
    if (configuration === undefined) return
    const { version } = decodeConfiguration(configuration)
    const expected = this.#choices.governing(through + 1).version
    if (version === expected) return
    const problem = `${id} has a snapshot of ${through} with the members of ${version}, not ${expected}.`
    this.#report('agreement', id, problem)
  }

  #checkNewest({ id, promiseSent }: Disk, ballot: Ballot): void {
    if (compareBallots(ballot, promiseSent) >= 0) return
    const problem = `${id} serves ${formatBallot(ballot)} after it promised ${formatBallot(promiseSent)}.`
    this.#report('promise-kept', id, problem)
  }

  #checkOneValue(id: NodeId, slot: Slot, ballot: Ballot, value: string): void {
    const name = `${slot} ${formatBallot(ballot)}`
    const known = this.#values.get(name)
    if (known === undefined) this.#values.set(name, value)
    else if (known !== value) {
      const problem = `In slot ${slot} there are two values at ballot ${formatBallot(ballot)}.`
      this.#report('one-value-a-ballot', id, problem)
    }
  }

  #checkChosen(id: NodeId, slot: Slot, value: string | null): void {
    const chosen = this.#choices.of(slot)
    if (chosen !== undefined && chosen.value === value) return
    const why = chosen === undefined ? 'which it is not' : 'with another value'
    this.#report('agreement', id, `${id} takes slot ${slot} for chosen, ${why}.`)
  }
}

function firstConfiguration(nodes: readonly NodeId[]): Configuration {
  const members = nodes.map((id) => ({
    id,
    address: `memory://${id}`,
    role: 'voter' as const,
    incarnation: null,
  }))
  return { version: 0, members, quorums: { type: 'majority' }, former: [] }
}
