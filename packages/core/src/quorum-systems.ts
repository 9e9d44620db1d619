/**
 * Quorum systems beside the plain majority, for clusters that trade one phase for the other. Each is
 * checked where it is made: it must never be possible to make one with a phase 1 quorum and a phase
 * 2 quorum that share no acceptor.
 */
import type { NodeId } from './ballot.ts'
import { InvalidArgumentError } from './errors.ts'
import { quorumSystem } from './quorum.ts'
import type { QuorumSystem } from './quorum.ts'

/** How many acceptors, or how much of their weight, is a quorum. */
export interface QuorumSizes {
  readonly phase1: number
  readonly phase2: number
}

/**
 * Any `phase1` of `acceptors` to prepare, and any `phase2` to choose (Flexible Paxos, 2016, §3): with
 * five, 4 and 2 make writes wait for one other node, and elections need four. Throws
 * InvalidArgumentError unless both are whole numbers from 1 to the number of acceptors, and together
 * more than that.
 */
export function flexible(acceptors: Iterable<NodeId>, sizes: QuorumSizes): QuorumSystem {
  const ids = [...acceptors]
  const weights = new Map(ids.map((id) => [id, 1]))
  return bySize(ids, weights, sizes, `of ${ids.length} acceptors`)
}

/**
 * More than half of the weight, or as much of it as `sizes` says. Throws InvalidArgumentError unless
 * every weight is a whole number of at least 1, and for sizes as flexible() does.
 */
export function weighted(weights: ReadonlyMap<NodeId, number>, sizes?: QuorumSizes): QuorumSystem {
  for (const [id, weight] of weights) {
    if (Number.isSafeInteger(weight) && weight >= 1) continue
    throw new InvalidArgumentError(
      `The weight of '${id}' is ${weight}. Give a whole number from 1.`,
    )
  }
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0)
  const half = Math.floor(total / 2) + 1
  const needed = sizes ?? { phase1: half, phase2: half }
  return bySize([...weights.keys()], new Map(weights), needed, `of a weight of ${total}`)
}

/**
 * All of one row to prepare, and one of every row to choose (Flexible Paxos, §5.3): in zones that
 * are the rows, a whole zone elects, and a write reaches every zone. Throws InvalidArgumentError when
 * a row is empty, or an acceptor stands twice.
 */
export function grid(rows: readonly (readonly NodeId[])[]): QuorumSystem {
  if (rows.some((row) => row.length === 0)) {
    throw new InvalidArgumentError(
      'A row of the grid is empty. Name at least one acceptor in each.',
    )
  }
  const kept = rows.map((row) => [...row])
  return quorumSystem(kept.flat(), {
    isPhase1Quorum: (nodes) => kept.some((row) => row.every((id) => nodes.has(id))),
    isPhase2Quorum: (nodes) => kept.every((row) => row.some((id) => nodes.has(id))),
  })
}

function bySize(
  ids: readonly NodeId[],
  weights: ReadonlyMap<NodeId, number>,
  { phase1, phase2 }: QuorumSizes,
  whole: string,
): QuorumSystem {
  const has = (nodes: ReadonlySet<NodeId>, needed: number): boolean => {
    let weight = 0
    for (const [id, own] of weights) if (nodes.has(id)) weight += own
    return weight >= needed
  }
  const quorums = quorumSystem(ids, {
    isPhase1Quorum: (nodes) => has(nodes, phase1),
    isPhase2Quorum: (nodes) => has(nodes, phase2),
  })
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0)
  const isSize = (size: number) => Number.isSafeInteger(size) && size >= 1 && size <= total
  if (isSize(phase1) && isSize(phase2) && phase1 + phase2 > total) return quorums
  throw new InvalidArgumentError(
    `${phase1} and ${phase2} ${whole} are no quorums that always meet. ` +
      `Give two whole numbers from 1 to ${total} that are together more than ${total}.`,
  )
}
