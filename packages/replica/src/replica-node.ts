/**
 * One node of a replicated state machine: connects the engine, its host, the state, what is proposed
 * and what is read. Each of those is in a file of its own; here is only what goes from one to
 * another. Must never let an outcome be known before its slot is chosen and applied here.
 */
import { InvalidArgumentError } from '@paxos/core'
import type { Member, NodeId, Opened, Slot, Snapshot, SnapshotStage } from '@paxos/core'
import { encodeConfiguration, votersOf } from '@paxos/core/multi'
import { isEntry, isMultiPaxosMessage, MAX_SNAPSHOT_BYTES, MultiPaxos } from '@paxos/core/multi'
import { SESSION_NONCE_BYTES } from '@paxos/core/multi'
import { membersEntryIn } from '@paxos/core/multi'
import type { LogEffects, LogEvent, MultiPaxosMessage } from '@paxos/core/multi'
import { Applier } from './applier.ts'
import type { AppliedEntry, TakenSnapshot } from './applier.ts'
import { Calls } from './calls.ts'
import { ClosedError, CommandRefusedError } from './errors.ts'
import { RefusedByLeaderError } from './errors.ts'
import type { LostDiskError, RemovedError, StoppedError } from './errors.ts'
import { EventStream } from './event-stream.ts'
import { Forwarding } from './forwarding.ts'
import { Host } from './host.ts'
import type { Observation } from './host.ts'
import { Held } from './held.ts'
import { MAX_LOG_BYTES, MAX_STATE_BYTES, SNAPSHOT_SPARE_BYTES } from './limits.ts'
import { Maintenance } from './maintenance.ts'
import { differingMembers, membersOf } from './members.ts'
import { Membership } from './membership.ts'
import { configurationIn, firstConfiguration, MembersView } from './members-view.ts'
import type { WaitOptions } from './outcome.ts'
import { Proposals } from './proposals.ts'
import { incarnationsOf } from './random-bytes.ts'
import { Reads } from './reads.ts'
import type { ReplicaOptions } from './replica-options.ts'
import { isStreamed, settingsOf } from './replica-settings.ts'
import type { ReplicaSettings } from './replica-settings.ts'
import { isState } from './replica-snapshot.ts'
import type { ReplicaEvent, ReplicaStatus } from './replica-status.ts'
import { SnapshotPieces } from './snapshot-pieces.ts'
import { Snapshots } from './snapshots.ts'
import { Space } from './space.ts'
import { sourceIn, staging } from './stage.ts'
import type { StagingDurability } from './stage.ts'
import { AT_ONCE, sourceOf } from './pieces.ts'
import { StreamedState } from './streamed-state.ts'
import { Transfers } from './transfers.ts'
import { Watch } from './watch.ts'
import { Watchers } from './watchers.ts'
import { Whereabouts } from './whereabouts.ts'

/** Opens everything and starts. When it rejects, nothing is left open. */
export async function openReplicaNode<Command, Result, Query, Answer>(
  options: ReplicaOptions<Command, Result, Query, Answer>,
): Promise<ReplicaNode<Command, Result, Query, Answer>> {
  const given = settingsOf(options)
  const { cluster, id } = given
  const drawIncarnation = incarnationsOf(given.randomBytes)
  const stage = isStreamed(given.stateMachine) ? staging(given.durability) : null
  if (stage !== null) requireRoom(given, stage)
  const durability = stage ?? given.durability
  const settings = { ...given, durability }
  const owner = { cluster, id, kind: 'log', drawIncarnation } as const
  const found = await (stage === null
    ? durability.open(owner)
    : stage.open(owner, { staged: true }))
  let node: ReplicaNode<Command, Result, Query, Answer>
  try {
    const begun = await withMembers(found, settings)
    node = new ReplicaNode(settings, begun, stage)
    await node.prepare(begun.snapshot)
  } catch (error) {
    await durability.close()
    throw error
  }
  await node.start()
  return node
}

