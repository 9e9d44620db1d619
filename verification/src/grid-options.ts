/**
 * What `pnpm grid` may be told: which values each axis of the grid has, and how to run it. What can
 * never be is refused, and said in one sentence.
 */
import { InvalidArgumentError } from 'commander'
import type { Cell, Origin } from './grid-cell.ts'

/** The options; an axis that is absent has its usual values. */
export interface GridOptions {
  readonly quick: boolean
  readonly from?: Origin[]
  readonly nodes?: Cell['nodes'][]
  readonly backlog?: number[]
  readonly rate?: number[]
  readonly roundTrip?: number[]
  readonly loss?: number[]
  readonly limit: number
  readonly seed: number
  readonly workers: number
}

/** Every combination of the axes, in the order of the table. */
export function cellsOf({
  quick,
  from,
  nodes,
  backlog,
  rate,
  roundTrip,
  loss,
}: GridOptions): Cell[] {
  const axes = {
    origins: from ?? ORIGINS,
    nodes: nodes ?? (quick ? ([3] as const) : ([3, 5] as const)),
    backlogKib: backlog ?? (quick ? [1024] : [512, 4096]),
    megabits: rate ?? (quick ? [1, 10] : [1, 10, 100]),
    roundTripsMs: roundTrip ?? (quick ? [20] : [2, 200]),
    losses: loss ?? (quick ? [5] : [0, 5]),
  }
  return axes.origins.flatMap((origin) =>
    axes.nodes.flatMap((count) =>
      axes.backlogKib.flatMap((kib) =>
        axes.megabits.flatMap((megabit) =>
          axes.roundTripsMs.flatMap((roundTripMs) =>
            axes.losses.map((percent) => ({
              from: origin,
              nodes: count,
              backlogBytes: kib * 1024,
              bytesPerSecond: megabit * 125_000,
              roundTripMs,
              loss: percent / 100,
            })),
          ),
        ),
      ),
    ),
  )
}

const ORIGINS: readonly Origin[] = ['congestion', 'restart']

export const originsOf = (text: string): Origin[] =>
  text.split(',').map((part) => {
    const origin = ORIGINS.find((name) => name === part)
    if (origin !== undefined) return origin
    throw new InvalidArgumentError(`Give ${ORIGINS.join(', ')}, or both.`)
  })

export const kibibytesOf = (text: string): number[] => listOf(text, 'numbers above 0', isPositive)

export const megabitsOf = kibibytesOf

export const roundTripsOf = (text: string): number[] =>
  // Each way takes half of it.
  listOf(text, 'even whole numbers from 0 on', (value) => value >= 0 && value % 2 === 0)

export const lossesOf = (text: string): number[] =>
  listOf(text, 'numbers from 0 to below 100', (value) => value >= 0 && value < 100)

export const nodesOf = (text: string): Cell['nodes'][] =>
  listOf(text, '3, 5, or 3,5', (value) => value === 3 || value === 5).map((value) =>
    value === 3 ? 3 : 5,
  )

export function positive(text: string): number {
  return numberOf(text, 'a number above 0', isPositive)
}

export function wholePositive(text: string): number {
  return numberOf(text, 'a whole number from 1 on', (value) => value > 0 && Number.isInteger(value))
}

export function seedOf(text: string): number {
  const what = `a whole number from 0 to ${HIGHEST_SEED}`
  return numberOf(
    text,
    what,
    (value) => Number.isInteger(value) && value >= 0 && value <= HIGHEST_SEED,
  )
}

const HIGHEST_SEED = 2 ** 32 - 1

const isPositive = (value: number): boolean => value > 0

function listOf(text: string, what: string, isRight: (value: number) => boolean): number[] {
  return text.split(',').map((part) => numberOf(part, what, isRight))
}

function numberOf(text: string, what: string, isRight: (value: number) => boolean): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && isRight(value)) return value
  throw new InvalidArgumentError(`Give ${what}.`)
}
