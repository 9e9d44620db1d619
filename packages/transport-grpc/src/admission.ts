/**
 * Whether a stream that somebody opened is let in: who says so, whom they mean, and what their
 * certificate says. Must let nobody in of whom one of the three is not right, and never throw.
 */
import type { Buffer } from 'node:buffer'
import { status } from '@grpc/grpc-js'
import type { NodeId } from '@paxos/core'
import type { Refusal } from './connection.ts'
import { decodeId } from './identity.ts'

/** What is known of a stream before its first frame. */
export interface Claim {
  /** The values of the two metadata keys. */
  readonly from: readonly (string | Buffer)[]
  readonly to: readonly (string | Buffer)[]
  /** Whether its certificate, where both sides show one, is that of a node. */
  readonly provesToBe: (id: NodeId) => boolean
}

/** Against what a claim is held. */
export interface Examiner {
  readonly own: NodeId
  /** Whether a node is in the address book. */
  readonly knows: (id: NodeId) => boolean
}

/** Why a claim does not hold. */
export type Flaw = 'malformed' | 'misaddressed' | 'stranger' | 'mismatch'

/** Who opened the stream, or what is wrong. */
export type Finding = { readonly from: NodeId } | { readonly flaw: Flaw }

/** Judges a claim. */
export function examine(claim: Claim, { own, knows }: Examiner): Finding {
  const from = decodeId(claim.from)
  const to = decodeId(claim.to)
  if (from === null || to === null) return { flaw: 'malformed' }
  if (to !== own) return { flaw: 'misaddressed' }
  if (!claim.provesToBe(from)) return { flaw: 'mismatch' }
  if (from === own || !knows(from)) return { flaw: 'stranger' }
  return { from }
}

/** The status that each flaw is answered with. They are part of proto/transport.proto. */
export const REFUSALS: Readonly<Record<Flaw, Refusal>> = {
  malformed: {
    code: status.INVALID_ARGUMENT,
    details: 'The metadata must say who dials and whom, as transport.proto has it.',
  },
  misaddressed: { code: status.NOT_FOUND, details: 'This is another node.' },
  stranger: { code: status.PERMISSION_DENIED, details: 'This node does not know you.' },
  mismatch: {
    code: status.PERMISSION_DENIED,
    details: 'The only common name of your certificate must be your node id.',
  },
}

/** The answer of a node that is closing. */
export const CLOSING: Refusal = { code: status.UNAVAILABLE, details: 'This node is closing.' }