/** A node that has never run writes down who its cluster is, before it speaks to anybody. */
async function withMembers(
  saved: Opened,
  { durability, members, lease }: Pick<FirstSettings, 'durability' | 'members' | 'lease'>,
): Promise<Begun> {
  const { snapshot: found } = saved
  if (found !== null) return { ...saved, snapshot: found }
  const configuration = encodeConfiguration(firstConfiguration(members, lease))
  const bytes = new Uint8Array()
  const snapshot = { through: 0, members: membersOf(members), bytes, configuration }
  await durability.save({ snapshot })
  return { ...saved, snapshot }
}

type FirstSettings = ReplicaSettings<never, never, never, never>

/** What a node has that knows who its cluster is. */
interface Begun extends Opened {
  readonly snapshot: Snapshot
}

/** What runs between open() and close(). */
export class ReplicaNode<Command, Result, Query, Answer> {
  readonly events = new EventStream<ReplicaEvent>()
  readonly watchers: Watchers
  readonly #settings: ReplicaSettings<Command, Result, Query, Answer>
  readonly #engine: MultiPaxos
  readonly #host: Host<MultiPaxosMessage, LogEvent>
  readonly #applier: Applier<Command, Result, Query, Answer>
  readonly #forwarding: Forwarding
  readonly #proposals: Proposals<Result>
  readonly #reads: Reads
  readonly #transfers: Transfers
  readonly #snapshots: Snapshots
  /** Where the state comes in pieces: what moves them. */
  readonly #streamed: Streamed | null
  /** What is told to the state, and waits for it. */
  readonly #held = new Held()
  readonly #maintenance: Maintenance
  readonly #view: MembersView
  readonly members: Membership
  readonly calls: Calls<Command, Result, Query, Answer>
  readonly #watch: Watch
  #ended: Error | null = null
  /** What the members on the disk are not. It is told when somebody can listen. */
  #difference: ReturnType<typeof differingMembers> = null
  #cancelWarning: (() => void) | null = null
  #cancelTelling: (() => void) | null = null

