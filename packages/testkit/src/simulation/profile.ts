/**
 * Profiles: which faults a simulation draws, and how often, as plain data. A new kind of fault
 * (a transfer of leadership, a lease that runs out) is a name here, an action in plan.ts and what it
 * does in faults.ts. Must never hold anything but data.
 *
 * The profile `members` changes all the time who is in the cluster, and takes disks away. It knows the
 * limit within which nothing may be lost: a disk is lost only while those that are left, without it,
 * are quorums of the present configuration, of each that is not complete, and of each that an operator
 * may yet bring about; of voters that no configuration names, one at a time, and no machine before all
 * others were let in: see site.ts.
 *
 * The profile `leases` does the same less often, while leaders have leases, clients read by them,
 * operators turn them on and off, prefer some nodes and let others lead, and clocks run wrong.
 */

/** Every kind of fault that is drawn. */
export const FAULT_KINDS = [
  'loss',
  'duplication',
  'reordering',
  'delay-spike',
  'one-way-cut',
  'partition',
  'pause',
  'clock-jump',
  'clock-drift',
  'stop',
  'crash',
  'slow-disk',
  'disk-failure',
  'disk-full',
  'bit-flip',
  'congestion',
  'slow-link',
  'mtu',
  'disk-stall',
  'long-pause',
  'burst',
  'wipe',
  'machine-loss',
  'transfer',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

/** What is drawn for one seed. */
export interface Profile {
  readonly name: ProfileName
  /** How long faults are injected, in virtual milliseconds. */
  readonly faultsForMs: number
  /** How many of each kind are drawn in a virtual minute, on the average; absent: none. */
  readonly perMinute: Readonly<Partial<Record<FaultKind, number>>>
  /** Draws for each seed which kinds there are, and how many of each: from half to six times. */
  readonly isSwarm: boolean
  /** How many operations the clients begin in a virtual minute. */
  readonly operationsPerMinute: number
  /**
   * How many changes of the members operators ask for in a virtual minute; absent: the members are
   * for ever those of the start.
   */
  readonly changesPerMinute?: number
  /**
   * Leaders have leases, by these rules or none at a time, and clients read by them; absent: none ever
   * has. `clockRates` must then be within what `maxDriftPpm` says, or a lease may be broken.
   */
  readonly leases?: { readonly maxDriftPpm: number }
  /** How fast clocks run that drift, 1 being as fast as time. Default: from 0.4 to 2.5. */
  readonly clockRates?: readonly [number, ...number[]]
  /** What each direction of a link carries without faults, in bytes a second; absent: everything. */
  readonly linkRates?: readonly [number, ...number[]]
}

export type ProfileName =
  'swarm' | 'calm' | 'network' | 'disk' | 'crash' | 'leaders' | 'congested' | 'members' | 'leases'

const NETWORK = {
  loss: 6,
  duplication: 6,
  reordering: 6,
  'delay-spike': 6,
  'one-way-cut': 6,
  partition: 5,
} as const

const CRASH = { crash: 8, stop: 3, pause: 4, 'clock-jump': 3, 'clock-drift': 6 } as const

const DISK = {
  'slow-disk': 5,
  'disk-failure': 4,
  'disk-full': 3,
  'bit-flip': 1.5,
  crash: 5,
} as const

/** Leaders that do not know yet that they lead no more: cut off, paused, or with a slow clock. */
const LEADERS = {
  partition: 16,
  'one-way-cut': 8,
  'delay-spike': 12,
  reordering: 6,
  loss: 3,
  duplication: 3,
  pause: 12,
  'clock-drift': 10,
  crash: 4,
  stop: 2,
  'slow-disk': 3,
} as const

/** More work than the network, a link or a disk can carry, and what nodes take for silence then. */
const CONGESTED = {
  congestion: 4,
  'slow-link': 6,
  mtu: 4,
  'disk-stall': 4,
  'long-pause': 2,
  burst: 10,
  loss: 3,
  'delay-spike': 2,
  partition: 2,
  'slow-disk': 3,
  crash: 2,
} as const

const SWARM = {
  ...NETWORK,
  ...DISK,
  ...CRASH,
  congestion: 2,
  'slow-link': 4,
  mtu: 3,
  'disk-stall': 3,
  'long-pause': 1.5,
  burst: 1.5,
} as const

/** Disks and machines that are lost, among every other fault. */
const MEMBERS = { ...SWARM, wipe: 9, 'machine-loss': 3 } as const

/**
 * Leaders that have leases, and that change, and clocks that are wrong by a fifth at most. No clock
 * jumps: the word of an acceptor whose clock does is worth nothing, and nobody says otherwise.
 */
const LEASES = { ...MEMBERS, ...LEADERS, 'clock-jump': 0, 'clock-drift': 16, transfer: 20 } as const

const common = { faultsForMs: 30_000, isSwarm: false, operationsPerMinute: 300 }

export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  swarm: { ...common, name: 'swarm', perMinute: SWARM, isSwarm: true },
  calm: { ...common, name: 'calm', perMinute: {} },
  network: { ...common, name: 'network', perMinute: NETWORK },
  disk: { ...common, name: 'disk', perMinute: DISK },
  crash: { ...common, name: 'crash', perMinute: CRASH },
  leaders: { ...common, name: 'leaders', perMinute: LEADERS, operationsPerMinute: 1200 },
  congested: {
    ...common,
    name: 'congested',
    perMinute: CONGESTED,
    linkRates: [125_000, 1_250_000, 12_500_000],
  },
  members: {
    ...common,
    name: 'members',
    perMinute: MEMBERS,
    isSwarm: true,
    faultsForMs: 40_000,
    operationsPerMinute: 200,
    changesPerMinute: 45,
  },
  leases: {
    ...common,
    name: 'leases',
    perMinute: LEASES,
    isSwarm: true,
    operationsPerMinute: 600,
    changesPerMinute: 30,
    leases: { maxDriftPpm: 200_000 },
    clockRates: [0.8, 0.9, 1.1, 1.2],
  },
}
