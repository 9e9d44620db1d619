/**
 * What an operator may ask of the members of the cluster. Must never let an address into the log that
 * the nodes of this cluster cannot dial.
 */
import { InvalidArgumentError } from '@paxos/core'

export type Role = 'voter' | 'learner'

/** One request. `id` is whom it is about. */
export type MembersRequest =
  | {
      readonly type: 'add'
      readonly id: string
      readonly address: string
      readonly role: Role
    }
  | { readonly type: 'remove'; readonly id: string }
  /** With the same id: the member begins anew, from an empty disk. */
  | {
      readonly type: 'replace'
      readonly id: string
      readonly by: { readonly id: string; readonly address: string }
    }
  | { readonly type: 'move'; readonly id: string; readonly address: string }
  /** Of a learner. */
  | { readonly type: 'promote'; readonly id: string }
  | { readonly type: 'prioritize'; readonly id: string; readonly priority: number }

/** Throws InvalidArgumentError for an address of another transport than `own` is. */
export function requireScheme(request: MembersRequest, own: string): void {
  const address = addressIn(request)
  if (address === null || schemeOf(address) === schemeOf(own)) return
  throw new InvalidArgumentError(
    `The nodes of this cluster talk on ${schemeOf(own)}:, and cannot dial '${address}'. Write it as ` +
      `in ${own}.`,
  )
}

/** Where a node is to listen from then on; `null` where the request does not say. */
function addressIn(request: MembersRequest): string | null {
  if (request.type === 'replace') return request.by.address
  return 'address' in request ? request.address : null
}

function schemeOf(address: string): string {
  return /^[a-z][a-z\d+.-]*(?=:)/i.exec(address)?.[0].toLowerCase() ?? ''
}
