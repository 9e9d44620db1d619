/**
 * The rule for a pair of nodes, in every state that two nodes can reach: they come to one connection
 * whatever goes wrong, never fight over it, and lose nothing that no fault has struck. And the
 * search is worth its time: it finds what is wrong with rules that look as good.
 */
import { describe, expect, it } from 'vitest'
import { extent } from '@paxos/testkit/fuzz'
import { pairRole, step } from '../../src/links/pair.ts'
import type { PairInput, PairRole, PairStep } from '../../src/links/pair.ts'
import { begin, Broken, eventsOf, keyOf, requireSettled } from './two-nodes.ts'
import type { Event, Rule, World } from './two-nodes.ts'

const ROLES = {
  'both dial': [pairRole('a', 'b', true, false), pairRole('b', 'a', true, false)],
  'only a can dial': [pairRole('a', 'b', true, false), pairRole('b', 'a', false, false)],
  'only b can dial': [pairRole('a', 'b', false, false), pairRole('b', 'a', true, false)],
  'b is a page': [pairRole('a', 'b', false, false), pairRole('b', 'a', true, true)],
} as const satisfies Record<string, readonly [PairRole, PairRole]>

type Limits = Parameters<typeof begin>[1]

/** What a search found: how much there is, and how the first broken promise comes about. */
interface Found {
  readonly states: number
  readonly settled: number
  readonly problem: string | null
}

/**
 * Visits every state, depth first. A path that comes back to where it was never ends: nothing that
 * a node does by itself may do so, and faults are counted down.
 */
function explore(rule: Rule, limits: Limits): Found {
  const visited = new Set<string>()
  const onPath = new Set<string>()
  const path: { readonly name: string; readonly key: string; readonly events: Event[] }[] = []
  let settled = 0

  function enter(name: string, world: World): void {
    const key = keyOf(world)
    if (onPath.has(key)) throw new Broken(`it never ends: ${name}`)
    if (visited.has(key)) return
    visited.add(key)
    onPath.add(key)
    const events = eventsOf(rule, world)
    if (events.every(({ isFault }) => isFault)) {
      requireSettled(world)
      settled += 1
    }
    path.push({ name, key, events })
  }

  try {
    enter('both begin', begin(rule, limits))
    for (let current = path.at(-1); current !== undefined; current = path.at(-1)) {
      const event = current.events.pop()
      if (event !== undefined) {
        enter(event.name, event.next())
      } else {
        onPath.delete(current.key)
        path.pop()
      }
    }
    return { states: visited.size, settled, problem: null }
  } catch (error) {
    if (!(error instanceof Broken)) throw error
    const steps = path.map(({ name }) => name).join(', ')
    return { states: visited.size, settled, problem: `${error.message}, after: ${steps}` }
  }
}

/** The smallest limits at which there is everything. */
const SMALL: Limits = { frames: [1, 1], losses: 1, restarts: 0, refusals: 0 }

describe('two nodes', () => {
  it.each<[keyof typeof ROLES, Limits, number]>([
    ['both dial', { frames: [2, 2], losses: 0, restarts: 0, refusals: 0 }, 1_000],
    ['both dial', { ...SMALL, losses: extent(1, 2), refusals: 1 }, 5_000],
    ['both dial', { ...SMALL, restarts: 1 }, 5_000],
    ['only a can dial', { ...SMALL, losses: 2, restarts: 1, refusals: 1 }, 1_000],
    ['only b can dial', { ...SMALL, losses: 2, restarts: 1, refusals: 1 }, 1_000],
    ['b is a page', { ...SMALL, losses: 2, restarts: 1, refusals: 1 }, 1_000],
  ])('come to one connection and lose nothing: %s, %j', (roles, limits, atLeast) => {
    const { states, settled, problem } = explore({ roles: ROLES[roles], step }, limits)
    expect(problem).toBeNull()
    expect(settled).toBeGreaterThan(0)
    expect(states).toBeGreaterThan(atLeast)
  })
})

/** The rule, with one of its actions or states changed. */
function changed(
  change: (input: PairInput<number>, step: PairStep<number>) => PairStep<number>,
): Rule['step'] {
  return (role, state, input) => change(input, step(role, state, input))
}

const [ROLE_A, ROLE_B] = ROLES['both dial']

describe('the search', () => {
  it.each<[string, Rule, RegExp]>([
    [
      'both close the older of two',
      { roles: [ROLE_A, { ...ROLE_B, decides: true }], step },
      /never ends|more and more/,
    ],
    [
      'nobody closes the older of two',
      { roles: [{ ...ROLE_A, decides: false }, ROLE_B], step },
      /have not one connection/,
    ],
    [
      'a node dials while it has a connection',
      {
        roles: ROLES['both dial'],
        step: changed(({ type }, { state, actions }) =>
          type === 'closed' && state.dial === 'none'
            ? {
                state: { ...state, dial: 'waiting' },
                actions: [...actions, { type: 'wait', for: 'retry' }],
              }
            : { state, actions },
        ),
      },
      /never ends|more and more|more than two/,
    ],
    [
      'the newer of two is closed',
      {
        roles: ROLES['both dial'],
        step: changed((input, { state, actions }) => ({
          state,
          actions: actions.map((action) =>
            action.type === 'retire' && input.type === 'identified'
              ? { ...action, connection: input.connection }
              : action,
          ),
        })),
      },
      /never ends/,
    ],
    [
      'the older of two is ended at once',
      {
        roles: ROLES['both dial'],
        step: changed((_, { state, actions }) => ({
          state,
          actions: actions.map((action) =>
            action.type === 'retire' ? { ...action, type: 'destroy' } : action,
          ),
        })),
      },
      /a frame is lost/,
    ],
    [
      'nobody dials after a connection was lost',
      {
        roles: ROLES['both dial'],
        step: changed(({ type }, { state, actions }) =>
          type === 'closed'
            ? { state: { ...state, dial: 'none' }, actions: [] }
            : { state, actions },
        ),
      },
      /have not one connection/,
    ],
  ])('finds what is wrong where %s', (_, rule, problem) => {
    expect(explore(rule, SMALL).problem).toMatch(problem)
  })

  it('would take the node with the larger id for one that decides as well', () => {
    const roles = [
      { ...ROLE_A, decides: false },
      { ...ROLE_B, decides: true },
    ] as const
    expect(explore({ roles, step }, SMALL).problem).toBeNull()
  })
})
