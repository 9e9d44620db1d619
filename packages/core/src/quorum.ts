/**
 * Quorum systems: which sets of acceptors are enough. Nothing else in core knows how a majority is
 * counted, so that flexible and weighted quorums are a matter of another object of this shape.
 *
 * Safety needs that every phase 1 quorum shares an acceptor with every phase 2 quorum (Howard,
 * Malkhi, Spiegelman: Flexible Paxos, 2016, §3); Paxos Made Simple takes majorities for both.
 */
import type { NodeId } from './ballot.ts'
import { InvalidArgumentError } from './errors.ts'
import { MAX_CHECKED_ACCEPTORS } from './limits.ts'

/**
 * Which sets of acceptors are enough. Implementations are pure and ignore ids that are no acceptor;
 * a set that holds a quorum is one. See requireQuorums for the check of that.
 */
export interface QuorumSystem {
  /** Everybody whose promise or acceptance counts. */
  readonly acceptors: ReadonlySet<NodeId>
  /** Whether the promises of `nodes` complete phase 1. */
  isPhase1Quorum(nodes: ReadonlySet<NodeId>): boolean
  /** Whether the acceptances of `nodes` make a value chosen. */
  isPhase2Quorum(nodes: ReadonlySet<NodeId>): boolean
}

/** Those that this library made, which need no check. */
const SOUND = new WeakSet<QuorumSystem>()

/**
 * Any more than half of `acceptors`, in both phases. Throws InvalidArgumentError when there are
 * none, when an id comes twice, or when one is 'all'.
 */
export function majority(acceptors: Iterable<NodeId>): QuorumSystem {
  const ids = [...acceptors]
  const isQuorum = (nodes: ReadonlySet<NodeId>): boolean => {
    let members = 0
    for (const id of ids) if (nodes.has(id)) members += 1
    return members * 2 > ids.length
  }
  return quorumSystem(ids, { isPhase1Quorum: isQuorum, isPhase2Quorum: isQuorum })
}

/** A system that is known to be sound. Throws InvalidArgumentError for acceptors that are none. */
export function quorumSystem(
  ids: readonly NodeId[],
  rules: Omit<QuorumSystem, 'acceptors'>,
): QuorumSystem {
  const acceptors = new Set(ids)
  requireAcceptors(acceptors)
  if (acceptors.size !== ids.length) {
    throw new InvalidArgumentError('An acceptor is named twice. Name each once.')
  }
  const quorums = { acceptors, ...rules }
  SOUND.add(quorums)
  return quorums
}

/**
 * Throws InvalidArgumentError for quorums with which two values could be chosen, or none: a phase 1
 * and a phase 2 quorum that share no acceptor (the error names both), a quorum that is none any more
 * when an acceptor joins it, all acceptors that are no quorum. HeartbeatNode, ExternalNode and
 * MultiPaxos call it for what they are given; `essential` and `practical` leave it to you, to stay
 * small. It asks about every set of acceptors, 2^n of them; a system of more than
 * MAX_CHECKED_ACCEPTORS it takes as it is.
 */
export function requireQuorums(quorums: QuorumSystem): void {
  if (SOUND.has(quorums)) return
  requireAcceptors(quorums.acceptors)
  const ids = [...quorums.acceptors]
  if (ids.length > MAX_CHECKED_ACCEPTORS) return
  // Sets are numbers: an acceptor is a bit.
  const all = 2 ** ids.length - 1
  const nodesIn = (set: number) => new Set(ids.filter((_, bit) => (set >> bit) & 1))
  const nameOf = (set: number) => `{${[...nodesIn(set)].join(', ')}}`
  const sets = Array.from({ length: all + 1 }, (_, set) => set)
  const phase1 = sets.map((set) => quorums.isPhase1Quorum(nodesIn(set)))
  const phase2 = sets.map((set) => quorums.isPhase2Quorum(nodesIn(set)))
  for (const set of sets) {
    // What shares no acceptor with a quorum is within its complement, which then is a quorum too.
    if (phase1[set] && phase2[all ^ set]) {
      refuse(`${nameOf(set)} and ${nameOf(all ^ set)}, quorums of phases 1 and 2, do not meet`)
    }
    for (const bit of ids.keys()) {
      const more = set | (1 << bit)
      if ((phase1[set] && !phase1[more]) || (phase2[set] && !phase2[more])) {
        refuse(`${nameOf(set)} is a quorum, and ${nameOf(more)} is none`)
      }
    }
  }
  if (!phase1[all] || !phase2[all]) refuse('All acceptors together are no quorum')
}

function refuse(what: string): never {
  throw new InvalidArgumentError(`${what}. Make every phase 1 quorum meet every phase 2 quorum.`)
}

function requireAcceptors(acceptors: ReadonlySet<NodeId>): void {
  if (acceptors.size === 0) {
    throw new InvalidArgumentError('A quorum needs acceptors. Name at least one.')
  }
  if (acceptors.has('all')) {
    throw new InvalidArgumentError("'all' addresses every node. Give the node another id.")
  }
}
