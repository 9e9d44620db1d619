/**
 * One simulated node through all its lives: a real Replica, between a transport and a disk that are
 * watched and that can die with it at any call. Must never let anything of a dead life out.
 */
import type { Durability, NodeId, Transport } from '@paxos/core'
import { isMultiPaxosMessage } from '@paxos/core/multi'
import { decode } from '@paxos/core/wire'
import { memory as memoryDurability, memoryDisk } from '@paxos/durability-memory'
import type { Fate } from '@paxos/durability-memory'
import { Replica } from '@paxos/replica'
import { memory as memoryTransport } from '@paxos/transport-memory'
import type { MemoryHub } from '@paxos/transport-memory'
import type { Dice } from './dice.ts'
import { registers } from './registers.ts'
import type { Command, Registers, Result } from './registers.ts'
import type { Trace } from './trace.ts'
import { nodeClock } from './virtual-time.ts'
import type { NodeClock, VirtualTime } from './virtual-time.ts'
import type { Watch } from './watch.ts'

export type SimulatedReplica = Replica<Command, Result, string, string>

/** What is around a node. */
export interface Surroundings {
  readonly time: VirtualTime
  readonly hub: MemoryHub
  readonly watch: Watch
  readonly trace: Trace
  readonly members: Readonly<Record<NodeId, string>>
  readonly snapshotEveryEntries: number
  readonly sessionTimeoutMs: number
  /** What a test puts in the place of honest parts. */
  readonly wrapDurability?: ((durability: Durability, id: NodeId) => Durability) | undefined
  readonly wrapTransport?: ((transport: Transport, id: NodeId) => Transport) | undefined
  readonly makeMachine?: ((id: NodeId, honest: Registers) => Registers) | undefined
}

/** Between a start and an end. */
interface Life {
  readonly clock: NodeClock
  readonly machine: Registers
  alive: boolean
  /** How many more sends and saves there are before it dies; `null` while it is not to. */
  callsLeft: number | null
  /** Its disk was told to fail: it is to stop by itself. */
  mayStop: boolean
  replica: SimulatedReplica | null
}

export class SimulatedNode {
  readonly id: NodeId
  readonly #around: Surroundings
  readonly #dice: Dice
  readonly #disk = memoryDisk()
  #life: Life | null = null
  /** Its disk has lost what was durable: it must not come back. */
  #damaged = false
  #diskFails = false
  #saveMs: readonly [number, number] = [0, 3]
  /** Resolves when the life before is over. */
  #ended: Promise<void> = Promise.resolve()

  constructor(id: NodeId, around: Surroundings, dice: Dice) {
    this.id = id
    this.#around = around
    this.#dice = dice
  }

  /** The replica, while it is there for clients. */
  get replica(): SimulatedReplica | null {
    return this.#life?.alive === true ? this.#life.replica : null
  }

  get digest(): number {
    return this.#life?.machine.digest ?? 0
  }

  /** It lost what it had stored, and stays away. */
  get isDamaged(): boolean {
    return this.#damaged
  }

  get clock(): NodeClock | null {
    return this.#life?.clock ?? null
  }

