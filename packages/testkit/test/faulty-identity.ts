/** Promises about whose a location is, broken one at a time. */
import { claim, IdentityError } from '@paxos/core'
import type { Belongings, Claim, Identity, Owner } from '@paxos/core'
import type { DiskRecord } from './simple-disk.ts'

export const IDENTITY_FAULTS = [
  'forgets whose it is',
  'loses whose it is with a snapshot',
  'draws the incarnation again',
  'opens for another cluster',
  'opens for another node',
  'opens for another kind of node',
  'takes what it refuses',
  'keeps the location when an owner is refused',
  'gives what contradicts',
  'gives an identity that is not durable',
  'gives an identity that no owner has',
  'takes what an earlier release left for new',
  'forgets what there was when it is given an owner',
  'cuts names at 100 bytes',
  'compares names without their case',
  'compares names up to a NUL',
  'compares names without spaces around them',
  'compares names as people read them',
  'stores names up to a NUL',
  'takes names of any length',
  'forgets whose it is when it rewrites many records',
] as const

/** How names are compared by one who thinks of them as text. */
const READING: Readonly<Record<string, (name: string) => string>> = {
  'compares names without their case': (name) => name.toLowerCase(),
  'compares names up to a NUL': upToNul,
  'compares names without spaces around them': (name) => name.trim(),
  'compares names as people read them': (name) => name.normalize('NFC'),
}

const MANY_RECORDS = 1_000

/** What the records say about whose the disk is. */
export function identityIn(records: readonly DiskRecord[], fault: string | null): Identity | null {
  if (fault === 'forgets whose it is') return null
  if (
    fault === 'forgets whose it is when it rewrites many records' &&
    records.length > MANY_RECORDS
  ) {
    return null
  }
  let found: Identity | null = null
  for (const { identity, change } of records) {
    if (identity !== undefined) found = identity
    if (fault === 'loses whose it is with a snapshot' && change.snapshot !== undefined) found = null
  }
  return found
}

/** As claim(); what it would throw is in `error`, and then `identity` is what was asked for. */
export function claimed(
  found: Belongings,
  owner: Owner | undefined,
  fault: string | null,
): Claim & { readonly error: IdentityError | null } {
  if (owner === undefined && fault === 'gives an identity that no owner has') {
    return { ...claim('The disk', found, NOBODY), error: null }
  }
  try {
    const { identity, isNew } = claim('The disk', seen(found, owner, fault), owner)
    if (owner === undefined || identity === null) return { identity, isNew, error: null }
    if (fault === 'draws the incarnation again') {
      return { identity: { ...identity, incarnation: owner.drawIncarnation() }, isNew, error: null }
    }
    if (fault === 'cuts names at 100 bytes') {
      return { identity: { ...identity, cluster: owner.cluster.slice(0, 100) }, isNew, error: null }
    }
    if (fault === 'stores names up to a NUL') {
      const stored = { ...identity, cluster: upToNul(identity.cluster), id: upToNul(identity.id) }
      return { identity: stored, isNew, error: null }
    }
    const isTakenForNew = fault === 'takes what an earlier release left for new'
    return { identity, isNew: isNew || (isTakenForNew && found.identity === null), error: null }
  } catch (error) {
    if (fault === 'takes names of any length' && !(error instanceof IdentityError) && owner) {
      const { cluster, id, kind, drawIncarnation } = owner
      return {
        identity: { cluster, id, kind, incarnation: drawIncarnation() },
        isNew: true,
        error: null,
      }
    }
    if (!(error instanceof IdentityError) || owner === undefined) throw error
    const { cluster, id, kind } = owner
    return { identity: { cluster, id, kind, incarnation: 'taken' }, isNew: false, error }
  }
}

function upToNul(name: string): string {
  return name.split('\0')[0] ?? ''
}

const NOBODY: Owner = { cluster: 'x', id: 'a', kind: 'log', drawIncarnation: () => 'nobody' }

/** What it was found to be, as somebody sees it who does not look closely. */
function seen(found: Belongings, owner: Owner | undefined, fault: string | null): Belongings {
  const { identity } = found
  if (owner === undefined) return found
  if (identity === null) {
    const blind = { promised: null, accepted: [], snapshot: null, chosenThrough: 0 }
    return fault === 'gives what contradicts' ? { ...blind, identity } : found
  }
  const { cluster, id, kind } = owner
  const read = READING[fault ?? '']
  if (read !== undefined) {
    const isSame = read(identity.cluster) === read(cluster) && read(identity.id) === read(id)
    return isSame ? { ...found, identity: { ...identity, cluster, id } } : found
  }
  if (fault === 'opens for another cluster') return { ...found, identity: { ...identity, cluster } }
  if (fault === 'opens for another node') return { ...found, identity: { ...identity, id } }
  if (fault === 'opens for another kind of node') {
    return { ...found, identity: { ...identity, kind } }
  }
  return found
}
