/**
 * The plan of one run: everything that will be done to a cluster and asked of it, drawn from the seed
 * before anything runs. Each action stands for itself, with its own beginning and end, so that any
 * subset of a plan is a plan. Must never depend on how a run goes.
 */
import type { NodeId } from '@paxos/core'
import type { Fate } from '@paxos/durability-memory'
import { drawLeases, drawLook } from './leases-plan.ts'
import type { LeasesPlan, Look } from './leases-plan.ts'
import { drawChanges, sparesFor } from './members-plan.ts'
import type { ChangeCall } from './members-plan.ts'
import { FAULT_KINDS } from './profile.ts'
import type { FaultKind, Profile } from './profile.ts'
import { randomOf } from './random.ts'
import type { Random } from './random.ts'
import type { TailPlan } from './tail.ts'

/** From one virtual millisecond to another. */
interface Window {
  readonly atMs: number
  readonly untilMs: number
}

/** Where in a node's work it dies. */
export type DeathPoint =
  /** Between two events. */
  | { readonly at: 'event' }
  /** So many turns of the microtask queue after the node's next event: at one of its awaits. */
  | { readonly at: 'await'; readonly turns: number }
  /** When it has sent so many more frames: in the midst of a step, or of a broadcast. */
  | { readonly at: 'send'; readonly frames: number }
  /** When it asks for its next save, which is still on its way then. */
  | { readonly at: 'save' }

/** One thing that is done to the cluster. */
export type Fault =
  | (Window & { readonly type: 'loss' | 'duplication' | 'reordering'; readonly rate: number })
  | (Window & { readonly type: 'delay-spike'; readonly maxDelayMs: number })
  | (Window & { readonly type: 'one-way-cut'; readonly from: NodeId; readonly to: NodeId })
  /** Every pair of which one is in `left` and the other in `right` is cut; the rest is not. */
  | (Window & {
      readonly type: 'partition'
      readonly left: readonly NodeId[]
      readonly right: readonly NodeId[]
    })
  /** The node does nothing: what comes waits. */
  | (Window & { readonly type: 'pause'; readonly node: NodeId })
  /** The same for several liveness windows. `timersFirst`: what was due goes before what arrived. */
  | (Window & {
      readonly type: 'long-pause'
      readonly node: NodeId
      readonly timersFirst: boolean
    })
  | {
      readonly type: 'clock-jump'
      readonly atMs: number
      readonly node: NodeId
      readonly byMs: number
    }
  | {
      readonly type: 'clock-drift'
      readonly atMs: number
      readonly node: NodeId
      readonly rate: number
    }
  /** The node is closed in good order, and started again. */
  | (Window & { readonly type: 'stop'; readonly node: NodeId })
  /** The node loses power. `fates` are those of the saves that are not synced then. */
  | (Window & {
      readonly type: 'crash'
      readonly node: NodeId
      readonly point: DeathPoint
      readonly fates: readonly Fate[]
    })
  | (Window & { readonly type: 'slow-disk'; readonly node: NodeId; readonly syncMs: number })
  /** A sync hangs until the end, and then goes on. */
  | (Window & { readonly type: 'disk-stall'; readonly node: NodeId })
  /** Syncs fail, or writes do, until the end; then the node is started again. */
  | (Window & { readonly type: 'disk-failure' | 'disk-full'; readonly node: NodeId })
  /** Every link carries so little, and so much may wait for it. */
  | (Window & {
      readonly type: 'congestion'
      readonly bytesPerSecond: number
      readonly queueBytes: number
    })
  /** One direction carries so little. */
  | (Window & {
      readonly type: 'slow-link'
      readonly from: NodeId
      readonly to: NodeId
      readonly bytesPerSecond: number
    })
  /** One direction loses every frame of more bytes. */
  | (Window & {
      readonly type: 'mtu'
      readonly from: NodeId
      readonly to: NodeId
      readonly maxFrameBytes: number
    })
  /** So many commands of so many bytes are proposed on one node at once. */
  | {
      readonly type: 'burst'
      readonly atMs: number
      readonly node: NodeId
      readonly count: number
      readonly valueBytes: number
      readonly patienceMs: number
    }
  /** A stored bit flips and the node loses power. It must refuse to start, and stays away. */
  | { readonly type: 'bit-flip'; readonly atMs: number; readonly node: NodeId }
  /** The node loses power, and its disk: it comes back with an empty one, if that may be borne. */
  | (Window & { readonly type: 'wipe'; readonly node: NodeId })
  /** The machine never comes back, if that may be borne. */
  | { readonly type: 'machine-loss'; readonly atMs: number; readonly node: NodeId }
  /** The node is asked to let another one lead: `to`, or with `null` whom it likes. */
  | {
      readonly type: 'transfer'
      readonly atMs: number
      readonly node: NodeId
      readonly to: NodeId | null
      readonly patienceMs: number
    }

