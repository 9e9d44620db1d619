/**
 * Whose state it is: the one rule by which every durability adapter lets an owner in or refuses it.
 * What is stored, and how, is the adapter's affair; who may have it is decided here. Must never let
 * one node go on from what another one promised.
 */
import type { Ballot } from './ballot.ts'
import { FIRST_SLOT, type Member, type Slot } from './durability.ts'
import { IdentityError, InvalidArgumentError } from './errors.ts'
import { requireName } from './identity.ts'
import type { Identity, Owner } from './identity.ts'

/** What an adapter has found, as far as it tells whose it is. */
export interface Belongings {
  /** What is stored of it; null when nothing is. */
  readonly identity: Identity | null
  readonly promised: Ballot | null
  readonly accepted: readonly { readonly slot: Slot }[]
  readonly snapshot: { readonly members: readonly Member[] } | null
  readonly chosenThrough: Slot
  /** Default: false. */
  readonly admitted?: boolean | undefined
}

/** Whose a state is from now on, and whether there was nothing before. */
export interface Claim {
  /** Where it is not the one that was found, it is to be made durable before open() resolves. */
  readonly identity: Identity | null
  readonly isNew: boolean
}

/**
 * Decides whether `owner` may have what was found at `place`, which names it in errors. To be called
 * by an adapter before it writes anything. Throws IdentityError for what is another's. Without an
 * owner the identity is the one that was found.
 *
 * What has no identity, as an earlier release wrote it, is taken for the owner's unless it
 * contradicts. A log begins with a snapshot that names its members, the owner among them; a single
 * decree has no snapshot, and no slot but the first.
 */
export function claim(place: string, found: Belongings, owner: Owner | undefined): Claim {
  const isNew = found.identity === null && isEmpty(found)
  if (owner === undefined) return { identity: found.identity, isNew }
  if (found.identity !== null) {
    requireSame(place, found.identity, owner)
    return { identity: found.identity, isNew }
  }
  if (!isNew) requireNoContradiction(place, found, owner)
  return { identity: identityOf(owner), isNew }
}

function isEmpty(found: Belongings): boolean {
  const { promised, accepted, snapshot, chosenThrough, admitted = false } = found
  const isUnused = promised === null && accepted.length === 0 && !admitted
  return isUnused && snapshot === null && chosenThrough === 0
}

function requireSame(place: string, found: Identity, owner: Owner): void {
  const { cluster, id, kind } = owner
  if (found.cluster === cluster && found.id === id && found.kind === kind) return
  throw refused(place, `belongs to ${described(found)}`, owner)
}

function requireNoContradiction(place: string, found: Belongings, owner: Owner): void {
  const { snapshot, accepted, chosenThrough } = found
  if (owner.kind === 'decree') {
    const isOfLog =
      snapshot !== null ||
      chosenThrough > FIRST_SLOT ||
      accepted.some(({ slot }) => slot !== FIRST_SLOT)
    if (isOfLog) throw refused(place, 'holds a log', owner)
  } else if (snapshot === null) {
    throw refused(place, 'holds a single decree, or at least no log', owner)
  } else if (!snapshot.members.some(({ id }) => id === owner.id)) {
    const ids = snapshot.members.map(({ id }) => JSON.stringify(id)).join(', ')
    throw refused(place, `holds the log of a cluster whose members are ${ids || 'none'}`, owner)
  }
}

function identityOf({ cluster, id, kind, drawIncarnation }: Owner): Identity {
  const incarnation = drawIncarnation()
  requireName('The name of the cluster', cluster)
  requireName('The id of the node', id)
  requireName('The incarnation', incarnation)
  if (incarnation === '') {
    throw new InvalidArgumentError('The incarnation is empty. Draw 128 random bits, as text.')
  }
  if (kind !== 'log' && kind !== 'decree') {
    throw new InvalidArgumentError(`The kind of node is ${String(kind)}. Use 'log' or 'decree'.`)
  }
  return { cluster, id, incarnation, kind }
}

function refused(place: string, what: string, owner: Owner): IdentityError {
  return new IdentityError(
    `${place} ${what}, and was to be opened for ${described(owner)}. Nothing was written. ` +
      'Give this node the place that is its own, and leave this one to the node that it belongs to.',
  )
}

function described({ cluster, id, kind }: Omit<Owner, 'drawIncarnation'>): string {
  const what = kind === 'log' ? 'a log' : 'a single decree'
  return `node ${JSON.stringify(id)} of cluster ${JSON.stringify(cluster)}, for ${what}`
}
