/**
 * Who is in the cluster, as an application says it. Must refuse a name that no frame could carry
 * before anything runs.
 */
import { InvalidArgumentError } from '@paxos/core'
import type { Member, NodeId } from '@paxos/core'
import { encode } from '@paxos/core/wire'

export const DEFAULT_CLUSTER = 'paxos'

/** The members by id. Throws InvalidArgumentError when `id` is not among them. */
export function requireMembers(
  cluster: string,
  id: NodeId,
  members: Readonly<Record<NodeId, string>>,
): ReadonlyMap<NodeId, string> {
  const ids = Object.keys(members)
  // The codec knows what makes an id: better told now than when the first message is due.
  for (const from of ids) encode({ cluster, from, message: { type: 'learn' } })
  if (Object.hasOwn(members, id)) return new Map(Object.entries(members))
  throw new InvalidArgumentError(
    `The id ${JSON.stringify(id)} is not among the members ` +
      `${ids.map((name) => JSON.stringify(name)).join(', ')}. ` +
      'Choose one of them, or add it to the members of every node.',
  )
}

/** The members as a snapshot holds them, in the order of their ids. */
export function membersOf(members: ReadonlyMap<NodeId, string>): Member[] {
  return [...members]
    .map(([id, address]) => ({ id, address }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

/** What is stored and what is given, when they are not the same. */
export function differingMembers(
  stored: ReadonlyMap<NodeId, string>,
  given: ReadonlyMap<NodeId, string>,
): { readonly stored: readonly Member[]; readonly given: readonly Member[] } | null {
  const isSame =
    stored.size === given.size && [...stored].every(([id, address]) => given.get(id) === address)
  return isSame ? null : { stored: membersOf(stored), given: membersOf(given) }
}
