/**
 * The disk of a simulated node, and what goes wrong with it: it is slow, hangs, fails, is full, loses a
 * bit, or is lost and replaced by an empty one. It stays while lives come and go. Must never draw dice
 * but when a sync begins: a run follows from its seed.
 */
import type { Durability, Identity } from '@paxos/core'
import { memoryDisk } from '@paxos/durability-memory'
import type { Fate, MemoryDisk } from '@paxos/durability-memory'
import { count } from './world.ts'
import type { World } from './world.ts'

const KIND_OF_FATE = {
  lost: 'lost-save',
  torn: 'torn-save',
  whole: 'unacknowledged-save',
} as const

/** The disk in one machine. Orders to fail, to be full or to hang add up: each is taken back once. */
export class SimulatedDisk {
  readonly #world: World
  #disk: MemoryDisk = memoryDisk()
  #failures = 0
  #full = 0
  #stalls = 0
  readonly #stalled: (() => void)[] = []
  /** The slowest of the orders that are in force, in milliseconds. */
  readonly #slow: number[] = []
  #isDamaged = false

  constructor(world: World) {
    this.#world = world
    this.#disk.hold()
  }

  /** For the simulation, which leaves something on it before anybody opens it. */
  get medium(): MemoryDisk {
    return this.#disk
  }

  get identity(): Identity | null {
    return this.#disk.identity
  }

  /** Whether it is lost, so that nobody can run on it. */
  get isDamaged(): boolean {
    return this.#isDamaged
  }

  get isFailing(): boolean {
    return this.#failures > 0
  }

  get isFull(): boolean {
    return this.#full > 0
  }

  /** Saves that are not synced. */
  get waiting(): number {
    return this.#disk.waiting
  }

  durability(): Durability {
    return this.#disk.durability()
  }

  slowDown(syncMs: number): void {
    this.#slow.push(syncMs)
  }

  speedUp(syncMs: number): void {
    const index = this.#slow.indexOf(syncMs)
    if (index >= 0) this.#slow.splice(index, 1)
  }

  /** Syncs hang from now on. */
  stall(): void {
    this.#stalls += 1
  }

  /** Those that hung go on. */
  unstall(): void {
    this.#stalls -= 1
    if (this.#stalls > 0) return
    for (const sync of this.#stalled.splice(0)) this.#world.time.schedule(0, sync)
  }

  fail(): void {
    this.#failures += 1
    this.#disk.fail()
  }

  repair(): void {
    this.#failures -= 1
    if (this.#failures === 0) this.#disk.repair()
  }

  fill(): void {
    this.#full += 1
  }

  empty(): void {
    this.#full -= 1
  }

  /** A stored bit flips, which shows at the next start. */
  flipBit(): void {
    this.#disk.damage()
    this.#isDamaged = true
  }

  /** It is lost: another one is put in, which is empty. */
  replace(): void {
    this.#disk = memoryDisk()
    this.#disk.hold()
    if (this.isFailing) this.#disk.fail()
    this.#isDamaged = false
  }

  /** How the saves end that wait as the power fails. */
  countFates(fates: readonly Fate[]): void {
    for (let index = 0; index < this.waiting; index += 1) {
      count(this.#world, KIND_OF_FATE[fates[index] ?? 'lost'])
    }
  }

  /** The power fails. */
  crash(fates: readonly Fate[]): void {
    this.#disk.crash(fates)
    this.#disk.hold()
    // A crash repairs a memory disk; the plan does not.
    if (this.isFailing) this.#disk.fail()
  }

  /** Has what waits now synced together: `done` is told of how many saves, when the disk is through. */
  sync(done: (saves: number) => void): void {
    const { waiting } = this
    const { time, diskRandom, plan } = this.#world
    const usualMs = diskRandom.integer(plan.syncMs.min, plan.syncMs.max)
    const sync = (): void => {
      if (this.#stalls > 0) this.#stalled.push(sync)
      else done(waiting)
    }
    time.schedule(Math.max(usualMs, ...this.#slow), sync)
  }

  /** The oldest `saves` are over, well or not. */
  release(saves: number): void {
    this.#disk.release(saves)
  }
}
