/**
 * All roles of one node of a log, connected: what came in, whom it concerns, and what follows. Each
 * role has a file of its own. It must never tell a slot twice or out of order, and never follow a
 * ballot below the one that its acceptor has promised.
 */
import { compareBallots, sameBallot } from '../ballot.ts'
import type { Ballot, NodeId } from '../ballot.ts'
import type { Slot, StagedSnapshot } from '../durability.ts'
import { DecodeError } from '../errors.ts'
import { earliest } from '../leadership.ts'
import type { NackMessage } from '../message.ts'
import type { Standing } from './admission.ts'
import { LogAcceptor } from './acceptor.ts'
import { CatchUp } from './catch-up.ts'
import { decodeConfiguration } from './configuration.ts'
import type { LogStep, MultiPaxosMessage } from './effects.ts'
import { Election } from './election.ts'
import type { Beginning } from './election.ts'
import type { Electorate } from './electorate.ts'
import { Guard } from './guard.ts'
import { Leader } from './leader.ts'
import { Introductions } from './introductions.ts'
import type { Self } from './introductions.ts'
import { Words } from './lease.ts'
import type { TakenSnapshot } from './input.ts'
import { INTRODUCTION_HEARTBEATS } from './limits.ts'
import { Members } from './members.ts'
import type { CampaignMessage, FetchedMessage, LogAcceptMessage } from './messages.ts'
import type { IntroductionAnswerMessage, LogHeartbeatMessage } from './messages.ts'
import type { LogPrepareMessage, LogPromiseMessage } from './messages.ts'
import type { SnapshotChunkMessage, SupportMessage } from './messages.ts'
import type { Heard } from './newcomers.ts'
import type { Settings } from './options.ts'
import { Polls } from './polls.ts'
import { Provider } from './provider.ts'
import { Succession } from './succession.ts'
import type { Fetched } from './transfer.ts'
import { Staged } from './staged.ts'
import { Way } from './way.ts'

/** What stands in the place of bytes that are staged. */
const NO_BYTES = new Uint8Array()