/** What a client asks. The numbers of nodes count on from the last that there is. */
export interface ClientCall {
  readonly type: 'call'
  readonly atMs: number
  readonly id: number
  readonly client: number
  /** The first node to ask: an index, modulo the number of nodes. */
  readonly node: number
  readonly key: string
  readonly call: 'get' | 'put' | 'compareAndSet' | 'append'
  /** After so long a client gives an operation up. */
  readonly patienceMs: number
  /** What a 'get' may show. Absent: it is linearizable. */
  readonly look?: Look
}

export type Action = Fault | ClientCall | ChangeCall

/** A direction of a link, without faults. */
export interface LinkPlan {
  readonly bytesPerSecond: number
  /** What may wait for it, in bytes; the newest is dropped. */
  readonly queueBytes: number
  /** The probability that a frame is lost, 0 to 1. */
  readonly loss: number
}

/** Everything that a run follows from. */
export interface Plan {
  readonly seed: number
  /** Those that start the cluster. */
  readonly nodes: Nodes
  /** Those that may join it; absent: its members never change. */
  readonly spares?: readonly NodeId[]
  /** What is known of the leases of its leaders; absent: none ever has one. */
  readonly leases?: LeasesPlan
  /** From then on there are no faults, and the cluster must recover. */
  readonly faultsEndMs: number
  /** How long a frame takes without a delay spike, in milliseconds. */
  readonly delayMs: { readonly min: number; readonly max: number }
  /** What each direction of a link is like without faults; absent: it carries everything at once. */
  readonly links?: LinkPlan
  /** What disks hold at the start, accepted and not chosen; absent: nothing. */
  readonly tail?: TailPlan
  /** How long a sync takes on a disk that is not slow, in milliseconds. */
  readonly syncMs: { readonly min: number; readonly max: number }
  readonly snapshotEveryEntries: number
  readonly sessionTimeoutMs: number
  /** Clients below this number keep a session of their own and retry; the others trust the node's. */
  readonly clientsWithSession: number
  /** By time. */
  readonly actions: readonly Action[]
}

/** The plan that follows from `seed` under `profile`. */
export function drawPlan(seed: number, profile: Profile): Plan {
  const setup = randomOf(seed, 'setup')
  const usual: Nodes = setup.chance(0.6) ? ['a', 'b', 'c'] : ['a', 'b', 'c', 'd', 'e']
  const size = randomOf(seed, 'size')
  const nodes = size.chance(0.15) ? size.pick(UNUSUAL_SIZES) : usual
  const { faultsForMs } = profile
  const plan = {
    seed,
    nodes,
    faultsEndMs: faultsForMs,
    delayMs: setup.pick([
      { min: 0, max: 0 },
      { min: 0, max: 5 },
      { min: 1, max: 40 },
    ]),
    syncMs: setup.pick([
      { min: 0, max: 0 },
      { min: 0, max: 4 },
      { min: 1, max: 25 },
    ]),
    snapshotEveryEntries: setup.pick([4, 15, 10_000]),
    sessionTimeoutMs: setup.pick([3_600_000, 3_600_000, 8000]),
    clientsWithSession: setup.integer(0, CLIENTS),
  }
  const links = drawLinks(seed, profile)
  const spares = sparesFor(profile, nodes)
  const all: Nodes = [nodes[0], ...nodes.slice(1), ...(spares.spares ?? [])]
  const faults = FAULT_KINDS.flatMap((kind) => drawFaults(seed, profile, kind, all))
  const changes = drawChanges(seed, profile)
  const calls = drawCalls(seed, profile, all)
  const actions: Action[] = [...faults, ...changes, ...calls]
  const leases = drawLeases(seed, profile)
  return {
    ...plan,
    ...spares,
    ...leases,
    ...links,
    actions: actions.toSorted((a, b) => a.atMs - b.atMs),
  }
}

function drawLinks(seed: number, { linkRates }: Profile): Pick<Plan, 'links'> {
  if (linkRates === undefined) return {}
  const random = randomOf(seed, 'links')
  const bytesPerSecond = random.pick(linkRates)
  const queueBytes = random.pick([64 << 10, 1 << 20])
  return { links: { bytesPerSecond, queueBytes, loss: 0 } }
}

