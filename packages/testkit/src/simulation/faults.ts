/**
 * Carries out the faults of a plan. What overlaps is combined: the worst of the rates that are in
 * force counts, and a link is cut as long as anything cuts it. Must never do anything that the plan
 * does not say.
 */
import type { NodeId } from '@paxos/core'
import { propose } from './burst.ts'
import type { Fault } from './plan.ts'
import type { SimulatedNode } from './simulated-node.ts'
import type { Site } from './site.ts'
import { transfer } from './transfer.ts'
import { count, note } from './world.ts'
import type { World } from './world.ts'

type FaultOf<Type extends Fault['type']> = Extract<Fault, { readonly type: Type }>

/** The ids of their commands: above those of clients and of probes. */
const BURSTS_FROM = 2_000_000

/** What a hub does without being told. */
const UNLIMITED = { bytesPerSecond: Infinity, queueBytes: 16 << 20 } as const

/** They are counted when a frame is struck. */
const COUNTED_BY_FRAME: ReadonlySet<Fault['type']> = new Set(['loss', 'duplication', 'mtu'])

/** The node runs through them, and is not started again. */
const GOES_ON: ReadonlySet<Fault['type']> = new Set([
  'pause',
  'long-pause',
  'slow-disk',
  'disk-stall',
])

/** The faults of one run. */
export class Faults {
  readonly #world: World
  readonly #site: Site
  readonly #active = new Set<Fault>()
  #nextBurstId = BURSTS_FROM

  constructor(world: World, site: Site) {
    this.#world = world
    this.#site = site
    this.#setNetwork()
  }

  /** Begins it now; it ends by itself. */
  begin(fault: Fault): void {
    note(this.#world, 'node' in fault ? fault.node : null, `fault ${JSON.stringify(fault)}`)
    this.#begin(fault)
    if (!('untilMs' in fault)) return
    this.#active.add(fault)
    this.#setNetwork()
    this.#world.time.schedule(fault.untilMs - fault.atMs, () => {
      if (!this.#active.delete(fault)) return
      this.#setNetwork()
      this.#end(fault)
    })
  }

  /** Everything ends, and every node that can run does. */
  endAll(): void {
    const active = [...this.#active]
    this.#active.clear()
    this.#setNetwork()
    for (const fault of active) this.#end(fault)
    for (const node of this.#site.nodes) {
      node.spare()
      node.drift(1)
      node.start()
    }
  }

  #begin(fault: Fault): void {
    if (!('node' in fault)) {
      // Frames are counted as they are struck.
      if (!COUNTED_BY_FRAME.has(fault.type)) count(this.#world, fault.type)
      return
    }
    const node = this.#nodeOf(fault.node)
    switch (fault.type) {
      case 'pause':
        count(this.#world, fault.type)
        return node.pause()
      case 'long-pause':
        count(this.#world, fault.type)
        return node.pause()
      case 'clock-jump':
        count(this.#world, fault.type)
        return node.jump(fault.byMs)
      case 'clock-drift':
        count(this.#world, fault.type)
        return node.drift(fault.rate)
      case 'slow-disk':
        count(this.#world, fault.type)
        return node.disk.slowDown(fault.syncMs)
      case 'disk-stall':
        count(this.#world, fault.type)
        return node.disk.stall()
      // These are counted when they strike.
      case 'burst':
        propose(this.#world, node, fault, this.#nextBurstId)
        this.#nextBurstId += fault.count
        return
      case 'transfer':
        return transfer(this.#world, node, fault)
      case 'stop':
        return node.stop()
      case 'crash':
        return node.crash(fault.point, fault.fates)
      case 'disk-failure':
        return node.disk.fail()
      case 'disk-full':
        return node.disk.fill()
      case 'bit-flip':
        if (!this.#world.changesMembers || this.#site.mayLose(fault.node)) node.flipBit()
        return
      case 'wipe':
        if (node.address === null || !this.#site.mayLose(node.id)) return
        count(this.#world, fault.type)
        return this.#site.wipe(node)
      case 'machine-loss':
        if (node.address === null || !this.#site.mayVanish(node.id)) return
        count(this.#world, fault.type)
        return node.destroy()
    }
  }

  #end(fault: Fault): void {
    if (!('node' in fault)) return
    const node = this.#nodeOf(fault.node)
    if (fault.type === 'pause') node.resume(false)
    else if (fault.type === 'long-pause') node.resume(fault.timersFirst)
    else if (fault.type === 'disk-stall') node.disk.unstall()
    else if (fault.type === 'slow-disk') node.disk.speedUp(fault.syncMs)
    else if (fault.type === 'disk-failure') node.disk.repair()
    else if (fault.type === 'disk-full') node.disk.empty()
    else if (fault.type === 'crash') node.spare()
    if (!GOES_ON.has(fault.type)) node.start()
  }

  #setNetwork(): void {
    const { hub, plan } = this.#world
    const worst = (type: 'loss' | 'duplication' | 'reordering'): number =>
      Math.max(0, ...this.#activeOf(type).map(({ rate }) => rate))
    const spikes = this.#activeOf('delay-spike').map(({ maxDelayMs }) => maxDelayMs)
    hub.setFaults({
      loss: Math.max(plan.links?.loss ?? 0, worst('loss')),
      duplication: worst('duplication'),
      reordering: worst('reordering'),
      delayMs: { min: plan.delayMs.min, max: Math.max(plan.delayMs.max, ...spikes) },
    })
    this.#setCapacities()
    hub.heal()
    for (const { from, to } of this.#activeOf('one-way-cut')) hub.cut(from, to)
    for (const { left, right } of this.#activeOf('partition')) {
      for (const one of left) {
        for (const other of right) {
          hub.cut(one, other)
          hub.cut(other, one)
        }
      }
    }
  }

  #setCapacities(): void {
    const { hub, plan } = this.#world
    const usual = plan.links ?? UNLIMITED
    const congested = this.#activeOf('congestion')
    const rates = congested.map(({ bytesPerSecond }) => bytesPerSecond)
    const queues = congested.map(({ queueBytes }) => queueBytes)
    const bytesPerSecond = Math.min(usual.bytesPerSecond, ...rates)
    hub.setLinks({
      bytesPerSecond,
      queueBytes: Math.min(usual.queueBytes, ...queues),
      maxFrameBytes: Infinity,
    })
    const slow = this.#activeOf('slow-link')
    // The slowest comes last, and counts.
    for (const one of slow.toSorted((a, b) => b.bytesPerSecond - a.bytesPerSecond)) {
      const rate = Math.min(bytesPerSecond, one.bytesPerSecond)
      hub.setLink(one.from, one.to, { bytesPerSecond: rate })
    }
    const narrow = this.#activeOf('mtu')
    for (const one of narrow.toSorted((a, b) => b.maxFrameBytes - a.maxFrameBytes)) {
      hub.setLink(one.from, one.to, { maxFrameBytes: one.maxFrameBytes })
    }
  }

  #activeOf<Type extends Fault['type']>(...types: readonly Type[]): FaultOf<Type>[] {
    const found: FaultOf<Type>[] = []
    for (const fault of this.#active) if (isOneOf(fault, types)) found.push(fault)
    return found
  }

  #nodeOf(id: NodeId): SimulatedNode {
    const node = this.#site.node(id)
    if (node === undefined) throw new Error(`There is no node ${id}.`)
    return node
  }
}

function isOneOf<Type extends Fault['type']>(
  fault: Fault,
  types: readonly Type[],
): fault is FaultOf<Type> {
  return types.some((type) => type === fault.type)
}
