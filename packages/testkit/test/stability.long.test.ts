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

const SEEDS = Array.from({ length: extent(1, 30) }, (_, index) => index + 1)

/** Plays it with every seed; all promises have to be kept. */
async function play(scene: Omit<Scene, 'seed'>): Promise<readonly PlayedScene[]> {
  const played: PlayedScene[] = []
  for (const seed of SEEDS) {
    const one = await playScene({ ...scene, seed })
    expect(one.result.violation, `seed ${seed}`).toBeNull()
    played.push(one)
  }
  return played
}

/** How often the leader changed, at most. */
async function mostChanges(scene: Omit<Scene, 'seed'>): Promise<number> {
  return Math.max(...(await play(scene)).map(({ changes }) => changes.length))
}

interface Window {
  readonly atMs: number
  readonly untilMs: number
}

/** For `forMs` milliseconds: something for about `onMs`, nothing for about `offMs`, and so on. */
function again(forMs: number, onMs: number, offMs: number): readonly Window[] {
  const windows: Window[] = []
  const endMs = SETTLED_MS + forMs
  for (let atMs = SETTLED_MS + 100, turn = 0; atMs < endMs; turn += 1) {
    // Never the same twice in a row: nothing may depend on how it meets the heartbeats.
    const factor = 0.7 + ((turn * 37) % 60) / 100
    const untilMs = Math.round(atMs + onMs * factor)
    if (untilMs < endMs) windows.push({ atMs, untilMs })
    atMs = Math.round(untilMs + offMs * (2 - factor))
  }
  return windows
}

/** The leader, or one that follows. */
const whoOf = ({ leader, followers }: Cast, role: Role): string =>
  role === 'leader' ? leader : (followers[0] ?? leader)

type Role = 'leader' | 'follower'

const ROLES: readonly Role[] = ['follower', 'leader']

/** Nobody is disturbed by a follower; a leader in trouble is replaced once. */
const MOST: Readonly<Record<Role, number>> = { follower: 0, leader: 1 }

describe.each(ROLES)('the links of a %s', (role) => {
  it.each([
    { onMs: 200, offMs: 300 },
    { onMs: 500, offMs: 200 },
    { onMs: 1200, offMs: 150 },
    { onMs: 2000, offMs: 1500 },
  ])(
    `that are down for $onMs ms and up for $offMs, for a minute, cost ${MOST[role]} changes`,
    async (flap) => {
      const forMs = 60_000
      const faults = (cast: Cast): Action[] => {
        const node = whoOf(cast, role)
        const right = [cast.leader, ...cast.followers].filter((id) => id !== node)
        return again(forMs, flap.onMs, flap.offMs).map((window) => ({
          type: 'partition',
          left: [node],
          right,
          ...window,
        }))
      }
      expect(await mostChanges({ forMs, faults })).toBeLessThanOrEqual(MOST[role])
    },
  )
})

/** Which directions are cut. */
type Cuts = (leader: string, one: string, other: string) => readonly (readonly [string, string])[]

const CUTS: readonly (readonly [string, number, Cuts])[] = [
  ['from the leader to a follower', 0, (leader, one) => [[leader, one]]],
  ['from a follower to the leader', 0, (leader, one) => [[one, leader]]],
  [
    'between the leader and a follower',
    0,
    (leader, one) => [
      [leader, one],
      [one, leader],
    ],
  ],
  [
    'to a follower, which hears nobody',
    0,
    (leader, one, other) => [
      [leader, one],
      [other, one],
    ],
  ],
  [
    'from a follower, which nobody hears',
    0,
    (leader, one, other) => [
      [one, leader],
      [one, other],
    ],
  ],
  [
    'to the leader, which hears nobody',
    1,
    (leader, one, other) => [
      [one, leader],
      [other, leader],
    ],
  ],
  [
    'from the leader, which nobody hears',
    1,
    (leader, one, other) => [
      [leader, one],
      [leader, other],
    ],
  ],
  [
    'from the leader to one, and to it from the other',
    1,
    (leader, one, other) => [
      [leader, one],
      [other, leader],
    ],
  ],
]