  /** Starts it, unless it lives. */
  async start(): Promise<void> {
    if (this.#life !== null) return
    const { time, watch, members, trace } = this.#around
    const honest = registers((slot, digest) => watch.applied(this.id, slot, digest))
    const machine = this.#around.makeMachine?.(this.id, honest) ?? honest
    const clock = nodeClock(time)
    const life: Life = {
      clock,
      machine,
      alive: true,
      callsLeft: null,
      mayStop: this.#diskFails,
      replica: null,
    }
    this.#life = life
    await this.#ended
    if (!life.alive) return
    this.#disk.hold()
    this.#note('starts')
    try {
      const replica = await Replica.open<Command, Result, string, string>({
        id: this.id,
        members,
        transport: this.#transport(life),
        durability: this.#durability(life),
        stateMachine: machine,
        clock,
        random: () => this.#dice.next(),
        snapshotEveryEntries: this.#around.snapshotEveryEntries,
        sessionTimeoutMs: this.#around.sessionTimeoutMs,
      })
      if (!life.alive) return void replica.close().catch(() => undefined)
      life.replica = replica
      void this.#listen(life, replica)
    } catch (error) {
      if (!life.alive) return
      this.#note(`does not start: ${String(error)}`)
      if (!this.#damaged) watch.violate('no stop without a reason', `${this.id}: ${String(error)}`)
      this.#end(life)
    } finally {
      trace.add({ type: 'note', at: this.id, text: 'is open or gone' })
    }
  }

  /** The machine loses power; of the saves under way, `fates` says what is left. */
  crash(fates: (waiting: number) => readonly Fate[] = () => []): void {
    const life = this.#life
    if (life === null || !life.alive) return
    this.#note('crashes')
    life.alive = false
    life.clock.stop()
    this.#disk.crash(fates(this.#disk.waiting))
    this.#end(life)
  }

  /** The same, in `calls` more of its sends and saves: between any two of one step. */
  crashSoon(calls: number): void {
    if (this.#life !== null) this.#life.callsLeft = calls
  }

  /** From now on saves fail, and the node with the first of them. */
  failDisk(): void {
    if (this.#life !== null) this.#life.mayStop = true
    this.#diskFails = true
    this.#disk.fail()
  }

  repairDisk(): void {
    this.#diskFails = false
    this.#disk.repair()
  }

  /** What was stored can no longer be read. */
  damageDisk(): void {
    this.#damaged = true
    this.#disk.damage()
  }

  /** How long a save takes from now on. */
  setSaveMs(min: number, max: number): void {
    this.#saveMs = [min, max]
  }

  #note(text: string): void {
    this.#around.trace.add({ type: 'note', at: this.id, text })
  }

  /** Nobody waits for it: the next life does. */
  #end(life: Life): void {
    life.alive = false
    life.clock.stop()
    if (this.#life === life) this.#life = null
    const { replica } = life
    this.#ended = (async () => {
      await Promise.resolve()
      await replica?.close().catch(() => undefined)
    })()
  }

  async #listen(life: Life, replica: SimulatedReplica): Promise<void> {
    for await (const event of replica.events()) {
      if (event.type !== 'stopped' || !life.alive) continue
      this.#note(`stops: ${event.error.message}`)
      const { watch } = this.#around
      if (!life.mayStop)
        watch.violate('no stop without a reason', `${this.id}: ${event.error.message}`)
      this.#end(life)
    }
  }

  /** Whether the life may still do something. */
  #acts(life: Life): boolean {
    if (!life.alive) return false
    if (life.callsLeft === null) return true
    life.callsLeft -= 1
    if (life.callsLeft >= 0) return true
    this.crash((waiting) =>
      Array.from({ length: waiting }, () => this.#dice.pick(['whole', 'lost'])),
    )
    return false
  }

  #transport(life: Life): Transport {
    const { hub, watch, trace, wrapTransport } = this.#around
    const inner = memoryTransport({ hub })
    const watched: Transport = {
      get address() {
        return inner.address
      },
      setPeers: (peers) => inner.setPeers(peers),
      open: (options) =>
        inner.open({
          ...options,
          receive: (from, frame) => {
            if (!life.alive) return
            const { message } = decode(frame)
            if (isMultiPaxosMessage(message)) {
              trace.add({ type: 'received', from, to: this.id, message })
            }
            options.receive(from, frame)
          },
        }),
      send: (to, frame) => {
        if (!this.#acts(life)) return
        const { message } = decode(frame)
        if (isMultiPaxosMessage(message)) {
          watch.sending(this.id, message)
          trace.add({ type: 'sent', from: this.id, to, message })
        }
        inner.send(to, frame)
      },
      close: () => inner.close(),
    }
    return wrapTransport?.(watched, this.id) ?? watched
  }

  #durability(life: Life): Durability {
    const { time, watch, wrapDurability } = this.#around
    const inner = memoryDurability({ disk: this.#disk })
    const watched: Durability = {
      open: async () => {
        const saved = await inner.open()
        watch.opened(this.id, saved)
        return saved
      },
      save: async (change) => {
        if (!this.#acts(life)) throw new Error('The power is off.')
        watch.saving(this.id, change)
        const saving = inner.save(change)
        const [min, max] = this.#saveMs
        time.schedule(min + this.#dice.next() * (max - min), () => {
          if (life.alive) this.#disk.release(1)
        })
        await saving
        watch.saved(this.id, change)
        this.#note(`has saved ${Object.keys(change).join(', ')}`)
      },
      close: () => inner.close(),
    }
    return wrapDurability?.(watched, this.id) ?? watched
  }
}
