/**
 * What the network does to frames, and the dice that decide it. How many numbers are drawn for a
 * frame must never depend on the faults that are switched on: so a test that switches one off sees
 * the others strike the same frames as before.
 */
import { InvalidArgumentError, requireOptions } from '@paxos/core'
import { MAX_DELAY_MS } from './limits.ts'

/** The faults of every link. */
export interface Faults {
  /** The probability that a frame is lost, 0 to 1. Default 0. */
  readonly loss: number
  /** The probability that a frame arrives twice, 0 to 1. Default 0. */
  readonly duplication: number
  /**
   * The probability that a frame overtakes some that the same node sent to the same node earlier
   * and that are still on their way, 0 to 1. Default 0: each link keeps its order.
   */
  readonly reordering: number
  /** How long a frame takes: whole milliseconds, both ends included. Default 0 to 0. */
  readonly delayMs: DelayRange
}

/** A range of whole milliseconds. */
export interface DelayRange {
  readonly min: number
  readonly max: number
}

/** What is to become of one frame. */
export interface Fate {
  readonly lost: boolean
  /** One for each copy that arrives: two when the frame is duplicated. */
  readonly copies: readonly CopyFate[]
}

/** What is to become of one copy of a frame. */
export interface CopyFate {
  readonly delayMs: number
  /** How much of the queue to overtake, from 0 (none of it) to 1 (all of it). */
  readonly overtake: number
}

/** A network that does its duty. */
export const NO_FAULTS: Faults = {
  loss: 0,
  duplication: 0,
  reordering: 0,
  delayMs: { min: 0, max: 0 },
}

/** What the faults are called. */
export const FAULTS = [
  'loss',
  'duplication',
  'reordering',
  'delayMs',
] as const satisfies readonly (keyof Faults)[]

/** `faults` with `changes`. Throws InvalidArgumentError for a number out of range. */
export function changeFaults(faults: Faults, changes: Partial<Faults>): Faults {
  const { loss, duplication, reordering, delayMs } = { ...faults, ...changes }
  for (const [name, value] of Object.entries({ loss, duplication, reordering })) {
    if (typeof value === 'number' && value >= 0 && value <= 1) continue
    throw new InvalidArgumentError(`${name} is ${value}. Give a probability from 0 to 1.`)
  }
  requireOptions('delayMs', delayMs, ['min', 'max'])
  const { min, max } = delayMs
  if (!Number.isInteger(min) || !Number.isInteger(max) || min < 0 || min > max) {
    throw new InvalidArgumentError(
      `delayMs is ${min} to ${max}. Give whole milliseconds from 0, and min not above max.`,
    )
  }
  if (max > MAX_DELAY_MS) {
    throw new InvalidArgumentError(`delayMs.max is ${max}. Give at most ${MAX_DELAY_MS}.`)
  }
  return { loss, duplication, reordering, delayMs: { min, max } }
}

/** Decides about one frame. Draws the same number of numbers whatever the faults are. */
export function rollFate(faults: Faults, random: () => number): Fate {
  const lost = random() < faults.loss
  const duplicated = random() < faults.duplication
  const first = rollCopy(faults, random)
  const second = rollCopy(faults, random)
  return { lost, copies: duplicated ? [first, second] : [first] }
}

function rollCopy(faults: Faults, random: () => number): CopyFate {
  const { min, max } = faults.delayMs
  const delayMs = min + Math.floor(random() * (max - min + 1))
  const overtakes = random() < faults.reordering
  const distance = random()
  // 1 - distance is in (0, 1]: who overtakes, overtakes at least one frame if there is any.
  return { delayMs, overtake: overtakes ? 1 - distance : 0 }
}