/** One node. Each method takes the step to which it adds; `conclude` ends every step. */
export class LogNode {
  readonly acceptor: LogAcceptor
  readonly leader: Leader
  readonly members: Members
  readonly #introductions: Introductions
  readonly #settings: Settings
  readonly #guard: Guard
  readonly #election: Election
  readonly #catchUp: CatchUp
  readonly #provider: Provider
  readonly #staged: Staged
  readonly way: Way
  readonly #polls: Polls
  /** What this node's acceptor has given to leaders. */
  readonly #words: Words
  readonly succession: Succession
  /** Told as chosen, or part of the snapshot that the host started from. */
  #toldThrough: Slot
  /** A candidate lacked slots that are compacted elsewhere: it tries again when it has them. */
  #leadsAfterCatchUp = false
  /** This node prepares, but has heard nothing for a window that helps it. */
  #isStalled = false
  #nowMs: number | null = null
  /** What nextTickAtMs is, as long as no step changes it. */
  #dueAtMs: { readonly ms: number | null } | null = null
  #askAgainAtMs = 0
  /**
   * This node is to lead, as soon as its word to another leader has ended: the host wants it, or the
   * leader with `released` does.
   */
  #leadsWhenFree: {
    readonly released: Ballot | undefined
    readonly instead: Ballot | null
  } | null = null
  /** When a leader makes itself known to learners that it does not hear. */
  #seekAtMs = 0
  /** What the host was told last. */
  #toldElectorate: Electorate
  #toldComplete: Slot = 0

  constructor(settings: Settings) {
    const { saved, livenessWindowMs } = settings
    this.#settings = settings
    this.acceptor = new LogAcceptor(settings)
    this.members = new Members(settings.initial, settings.members, saved.snapshot)
    this.members.update(this.acceptor.log, this.acceptor.chosenThrough)
    this.#toldElectorate = this.members.current
    this.#introductions = new Introductions(settings)
    this.leader = new Leader(settings, this.acceptor, this.members)
    this.#guard = new Guard(this.acceptor, settings.isValue)
    const { promised } = this.acceptor
    this.#election = new Election(livenessWindowMs, promised?.round ?? 0, settings.random)
    this.#catchUp = new CatchUp(this.#known, settings)
    this.#provider = new Provider(this.acceptor, this.members)
    this.#staged = new Staged(this.acceptor.staged)
    this.way = new Way(settings, this.leader, this.members, this.#election.run)
    this.#polls = new Polls(settings)
    this.#words = new Words(saved, this.members.current.configuration.lease)
    this.succession = new Succession(settings, this.acceptor, this.leader, this.members)
    this.#toldThrough = saved.snapshot?.through ?? 0
  }

  get standing(): Standing {
    return this.#introductions.standing(this.members.current)
  }

  /** Who has still to answer before this new node votes. */
  get waitsFor(): readonly NodeId[] {
    return this.#introductions.waitsFor(this.members.current)
  }

  /** As which incarnation others were heard. */
  get heard(): ReadonlyMap<NodeId, Heard> {
    return this.#introductions.heard
  }

  /** The host was told everything through this slot. */
  get toldThrough(): Slot {
    return this.#toldThrough
  }

  /** The highest slot that is known to be chosen, here or to anybody who was heard. */
  get heardThrough(): Slot {
    return Math.max(this.acceptor.chosenThrough, this.#catchUp.heardThrough)
  }

  get nowMs(): number {
    return this.#nowMs ?? 0
  }

  /** When tick() is next wanted; 0 before the first, `null` when nothing waits for time. */
  get nextTickAtMs(): number | null {
    this.#dueAtMs ??= { ms: this.#nextDueAtMs }
    return this.#dueAtMs.ms
  }

  /** Only the time goes on: nothing is due by then. Says whether it is so; else a tick is wanted. */
  passesTo(nowMs: number): boolean {
    if (this.#nowMs === null) return false
    const { nextTickAtMs } = this
    if (nextTickAtMs !== null && nowMs >= nextTickAtMs) return false
    this.#nowMs = nowMs
    return true
  }

  get #nextDueAtMs(): number | null {
    if (this.#nowMs === null) return 0
    const { phase } = this.leader
    const times = [
      this.leader.nextTickAtMs,
      this.succession.nextTickAtMs,
      this.#leadsWhenFree === null ? null : this.#words.endsAtMs(this.#nowMs),
      this.#catchUp.nextTickAtMs,
      this.#provider.nextTickAtMs,
      this.way.nextTickAtMs,
      this.#campaigns && phase !== 'leading' ? this.#campaignAtMs : null,
      this.#campaigns && this.#election.campaign !== null ? this.#askAgainAtMs : null,
      this.#isPolling && this.#asked.length > 0 ? this.#nextPollAtMs : null,
      this.#introductions.nextTickAtMs(this.members.current),
    ]
    return times.reduce(earliest, null)
  }

  tick(step: LogStep, nowMs: number, awayMs: number): void {
    if (this.#nowMs === null) this.#start(step, nowMs)
    this.#nowMs = nowMs
    if (awayMs > 0) this.#excuse(awayMs)
    this.#provider.tick(nowMs)
    const late = this.#words.endsAtMs(nowMs) === null ? this.#leadsWhenFree : null
    if (late !== null) this.prepare(step, late.released)
    if (this.leader.phase === 'leading') this.#lead(step)
    else if (this.#campaigns) this.#campaign(step)
    this.leader.retransmit(step, nowMs)
    // Who does not vote has no leader of its own, but for a while after it left.
    if (this.way.isLearner && this.#election.isSilent(nowMs)) this.#setLeader(step, null)
    if (this.#isPolling) this.#poll(step)
    this.#introductions.tick(step, this.#own)
  }

  receive(step: LogStep, from: NodeId, message: MultiPaxosMessage): void {
    if (from === this.#settings.id) return
    const reason = this.#guard.doubt(from, message, this.nowMs)
    if (reason === null) this.#receive(step, from, message)
    else step.tell({ type: 'disbelieved', from, reason })
  }

  /** The oldest running save is durable. */
  saved(): void {
    this.acceptor.saved(this.nowMs)
    this.#provider.update(this.nowMs)
    this.leader.saved()
  }

  /**
   * Raises a ballot: phase 1 begins. A node that does not vote never does; one that has given its word
   * to another leader, when that has ended, or at once when the one that leads with `released` has
   * asked for it. Until then it gives no more, and whoever leads meanwhile makes it give up, but the one
   * with `instead`.
   */
  prepare(step: LogStep, released?: Ballot, instead = released ?? null): void {
    if (this.standing !== 'voter') return
    const isFree = this.#words.allowOwn(released, this.nowMs)
    this.#leadsWhenFree = isFree ? null : { released, instead }
    if (this.#leadsWhenFree !== null) return
    this.#leadsAfterCatchUp = false
    this.#isStalled = false
    this.#election.standBack(this.nowMs)
    this.#setLeader(step, null)
    this.leader.prepare(step, this.nowMs, released)
  }

  /** The host wants this node to lead, whoever leads now. */
  lead(step: LogStep): void {
    this.prepare(step, undefined, this.acceptor.promised)
  }

  /** The host has taken a snapshot. One that is older than another is of no use. */
  takeSnapshot(step: LogStep, taken: TakenSnapshot): void {
    const { through } = taken
    const isNewer = through > (this.acceptor.snapshot?.through ?? 0)
    if ('staged' in taken) this.#staged.add(taken.staged)
    if (!isNewer) return
    const where = 'staged' in taken ? { bytes: NO_BYTES, staged: taken.staged } : taken
    this.acceptor.takeSnapshot(step, { ...this.members.at(through), ...where, through })
  }

  pieceKept(transfer: number): void {
    this.#catchUp.kept(transfer)
  }

  /** The host has all of another node's snapshot, and believes it. */
  received(step: LogStep, transfer: number, staged: StagedSnapshot): void {
    this.#staged.add(staged)
    const fetched = this.#endTransfer(transfer)
    const isWanted = (fetched?.said.through ?? 0) > this.acceptor.chosenThrough
    if (fetched?.isComplete !== true || !isWanted || this.leader.phase === 'leading') return
    const snapshot = { ...fetched.said, bytes: NO_BYTES, staged }
    this.#install(step, { snapshot, ballot: fetched.ballot })
  }

  /** What came in is none. */
  notReceived(step: LogStep, transfer: number): void {
    const fetched = this.#endTransfer(transfer)
    if (fetched !== null) this.#disbelieve(step, fetched.from)
  }

  resign(step: LogStep): void {
    this.#leadsAfterCatchUp = false
    this.#leadsWhenFree = null
    this.#election.standBack(this.nowMs)
    this.leader.stepDown(step)
  }

  /** Says who this node is, and wants to be told the same. */
  introduce(step: LogStep, to: NodeId): void {
    this.#introductions.introduce(step, to, this.acceptor.storedThrough, true)
  }

  /** What follows from everything that came in with this step. */
  conclude(step: LogStep): void {
    this.#election.promised(this.acceptor.promised?.round ?? 0)
    if (this.leader.phase !== 'leading') this.#learnMembers(step)
    if (this.leader.advance(step, this.nowMs)) this.#election.standBack(this.nowMs)
    this.succession.advance(step, this.nowMs)
    this.#noteLeadership(step)
    if (this.acceptor.chosenThrough > this.#toldThrough) {
      const first = this.#toldThrough + 1
      this.#toldThrough = this.acceptor.chosenThrough
      const values = this.acceptor.log.values(first, this.#toldThrough)
      step.tell({ type: 'chosen', first, values })
    }
    this.#noteMembers(step)
    if (this.leader.phase !== 'leading') this.#askOthers(step)
    this.acceptor.finish(step, this.nowMs)
    this.#staged.release(step, {
      saved: () => this.acceptor.staged,
      offered: () => this.#provider.staged,
      transfers: () => this.#catchUp.transfers,
    })
    this.#dueAtMs = null
  }

  #receive(step: LogStep, from: NodeId, message: MultiPaxosMessage): void {
    const { nowMs } = this
    switch (message.type) {
      case 'logPrepare': {
        if (!this.#mayPromise(from, message)) return
        const isPresent = compareBallots(message.ballot, this.acceptor.promised) >= 0
        // It asks again. What is below the promise is refused, whatever this node has given.
        if (isPresent && !this.#words.allow(from, message, nowMs)) return
        // A candidate that gets on counts like a leader; one that repeats itself does not.
        const isRival = compareBallots(message.ballot, this.acceptor.promised) > 0
        const getsOn = isRival || this.acceptor.isAskedOn(message)
        this.leader.observe(message.ballot)
        this.acceptor.receivePrepare(step, from, message, nowMs)
        this.#election.promised(this.acceptor.promised?.round ?? 0)
        if (getsOn) this.#election.heard(nowMs)
        return
      }
      case 'logPromise':
        return this.#receivePromise(step, from, message)
      case 'logAccept':
      case 'logHeartbeat':
        return this.#receiveFromLeader(step, from, message)
      case 'logAccepted':
        return this.leader.receiveAccepted(from, message, nowMs)
      case 'logHeartbeatAnswer':
        this.#introductions.hear(from, message, nowMs)
        this.#catchUp.note(from, message.chosenThrough)
        return this.leader.receiveAccepted(from, message, nowMs)
      case 'nack':
        return this.#receiveNack(step, from, message)
      case 'campaign':
        return this.#receiveCampaign(step, from, message)
      case 'support':
        return this.#receiveSupport(step, from, message)
      case 'handOver':
        if (this.#follows(from, message.ballot)) this.prepare(step, message.ballot)
        return
      case 'forward':
        return this.way.receiveForward(step, from, message)
      case 'forwardRefused':
        return this.way.receiveRefusal(step, from, message)
      case 'readIndex':
        return this.way.receiveQuestion(step, from, message, nowMs)
      case 'readIndexAnswer':
        return this.way.receiveAnswer(step, from, message, this.#knownTo(from))
      case 'fetchEntries':
        return this.#provider.answerFetchEntries(step, from, message, nowMs)
      case 'fetchSnapshot':
        return this.#provider.answerFetchSnapshot(step, from, message, nowMs)
      case 'fetched':
        return this.#receiveFetched(step, from, message)
      case 'snapshotChunk':
        return this.#receiveChunk(step, from, message)
      case 'introduction':
        return this.#introductions.receive(step, from, message, this.#own)
      case 'introductionAnswer':
        return this.#receiveIntroductionAnswer(step, from, message)
    }
  }

  /** The highest slot that this node knows to be chosen, or `from` is known to know. */
  #knownTo(from: NodeId): Slot {
    return Math.max(this.#catchUp.knownTo(from), this.acceptor.chosenThrough)
  }

  /** Whether `from` leads with just this ballot, as far as this node knows. */
  #follows(from: NodeId, ballot: Ballot): boolean {
    if (from !== this.way.leaderId || this.leader.phase !== 'idle') return false
    const { followed, promised } = this.acceptor
    return sameBallot(ballot, followed) && compareBallots(ballot, promised) >= 0
  }

  #receivePromise(step: LogStep, from: NodeId, page: LogPromiseMessage): void {
    const result = this.leader.receivePromise(step, from, page, this.nowMs)
    // A long promise takes its time: a candidate that makes progress is not started afresh.
    if (result === 'more' || result === 'complete') this.#progress()
    if (result !== 'behind') return
    this.#catchUp.note(from, Math.max(page.chosenThrough, page.compactedThrough))
    this.#election.standBack(this.nowMs)
    this.#leadsAfterCatchUp = true
  }

  #receiveNack(step: LogStep, from: NodeId, nack: NackMessage): void {
    const refusal = this.leader.receiveNack(step, from, nack, this.nowMs)
    if (refusal === 'ended') this.#election.standBack(this.nowMs)
    else if (refusal === 'outbid') this.prepare(step)
  }

  #receiveFromLeader(
    step: LogStep,
    from: NodeId,
    message: LogAcceptMessage | LogHeartbeatMessage,
  ): void {
    const { ballot, base, chosenThrough } = message
    this.leader.observe(ballot)
    if (compareBallots(ballot, this.acceptor.promised) < 0) {
      return this.acceptor.refuse(step, from, ballot)
    }
    if (message.type === 'logHeartbeat') this.#noteComplete(message.complete)
    if (this.#isPast(from, chosenThrough)) {
      // It may not know yet that this node knows enough to do without it.
      if (message.type === 'logHeartbeat') this.#answerHeartbeat(step, from, message)
      return
    }
    this.leader.stepDown(step)
    this.#leadsAfterCatchUp = false
    if (!sameBallot(ballot, this.#leadsWhenFree?.instead ?? null)) this.#leadsWhenFree = null
    this.#election.heard(this.nowMs)
    this.#election.led(ballot, this.nowMs)
    this.#setLeader(step, from)
    this.#catchUp.note(from, chosenThrough)
    if (!this.#introductions.votes(this.members.current)) return
    if (message.type === 'logAccept') this.acceptor.receiveAccept(step, from, message)
    this.acceptor.learn(ballot, base, chosenThrough)
    if (message.type === 'logHeartbeat') this.#answerHeartbeat(step, from, message)
  }

  /**
   * Whether `from` leads where others vote by now: it knows no more than this node, to which it is
   * no voter. Whom this node follows already may go on until somebody takes over.
   */
  #isPast(from: NodeId, chosenThrough: Slot): boolean {
    const { current } = this.members
    const isMember = current.version === 0 || current.isVoter(from)
    return !isMember && from !== this.way.leaderId && chosenThrough <= this.acceptor.chosenThrough
  }

  #answerHeartbeat(step: LogStep, from: NodeId, heartbeat: LogHeartbeatMessage): void {
    if (!this.#introductions.votes(this.members.current)) return
    const { ballot, base, readId, leaseAt } = heartbeat
    const isGiven = leaseAt !== undefined && this.#giveWord(heartbeat)
    const through = this.acceptor.durablyHeldThrough(ballot, base)
    const known = this.acceptor.chosenThrough
    step.send(from, {
      type: 'logHeartbeatAnswer',
      ballot,
      through,
      chosenThrough: known,
      readId,
      ...this.#said,
      ...(isGiven && { leaseAt }),
    })
  }

  /** A word is given only for as long as a restart of this node would know of it. */
  #giveWord({ ballot, leaseMs, version: askedBy = 0 }: LogHeartbeatMessage): boolean {
    const { version, configuration } = this.members.current
    const { lease } = configuration
    const isDurable =
      this.acceptor.hasDurablyPromised(ballot) && this.acceptor.storedThrough >= version
    if (leaseMs === undefined || lease === undefined || !isDurable) return false
    // It waits for its word to end: with each that it gives it would wait on, for ever.
    if (this.#leadsWhenFree !== null) return false
    // By an older one a restart might wait for less: newer ones may come between, with other leases.
    if (askedBy !== version) return false
    return this.#words.give(ballot, leaseMs, lease, this.nowMs)
  }

  #receiveCampaign(step: LogStep, from: NodeId, message: CampaignMessage): void {
    const { run, number } = message
    this.#catchUp.note(from, message.chosenThrough)
    const isIdle = this.leader.phase === 'idle' || this.#isStalled
    const hasWord = this.#words.endsAtMs(this.nowMs) !== null
    const isFree = isIdle && !hasWord && this.#election.isSilent(this.nowMs)
    const electorate = this.members.current
    // Who knows of later members knows better who may lead.
    const mayLead = electorate.isVoter(from) || (message.version ?? 0) > electorate.version
    const granted = isFree && mayLead && this.#introductions.votes(electorate)
    const { promised, chosenThrough } = this.acceptor
    step.send(from, { type: 'support', run, number, granted, promised, chosenThrough })
  }

  #receiveSupport(step: LogStep, from: NodeId, message: SupportMessage): void {
    this.#catchUp.note(from, message.chosenThrough)
    this.leader.observe(message.promised)
    this.#election.receiveSupport(from, message, this.nowMs)
    if (this.#election.isSupported(this.members.current.quorums, this.nowMs)) this.prepare(step)
  }

  #receiveFetched(step: LogStep, from: NodeId, page: FetchedMessage): void {
    if (this.leader.phase === 'leading') return
    const { chosenThrough } = this.acceptor
    const { nowMs } = this
    this.#polls.answered(from, this.members.current, nowMs)
    this.#noteComplete(page.complete)
    if (!this.#catchUp.receiveFetched(from, page, { chosenThrough, nowMs })) return
    this.acceptor.storeChosen(step, page.entries)
    this.#standBackForProgress()
  }

  #receiveChunk(step: LogStep, from: NodeId, chunk: SnapshotChunkMessage): void {
    if (this.leader.phase === 'leading') return
    const { chosenThrough } = this.acceptor
    const { nowMs } = this
    const fetched = this.#catchUp.receiveChunk(from, chunk, { chosenThrough, nowMs })
    if (fetched === false) return
    this.#standBackForProgress()
    if (fetched === true) return
    if ('transfer' in fetched) {
      const { transfer, isLast } = fetched
      this.#staged.begin(transfer)
      if (!isConfiguration(chunk.configuration)) return this.notReceived(step, transfer)
      const { through, bytes } = chunk
      return step.tell({ type: 'piece-received', transfer, through, bytes, isLast })
    }
    const { bytes, configuration } = fetched.snapshot
    const isOne = this.#settings.isSnapshot(bytes) && isConfiguration(configuration)
    if (isOne) this.#install(step, fetched)
    else this.#disbelieve(step, from)
  }

  #install(step: LogStep, { snapshot, ballot }: Fetched): void {
    this.acceptor.install(step, snapshot, ballot)
    this.members.install(snapshot)
    this.#toldThrough = snapshot.through
    step.tell({ type: 'snapshot-installed', snapshot })
  }

  #endTransfer(transfer: number): ReturnType<CatchUp['end']> {
    this.#staged.end(transfer)
    return this.#catchUp.end(transfer)
  }

  #disbelieve(step: LogStep, from: NodeId): void {
    this.#catchUp.forget(from)
    step.tell({ type: 'disbelieved', from, reason: 'value' })
  }

  /** While this node is catching up, somebody who need not should lead. */
  #standBackForProgress(): void {
    if (this.leader.phase === 'idle') this.#election.standBack(this.nowMs)
  }

  /** What a leader does besides: for those who follow, and for those who may have lost their way. */
  #lead(step: LogStep): void {
    this.#checkFollowers(step)
    const periodMs = INTRODUCTION_HEARTBEATS * this.#settings.heartbeatPeriodMs
    if (this.nowMs < this.#seekAtMs || !this.members.current.isWhole) return
    this.#seekAtMs = this.nowMs + periodMs
    // All the voters that a learner knows may be gone; it hears of the present ones from nobody else.
    for (const { id, role } of this.members.current.configuration.members) {
      if (role === 'voter' || !this.#introductions.isSilent(id, this.nowMs - 2 * periodMs)) continue
      this.leader.announceTo(step, id, this.nowMs)
    }
  }

  /**
   * A leader without followers steps down, unless its host decides that. One that some acceptor
   * refuses for a whole window, while a quorum follows, takes a higher ballot that all can follow.
   */
  #checkFollowers(step: LogStep): void {
    const { phase2 } = this.leader
    if (phase2 === null) return
    const { windowMs } = this.#election
    const isFollowed = phase2.isFollowed(this.nowMs, windowMs)
    const refusedForMs = this.nowMs - (phase2.refusedAtMs ?? this.nowMs)
    if (!isFollowed && (this.#campaigns || this.leader.hasLeft)) return this.resign(step)
    // A transfer ends within its bound also where nobody is heard.
    const isUntaken = this.succession.tick(step, windowMs, this.nowMs)
    if (!isFollowed) return
    this.#election.led(phase2.ballot, this.nowMs)
    if (isUntaken || refusedForMs >= windowMs) this.prepare(step)
  }

  get #isDiskStalled(): boolean {
    return this.succession.isDiskStalled(this.#election.windowMs, this.nowMs)
  }

  /** This node was away: what others said in that time may not have come in yet. */
  #excuse(awayMs: number): void {
    const absence = { awayMs, nowMs: this.nowMs }
    this.leader.distrustClock(this.nowMs)
    this.#election.excuse(absence)
    this.leader.phase2?.excuse(absence, this.#settings.livenessWindowMs)
  }

  /** Campaigns when it is time, and asks those again that have not answered. */
  #campaign(step: LogStep): void {
    if (this.nowMs >= this.#campaignAtMs) this.#tryToLead(step)
    else if (this.nowMs >= this.#askAgainAtMs) this.#askForSupport(step)
  }

  /**
   * An attempt that nobody has outbidden goes on, for what was promised to it still counts; it only
   * lets others try too. Any other begins with a campaign.
   */
  #tryToLead(step: LogStep): void {
    // What a node cannot save it cannot promise: while its disk is stuck, it does not try.
    if (!this.leader.isHighest && !this.#isDiskStalled) return this.#beginCampaign(step)
    this.#isStalled = this.leader.phase === 'preparing'
    this.#election.standBack(this.nowMs)
  }

  /** This node's own attempt gets on. */
  #progress(): void {
    this.#isStalled = false
    this.#election.heard(this.nowMs)
  }

  #beginCampaign(step: LogStep): void {
    const { id } = this.#settings
    const { quorums } = this.members.current
    this.#leadsAfterCatchUp = false
    this.leader.stepDown(step)
    this.#setLeader(step, null)
    this.#election.begin(id, this.nowMs)
    if (this.#election.isSupported(quorums, this.nowMs)) this.prepare(step)
    else this.#askForSupport(step)
  }

  #askForSupport(step: LogStep): void {
    const { campaign, run } = this.#election
    if (campaign === null) return
    this.#askAgainAtMs = this.nowMs + this.#settings.retransmitIntervalMs
    const { number } = campaign
    const { chosenThrough } = this.acceptor
    const { version } = this.members.current
    for (const peer of this.#others) {
      if (this.#election.isSupportedBy(peer, this.nowMs)) continue
      const question = { type: 'campaign', run, number, chosenThrough } as const
      step.send(peer, version > 0 ? { ...question, version } : question)
    }
  }

  /** Asks somebody whether more was chosen, when it is time. */
  #poll(step: LogStep): void {
    if (this.nowMs < this.#nextPollAtMs) return
    const peer = this.#polls.next(this.members.current, this.nowMs)
    if (peer !== null) this.#catchUp.poll(step, peer, this.acceptor.chosenThrough)
  }

  /** What this node wants of others while it does not lead: entries, and slots to read at. */
  #askOthers(step: LogStep): void {
    const { chosenThrough } = this.acceptor
    this.#catchUp.ask(step, { chosenThrough, leader: this.way.leaderId, nowMs: this.nowMs })
    this.way.ask(step, this.nowMs)
    if (!this.#leadsAfterCatchUp || this.#catchUp.isAsking) return
    if (this.leader.phase !== 'idle') return
    if (this.#campaigns) this.#beginCampaign(step)
    else this.prepare(step)
  }

  /** When to campaign: not while this node may not promise its own ballot. */
  get #campaignAtMs(): number {
    return Math.max(this.#election.campaignAtMs, this.#words.endsAtMs(this.nowMs) ?? 0)
  }

  #start(step: LogStep, nowMs: number): void {
    this.#words.start(nowMs)
    const { saved, incarnation } = this.#settings
    if (this.#introductions.see(this.members.current)) this.acceptor.admit(step)
    else if (incarnation !== '' && this.#introductions.isAdmitted && saved.admitted !== true) {
      this.acceptor.admit(step)
    }
    this.#election.start(nowMs, this.#beginning)
    this.#polls.startAt(nowMs + (this.way.isLearner ? 0 : this.#election.windowMs))
  }

  get #beginning(): Beginning {
    const { acceptors } = this.members.current.quorums
    if (acceptors.has(this.#settings.id) && acceptors.size === 1) return 'alone'
    return this.acceptor.promised === null ? 'new' : 'again'
  }

  /** Whether this node decides by itself when to lead. */
  get #campaigns(): boolean {
    return this.#settings.election === 'heartbeat' && this.standing === 'voter'
  }

  /** Who votes, but for this node. */
  get #others(): readonly NodeId[] {
    const { id } = this.#settings
    return [...this.members.current.quorums.acceptors].filter((acceptor) => acceptor !== id)
  }

  /** Who is asked in turn while no leader is heard. */
  get #asked(): readonly NodeId[] {
    const { id, acquaintances } = this.#settings
    return [...new Set([...this.#others, ...acquaintances])].filter((each) => each !== id)
  }

  /** Everybody who may know something. */
  get #known(): readonly NodeId[] {
    const { members, former } = this.members.current.configuration
    const ids = new Set([...this.#others, ...members.map(({ id }) => id)])
    for (const id of [...former.map((each) => each.id), ...this.#settings.acquaintances]) {
      ids.add(id)
    }
    ids.delete(this.#settings.id)
    return [...ids]
  }

  /** Whether this node asks others whether they know more: also when its attempt gets nowhere. */
  get #isPolling(): boolean {
    return this.leader.phase === 'idle' || (this.#isStalled && this.members.current.isWhole)
  }

  get #nextPollAtMs(): number {
    const { atMs } = this.#polls
    return this.way.isLearner ? atMs : Math.max(this.#election.silentAtMs, atMs)
  }

  /** What is said beside a vote. */
  get #said(): { readonly incarnation?: string; readonly storedThrough?: Slot } {
    const { incarnation } = this.#settings
    const { storedThrough } = this.acceptor
    return incarnation === '' ? { storedThrough } : { incarnation, storedThrough }
  }

  /**
   * Whether this node promises to `from`. It never votes for somebody who is no member any more: who
   * was away learns of that from what it fetches. To one that will count just this incarnation it
   * promises before it may vote; but it accepts nothing before it knows that it is named. In the slots
   * up to there whoever voted under its id may count, and a lost disk may have promised more.
   */
  #mayPromise(from: NodeId, { names, version = 0 }: LogPrepareMessage): boolean {
    const electorate = this.members.current
    const isPast = electorate.version > 0 && version <= electorate.version
    if (!electorate.isVoter(from) && isPast) return false
    const isNamed = names !== undefined && names === this.#settings.incarnation
    return isNamed || this.#introductions.votes(electorate)
  }

  /** A candidate that learns of other members has asked the wrong ones. */
  #learnMembers(step: LogStep): void {
    this.members.update(this.acceptor.log, this.acceptor.chosenThrough)
    if (!this.leader.asksOthers) return
    this.leader.stepDown(step)
    this.prepare(step)
  }

  /** What the host has to know of the members, and what follows for this node. */
  #noteMembers(step: LogStep): void {
    const { current, complete } = this.members
    if (current !== this.#toldElectorate) {
      this.#toldElectorate = current
      this.#catchUp.setPeers(new Set(this.#known))
      this.#introductions.keep(new Set(this.#known))
      step.tell({ type: 'configuration-changed', configuration: current.configuration })
      // Those before may be gone when this node starts again: from nobody else would it learn of these.
      this.acceptor.keepChosen(step)
      if (this.#introductions.see(current)) this.#admit(step)
      if (this.standing !== 'voter') this.#election.standBack(this.nowMs)
      this.way.membersChanged()
    }
    if (complete === this.#toldComplete) return
    this.#toldComplete = complete
    step.tell({ type: 'configuration-complete', version: complete })
  }

  #noteComplete(version: Slot | undefined): void {
    if (version === undefined || version <= this.members.complete) return
    this.members.noteComplete(version)
    this.members.bidFarewell(version)
  }

  #admit(step: LogStep): void {
    this.acceptor.admit(step)
    step.tell({ type: 'admitted' })
    this.#election.start(this.nowMs, this.#beginning)
  }

  #receiveIntroductionAnswer(step: LogStep, from: NodeId, answer: IntroductionAnswerMessage): void {
    this.#catchUp.note(from, answer.chosenThrough)
    if (this.#introductions.receiveAnswer(from, answer, this.#own)) this.#admit(step)
  }

  get #own(): Self {
    const { promised, storedThrough, chosenThrough } = this.acceptor
    const { nowMs } = this
    const electorate = this.members.current
    return { electorate, hasVoted: promised !== null, storedThrough, chosenThrough, nowMs }
  }

  #noteLeadership(step: LogStep): void {
    const { id } = this.#settings
    if (this.leader.phase === 'leading') {
      if (this.way.leaderId !== id) this.#catchUp.stop()
      this.#setLeader(step, id)
    } else if (this.way.leaderId === id) {
      this.#setLeader(step, null)
    }
  }

  #setLeader(step: LogStep, leader: NodeId | null): void {
    if (this.way.setLeader(step, leader)) step.tell({ type: 'leader-changed', leader })
  }
}

function isConfiguration(bytes: Uint8Array | undefined): boolean {
  try {
    if (bytes !== undefined) decodeConfiguration(bytes)
    return true
  } catch (error) {
    if (error instanceof DecodeError) return false
    throw error
  }
}