type Nodes = readonly [NodeId, ...NodeId[]]

const FOUR: Nodes = ['a', 'b', 'c', 'd']
/** Quorums of all, and quorums that are more than half by two. */
const UNUSUAL_SIZES: readonly [Nodes, ...Nodes[]] = [['a'], ['a', 'b'], FOUR, FOUR]

const CLIENTS = 4

/** A swarm has a little of one kind and very much of another: what needs many at once gets them. */
const SWARM_FACTORS = [0.5, 1, 2, 6] as const

/** What may wait for a link, in bytes: little as in a switch, or seconds as in a bloated buffer. */
const QUEUES = [64 << 10, 1 << 20, 8 << 20] as const

/** Faults at one end of which a node is away last at most so long. */
const MAX_AWAY_MS = 6000

/** Several liveness windows, which are a second: all that a leader was waiting for is long over. */
const LONG_PAUSE_MS = [5000, 15_000] as const

/** They strike in every seed, however few kinds a swarm draws. */
const ALWAYS: ReadonlySet<FaultKind> = new Set(['wipe', 'machine-loss'])

/** The faults of links. */
const NEED_TWO: ReadonlySet<FaultKind> = new Set(['one-way-cut', 'partition', 'slow-link', 'mtu'])

function drawFaults(seed: number, profile: Profile, kind: FaultKind, nodes: Nodes): Fault[] {
  const { perMinute, isSwarm, faultsForMs } = profile
  const random = randomOf(seed, kind)
  const isOn = !isSwarm || ALWAYS.has(kind) || random.chance(0.4)
  const factor = isSwarm && !ALWAYS.has(kind) ? random.pick(SWARM_FACTORS) : 1
  const expected = isOn ? ((perMinute[kind] ?? 0) * factor * faultsForMs) / 60_000 : 0
  const drawn = Math.floor(expected) + (random.chance(expected % 1) ? 1 : 0)
  if (nodes.length === 1 && NEED_TWO.has(kind)) return []
  // A quorum of disks must stay undamaged: nobody promises more without one.
  const count = kind === 'bit-flip' ? Math.min(drawn, (nodes.length - 1) / 2) : drawn
  const damaged = shuffled(nodes, random)
  return Array.from({ length: count }, (_, index) => {
    const atMs = random.integer(0, faultsForMs - 1)
    const node = kind === 'bit-flip' ? (damaged[index] ?? nodes[0]) : random.pick(nodes)
    const [leastMs, mostMs] = kind === 'long-pause' ? LONG_PAUSE_MS : [20, MAX_AWAY_MS]
    const untilMs = Math.min(faultsForMs, atMs + random.integer(leastMs, mostMs))
    const fault = drawFault(kind, { atMs, untilMs }, node, nodes, random, profile.clockRates)
    return kind === 'partition'
      ? [fault, ...drawShifts(untilMs, faultsForMs, nodes, random)]
      : fault
  }).flat()
}

/**
 * Other partitions, each at the end of the one before, so that nothing heals between them: whoever
 * was cut off, with what only it has accepted, is soon in a quorum without those that outvoted it.
 */
function drawShifts(atMs: number, faultsForMs: number, nodes: Nodes, random: Random): Fault[] {
  const shifts: Fault[] = []
  let window = { atMs, untilMs: atMs }
  while (random.chance(0.7)) {
    const untilMs = Math.min(faultsForMs, window.untilMs + random.integer(500, 5000))
    window = { atMs: window.untilMs, untilMs }
    shifts.push(drawFault('partition', window, nodes[0], nodes, random))
  }
  // What is drawn behind the end of the faults is none.
  return shifts.filter((shift) => shift.atMs < faultsForMs)
}

