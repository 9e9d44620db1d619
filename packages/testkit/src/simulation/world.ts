/**
 * What happens to a simulated cluster: begins each fault of a schedule and ends it when its time is
 * over. Must leave nothing broken when it is told to mend everything, but for what a disk has lost.
 */
import type { Fate } from '@paxos/durability-memory'
import type { MemoryHub } from '@paxos/transport-memory'
import type { Dice } from './dice.ts'
import type { Fault } from './faults.ts'
import type { SimulatedNode } from './node.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What a save takes on a good disk and on a slow one, in milliseconds. */
const SAVE_MS = [0, 3] as const
const SLOW_SAVE_MS = [50, 400] as const

export class Mischief {
  readonly #hub: MemoryHub
  readonly #time: VirtualTime
  readonly #nodes: readonly SimulatedNode[]
  readonly #dice: Dice
  /** Faults of the network that are going on. */
  readonly #going = new Set<Fault>()

  constructor(
    hub: MemoryHub,
    time: VirtualTime,
    { nodes, dice }: { readonly nodes: readonly SimulatedNode[]; readonly dice: Dice },
  ) {
    this.#hub = hub
    this.#time = time
    this.#nodes = nodes
    this.#dice = dice
  }

  /** Begins `fault`. */
  begin(fault: Fault): void {
    const [first = 0] = fault.nodes
    const node = this.#nodes[first]
    if (node === undefined) return
    switch (fault.kind) {
      case 'loss':
      case 'duplication':
      case 'reordering':
      case 'delay spike':
      case 'one-way cut':
      case 'partition':
      case 'slow node':
        this.#going.add(fault)
        this.#applyNetwork()
        return this.#after(fault, () => {
          this.#going.delete(fault)
          if (fault.kind === 'slow node') this.#hub.thaw(node.id)
          this.#applyNetwork()
        })
      case 'clock jump':
        return node.clock?.jump(fault.degree * 10_000)
      case 'clock drift':
        node.clock?.drift(0.5 + 1.5 * fault.degree)
        return this.#after(fault, () => node.clock?.drift(1))
      case 'crash':
        node.crash()
        return this.#after(fault, () => void node.start())
      case 'torn write':
        node.crash((waiting) => this.#fates(waiting))
        return this.#after(fault, () => void node.start())
      case 'crash within a step':
        node.crashSoon(Math.floor(fault.degree * 30))
        return this.#after(fault, () => void node.start())
      case 'slow disk':
        node.setSaveMs(...SLOW_SAVE_MS)
        return this.#after(fault, () => node.setSaveMs(...SAVE_MS))
      case 'failing disk':
      case 'full disk':
        node.failDisk()
        return this.#after(fault, () => {
          node.repairDisk()
          void node.start()
        })
      case 'bit flip':
        node.crash()
        node.damageDisk()
        return this.#after(fault, () => void node.start())
    }
  }

  /** Ends everything that can be ended, and starts who is down. */
  mend(): void {
    this.#going.clear()
    this.#applyNetwork()
    for (const node of this.#nodes) {
      this.#hub.thaw(node.id)
      node.clock?.drift(1)
      node.setSaveMs(...SAVE_MS)
      node.crashSoon(Infinity)
      node.repairDisk()
      if (!node.isDamaged) void node.start()
    }
  }

  #after(fault: Fault, end: () => void): void {
    this.#time.schedule(fault.forMs, end)
  }

  #fates(waiting: number): readonly Fate[] {
    const fates = ['whole', 'torn', 'lost'] as const
    return Array.from({ length: waiting }, () => this.#dice.pick(fates))
  }

  /** The network is as the worst of what is going on makes it. */
  #applyNetwork(): void {
    const worst = (kind: Fault['kind']): number =>
      Math.max(
        0,
        ...[...this.#going].filter((each) => each.kind === kind).map((each) => each.degree),
      )
    const spikeMs = Math.floor(worst('delay spike') * 800)
    this.#hub.setFaults({
      loss: worst('loss') * 0.5,
      duplication: worst('duplication') * 0.5,
      reordering: worst('reordering') * 0.7,
      delayMs: { min: 0, max: 3 + spikeMs },
    })
    this.#hub.heal()
    for (const { kind, nodes, degree } of this.#going) {
      const ids = nodes.flatMap((index) => this.#nodes[index]?.id ?? [])
      const [first = '', second = ''] = ids
      if (kind === 'one-way cut') this.#hub.cut(first, second)
      if (kind === 'slow node') this.#hub.freeze(first)
      if (kind === 'partition') this.#partition(ids, degree)
    }
  }

  /** Whole, with one node in both halves, or one node alone. */
  #partition(ids: readonly string[], degree: number): void {
    const half = Math.floor(ids.length / 2)
    if (degree < 0.4) this.#hub.partition(ids.slice(0, half), ids.slice(half))
    else if (degree < 0.7) this.#hub.partition(ids.slice(0, half + 1), ids.slice(half))
    else this.#hub.partition(ids.slice(0, 1), ids.slice(1))
  }
}
