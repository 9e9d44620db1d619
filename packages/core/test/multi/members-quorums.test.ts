/** A log changes its quorum system by a members entry, and goes by it from the next slot on. */
import type { NodeId } from '@paxos/core'
import { expect, it } from 'vitest'
import { ledWorld } from './members-world.ts'
import type { MembersWorld } from './members-world.ts'

const FIVE = ['a', 'b', 'c', 'd', 'e']
const SIX = [...FIVE, 'f']

/** Whether a write is chosen, and whether another leader comes, with nobody but `up`. */
function works(world: MembersWorld, up: readonly NodeId[]): { writes: boolean; elects: boolean } {
  const leader = world.leader?.id ?? ''
  const rest = world.ids.filter((id) => !up.includes(id))
  expect(up).toContain(leader)
  for (const id of rest) world.crash(id)
  const before = world.chosen.size
  world.propose()
  world.passFor(60)
  const writes = world.chosen.size > before
  world.carryOut(leader, world.engine(leader).lead())
  world.exhaust()
  const elects = world.leader !== null
  for (const id of rest) world.start(id)
  const isLevel = (): boolean =>
    new Set(world.engines.map(({ chosenThrough }) => chosenThrough)).size === 1
  world.settle(() => (world.leader?.room.values ?? 0) > 0 && isLevel())
  return { writes, elects }
}

/** The leader, and others so that there are so many. */
function some(world: MembersWorld, count: number): readonly NodeId[] {
  const leader = world.leader?.id ?? ''
  return [leader, ...FIVE.filter((id) => id !== leader)].slice(0, count)
}

/** The leader's row of the grid, and the other. */
function rows(world: MembersWorld): { own: readonly NodeId[]; other: readonly NodeId[] } {
  const [first, second] = [SIX.slice(0, 3), SIX.slice(3)]
  const isFirst = first.includes(world.leader?.id ?? '')
  return isFirst ? { own: first, other: second } : { own: second, other: first }
}

it('from a majority to flexible quorums, to weights, to a grid, and back', () => {
  const world = ledWorld(FIVE, ['f'])
  world.make({ voters: FIVE, learners: [] })
  expect(works(world, some(world, 3))).toEqual({ writes: true, elects: true })
  expect(works(world, some(world, 2))).toEqual({ writes: false, elects: false })

  world.make({ voters: FIVE, learners: [], quorums: { type: 'flexible', phase1: 4, phase2: 2 } })
  expect(works(world, some(world, 2))).toEqual({ writes: true, elects: false })
  expect(works(world, some(world, 4))).toEqual({ writes: true, elects: true })

  const leader = world.leader?.id ?? ''
  world.make({
    voters: FIVE,
    learners: [],
    quorums: { type: 'weighted' },
    weights: { [leader]: 5 },
  })
  expect(works(world, [leader])).toEqual({ writes: true, elects: true })

  world.make({ voters: SIX, learners: [], quorums: { type: 'grid', columns: 3 } })
  expect(works(world, rows(world).own)).toEqual({ writes: false, elects: true })
  const { own, other } = rows(world)
  const column = [world.leader?.id ?? '', ...other.slice(0, 1)]
  expect(own).toContain(column[0])
  expect(works(world, column)).toEqual({ writes: true, elects: false })

  world.make({ voters: ['a', 'b', 'c'], learners: [] })
  world.settle(() => world.completed >= world.configuration.version)
  expect(world.configuration.quorums).toEqual({ type: 'majority' })
})
