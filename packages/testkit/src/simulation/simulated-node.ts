/**
 * One node of a simulation through all its lives: its disk stays, the rest dies with each. When a life
 * is over nothing of it may be seen any more: no frame, no save, no answer, whatever its code still
 * runs.
 */
import { CorruptionError, DurabilityError } from '@paxos/core'
import type { Change, Durability, NodeId, SnapshotStage, Transport } from '@paxos/core'
import { decode } from '@paxos/core/wire'
import type { Fate } from '@paxos/durability-memory'
import { LostDiskError, RemovedError, Replica } from '@paxos/replica'
import type { ReplicaOptions } from '@paxos/replica'
import { memory } from '@paxos/transport-memory'
import { SimulatedDisk } from './simulated-disk.ts'
import { NodeClock } from './node-clock.ts'
import type { DeathPoint } from './plan.ts'
import { randomOf } from './random.ts'
import { givesPieces, inPieces } from './pieces.ts'
import { registers } from './registers.ts'
import type { Command, RegisterMachine, Result } from './registers.ts'
import { leaveTail, tailOf } from './tail.ts'
import { count, note } from './world.ts'
import type { SimulatedReplica, World } from './world.ts'

type Options = ReplicaOptions<Command, Result, string, string>

/** From one start to the next. */
interface Life {
  readonly number: number
  readonly clock: NodeClock
  readonly releases: (() => void)[]
  isAlive: boolean
  /** Its disk refused a save by order of the plan, so it has to stop. */
  mayStop: boolean
  hasStopped: boolean
  isSyncing: boolean
  replica: SimulatedReplica | null
  doom: Doom | null
}

/** What a machine is told of where it is, and who else is there. */
export interface Place {
  readonly address: string
  /** By id: where others listen. */
  readonly others: Readonly<Record<NodeId, string>>
}

/** How a life is going to end. */
interface Doom {
  readonly point: DeathPoint
  readonly fates: readonly Fate[]
  framesLeft: number
}

/** A node, its disk, and what is done to both. */
export class SimulatedNode {
  readonly id: NodeId
  readonly #world: World
  /** What is done to it is its own affair. */
  readonly disk: SimulatedDisk
  /** Where it listens, and whom it is told of; `null` while there is no machine for it. */
  #place: Place | null = null
  /** Why the cluster has shut it out. */
  #leftBecause: RemovedError | LostDiskError | null = null
  #life: Life | null = null
  #lives = 0
  #rate = 1
  #pauses = 0
  readonly #deferred: (() => void)[] = []

  constructor(id: NodeId, world: World) {
    this.id = id
    this.#world = world
    this.disk = new SimulatedDisk(world)
  }

  /** What answers here; `null` when nobody does. */
  get replica(): SimulatedReplica | null {
    return this.#life?.isAlive === true ? this.#life.replica : null
  }

  /** Where it listens; `null` while there is no machine for it. */
  get address(): string | null {
    return this.#place?.address ?? null
  }

