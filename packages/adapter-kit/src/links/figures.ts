/**
 * What a transport knows of its peers, and of those that it turned away, in the words of the
 * contract. Must keep nothing for those who are not in the address book.
 */
import type {
  NodeId,
  PeerFigures,
  PeerProblem,
  PeerProblemReason,
  TransportFigures,
  TransportWarning,
} from '@paxos/core'

/** The figures of one peer, to be counted up. */
export type PeerRecord = { -readonly [Name in keyof PeerFigures]: PeerFigures[Name] }

/** The figures of every peer. */
export interface Records {
  /** Tells `warn` from here on. */
  listen(warn: ((warning: TransportWarning) => void) | undefined): void
  /** The record of a peer of the address book; of anybody else, one that is kept nowhere. */
  of(id: NodeId): PeerRecord
  /** Keeps the records of `ids`, and begins those that are missing. */
  retain(ids: Iterable<NodeId>): void
  /** Something went wrong with a peer. */
  fail(id: NodeId, problem: PeerProblem): void
  /** Somebody was turned away, who may be `peer`. */
  refuse(problem: PeerProblem, peer: NodeId | null): void
  /** Something that is no problem with a peer, and that an operator should know. */
  readonly warn: (warning: TransportWarning) => void
  figures(): TransportFigures
}

/** No records yet. */
export function makeRecords(): Records {
  let records = new Map<NodeId, PeerRecord>()
  const refused: Partial<Record<PeerProblemReason, number>> = {}
  let tell: ((warning: TransportWarning) => void) | null = null
  return {
    listen(listener) {
      tell = listener ?? null
    },
    of: (id) => records.get(id) ?? newRecord(),
    retain(ids) {
      records = new Map(Array.from(ids, (id) => [id, records.get(id) ?? newRecord()] as const))
    },
    fail(id, problem) {
      const record = records.get(id)
      if (record === undefined) return
      record.problem = problem
      tell?.({ peer: id, ...problem })
    },
    refuse(problem, peer) {
      refused[problem.reason] = (refused[problem.reason] ?? 0) + 1
      tell?.({ peer, ...problem })
    },
    warn: (warning) => tell?.(warning),
    figures: () => ({
      peers: new Map(Array.from(records, ([id, record]) => [id, { ...record }] as const)),
      refused: { ...refused },
    }),
  }
}

function newRecord(): PeerRecord {
  return { isConnected: false, incarnation: null, sent: 0, received: 0, dropped: 0, problem: null }
}