  /** `stage`: the durability, where the state comes in pieces. */
  constructor(
    settings: ReplicaSettings<Command, Result, Query, Answer>,
    saved: Begun,
    stage: StagingDurability | null,
  ) {
    this.#settings = settings
    this.watchers = new Watchers(settings)
    const { id, cluster, clock, random, transport, durability, sessionTimeoutMs } = settings
    const stored = addressesIn(saved.snapshot.members)
    const configuration = configurationIn(saved.snapshot) ?? firstConfiguration(stored)
    this.#view = new MembersView(configuration)
    const incarnation = saved.identity?.incarnation ?? ''
    const whereabouts = new Whereabouts(2 * settings.timing.livenessWindowMs)
    whereabouts.know(this.#view.placesOf(id, settings.members), new Set(), clock.nowMs())
    this.#applier = new Applier(settings, saved.snapshot)
    const maxSnapshotBytes = maxSnapshotBytesOf(settings)
    this.#engine = new MultiPaxos({
      ...settings.timing,
      id,
      configuration,
      incarnation,
      trustEmptyState: settings.trustEmptyDisk,
      acquaintances: [...settings.members.keys()],
      tellsChosen: 'announced',
      isValue: isEntry,
      isSnapshot: isState,
      stagesSnapshots: stage !== null,
      maxSnapshotBytes,
      saved,
      random,
    })
    this.#host = new Host({
      cluster,
      id,
      incarnation,
      listen: settings.members.get(id) ?? '',
      peers: whereabouts.peers,
      all: () => this.#engine.told,
      firstMembers: stored.keys(),
      knowsFirstMembersOnly: () => this.#view.configuration.version === 0,
      engine: this.#engine,
      understands: isMultiPaxosMessage,
      isFresh: () => this.#engine.chosenThrough === 0,
      transport,
      durability,
      clock,
      livenessWindowMs: settings.timing.livenessWindowMs,
      closeTimeoutMs: settings.closeTimeoutMs,
      observe: (observation) => this.#observe(observation),
      onStopped: (error) => this.#stopped(error),
    })
    this.#watch = new Watch({
      watched: this.#host,
      id,
      voters: () => [...this.#voters],
      isLeaderless: () => this.#engine.leader === null,
      livenessWindowMs: settings.timing.livenessWindowMs,
      clock,
      logger: settings.logger,
      metrics: settings.metrics,
      tell: (notice) => this.events.push(notice),
    })
    this.#forwarding = new Forwarding({
      ...settings.timing,
      engine: this.#engine,
      input: (give) => this.#host.input(give),
      nowMs: () => clock.nowMs(),
      random,
      foresee: (value) => this.#applier.foresee(value),
      // Only who votes passes anything on.
      relays: () => this.#host.lastHeardFirst.filter((peer) => this.#voters.has(peer)),
      relayed: (relay) => settings.logger.info('the way to the leader', { relay }),
      refused: (count) => settings.metrics.counter('paxos.values.refused', count),
    })
    this.#proposals = new Proposals({
      handOver: this.#forwarding.wanted,
      recall: (ticket, type) => this.#applier.recall(ticket, type),
      openedBy: (space, nonce) => this.#applier.openedBy(space, nonce),
      nowMs: () => clock.nowMs(),
      nonce: () => settings.randomBytes(SESSION_NONCE_BYTES),
      renewSessionAfterMs: sessionTimeoutMs / 2,
    })
    this.#reads = new Reads(
      (read, byLease) => this.#host.input(() => this.#engine.read(read, byLease)),
      clock,
      () => !this.#isHeld,
    )
    this.#streamed =
      stage === null ? null : this.#streamedOn(stage, maxSnapshotBytes, saved.snapshot)
    this.#transfers = new Transfers({
      id,
      clock,
      withinMs: settings.timing.livenessWindowMs,
      voters: () => this.#voters,
      begin: (to, withinMs) => this.#host.input(() => this.#engine.transfer(to, withinMs)),
      leader: () => this.#engine.leader,
    })
    this.members = new Membership({
      ...settings.timing,
      id,
      incarnation,
      engine: this.#engine,
      view: this.#view,
      whereabouts,
      given: settings.members,
      clock,
      logger: settings.logger,
      input: (give) => this.#host.input(give),
      setPeers: (peers) => this.#host.setPeers(peers),
      heardSince: (sinceMs) => this.#host.heardSince(sinceMs),
      read: (read) => this.#reads.add(read),
      tell: (notice) => this.events.push(notice),
      stop: (error) => this.#leave(error),
    })
    this.#snapshots = new Snapshots({
      applier: this.#applier,
      take: this.#streamed === null ? undefined : () => this.#takeInPieces(),
      clock,
      announce: () => this.#host.input(() => this.#engine.announce()),
      save: (taken) => this.#host.input(() => this.#engine.snapshot(taken)),
      metrics: settings.metrics,
      logger: settings.logger,
      tell: (notice) => this.events.push(notice),
    })
    const space = new Space({
      applier: this.#applier,
      measure: () => this.#snapshots.measure(),
      nowMs: () => clock.nowMs(),
      maxStateBytes: settings.maxStateBytes,
      maxLogBytes: Math.max(MAX_LOG_BYTES, 4 * settings.snapshotEveryBytes),
    })
    this.calls = new Calls({
      commandCodec: settings.commandCodec,
      clock,
      metrics: settings.metrics,
      proposals: this.#proposals,
      reads: this.#reads,
      space,
      appliedThrough: () => this.#applier.appliedThrough,
      answer: (query: Query) => this.#applier.query(query),
      requireRunning: () => this.requireRunning(),
    })
    this.#maintenance = new Maintenance({
      clock,
      everyMs: settings.timing.retransmitIntervalMs,
      random,
      sessionTimeoutMs,
      isLeading: () => this.#engine.phase === 'leading',
      again: () => this.#again(),
      sessionsIdleSince: (beforeMs) => this.#applier.sessionsIdleSince(beforeMs),
      propose: (value) => this.#forwarding.propose(value),
    })
    if (configuration.version === 0) this.#compareMembers(stored)
  }

  #streamedOn(
    { snapshots: stage }: StagingDurability,
    maxSnapshotBytes: number,
    { staged }: Snapshot,
  ): Streamed {
    const { clock, logger } = this.#settings
    const parts = {
      stage,
      engine: this.#engine,
      input: (give: () => LogEffects): void => this.#host.input(give),
      logger,
    }
    const state = new StreamedState(
      {
        ...parts,
        applier: this.#applier,
        maxSnapshotBytes,
        pause: () => new Promise((resolve) => void clock.schedule(0, resolve)),
        restored: () => this.#proposals.skipped(),
        released: () => this.#release(),
      },
      staged ?? null,
    )
    return { stage, state, pieces: new SnapshotPieces({ ...parts, state }) }
  }

  /** Restores a state that comes in pieces, which takes time. To be called before start(). */
  async prepare({ through, bytes, staged }: Snapshot): Promise<void> {
    if (this.#streamed === null) return
    const { stage, state } = this.#streamed
    if (through === 0) return await state.begin()
    const source = staged === undefined ? sourceOf(bytes) : sourceIn(stage, staged)
    await this.#applier.restore(through, source, AT_ONCE)
  }

  async start(): Promise<void> {
    try {
      await this.#host.start()
    } catch (error) {
      this.#end(new ClosedError('The node did not start. Mend the cause, and open another one.'))
      throw error
    }
    this.#maintenance.start()
    if (this.#ended !== null) return
    this.#watch.start()
    this.#tellDifference()
  }

  status(): ReplicaStatus {
    const { id, ballot, leader, chosenThrough, slotsInFlight, peers } = this.#engine
    const isOver = this.#ended !== null
    return {
      id,
      role: this.#role,
      ballot: isOver ? null : ballot,
      leader: isOver ? null : leader,
      chosenThrough,
      appliedThrough: this.#applier.appliedThrough,
      behindBy: Math.max(0, this.#engine.heardThrough - this.#applier.appliedThrough),
      snapshotThrough: this.#applier.snapshotThrough,
      lag: isOver ? {} : Object.fromEntries([...peers].map(([peer, { lag }]) => [peer, lag])),
      inFlight: isOver ? 0 : slotsInFlight,
      pending: this.#proposals.pending,
      waiting: this.#proposals.waiting,
      queued: this.#forwarding.queued,
      reads: this.#reads.size,
      sessions: this.#applier.sessions,
      stateBytes: this.#applier.stateBytes,
      dropped: this.#host.dropped,
      saving: this.#host.saving,
      peers: this.#host.peers,
      members: this.#view.report,
      standing: isOver ? 'none' : this.#engine.standing,
      waitsFor: isOver ? [] : this.#engine.waitsFor,
    }
  }

  /** As the engine knows them: it takes no others where a voter is asked for. */
  get #voters(): ReadonlySet<NodeId> {
    return new Set(votersOf(this.#engine.configuration).map((voter) => voter.id))
  }

  get #role(): ReplicaStatus['role'] {
    if (this.#ended !== null) return this.#ended instanceof ClosedError ? 'closed' : 'stopped'
    const { phase } = this.#engine
    return phase === 'leading' ? 'leader' : phase === 'preparing' ? 'candidate' : 'follower'
  }

  /** Resolves with who leads then. */
  async transferLeadership(to: NodeId | null, options: WaitOptions): Promise<NodeId> {
    this.requireRunning()
    return await this.#transfers.transfer(to, options)
  }

  /** Lets another node lead first, so that nobody has to miss this one. */
  async close(lets = true): Promise<void> {
    if (lets && this.#ended === null && this.#engine.phase === 'leading') await this.#letLead()
    this.#end(new ClosedError('The node was closed. The outcome is unknown: ask another node.'))
    await this.#host.close()
  }

  async #letLead(): Promise<void> {
    const { timing, closeTimeoutMs, logger } = this.#settings
    try {
      const timeoutMs = Math.min(timing.livenessWindowMs, closeTimeoutMs) / 2
      await this.#transfers.transfer(null, { timeoutMs })
    } catch (error) {
      logger.info('closes without a successor', { error })
    }
  }

  #observe(observation: Observation<MultiPaxosMessage, LogEvent>): void {
    const { metrics } = this.#settings
    if (observation.type === 'event') this.#handle(observation.event)
    else if (observation.type === 'received') {
      this.#forwarding.received(observation.from, observation.message)
      this.members.received(observation.from, observation.message)
    } else if (observation.type === 'saved') {
      metrics.counter('paxos.saves', 1)
      if (observation.change.snapshot !== undefined) this.#snapshots.saved()
    } else if (observation.type === 'dropped') {
      metrics.counter('paxos.frames.dropped', 1, { reason: observation.reason })
    } else if (observation.type === 'away') {
      metrics.counter('paxos.pauses', 1)
      this.#settings.logger.warn('this node stood still, and is back', { ms: observation.ms })
    } else if (observation.type === 'members-differ') this.#watch.membersDiffer(observation.from)
    else if (observation.type === 'warned') this.#watch.warned(observation.warning)
  }

  /** Whether the state is being replaced: nothing is applied, and nobody reads it. */
  get #isHeld(): boolean {
    return this.#streamed?.state.isHeld === true
  }

  #handle(event: LogEvent): void {
    // What follows from the slots before it waits for them.
    if (this.#isHeld && this.#held.take(event)) return
    switch (event.type) {
      case 'chosen':
        return this.#apply(event.first, event.values)
      case 'piece-wanted':
        return void this.#streamed?.pieces.wanted(event.piece)
      case 'piece-received':
        return void this.#streamed?.pieces.received(event)
      case 'transfer-dropped':
        return this.#streamed?.pieces.dropped(event.transfer)
      case 'snapshot-unused':
        this.#snapshots.unused(event.staged)
        return this.#streamed?.state.unused(event.staged)
      case 'forwarded':
        return this.#forwarding.forwarded(
          event.from,
          this.members.forwarded(event.from, event.values),
        )
      case 'forward-refused':
        this.members.refused(event.heads, event.reason)
        return this.#proposals.refusedByLeader(event.heads, refusedByLeader())
      case 'configuration-changed':
        // The view follows what is applied.
        return
      case 'configuration-complete':
        return this.members.completed(event.version)
      case 'admitted':
        return this.members.admitted()
      case 'transfer-failed':
        this.#settings.logger.warn(event.type, { to: event.to, reason: event.reason })
        this.#transfers.failed(event)
        return this.events.push(event)
      case 'read-ready':
        this.#forwarding.readConfirmed()
        return this.#reads.ready(event.id, event.slot, this.#applier.appliedThrough)
      case 'read-failed':
        return this.#reads.failed(event.id)
      case 'snapshot-installed':
        return this.#install(event.snapshot)
      case 'leadership-acquired':
        this.#maintenance.leads()
        this.members.leadershipChanged()
        this.#settings.logger.info(event.type, { ballot: event.ballot })
        return this.events.push({ type: event.type, ballot: event.ballot })
      case 'leadership-lost':
        this.members.leadershipChanged()
        this.#settings.logger.info(event.type, { ballot: event.ballot })
        return this.events.push(event)
      case 'leader-changed':
        return this.#follow(event.leader)
      case 'preempted':
        this.#settings.logger.debug('preempted', { ballot: event.ballot, promised: event.promised })
        return
      case 'disbelieved':
        this.#settings.logger.debug('disbelieved', { from: event.from, reason: event.reason })
    }
  }

  #apply(first: Slot, values: readonly Uint8Array[]): void {
    const { metrics, clock } = this.#settings
    const nowMs = clock.nowMs()
    let count = values.length
    for (const [index, value] of values.entries()) {
      if (this.#isRestored(first + index, value)) continue
      const applied = this.#applier.apply(first + index, value, nowMs)
      if (applied.type === 'undo') {
        this.#held.put({ type: 'chosen', first: first + index, values: values.slice(index) })
        this.#streamed?.state.undo()
        count = index
        break
      }
      this.#forwarding.applied(value)
      const each = applied.type === 'several' ? applied.each : [applied]
      for (const entry of each) this.#applied(first + index, entry)
    }
    metrics.counter('paxos.entries.applied', count)
    this.#reads.applied(this.#applier.appliedThrough)
    this.#forwarding.flushSoon()
    this.#snapshots.takeIfDue()
    this.#tellSoon()
    this.watchers.notify()
  }

  /** Whether the state holds that slot already: it was restored before the slot was told. */
  #isRestored(slot: Slot, value: Uint8Array): boolean {
    if (this.#streamed === null || slot > this.#applier.appliedThrough) return false
    const entry = membersEntryIn(value)
    if (entry !== null) this.members.applied(slot, entry)
    this.#forwarding.applied(value)
    return true
  }

  /** The state is whole again: what has come meanwhile takes its turn. */
  #release(): void {
    for (let next = this.#held.next(); next !== null; next = this.#held.next()) {
      this.#handle(next)
      if (this.#isHeld) return
    }
    this.#reads.applied(this.#applier.appliedThrough)
  }

  async #takeInPieces(): Promise<TakenSnapshot | null> {
    return (await this.#streamed?.state.take()) ?? null
  }

  /** Tells whoever waits for an entry what came of it. */
  #applied(slot: Slot, applied: AppliedEntry<Result>): void {
    this.#noteFailure(slot, applied)
    switch (applied.type) {
      case 'members':
        return this.members.applied(slot, applied.entry)
      case 'opened':
        return this.#proposals.opened(applied.space, applied.nonce, applied.session)
      case 'not-opened':
        return this.#proposals.notOpened(applied.space, applied.nonce, applied.reason)
      case 'commands':
        return this.#proposals.applied(applied.session, applied.sequence, applied.results)
      case 'refused':
        return this.#proposals.refused(applied.session, applied.sequence, applied.reason)
      case 'nothing':
      case 'malformed':
    }
  }

  /** When this turn is over: whoever was answered may propose in it, and that says it too. */
  #tellSoon(): void {
    if (this.#cancelTelling !== null || !this.#engine.isUntold) return
    this.#cancelTelling = this.#settings.clock.schedule(0, () => {
      this.#cancelTelling = null
      if (this.#engine.isUntold) this.#host.input(() => this.#engine.announce())
    })
  }

  /** A command that failed is no failure of this node; but somebody should hear of it. */
  #noteFailure(slot: Slot, applied: AppliedEntry<Result>): void {
    const { metrics, logger } = this.#settings
    if (applied.type === 'malformed') {
      metrics.counter('paxos.entries.malformed', 1)
      logger.error('an entry of the log is malformed; it counts as nothing, on every node', {
        slot,
        error: applied.reason,
      })
    } else if (applied.type === 'commands') {
      for (const error of applied.errors) {
        const isRefusal = error instanceof CommandRefusedError
        metrics.counter(isRefusal ? 'paxos.commands.refused' : 'paxos.commands.failed', 1)
        if (!isRefusal) logger.error('a command failed, and was undone', { slot, error })
      }
    }
  }

  #install(snapshot: Snapshot): void {
    const { through, bytes, staged } = snapshot
    // What is staged was restored before the engine took it.
    if (staged === undefined) this.#applier.install(snapshot, this.#settings.clock.nowMs())
    this.#proposals.skipped()
    this.#reads.applied(through)
    this.#snapshots.installed(through, staged?.byteLength ?? bytes.byteLength)
    this.members.installed(snapshot)
    this.watchers.notify()
  }

  #follow(leader: NodeId | null): void {
    const { metrics, logger } = this.#settings
    metrics.counter('paxos.leader.changes', 1)
    logger.info('leader changed', { leader })
    this.events.push({ type: 'leader-changed', leader })
    this.#forwarding.leaderChanged()
    this.#transfers.leaderChanged(leader)
    if (leader !== null) this.#reads.retry()
  }

  /** A message may have been lost. */
  #again(): void {
    this.#proposals.tidy()
    this.members.again()
    this.#reads.retry()
    this.#forwarding.retry(this.#reads.areAsking || this.members.areWaiting)
  }

  #compareMembers(stored: ReadonlyMap<NodeId, string>): void {
    const difference = differingMembers(stored, this.#settings.members)
    if (difference === null) return
    this.#settings.logger.warn(
      'the members on the disk are not those given; the disk counts',
      difference,
    )
    this.#difference = difference
  }

  /** When this turn is over, in which open() resolves: before that nobody can listen. */
  #tellDifference(): void {
    const difference = this.#difference
    if (difference === null) return
    this.#cancelWarning = this.#settings.clock.schedule(0, () =>
      this.events.push({ type: 'members-differ', ...difference }),
    )
  }

  #stopped(error: StoppedError | RemovedError | LostDiskError): void {
    if (this.#ended !== null) return
    this.#settings.logger.error('stopped', { error })
    this.events.push({ type: 'stopped', error })
    this.#end(error)
  }

  /** This node is no voter of its cluster, or no member. What it was about to send is sent first. */
  #leave(error: RemovedError | LostDiskError): void {
    this.#stopped(error)
    void this.#releaseSoon()
  }

  async #releaseSoon(): Promise<void> {
    await Promise.resolve()
    try {
      await this.#host.close()
    } catch {
      // close() tells whoever asks.
    }
  }

  #end(error: Error): void {
    if (this.#ended !== null) return
    this.#ended = error
    this.#maintenance.stop()
    this.#snapshots.stop()
    this.#streamed?.state.stop()
    this.#streamed?.pieces.stop()
    this.#cancelWarning?.()
    this.#cancelTelling?.()
    this.#watch.stop()
    this.#forwarding.end()
    this.#proposals.end(error)
    this.members.end(error)
    this.#transfers.end(error)
    this.#reads.end(error)
    this.events.end()
    this.watchers.end()
  }

  requireRunning(): void {
    if (this.#ended !== null) throw this.#ended
  }
}

