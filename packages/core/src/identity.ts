/**
 * Who a node is, in a disk and on a wire: cluster, id and incarnation, and what its state is of. Only
 * names and their bounds; who may have what is decided in claim.ts. Must never change a name: it is
 * compared to the letter.
 */
import type { NodeId } from './ballot.ts'
import { InvalidArgumentError } from './errors.ts'
import { MAX_ID_BYTES } from './limits.ts'
import { encodeUtf8 } from './wire/utf8.ts'

/** What a state is of: a 'log' with many slots, or a single 'decree'. */
export type NodeKind = 'log' | 'decree'

/** Whose state it is. Each of the names has at most MAX_ID_BYTES in UTF-8. */
export interface Identity {
  /** The name of the cluster. */
  readonly cluster: string
  readonly id: NodeId
  /** Drawn when the state was begun: what was lost with a disk can never be taken up by another. */
  readonly incarnation: string
  readonly kind: NodeKind
}

/** Who opens a state. */
export interface Owner {
  readonly cluster: string
  readonly id: NodeId
  readonly kind: NodeKind
  /** Called once, when there is no incarnation yet. No two calls may return the same, anywhere. */
  readonly drawIncarnation: () => string
}

/**
 * Throws InvalidArgumentError unless `text` is well-formed and has at most MAX_ID_BYTES in UTF-8, as
 * all of Identity: it is to fit into the first block of a file, and into a datagram. `what` names it
 * in the error.
 */
export function requireName(what: string, text: unknown): void {
  if (typeof text === 'string' && encodeUtf8(text).length <= MAX_ID_BYTES) return
  throw new InvalidArgumentError(
    `${what} is no text of at most ${MAX_ID_BYTES} bytes. Choose a shorter one.`,
  )
}
