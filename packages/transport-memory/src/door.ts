/**
 * Who is let in: the nodes of one cluster, each as the incarnation that is expected of it. The hub
 * asks at both doors, the sender's and the receiver's. Names are compared to the letter.
 */
import { requireName } from '@paxos/core'
import type { NodeId, TransportOpen } from '@paxos/core'

/** What a node says of itself. */
export interface Caller {
  readonly id: NodeId
  readonly cluster: string
  readonly incarnation: string
}

/** Throws InvalidArgumentError for a cluster or an incarnation that is too long, or no text. */
export function callerOf({ id, cluster = '', incarnation = '' }: TransportOpen): Caller {
  requireName('The name of the cluster', cluster)
  requireName('The incarnation', incarnation)
  return { id, cluster, incarnation }
}

/** Why nothing may pass between `one` and `other`, as `one` sees it; null when all may. */
export function objection(one: Caller, other: Caller, expected: string | null): string | null {
  const [self, who] = [JSON.stringify(one.id), JSON.stringify(other.id)]
  if (other.cluster !== one.cluster) {
    const clusters = [other, one].map(({ cluster }) => JSON.stringify(cluster))
    return `Node ${who} is of cluster ${clusters[0]}, and ${self} of ${clusters[1]}. Is its address right?`
  }
  if (expected === null || other.incarnation === expected) return null
  const incarnations = [other.incarnation, expected].map((name) => JSON.stringify(name))
  return (
    `Node ${who} is incarnation ${incarnations[0]}, and ${self} expects ${incarnations[1]}. ` +
    'Has its disk been lost, or exchanged with another?'
  )
}
