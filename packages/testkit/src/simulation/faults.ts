/**
 * What can go wrong in a simulated cluster, how likely each is in a profile, and the schedule of
 * faults that a seed stands for: a plain list, so that it can be cut down to what matters. Must be
 * drawn before the run, from the seed alone.
 *
 * Membership changes, leadership transfers and leases are to become kinds here.
 */
import type { Dice } from './dice.ts'

export const FAULT_KINDS = [
  'loss',
  'duplication',
  'reordering',
  'delay spike',
  'one-way cut',
  'partition',
  'slow node',
  'clock jump',
  'clock drift',
  'crash',
  'crash within a step',
  'torn write',
  'slow disk',
  'failing disk',
  'full disk',
  'bit flip',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

/** One fault. What the numbers mean depends on the kind. */
export interface Fault {
  readonly kind: FaultKind
  readonly atMs: number
  /** How long it lasts; for a crash, until the restart. */
  readonly forMs: number
  /** Which nodes, by number from 0: the first is the one that it happens to. */
  readonly nodes: readonly number[]
  /** From 0 to 1: how bad it is. */
  readonly degree: number
}

export type ProfileName = 'calm' | 'network' | 'crash' | 'disk' | 'swarm'

/** How likely each kind is beside the others; those that are absent do not happen. */
export type Weights = Readonly<Partial<Record<FaultKind, number>>>

const NETWORK: Weights = {
  loss: 2,
  duplication: 1,
  reordering: 1,
  'delay spike': 2,
  'one-way cut': 2,
  partition: 3,
  'slow node': 2,
}

const CRASH: Weights = {
  crash: 3,
  'crash within a step': 3,
  'torn write': 2,
  'clock jump': 1,
  'clock drift': 1,
}

const DISK: Weights = {
  'torn write': 3,
  'slow disk': 2,
  'failing disk': 2,
  'full disk': 1,
  'bit flip': 1,
}

/** In 'swarm' each seed leaves out some kinds at random: what is rare otherwise gets its turn. */
export const PROFILES: Readonly<Record<ProfileName, Weights>> = {
  calm: {},
  network: NETWORK,
  crash: CRASH,
  disk: DISK,
  swarm: { ...DISK, ...CRASH, ...NETWORK },
}

/** Draws a schedule. No more than a minority of the nodes ever loses what it had stored. */
export function drawFaults(
  profile: ProfileName,
  {
    nodes,
    durationMs,
    dice,
  }: { readonly nodes: number; readonly durationMs: number; readonly dice: Dice },
): readonly Fault[] {
  const kinds = FAULT_KINDS.filter((kind) => PROFILES[profile][kind] !== undefined)
  const kept = profile === 'swarm' ? kinds.filter(() => dice.chance(0.6)) : kinds
  const bag = kept.flatMap((kind) => Array<FaultKind>(PROFILES[profile][kind] ?? 0).fill(kind))
  const [first, ...rest] = bag
  if (first === undefined) return []
  const faults = Array.from({ length: dice.between(2, 14) }, (): Fault => {
    const kind = dice.pick([first, ...rest])
    const longest = kind === 'clock jump' ? 0 : durationMs / 3
    return {
      kind,
      atMs: dice.below(durationMs),
      forMs: 1 + Math.floor(longest * dice.next() * dice.next()),
      nodes: shuffled(nodes, dice),
      degree: dice.next(),
    }
  })
  const flipped = new Set<number>()
  const isAllowed = ({ kind, nodes: [node] }: Fault): boolean => {
    if (kind !== 'bit flip' || node === undefined) return true
    if (flipped.size === Math.ceil(nodes / 2) - 1) return flipped.has(node)
    return flipped.add(node).size > 0
  }
  return faults.toSorted((a, b) => a.atMs - b.atMs).filter(isAllowed)
}

function shuffled(count: number, dice: Dice): readonly number[] {
  const order = Array.from({ length: count }, (_, index) => ({ index, at: dice.next() }))
  return order.toSorted((a, b) => a.at - b.at).map(({ index }) => index)
}