  /** Whether it would be alone if it knew nothing but what it is told. */
  get isToldOfNobody(): boolean {
    return Object.keys(this.#place?.others ?? {}).every((id) => id === this.id)
  }

  /** Why the cluster has shut it out, in its present life; `null` while it has not. */
  get leftBecause(): RemovedError | LostDiskError | null {
    return this.#leftBecause
  }

  /** Whether it runs, or is about to. */
  get isUp(): boolean {
    return this.#life?.isAlive === true && !this.#life.hasStopped
  }

  /** Whether its disk is lost, so that it can never come back. */
  get isDamaged(): boolean {
    return this.disk.isDamaged
  }

  /** Does something in the node's own time: when it is paused, later; when it dies before, never. */
  run(work: () => void): void {
    const life = this.#life
    if (life !== null) this.#runIn(life, work)
  }

  /** There is a machine for it from now on; it does not run yet. */
  install(place: Place): void {
    this.#place = place
  }

  /** Its machine is gone, and what was on it. */
  destroy(): void {
    this.wipe()
    this.#place = null
  }

  /** Starts it, unless it runs or cannot. */
  start(): void {
    const life = this.#life
    // An empty disk that fails cannot be opened: it is started when that is mended.
    if (this.disk.isFailing && this.disk.identity === null) return
    if (this.#place === null || this.isDamaged || (life?.isAlive === true && !life.hasStopped))
      return
    if (life?.isAlive === true) this.#end(life, [])
    this.#begin()
  }

  /** Starts it where its disk works; else it is started when that is mended. */
  startIfWell(): void {
    if (!this.disk.isFailing && !this.disk.isFull) this.start()
  }

  /** Closes it in good order. */
  stop(): void {
    const life = this.#life
    const replica = this.replica
    if (life === null || replica === null || life.hasStopped) return
    count(this.#world, 'stop')
    note(this.#world, this.id, 'closes')
    life.hasStopped = true
    life.replica = null
    life.mayStop = true
    this.run(() => void replica.close().catch(() => undefined))
  }

  /** Cuts its power at that point. */
  crash(point: DeathPoint, fates: readonly Fate[]): void {
    const life = this.#life
    if (life?.isAlive !== true) return
    if (point.at === 'event') return this.#crashNow(life, fates)
    life.doom = { point, fates, framesLeft: point.at === 'send' ? point.frames : 0 }
  }

  /** What was to kill it has had its time. */
  spare(): void {
    if (this.#life !== null) this.#life.doom = null
  }

  pause(): void {
    this.#pauses += 1
    this.#world.hub.freeze(this.id)
  }

  /**
   * `timersFirst`: timers that were due meanwhile go off before what arrived is read, as in Node.js
   * after SIGCONT.
   */
  resume(timersFirst: boolean): void {
    this.#pauses -= 1
    if (this.#pauses > 0) return
    if (!timersFirst) this.#world.hub.thaw(this.id)
    for (const work of this.#deferred.splice(0)) this.#world.time.schedule(0, work)
    if (timersFirst) this.#world.hub.thaw(this.id)
  }

  jump(byMs: number): void {
    this.#life?.clock.jump(byMs)
  }

  drift(rate: number): void {
    this.#rate = rate
    this.#life?.clock.drift(rate)
  }

  /**
   * A stored bit flips, which shows at the next start. Not before this node was let in: till then the
   * others wait for it, as they must, until a person replaces it.
   */
  flipBit(): void {
    if (this.isDamaged || !this.disk.medium.saved.admitted) return
    count(this.#world, 'bit-flip')
    if (this.#life?.isAlive === true) this.#end(this.#life, [])
    note(this.#world, this.id, 'loses power; a bit of its disk has flipped')
    this.disk.flipBit()
    this.#begin()
  }

  /** It loses power, and its disk: another one is put in, which is empty. */
  wipe(): void {
    if (this.#life?.isAlive === true) this.#end(this.#life, [])
    note(this.#world, this.id, 'loses power, and its disk')
    this.disk.replace()
    this.#leftBecause = null
    this.#world.watcher.lost(this.id)
  }

  /** Starts it anew somewhere else; if it is down, when it is started. */
  move(place: Place): void {
    const wasUp = this.isUp
    if (this.#life?.isAlive === true) this.#end(this.#life, [])
    this.install(place)
    if (wasUp) this.startIfWell()
  }

  /** The run is over. */
  end(): void {
    if (this.#life?.isAlive === true) this.#end(this.#life, [])
  }

  #begin(): void {
    const { id } = this
    const { plan, time, parts } = this.#world
    const place = this.#place
    if (place === null) return
    this.#leftBecause = null
    this.#lives += 1
    const random = randomOf(plan.seed, `node ${id}, life ${this.#lives}`)
    const secrets = randomOf(plan.seed, `secrets of ${id}, life ${this.#lives}`)
    const life: Life = {
      number: this.#lives,
      clock: new NodeClock(time, random.integer(0, 1_000_000), this.#rate, (work) =>
        this.#runIn(life, work),
      ),
      releases: [],
      isAlive: true,
      mayStop: false,
      hasStopped: false,
      isSyncing: false,
      replica: null,
      doom: null,
    }
    this.#life = life
    note(this.#world, id, `starts its life ${life.number}`)
    const options: Options = {
      id,
      members: { ...place.others, [id]: place.address },
      transport: this.#transport(life),
      durability: this.#durability(life),
      stateMachine: this.#stateMachine(life),
      snapshotEveryEntries: plan.snapshotEveryEntries,
      sessionTimeoutMs: plan.sessionTimeoutMs,
      lease: plan.leases?.first ?? undefined,
      clock: life.clock,
      random: () => random.next(),
      randomBytes: (length) => Uint8Array.from({ length }, () => secrets.integer(0, 255)),
      logger: {
        debug: ignore,
        info: (text) => life.isAlive && note(this.#world, id, text),
        warn: ignore,
        error: (_, fields) => this.#stopped(life, fields),
      },
    }
    void this.#open(life, parts.options?.(options, id) ?? options)
  }

  async #open(life: Life, options: Options): Promise<void> {
    try {
      const replica = await Replica.open(options)
      if (!life.isAlive) return void replica.close({ transfer: false }).catch(() => undefined)
      if (life.hasStopped) return
      life.replica = replica
      if (!this.isDamaged) return
      const problem = `${this.id} runs on a disk that cannot be read whole.`
      this.#world.report('corruption-surfaces', this.id, problem)
    } catch (error) {
      this.#didNotOpen(life, error)
    }
  }

  #didNotOpen(life: Life, error: unknown): void {
    if (!life.isAlive) return
    life.hasStopped = true
    note(this.#world, this.id, `does not start: ${String(error)}`)
    if (this.#hasLeft(error)) return
    const isAsItShould = this.isDamaged ? error instanceof CorruptionError : life.mayStop
    if (isAsItShould) return
    const invariant = this.isDamaged ? 'corruption-surfaces' : 'node-runs'
    this.#world.report(invariant, this.id, `${this.id} does not start: ${String(error)}`)
  }

  #stopped(life: Life, fields: object | undefined): void {
    if (!life.isAlive) return
    const error: unknown = fields !== undefined && 'error' in fields ? fields.error : undefined
    life.hasStopped = true
    life.replica = null
    note(this.#world, this.id, `stops: ${String(error)}`)
    if (this.#hasLeft(error)) return
    if (!life.mayStop) this.#world.report('node-runs', this.id, String(error))
  }

  /** Whether the cluster has shut it out, and rightly. */
  #hasLeft(error: unknown): boolean {
    if (!(error instanceof RemovedError || error instanceof LostDiskError)) return false
    const { watcher } = this.#world
    const { choices } = watcher
    this.#leftBecause = error
    if (error instanceof RemovedError)
      return choices.newest.members.every(({ id }) => id !== this.id)
    const own = watcher.incarnationOf(this.id)
    // It may have been taken in meanwhile, as a member that does not vote yet.
    return choices.chain.some(({ members }) =>
      members.some(
        ({ id, role, incarnation }) =>
          id === this.id && role === 'voter' && incarnation !== null && incarnation !== own,
      ),
    )
  }

  #runIn(life: Life, work: () => void): void {
    if (!life.isAlive) return
    if (this.#pauses > 0) {
      this.#deferred.push(() => this.#runIn(life, work))
      return
    }
    const { doom } = life
    if (doom?.point.at === 'await') {
      this.#world.afterTurns(doom.point.turns, () => {
        if (life.isAlive && life.doom === doom) this.#crashNow(life, doom.fates)
      })
    }
    work()
  }

  #crashNow(life: Life, fates: readonly Fate[]): void {
    count(this.#world, 'crash')
    this.disk.countFates(fates)
    note(this.#world, this.id, `loses power, with ${this.disk.waiting} saves not synced`)
    this.#end(life, fates)
  }

  #end(life: Life, fates: readonly Fate[]): void {
    life.isAlive = false
    life.doom = null
    life.clock.stop()
    this.disk.crash(fates)
    for (const release of life.releases) release()
    void life.replica?.close({ transfer: false }).catch(() => undefined)
  }

  #transport(life: Life): Transport {
    const { hub, watcher, parts } = this.#world
    const made = memory({ hub })
    const inner = parts.transport?.(made, this.id) ?? made
    life.releases.push(() => void inner.close())
    // A broadcast hands the same frame over for each peer.
    let last: Uint8Array | null = null
    return {
      open: (options) =>
        inner.open({
          ...options,
          receive: (from, frame) => this.#runIn(life, () => options.receive(from, frame)),
        }),
      get address() {
        return inner.address
      },
      setPeers: (peers) => inner.setPeers(peers),
      send: (to, frame) => {
        if (!life.isAlive) return
        const { doom } = life
        if (doom?.point.at === 'send') {
          if (doom.framesLeft === 0) return this.#crashNow(life, doom.fates)
          doom.framesLeft -= 1
        }
        if (last !== frame) {
          watcher.sent(this.id, life.number, decode(frame).message)
          last = frame
        }
        inner.send(to, frame)
      },
      close: () => inner.close(),
    }
  }

  #durability(life: Life): Durability {
    const { watcher, parts, plan } = this.#world
    const { tail, nodes } = plan
    const made = this.disk.durability()
    const inner = parts.durability?.(made, this.id) ?? made
    const { snapshots } = inner
    const contents: StagedContents = new Map()
    return {
      ...(snapshots !== undefined && { snapshots: this.#stage(life, snapshots, contents) }),
      open: async (owner, options) => {
        if (life.number === 1 && tail !== undefined) {
          await leaveTail(this.disk.medium, owner, tailOf(this.id, nodes.indexOf(this.id), tail))
        }
        const opened = await inner.open(owner, options)
        if (life.isAlive) watcher.opened(this.id, opened)
        return opened
      },
      save: async (change) => {
        this.#requireRoom(life)
        const done = inner.save(change)
        this.#syncSoon(life)
        if (life.doom?.point.at === 'save') this.#crashNow(life, life.doom.fates)
        await done
        if (!life.isAlive) throw refused('The power was lost. Start the node again.')
        watcher.saved(this.id, wholeChange(change, contents))
      },
      close: () => inner.close(),
    }
  }

  /** Throws when the power is lost, or the disk full. */
  #requireRoom(life: Life): void {
    if (!life.isAlive) throw refused('The power is lost. Start the node again.')
    if (!this.disk.isFull && (!life.mayStop || life.hasStopped)) return
    if (!life.mayStop) count(this.#world, 'disk-full')
    life.mayStop = true
    throw refused('The disk is full. Make room, and start the node again.')
  }

  /** Sealing waits for a sync, as a save does; `contents` is told what was sealed. */
  #stage(life: Life, inner: SnapshotStage, contents: StagedContents): SnapshotStage {
    return {
      begin: async () => {
        this.#requireRoom(life)
        const writer = await inner.begin()
        const content: number[] = []
        return {
          append: async (piece) => {
            this.#requireRoom(life)
            content.push(...piece)
            await writer.append(piece)
          },
          seal: async () => {
            this.#requireRoom(life)
            const sealing = writer.seal()
            this.#syncSoon(life)
            const staged = await sealing
            if (!life.isAlive) throw refused('The power was lost. Start the node again.')
            contents.set(staged.id, Uint8Array.from(content))
            return staged
          },
          abandon: () => writer.abandon(),
        }
      },
      read: (staged, offset, maxBytes) => inner.read(staged, offset, maxBytes),
      discard: (staged) => inner.discard(staged),
    }
  }

  /** Has what waits now synced together, and then what has come meanwhile. */
  #syncSoon(life: Life): void {
    if (life.isSyncing || this.disk.waiting === 0) return
    life.isSyncing = true
    this.disk.sync((saves) => this.#runIn(life, () => this.#synced(life, saves)))
  }

  /** The sync of the oldest `count` saves is over. */
  #synced(life: Life, saves: number): void {
    life.isSyncing = false
    if (this.disk.isFailing) {
      if (!life.mayStop) count(this.#world, 'disk-failure')
      life.mayStop = true
    }
    this.disk.release(saves)
    this.#syncSoon(life)
  }

  #stateMachine(life: Life): Options['stateMachine'] {
    const { watcher, history, freshness, parts, plan } = this.#world
    const made = registers()
    const inner = parts.stateMachine?.(made, this.id) ?? made
    const watched: RegisterMachine = {
      apply: (command, revision) => {
        const result = inner.apply(command, revision)
        if (life.isAlive) {
          const state = new TextDecoder().decode(inner.snapshot())
          watcher.applied(this.id, `${this.id} ${life.number}`, revision, command, result, state)
          history.applied(command, result)
          freshness.applied(command, revision, result)
        }
        return result
      },
      query: (key) => inner.query?.(key) ?? '',
      snapshot: () => inner.snapshot(),
      restore: (bytes) => inner.restore(bytes),
    }
    const random = randomOf(plan.seed, `pieces of ${this.id}, life ${life.number}`)
    return givesPieces(plan) ? inPieces(watched, life.clock, random) : watched
  }
}

/** What was sealed, by its id. */
type StagedContents = Map<string, Uint8Array>

/** `change` with the bytes of its snapshot, for who compares them. */
function wholeChange(change: Change, contents: StagedContents): Change {
  const { snapshot } = change
  const bytes = contents.get(snapshot?.staged?.id ?? '')
  return snapshot === undefined || bytes === undefined
    ? change
    : { ...change, snapshot: { ...snapshot, bytes } }
}

function ignore(): void {
  // Nobody reads it.
}

function refused(message: string): DurabilityError {
  return new DurabilityError('ERR_PAXOS_DURABILITY_FAILED', message)
}
