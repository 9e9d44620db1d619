/**
 * How often a cluster changes its leader while one thing is wrong with it. The bounds follow from the
 * algorithm: a node asks the others before it raises a ballot, so that nobody is disturbed by one that
 * alone hears no leader (0); and where the leader itself is the one in trouble, those that are well
 * elect one of them, whom the former leader then follows (1), however often the trouble comes again.
 */
import { extent } from '@paxos/testkit/fuzz'
import { playScene, SETTLED_MS } from '@paxos/testkit/simulation'
import type { Action, Cast, Parts, PlayedScene, Scene } from '@paxos/testkit/simulation'
import { describe, expect, it } from 'vitest'

const SEEDS = Array.from({ length: extent(1, 2) }, (_, index) => index + 1)

/** For how long something is wrong, in virtual milliseconds. */
const WRONG_MS = extent(12_000, 30_000)

/** The first ones; with THOROUGH=1 all. */
function some<T>(quick: number, all: readonly T[]): readonly T[] {
  return all.slice(0, extent(quick, all.length))
}

/** Plays it with every seed, with leases every second time; all promises have to be kept. */
async function play(
  scene: Omit<Scene, 'seed' | 'forMs'>,
  forMs = WRONG_MS,
): Promise<PlayedScene[]> {
  const played: PlayedScene[] = []
  for (const seed of SEEDS) {
    const lease = seed % 2 === 0 ? {} : undefined
    const { parts } = scene
    const options: Parts['options'] = (usual, id) => ({
      ...(parts?.options?.(usual, id) ?? usual),
      lease,
    })
    const one = await playScene({
      everyMs: 400,
      ...scene,
      parts: { ...parts, options },
      forMs,
      seed,
    })
    expect(one.result.violation, `seed ${seed}`).toBeNull()
    played.push(one)
  }
  return played
}

/** How often the leader changed, at most. */
function mostChanges(played: readonly PlayedScene[]): number {
  return Math.max(...played.map(({ changes }) => changes.length))
}

interface Window {
  readonly atMs: number
  readonly untilMs: number
}

/** How long something is wrong, and how long nothing is then, in virtual milliseconds, about. */
interface Rhythm {
  readonly onMs: number
  readonly offMs: number
}

/** When something is wrong: never for as long twice in a row, for nothing may depend on a beat. */
function again({ onMs, offMs }: Rhythm): readonly Window[] {
  const windows: Window[] = []
  const endMs = SETTLED_MS + WRONG_MS
  for (let atMs = SETTLED_MS + 100, turn = 0; atMs < endMs; turn += 1) {
    const factor = 0.7 + ((turn * 37) % 60) / 100
    const untilMs = Math.round(atMs + onMs * factor)
    if (untilMs < endMs) windows.push({ atMs, untilMs })
    atMs = Math.round(untilMs + offMs * (2 - factor))
  }
  return windows
}

type Role = 'leader' | 'follower'

const ROLES: readonly Role[] = ['follower', 'leader']

/** Nobody is disturbed by a follower; a leader in trouble is replaced once. */
const COSTS: Readonly<Record<Role, number>> = { follower: 0, leader: 1 }

function struck({ leader, followers }: Cast, role: Role): { node: string; others: string[] } {
  const node = role === 'leader' ? leader : (followers[0] ?? leader)
  return { node, others: [leader, ...followers].filter((id) => id !== node) }
}

describe.each(ROLES)('the links of a %s', (role) => {
  const flaps = [
    { onMs: 1200, offMs: 150 },
    { onMs: 500, offMs: 200 },
    { onMs: 200, offMs: 300 },
    { onMs: 2000, offMs: 1500 },
  ]

  it.each(some(2, flaps))(
    `that go down for $onMs ms and up for $offMs, again and again, cost ${COSTS[role]} changes at most`,
    async (flap) => {
      const faults = (cast: Cast): Action[] => {
        const { node, others } = struck(cast, role)
        return again(flap).map((window) => {
          return { type: 'partition', left: [node], right: others, ...window }
        })
      }
      expect(mostChanges(await play({ faults }))).toBeLessThanOrEqual(COSTS[role])
    },
  )
})

/** Directions that are cut. */
type Cuts = (leader: string, one: string, other: string) => readonly (readonly [string, string])[]

// prettier-ignore
const CUTS: readonly (readonly [string, number, Cuts])[] = [
  ['to the leader, which hears nobody', 1, (leader, one, other) => [[one, leader], [other, leader]]],
  ['to a follower, which hears nobody', 0, (leader, one, other) => [[leader, one], [other, one]]],
  ['from the leader, which nobody hears', 1, (leader, one, other) => [[leader, one], [leader, other]]],
  ['from a follower, which nobody hears', 0, (leader, one, other) => [[one, leader], [one, other]]],
  ['from the leader to a follower', 0, (leader, one) => [[leader, one]]],
  ['from a follower to the leader', 0, (leader, one) => [[one, leader]]],
  ['between the leader and a follower', 0, (leader, one) => [[leader, one], [one, leader]]],
  ['from the leader to one, and to it from the other', 1, (leader, one, other) => [[leader, one], [other, leader]]],
]

function faultsOf(cuts: Cuts, windows: readonly Window[]): Scene['faults'] {
  return ({ leader, followers: [one = '', other = ''] }) =>
    cuts(leader, one, other).flatMap(([from, to]) =>
      windows.map((window) => ({ type: 'one-way-cut', from, to, ...window })),
    )
}

