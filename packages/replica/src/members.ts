/**
 * Who is in the cluster, as an application says it. Must refuse a name that no frame could carry
 * before anything runs.
 */
import { InvalidArgumentError, kindOf } from '@paxos/core'
import type { Member, NodeId } from '@paxos/core'
import { MAX_ADDRESS_BYTES, MAX_MEMBERS } from '@paxos/core/multi'
import { encode } from '@paxos/core/wire'

export const DEFAULT_CLUSTER = 'paxos'

/**
 * The members by id. Throws InvalidArgumentError when `id` is not among them, when there are more
 * than MAX_MEMBERS, for an address that is no address or that two of them have, and for what is no
 * object of addresses.
 */
export function requireMembers(
  cluster: string,
  id: NodeId,
  members: Readonly<Record<NodeId, string>>,
): ReadonlyMap<NodeId, string> {
  if (!isPlainObject(members)) {
    throw new InvalidArgumentError(
      `members is ${kindOf(members)}. Give an object: { a: 'udp://10.0.0.1:7000', … }.`,
    )
  }
  const byId = new Map(Object.entries(members))
  const ids = [...byId.keys()]
  if (byId.size > MAX_MEMBERS) {
    throw new InvalidArgumentError(
      `There are ${byId.size} members. Name at most ${MAX_MEMBERS}; few agree more quickly.`,
    )
  }
  // The codec knows what makes an id: better told now than when the first message is due.
  for (const from of ids) encode({ cluster, from, message: { type: 'learn' } })
  for (const [member, address] of byId) requireAddress(member, address)
  requireDistinct(byId)
  if (byId.has(id)) return byId
  throw new InvalidArgumentError(
    `The id ${JSON.stringify(id)} is not among the members ` +
      `${ids.map((name) => JSON.stringify(name)).join(', ')}. ` +
      'Choose one of them, or add it to the members of every node.',
  )
}

function isPlainObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || 'then' in value) return false
  return Object.prototype.toString.call(value) === '[object Object]'
}

function requireAddress(member: NodeId, address: unknown): void {
  const name = `The address of ${JSON.stringify(member)}`
  if (typeof address !== 'string') {
    throw new InvalidArgumentError(`${name} is ${kindOf(address)}. Give a string.`)
  }
  if (address === '') {
    throw new InvalidArgumentError(`${name} is empty. Say where it listens.`)
  }
  if (new TextEncoder().encode(address).byteLength <= MAX_ADDRESS_BYTES) return
  throw new InvalidArgumentError(
    `${name} has more than ${MAX_ADDRESS_BYTES} bytes. Give a shorter one.`,
  )
}

/** P32: of two members with one address, one would answer for both. */
function requireDistinct(members: ReadonlyMap<NodeId, string>): void {
  const owners = new Map<string, NodeId>()
  for (const [member, address] of members) {
    const same = owners.get(plainAddress(address))
    if (same !== undefined) {
      throw new InvalidArgumentError(
        `${JSON.stringify(same)} and ${JSON.stringify(member)} have one address, ` +
          `${JSON.stringify(address)}. Give each member an address of its own.`,
      )
    }
    owners.set(plainAddress(address), member)
  }
}

/**
 * An address without what makes no difference: the case of the scheme, slashes at the end, and where
 * there is a port, so that this is a host, the ways of writing one. Two names of one machine stay
 * two: only the network knows.
 */
export function plainAddress(address: string): string {
  const [, scheme = '', authority = '', path = ''] =
    /^([a-z][a-z\d+.-]*):(?:\/\/)?([^/?#]*)(.*)$/is.exec(address) ?? []
  if (scheme === '') return address
  return `${scheme.toLowerCase()}:${plainHost(authority)}${path.replace(/\/+$/, '')}`
}

function plainHost(authority: string): string {
  if (!/:\d+$/.test(authority)) return authority
  try {
    // The port is put back: which one is a scheme's own is not ours to know.
    return new URL(`http://${authority}`).hostname + authority.replace(/^.*:0*(?=\d)/s, ':')
  } catch {
    return authority
  }
}

/** Where the others are. */
export function without(
  id: NodeId,
  members: ReadonlyMap<NodeId, string>,
): ReadonlyMap<NodeId, string> {
  return new Map([...members].filter(([member]) => member !== id))
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
