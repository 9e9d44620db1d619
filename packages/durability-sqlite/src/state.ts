/**
 * What the database amounts to, without the values: the acceptor's row, and the hash of every other,
 * so that each save can bring the digest up to date. Some 100 bytes an accepted entry. Must follow
 * from the rows alone, so that the next open comes to the same.
 */
import type { Ballot, Identity, Slot } from '@paxos/core'
import type { SqlValue } from './connection.ts'
import { hashRow, NO_ROWS, type Digest } from './digest.ts'
import { isEarly, type SchemaVersion } from './schema.ts'

/** The one row that says it. */
export const ADMISSION_ROW: readonly SqlValue[] = [1n]

export class State {
  readonly databaseId: bigint
  /** Of the last commit: 0 in a new database, then 1, 2, 3, … */
  generation = 0
  promised: Ballot | null = null
  chosenThrough: Slot = 0
  /** Which tables there are. */
  version: SchemaVersion
  /** Of an early version it is not stored: see load.ts. */
  admitted = false
  /** Whose it is; null in a database without an owner. */
  identity: Identity | null = null
  /** Of every row of the snapshot, its members, its pieces and its configuration. */
  snapshotDigest = NO_ROWS
  readonly #accepted = new Map<Slot, Digest>()
  #acceptedDigest = NO_ROWS

  constructor(databaseId: bigint, version: SchemaVersion) {
    this.databaseId = databaseId
    this.version = version
  }

  /** Takes into account the entry of `slot`, which replaces the one that was there. */
  setAccepted(slot: Slot, values: readonly SqlValue[]): void {
    const hash = hashRow(this.databaseId, 'accepted', values)
    this.#acceptedDigest ^= hash ^ (this.#accepted.get(slot) ?? NO_ROWS)
    this.#accepted.set(slot, hash)
  }

  /** Forgets the entries of these slots. */
  discardAccepted(slots: readonly Slot[]): void {
    for (const slot of slots) {
      this.#acceptedDigest ^= this.#accepted.get(slot) ?? NO_ROWS
      this.#accepted.delete(slot)
    }
  }

  /** The acceptor's row, in the order of its columns. The last of them is the digest. */
  acceptorRow(): readonly SqlValue[] {
    const values = [
      1n,
      this.databaseId,
      BigInt(this.generation),
      this.promised === null ? null : BigInt(this.promised.round),
      this.promised === null ? null : Buffer.from(this.promised.node),
      BigInt(this.chosenThrough),
    ]
    const owner = this.identity === null ? NO_ROWS : this.#hashOf(this.identity)
    const admission =
      this.admitted && !isEarly(this.version)
        ? hashRow(this.databaseId, 'admission', ADMISSION_ROW)
        : NO_ROWS
    const others = this.#acceptedDigest ^ this.snapshotDigest ^ owner ^ admission
    return [...values, others ^ hashRow(this.databaseId, 'acceptor', values)]
  }

  #hashOf(identity: Identity): Digest {
    return hashRow(this.databaseId, 'owner', ownerRow(identity))
  }
}

/** The owner's row, in the order of its columns. */
export function ownerRow({ cluster, id, incarnation, kind }: Identity): readonly SqlValue[] {
  return [1n, ...[cluster, id, incarnation, kind].map((text) => Buffer.from(text))]
}