/** What moves a state that comes in pieces. */
interface Streamed {
  readonly stage: SnapshotStage
  readonly state: StreamedState
  readonly pieces: SnapshotPieces
}

/** What another node's snapshot may take, and one's own. */
function maxSnapshotBytesOf({ maxStateBytes }: { readonly maxStateBytes: number }): number {
  return Math.max(MAX_SNAPSHOT_BYTES, maxStateBytes + SNAPSHOT_SPARE_BYTES)
}

/** Throws InvalidArgumentError for a state that the disk could not take. */
function requireRoom(settings: { readonly maxStateBytes: number }, stage: StagingDurability): void {
  const { maxStateBytes } = settings
  if (maxSnapshotBytesOf(settings) <= stage.maxSnapshotBytes) return
  throw new InvalidArgumentError(
    `maxStateBytes is ${maxStateBytes}, and the durability adapter takes snapshots of ` +
      `${stage.maxSnapshotBytes} bytes. Give at most ${MAX_STATE_BYTES}, or an adapter that stages them.`,
  )
}

function addressesIn(members: readonly Member[]): ReadonlyMap<NodeId, string> {
  return new Map(members.map(({ id, address }) => [id, address]))
}

function refusedByLeader(): RefusedByLeaderError {
  return new RefusedByLeaderError(
    'The leader cannot read the command, and did not take it; whether an earlier leader did is not ' +
      'known. Run the same version, with the same codec, on every node.',
  )
}
