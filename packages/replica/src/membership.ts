/**
 * The members of the cluster as one node deals with them: knows them, changes them, and itself comes
 * and goes by them. Each part is in a file of its own; here is only what goes from one to another.
 * Must never stop a node that others may still need, nor let one go on that was shut out: of both it
 * has to be sure, for what a node knows while it catches up may be long past.
 */
import type { Member, NodeId, Slot, Snapshot } from '@paxos/core'
import { encodeEntry, membersEntryIn, quorumsOf } from '@paxos/core/multi'
import type { LogEffects, MembersEntry, MultiPaxos, MultiPaxosMessage } from '@paxos/core/multi'
import type { PeerStatus } from '@paxos/core/multi'
import type { Clock } from './clock.ts'
import { LostDiskError, MembersRefusedError, RemovedError } from './errors.ts'
import { refusalFromWords, refusalInWords } from './member-changes.ts'
import { MembersCalls } from './members-calls.ts'
import type { WantedChange } from './members-calls.ts'
import { MembersLeader } from './members-leader.ts'
import type { MembersView, ReplicaMembers } from './members-view.ts'
import type { WaitOptions } from './outcome.ts'
import type { PendingRead } from './reads.ts'
import { Surely } from './surely.ts'
import type { Logger } from './telemetry.ts'
import { Nagging } from './nagging.ts'
import type { Whereabouts } from './whereabouts.ts'

/** What a node is among the members. */
export type Standing = MultiPaxos['standing']

/** Something that happened to the members, or to this node among them. */
export type MembersNotice =
  /** Others are members from now on, or the same in another way. */
  | { readonly type: 'members-changed'; readonly members: ReplicaMembers }
  /**
   * A quorum of the members holds everything before that version: who was removed by it, or by an
   * earlier one, may go.
   */
  | { readonly type: 'members-complete'; readonly version: Slot }
  /**
   * This node has an empty disk, and does not vote before these have said that they never voted; or
   * nobody is named: then until the leader takes it in. Told again after longer and longer.
   */
  | { readonly type: 'waiting-for-members'; readonly members: readonly NodeId[] }
  /** This node votes from now on. */
  | { readonly type: 'admitted' }
  /** This node is no member any more. It stops as soon as nobody needs it. */
  | { readonly type: 'removed'; readonly version: Slot }
  /**
   * The members are not those of the options. `stored` counts, until the log says otherwise. Later, of
   * one member: it answers where the options say that it is, and not where the members say. It is
   * spoken with there, by those who were told; for all, call moveMember() with that address.
   */
  | {
      readonly type: 'members-differ'
      readonly stored: readonly Member[]
      readonly given: readonly Member[]
    }

export interface MembershipOptions {
  readonly id: NodeId
  readonly incarnation: string
  readonly engine: MultiPaxos
  readonly view: MembersView
  readonly whereabouts: Whereabouts
  /** Where this node listens, and whom it was told of when it was started. */
  readonly given: ReadonlyMap<NodeId, string>
  readonly clock: Clock
  readonly logger: Logger
  readonly heartbeatPeriodMs: number
  readonly livenessWindowMs: number
  /** Carries out an input of the engine. */
  readonly input: (give: () => LogEffects) => void
  readonly setPeers: (peers: ReadonlyMap<NodeId, string>) => void
  readonly heardSince: (sinceMs: number) => ReadonlySet<NodeId>
  readonly read: (read: PendingRead) => void
  readonly tell: (notice: MembersNotice) => void
  /** This node is over, for that reason. */
  readonly stop: (error: RemovedError | LostDiskError) => void
}

/** The members as one node deals with them. */
export class Membership {
  readonly #options: MembershipOptions
  readonly #leader: MembersLeader
  readonly #calls: MembersCalls
  readonly #surely: Surely
  readonly #waiting = new Nagging()
  #startedAtMs: number
  #waitedFor = ''
  #hasToldRemoval = false
  /** By member: where it was found though the members say otherwise, as was told. */
  readonly #foundAt = new Map<NodeId, string>()