describe('a cut', () => {
  it.each(CUTS)('%s costs %d changes, while it lasts and when it heals', async (_, most, cuts) => {
    const window = { atMs: SETTLED_MS + 100, untilMs: SETTLED_MS + WRONG_MS - 4000 }
    expect(mostChanges(await play({ faults: faultsOf(cuts, [window]) }))).toBe(most)
  })

  it.each(some(2, CUTS))('%s that comes and goes costs %d changes', async (_, most, cuts) => {
    const windows = again({ onMs: 1800, offMs: 900 })
    expect(mostChanges(await play({ faults: faultsOf(cuts, windows) }))).toBe(most)
  })
})

describe.each(ROLES)('a disk of a %s', (role) => {
  const stalls = [
    { onMs: 2500, offMs: 2000, most: COSTS[role] },
    { onMs: 500, offMs: 800, most: 0 },
    { onMs: 8000, offMs: 500, most: COSTS[role] },
  ]

  it.each(some(2, stalls))(
    'that stalls for $onMs ms, again and again, costs $most changes',
    async ({ most, ...stall }) => {
      const faults = (cast: Cast): Action[] => {
        const { node } = struck(cast, role)
        return again(stall).map((window) => ({ type: 'disk-stall', node, ...window }))
      }
      for (const { changes, leader } of await play({ faults })) {
        expect(changes.length).toBe(most)
        // The leadership does not come back to where it is no better.
        expect(changes.map(({ node }) => node)).not.toContain(leader)
      }
    },
  )
})

describe.each(ROLES)('an event loop of a %s', (role) => {
  const blocks = [
    { onMs: 2000, offMs: 2500, most: COSTS[role] },
    { onMs: 400, offMs: 400, most: 0 },
    { onMs: 6000, offMs: 500, most: COSTS[role] },
  ]

  it.each(some(2, blocks))(
    'that is blocked for $onMs ms, again and again, costs $most changes',
    async ({ most, ...block }) => {
      const faults = (cast: Cast): Action[] => {
        const { node } = struck(cast, role)
        return again(block).map((window) => {
          return { type: 'long-pause', node, timersFirst: true, ...window }
        })
      }
      expect(mostChanges(await play({ faults }))).toBe(most)
    },
  )
})

describe.each(ROLES)('a laptop lid that is closed for an hour, on a %s', (role) => {
  // Fewer heartbeats than by default: there is nothing else to simulate in an hour.
  const timing = { heartbeatPeriodMs: 2000, livenessWindowMs: 10_000, retransmitIntervalMs: 2000 }
  const parts: Parts = { options: (options) => ({ ...options, ...timing }) }

  it.each([
    ['goes on', false],
    ['stands still', true],
  ])(`costs ${COSTS[role]} changes, where its clock %s meanwhile`, async (_, stands) => {
    const [settledMs, hourMs] = [20_000, 3_600_000]
    const window = { atMs: settledMs + 100, untilMs: settledMs + 100 + hourMs }
    const faults = (cast: Cast): Action[] => {
      const { node, others } = struck(cast, role)
      const clock: Action[] = [
        { type: 'clock-drift', atMs: window.atMs, node, rate: 1e-9 },
        { type: 'clock-drift', atMs: window.untilMs, node, rate: 1 },
      ]
      return [
        // What is sent to a host that sleeps is lost.
        { type: 'partition', left: [node], right: others, ...window },
        { type: 'long-pause', node, timersFirst: true, ...window },
        ...(stands ? clock : []),
      ]
    }
    const scene = { settledMs, everyMs: 200_000, parts, faults }
    for (const { changes, leader } of await play(scene, hourMs + 40_000)) {
      expect(changes.length).toBe(COSTS[role])
      expect(changes.map(({ node }) => node)).not.toContain(leader)
    }
  })
})

it.each(ROLES)(
  'a clock of a %s that jumps ahead, by seconds or by a minute, costs no change',
  async (role) => {
    const faults = (cast: Cast): Action[] => {
      const { node } = struck(cast, role)
      return again({ onMs: 1500, offMs: 700 }).map(({ atMs }, turn) => {
        return { type: 'clock-jump', node, atMs, byMs: turn % 2 === 0 ? 60_000 : 3000 }
      })
    }
    expect(mostChanges(await play({ faults }))).toBe(0)
  },
)

it.each(ROLES)(
  'links, disk and event loop of a %s of five that fail all at once cost no more than one of them',
  async (role) => {
    const faults = (cast: Cast): Action[] => {
      const { node, others } = struck(cast, role)
      const cuts = others.flatMap((other, index) => [
        ...again({ onMs: 500 + 400 * index, offMs: 600 }).map((window) => {
          return { type: 'one-way-cut', from: node, to: other, ...window } as const
        }),
        ...again({ onMs: 1700 - 400 * index, offMs: 800 }).map((window) => {
          return { type: 'one-way-cut', from: other, to: node, ...window } as const
        }),
      ])
      const stalls = again({ onMs: 1800, offMs: 2500 })
      const pauses = again({ onMs: 900, offMs: 2900 })
      return [
        ...cuts,
        ...stalls.map((window) => ({ type: 'disk-stall', node, ...window }) as const),
        ...pauses.map((window) => {
          return { type: 'long-pause', node, timersFirst: true, ...window } as const
        }),
      ]
    }
    const played = await play({ nodes: ['a', 'b', 'c', 'd', 'e'], faults })
    expect(mostChanges(played)).toBe(COSTS[role])
  },
)
