/**
 * Who a node is beside its id, and whom it takes for the peer that it expects. Must never show more
 * than names, which are no secrets.
 */
import { InvalidArgumentError, MAX_ID_BYTES } from '@paxos/core'
import type { NodeId, PeerProblem } from '@paxos/core'

/** Who a node is beside its id. Both are names, of at most MAX_ID_BYTES in UTF-8. */
export interface Identity {
  readonly cluster: string
  readonly incarnation: string
}

/** Whom a node expects at the address of a peer. */
export interface Expectation {
  readonly cluster: string
  /** `null` when any will do. */
  readonly incarnation: string | null
}

/** What is wrong with `found`, who speaks as `peer`; `null` when that is who is expected. */
export function mismatchOf(
  peer: NodeId,
  expected: Expectation,
  found: Identity,
): PeerProblem | null {
  if (found.cluster !== expected.cluster) return otherCluster(peer, expected.cluster, found.cluster)
  if (expected.incarnation === null || found.incarnation === expected.incarnation) return null
  return identityProblem(
    `Node '${peer}' is incarnation ${shown(found.incarnation)}, and ${shown(expected.incarnation)} is expected. Does it have its own disk?`,
  )
}

/** Why `peer`, which is who is expected, refuses this node, which is `self`. */
export function refusalBy(peer: NodeId, self: Identity): PeerProblem {
  return identityProblem(
    `Node '${peer}' expects another incarnation of this node than ${shown(self.incarnation)}. Does this node have its own disk?`,
  )
}

/** Throws InvalidArgumentError when `name` would not come back as it was; `what` begins the sentence. */
export function encodeName(what: string, name: string): Uint8Array {
  const encoded = Buffer.from(name, 'utf8')
  if (encoded.byteLength <= MAX_ID_BYTES && encoded.toString('utf8') === name) return encoded
  throw new InvalidArgumentError(
    `${what} must be well-formed text of at most ${MAX_ID_BYTES} bytes in UTF-8. Choose another.`,
  )
}

function otherCluster(peer: NodeId, ours: string, theirs: string): PeerProblem {
  return identityProblem(
    `Node '${peer}' is of cluster ${shown(theirs)}, and this node of ${shown(ours)}. Is its address right?`,
  )
}

/** In quotes and on one line: names come from outside. */
function shown(name: string): string {
  return JSON.stringify(name)
}

function identityProblem(message: string): PeerProblem {
  return { reason: 'identity', message }
}