  constructor(options: MembershipOptions) {
    this.#options = options
    const { engine, view, clock } = options
    this.#startedAtMs = clock.nowMs()
    this.#leader = new MembersLeader({
      ...options,
      configuration: () => view.configuration,
      heardDisks: () => engine.heardIncarnations,
      votedSince: (sinceMs) =>
        new Set(
          [...engine.peers].filter(([, peer]) => hasVotedSince(peer, sinceMs)).map(([id]) => id),
        ),
      chosenThrough: () => engine.chosenThrough,
      nowMs: () => clock.nowMs(),
      isAt: (id, address) => options.whereabouts.peers.get(id) === address,
    })
    this.#calls = new MembersCalls({
      view,
      clock,
      read: options.read,
      give: (entry, bytes) => this.#give(entry, bytes),
    })
    this.#surely = new Surely()
  }

  /** See Replica.changeMembers(). */
  change(wanted: WantedChange, expected: Slot | null, wait: WaitOptions): Promise<ReplicaMembers> {
    return this.#calls.change(wanted, expected, wait)
  }

  /** Whether an entry waits for the leader, which may not be reached. */
  get areWaiting(): boolean {
    return this.#calls.areWaiting
  }

  /** The entry of a slot is applied. */
  applied(slot: Slot, entry: MembersEntry): void {
    if (this.#options.view.applied(slot, entry)) this.#changed(false)
  }

  /** A snapshot of another node has taken the place of what was before. */
  installed(snapshot: Snapshot): void {
    if (this.#options.view.installed(snapshot)) this.#changed(true)
  }

  /** A version is complete. Who waits for it is told before this node may go. */
  completed(version: Slot): void {
    const { view, tell, logger } = this.#options
    if (!view.completed(version)) return
    logger.info('members complete', { version })
    tell({ type: 'members-complete', version })
    this.#setPeers()
    this.#calls.completed()
    this.#look()
  }

  /** This node is let in. */
  admitted(): void {
    this.#options.logger.info('admitted')
    this.#options.tell({ type: 'admitted' })
  }

  /** This node has begun to lead, or leads no longer. */
  leadershipChanged(): void {
    this.#leader.leadershipChanged()
  }

  /** A message came, and the engine has seen it, or will. */
  received(from: NodeId, message: MultiPaxosMessage): void {
    if ('chosenThrough' in message) this.#surely.said(from, message.chosenThrough)
    if ('incarnation' in message && message.incarnation !== undefined) {
      this.#leader.heard(from, message.incarnation)
    }
    if (isAnswer(message) && this.#leader.isMeant(from, message.incarnation ?? '')) {
      this.#options.whereabouts.answered(from, this.#options.clock.nowMs())
      this.#noteWhere(from)
    }
  }

  /**
   * Of what another node hands over, takes what concerns the members, and returns the rest. What says
   * nothing any more is dropped without a word: who wants it sees so in the log.
   */
  forwarded(from: NodeId, values: readonly Uint8Array[]): readonly Uint8Array[] {
    return values.filter((value) => {
      const entry = membersEntryIn(value)
      if (entry === null) return true
      try {
        this.#propose(entry)
      } catch (error) {
        if (!(error instanceof MembersRefusedError)) throw error
        this.#options.logger.warn('a change of members is refused', { from, error })
        this.#options.input(() => this.#options.engine.refuse(from, [value], refusalInWords(error)))
      }
      return false
    })
  }

  /** The leader has refused what begins with one of `heads`. */
  refused(heads: readonly Uint8Array[], reason: string | undefined): void {
    if (reason !== undefined) this.#calls.refused(heads, refusalFromWords(reason))
  }

  /** What may be lost is done again, and what is due. To be called now and then. */
  again(): void {
    if (this.#options.engine.phase === 'leading') {
      this.#leader.observe()
      const naming = this.#leader.naming()
      if (naming !== null) this.#input(naming)
    }
    this.#calls.retry()
    this.#findOthers()
    this.#look()
  }

  /** No answer will come any more. */
  end(error: Error): void {
    this.#calls.end(error)
  }

  #changed(isBySnapshot: boolean): void {
    const { view, tell, logger } = this.#options
    const { report } = view
    this.#leader.membersChanged()
    this.#setPeers()
    logger.info('members changed', { version: report.version, members: report.members })
    tell({ type: 'members-changed', members: report })
    this.#calls.membersChanged(isBySnapshot)
  }

  /** Who does not answer is tried elsewhere, and who may be elsewhere is asked whether he is there. */
  #findOthers(): void {
    const { engine, whereabouts, clock, input } = this.#options
    const nowMs = clock.nowMs()
    if (whereabouts.look(nowMs)) this.#tellPeers()
    for (const peer of whereabouts.toAsk(nowMs)) input(() => engine.introduce(peer))
  }

  /** The members may be found where the options say, and not where the log does: then it is told. */
  #noteWhere(id: NodeId): void {
    const { view, whereabouts, given, logger, tell } = this.#options
    const { version, members } = view.configuration
    if (whereabouts.isLikeliest(id) || !view.isComplete(version)) return
    const stored = members.find((member) => member.id === id)?.address
    const address = whereabouts.peers.get(id)
    if (stored === undefined || address === undefined || address !== given.get(id)) return
    if (this.#foundAt.get(id) === address) return
    this.#foundAt.set(id, address)
    logger.warn(
      'a member is where the options say, and not where the members do: call moveMember() with it',
      { id, stored, given: address },
    )
    tell({ type: 'members-differ', stored: [{ id, address: stored }], given: [{ id, address }] })
  }

  #setPeers(): void {
    const { id, view, given, whereabouts, heardSince, clock, livenessWindowMs } = this.#options
    const nowMs = clock.nowMs()
    const heard = heardSince(nowMs - 2 * livenessWindowMs)
    whereabouts.know(view.placesOf(id, given), heard, nowMs)
    this.#tellPeers()
  }

  #tellPeers(): void {
    const { peers } = this.#options.whereabouts
    this.#surely.keep(peers)
    this.#options.setPeers(peers)
  }

  /** To the leader. Says whether it may be made by that. */
  #give(entry: MembersEntry, bytes: Uint8Array): boolean {
    const { engine, input } = this.#options
    if (engine.phase === 'leading') return this.#propose(entry)
    if (engine.forwardsTo.length === 0) return false
    input(() => engine.forward([bytes]))
    return true
  }

  /**
   * Where the engine has no room for it, it comes again from whoever wants it. Says whether it may be
   * made by that.
   */
  #propose(entry: MembersEntry): boolean {
    // It may be the very one that is under way: to refuse it would say that it is not made.
    if (this.#options.engine.isChanging) return false
    const named = this.#leader.consider(entry)
    if (named !== null) this.#input(named)
    return named !== null
  }

  #input(entry: MembersEntry): void {
    const { engine, input } = this.#options
    input(() => engine.propose([encodeEntry(entry)]).effects)
  }

  #look(): void {
    const { engine } = this.#options
    this.#lookWhetherWaiting(engine.standing)
    if (engine.standing === 'replaced') this.#replaced()
    else if (engine.standing === 'removed') this.#removed()
    else this.#hasToldRemoval = false
  }

  #lookWhetherWaiting(standing: Standing): void {
    const { engine, clock, livenessWindowMs, logger, tell } = this.#options
    const nowMs = clock.nowMs()
    if (standing !== 'waiting') {
      this.#waiting.ends()
      this.#startedAtMs = nowMs
      return
    }
    if (nowMs < this.#startedAtMs + livenessWindowMs) return
    const members = engine.waitsFor
    const isOther = members.join() !== this.#waitedFor
    this.#waitedFor = members.join()
    if (!this.#waiting.isDue(nowMs, livenessWindowMs) && !isOther) return
    logger.warn(
      'this node has an empty disk, and does not vote before all others have said that they never ' +
        'voted, or until the leader takes it in',
      { members },
    )
    tell({ type: 'waiting-for-members', members })
  }

  #replaced(): void {
    const { id, engine, view, stop } = this.#options
    if (!this.#surely.isCurrent(id, engine.chosenThrough, view.configuration)) return
    const address = view.configuration.members.find((member) => member.id === id)?.address ?? ''
    stop(
      new LostDiskError(
        `The members name another disk of ${JSON.stringify(id)} as a voter: what that one promised is ` +
          'not on this one, so this one must not vote. If the other is lost, call ' +
          `replaceMember(${JSON.stringify(id)}, ${JSON.stringify(id)}, ${JSON.stringify(address)}) on ` +
          'another node, and start this one again.',
      ),
    )
  }

  #removed(): void {
    const { id, engine, view, clock, livenessWindowMs, logger, tell, stop } = this.#options
    const { configuration } = view
    if (!this.#surely.isCurrent(id, engine.chosenThrough, configuration)) return
    const { version } = configuration
    if (!this.#hasToldRemoval) {
      this.#hasToldRemoval = true
      logger.warn('this node is no member any more', { version })
      tell({ type: 'removed', version })
    }
    const have = this.#surely.whoHas(version, clock.nowMs(), livenessWindowMs)
    const isHeld = quorumsOf(configuration).isPhase2Quorum(have)
    if (!view.isComplete(version)) {
      // By this it is complete: a call that waits here for that resolves before this node stops.
      if (isHeld) this.completed(version)
      return
    }
    stop(
      new RemovedError(
        `Node ${JSON.stringify(id)} was removed from the cluster, and is not needed any more. To take ` +
          'it in again, call addMember() on another node, and start it from an empty durability.',
      ),
    )
  }
}

/** What is only sent in answer to what this node has sent there, and says as which incarnation. */
function isAnswer(message: MultiPaxosMessage): message is Answer {
  return ANSWERS.has(message.type)
}

type Answer = Extract<MultiPaxosMessage, { readonly type: (typeof ANSWER_TYPES)[number] }>

const ANSWER_TYPES = [
  'logPromise',
  'logAccepted',
  'logHeartbeatAnswer',
  'introductionAnswer',
] as const satisfies MultiPaxosMessage['type'][]

const ANSWERS: ReadonlySet<MultiPaxosMessage['type']> = new Set(ANSWER_TYPES)

function hasVotedSince({ hasVoted, heardAtMs }: PeerStatus, sinceMs: number): boolean {
  return hasVoted && heardAtMs >= sinceMs
}
