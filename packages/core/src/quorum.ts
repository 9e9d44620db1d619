/**
 * Quorum systems: which sets of acceptors are enough. Nothing else in core knows how a majority is
 * counted, so that flexible and weighted quorums are a matter of another object of this shape.
 *
 * Safety needs that every phase 1 quorum shares an acceptor with every phase 2 quorum (Howard,
 * Malkhi, Spiegelman: Flexible Paxos, 2016, §3); Paxos Made Simple takes majorities for both.
 */
import type { NodeId } from './ballot.ts'
import { InvalidArgumentError } from './errors.ts'

/** Which sets of acceptors are enough. Implementations are pure and ignore ids that are no acceptor. */
export interface QuorumSystem {
  /** Everybody whose promise or acceptance counts. */
  readonly acceptors: ReadonlySet<NodeId>
  /** Whether the promises of `nodes` complete phase 1. */
  isPhase1Quorum(nodes: ReadonlySet<NodeId>): boolean
  /** Whether the acceptances of `nodes` make a value chosen. */
  isPhase2Quorum(nodes: ReadonlySet<NodeId>): boolean
}

/**
 * Any more than half of `acceptors`, in both phases. Throws InvalidArgumentError when there are
 * none, when an id comes twice, or when one is 'all'.
 */
export function majority(acceptors: Iterable<NodeId>): QuorumSystem {
  const ids = [...acceptors]
  const set = new Set(ids)
  if (set.size === 0) throw new InvalidArgumentError('A quorum needs acceptors. Name at least one.')
  if (set.size !== ids.length) {
    throw new InvalidArgumentError('An acceptor is named twice. Name each once.')
  }
  if (set.has('all')) {
    throw new InvalidArgumentError("'all' addresses every node. Give the node another id.")
  }
  const isQuorum = (nodes: ReadonlySet<NodeId>): boolean => {
    let members = 0
    for (const id of set) if (nodes.has(id)) members += 1
    return members * 2 > set.size
  }
  return { acceptors: set, isPhase1Quorum: isQuorum, isPhase2Quorum: isQuorum }
}