describe('a one-way cut', () => {
  it.each(CUTS)(
    '%s costs %d changes, for as long as it lasts, and when it heals',
    async (_, most, cuts) => {
      const faults = ({ leader, followers: [one = '', other = ''] }: Cast): Action[] =>
        cuts(leader, one, other).map(([from, to]) => {
          return {
            type: 'one-way-cut',
            from,
            to,
            atMs: SETTLED_MS + 100,
            untilMs: SETTLED_MS + 20_000,
          }
        })
      expect(await mostChanges({ forMs: 25_000, faults })).toBe(most)
    },
  )

  it.each(CUTS)('%s costs %d changes also when it comes and goes', async (_, most, cuts) => {
    const forMs = 40_000
    const faults = ({ leader, followers: [one = '', other = ''] }: Cast): Action[] =>
      cuts(leader, one, other).flatMap(([from, to]) =>
        again(forMs, 1800, 900).map((window) => ({ type: 'one-way-cut', from, to, ...window })),
      )
    expect(await mostChanges({ forMs, faults })).toBeLessThanOrEqual(most)
  })
})

describe.each(ROLES)('a disk of a %s', (role) => {
  it.each([
    { onMs: 500, offMs: 800, most: 0 },
    { onMs: 3000, offMs: 4000, most: MOST[role] },
    { onMs: 8000, offMs: 500, most: MOST[role] },
  ])(
    `that stalls for $onMs ms, again and again, costs $most changes`,
    async ({ most, ...stall }) => {
      const forMs = 60_000
      const faults = (cast: Cast): Action[] =>
        again(forMs, stall.onMs, stall.offMs).map((window) => {
          return { type: 'disk-stall', node: whoOf(cast, role), ...window }
        })
      const played = await play({ forMs, faults })
      for (const { changes, leader } of played) {
        expect(changes.length).toBe(most)
        // It does not come back to where it is no better.
        expect(changes.map(({ node }) => node)).not.toContain(leader)
      }
    },
  )
})

it('a disk of a leader that stalls under more work than it may have waiting costs 1 change', async () => {
  const forMs = 20_000
  const faults = ({ leader, followers: [one = ''] }: Cast): Action[] => [
    ...again(forMs, 3000, 4000).map((window): Action => ({
      type: 'disk-stall',
      node: leader,
      ...window,
    })),
    ...again(forMs, 1, 700).map(({ atMs }): Action => {
      return { type: 'burst', node: one, count: 150, valueBytes: 1000, patienceMs: 2000, atMs }
    }),
  ]
  expect(await mostChanges({ forMs, faults, everyMs: 20 })).toBe(1)
})

describe.each(ROLES)('an event loop of a %s', (role) => {
  it.each([
    { onMs: 400, offMs: 400, most: 0 },
    { onMs: 2000, offMs: 3000, most: MOST[role] },
    { onMs: 6000, offMs: 500, most: MOST[role] },
  ])(
    `that is blocked for $onMs ms, again and again, costs $most changes`,
    async ({ most, ...block }) => {
      const forMs = 60_000
      const faults = (cast: Cast): Action[] =>
        again(forMs, block.onMs, block.offMs).map((window) => {
          return { type: 'long-pause', node: whoOf(cast, role), timersFirst: true, ...window }
        })
      expect(await mostChanges({ forMs, faults })).toBe(most)
    },
  )
})

describe.each(ROLES)('a laptop lid that is closed for an hour, on a %s', (role) => {
  // An hour of heartbeats takes its time; with the default timing it is the same, in a minute more.
  const timing = { heartbeatPeriodMs: 1000, livenessWindowMs: 5000, retransmitIntervalMs: 1000 }
  const parts: Parts =
    extent(0, 1) === 0 ? { options: (options) => ({ ...options, ...timing }) } : {}

  it.each([
    ['goes on', false],
    ['stands still', true],
  ])(`costs ${MOST[role]} changes, where its clock %s meanwhile`, async (_, stands) => {
    const hourMs = 3_600_000
    const [settledMs, atMs] = [10_000, 10_500]
    const window = { atMs, untilMs: atMs + hourMs }
    const faults = (cast: Cast): Action[] => {
      const node = whoOf(cast, role)
      const others = [cast.leader, ...cast.followers].filter((id) => id !== node)
      const clock: Action[] = [
        { type: 'clock-drift', atMs, node, rate: 1e-9 },
        { type: 'clock-drift', atMs: window.untilMs, node, rate: 1 },
      ]
      return [
        // What is sent to a host that sleeps is lost.
        { type: 'partition', left: [node], right: others, ...window },
        { type: 'long-pause', node, timersFirst: true, ...window },
        ...(stands ? clock : []),
      ]
    }
    const scene = { settledMs, forMs: hourMs + 20_000, everyMs: 20_000, parts, faults }
    for (const { changes, result, leader } of await play(scene)) {
      expect(changes.length).toBe(MOST[role])
      const { node } = result.leaderships.at(-1) ?? {}
      expect(node === leader).toBe(role === 'follower')
    }
  })
})