function drawFault(
  type: FaultKind,
  window: Window,
  node: NodeId,
  nodes: Nodes,
  random: Random,
  rates: NonNullable<Profile['clockRates']> = CLOCK_RATES,
): Fault {
  const { atMs } = window
  switch (type) {
    case 'loss':
    case 'duplication':
    case 'reordering':
      return { type, ...window, rate: random.pick([0.02, 0.1, 0.3, 0.6]) }
    case 'delay-spike':
      return { type, ...window, maxDelayMs: random.pick([100, 500, MAX_SPIKE_MS]) }
    case 'one-way-cut':
      return { type, ...window, from: node, to: drawOther(node, nodes, random) }
    case 'congestion': {
      const bytesPerSecond = random.pick([8000, 60_000, 250_000])
      return { type, ...window, bytesPerSecond, queueBytes: random.pick(QUEUES) }
    }
    case 'slow-link': {
      const to = drawOther(node, nodes, random)
      return { type, ...window, from: node, to, bytesPerSecond: random.pick([2000, 30_000]) }
    }
    case 'mtu': {
      const to = drawOther(node, nodes, random)
      return { type, ...window, from: node, to, maxFrameBytes: random.pick([300, 1400, 60_000]) }
    }
    case 'burst': {
      const [count, valueBytes] = random.pick(BURSTS)
      const patienceMs = random.pick([2000, 10_000])
      return { type, atMs, node, count, valueBytes, patienceMs }
    }
    case 'long-pause':
      return { type, ...window, node, timersFirst: random.chance(0.5) }
    case 'partition': {
      const order = shuffled(nodes, random)
      const left = random.integer(1, nodes.length - 1)
      // What is in neither part hears both.
      const right = random.integer(left + 1, nodes.length)
      return { type, ...window, left: order.slice(0, left), right: order.slice(left, right) }
    }
    case 'clock-jump':
      return { type, atMs, node, byMs: random.pick([50, 900, 5000, 60_000]) }
    case 'clock-drift':
      // Half of them from the start: a stale leader shows where clocks differ for long.
      return { type, atMs: random.pick([0, atMs]), node, rate: random.pick(rates) }
    case 'crash':
      return { type, ...window, node, point: drawPoint(random), fates: drawFates(random) }
    case 'slow-disk':
      return { type, ...window, node, syncMs: random.pick([30, 150, 600]) }
    case 'pause':
    case 'disk-stall':
    case 'stop':
    case 'disk-failure':
    case 'disk-full':
    case 'wipe':
      return { type, ...window, node }
    case 'bit-flip':
    case 'machine-loss':
      return { type, atMs, node }
    case 'transfer': {
      const to = random.chance(0.5) ? null : random.pick(nodes)
      return { type, atMs, node, to, patienceMs: random.pick([50, 500, 3000]) }
    }
  }
}

/** How fast the clock of a node runs that drifts, where a profile says nothing else. */
const CLOCK_RATES = [0.4, 0.8, 1.25, 2.5] as const

/** How many at once, and of how many bytes each: up to a quarter of a megabyte. */
const BURSTS: readonly [readonly [number, number], ...(readonly [number, number])[]] = [
  [8, 30_000],
  [40, 6000],
  [150, 1000],
  [300, 50],
]

function drawOther(node: NodeId, nodes: Nodes, random: Random): NodeId {
  const others = nodes.filter((other) => other !== node)
  return others[random.integer(0, others.length - 1)] ?? ''
}

/** The longest that a spike delays a frame. */
const MAX_SPIKE_MS = 2000

function drawPoint(random: Random): DeathPoint {
  const turns = random.integer(1, 12)
  const frames = random.integer(0, 5)
  return random.pick<DeathPoint>([
    { at: 'event' },
    { at: 'await', turns },
    { at: 'send', frames },
    { at: 'save' },
  ])
}

function drawFates(random: Random): Fate[] {
  const whole = random.integer(0, 3)
  return Array.from({ length: 6 }, (_, index) =>
    index < whole ? 'whole' : random.pick<Fate>(['lost', 'torn', 'whole']),
  )
}

function drawCalls(seed: number, profile: Profile, nodes: readonly NodeId[]): ClientCall[] {
  const random = randomOf(seed, 'clients')
  const { operationsPerMinute, faultsForMs, isSwarm } = profile
  const factor = isSwarm ? random.pick([0.5, 1, 2]) : 1
  const count = Math.round((operationsPerMinute * factor * faultsForMs) / 60_000)
  const looks = randomOf(seed, 'looks')
  return Array.from({ length: count }, (_, index) => ({
    type: 'call',
    id: index + 1,
    atMs: random.integer(0, faultsForMs - 1),
    client: random.integer(0, CLIENTS - 1),
    node: random.integer(0, nodes.length - 1),
    key: random.pick(['x', 'y', 'z']),
    call: random.pick(['get', 'get', 'put', 'compareAndSet', 'append', 'append']),
    patienceMs: random.pick([300, 2000, 10_000]),
    ...drawLook(profile, looks),
  }))
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, order: random.next() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ item }) => item)
}
