/** Promises about who can prove to be whom, broken one at a time. */
import type { NodeId } from '@paxos/core'

export const CREDENTIAL_FAULTS = [
  'asks nobody for credentials',
  'believes the credentials of any node',
  'believes who has no credentials',
  'asks for credentials only whom it sends to',
  'asks for credentials only whom it hears',
  'tells nobody of an impostor',
  'counts what an impostor sends',
  'names the incarnation of an impostor',
  'sends to whoever has claimed to be the peer',
  'leaves a peer that somebody has claimed to be',
  'keeps out whom an impostor has claimed to be',
] as const

/** What a node can show of who it is. */
export type Credentials = 'its own' | 'of another node' | 'none'

/** What a node makes of the credentials of others. */
export interface Watch<Who> {
  /** Whether whoever shows these is who it says, as far as this node looks. */
  readonly believes: (credentials: Credentials, isReceived: boolean) => boolean
  /** `who` was not believed. */
  readonly disbelieved: (who: Who) => void
  /** Whether nobody is let in as `id` any more. */
  readonly isBanned: (id: NodeId) => boolean
  /** Whether the next frame for `id` is lost. */
  readonly loses: (id: NodeId) => boolean
  /** Who has claimed to be `id`, and is sent what is for it. */
  readonly pretender: (id: NodeId) => Who | undefined
}

/** The watch of a node, with `fault` or none. One that has not its own credentials believes everybody. */
export function watchWith<Who extends { readonly id: NodeId }>(
  own: Credentials,
  fault: string | null,
): Watch<Who> {
  const claimed = new Map<NodeId, Who>()
  const lost = new Set<NodeId>()
  return {
    believes(credentials, isReceived) {
      if (own !== 'its own' || credentials === 'its own') return true
      switch (fault) {
        case 'asks nobody for credentials':
          return true
        case 'believes the credentials of any node':
          return credentials === 'of another node'
        case 'believes who has no credentials':
          return credentials === 'none'
        case 'asks for credentials only whom it sends to':
          return isReceived
        case 'asks for credentials only whom it hears':
          return !isReceived
        case null:
        default:
          return false
      }
    },
    disbelieved(who) {
      claimed.set(who.id, who)
      lost.add(who.id)
    },
    isBanned: (id) => fault === 'keeps out whom an impostor has claimed to be' && claimed.has(id),
    loses: (id) => fault === 'leaves a peer that somebody has claimed to be' && lost.delete(id),
    pretender(id) {
      return fault === 'sends to whoever has claimed to be the peer' ? claimed.get(id) : undefined
    },
  }
}
