/**
 * How a change of members is sent. It names the version that it is meant for, so that it may be sent
 * again, to another node, and is made once. Must never be sent without that.
 */
import { entityTag } from './api.ts'
import type { Members } from './api.ts'
import type { MembersRequest } from './member-requests.ts'
import type { Exchange } from './nodes.ts'

/** The request of `request` in place of the members of that version. */
export function exchangeOf(
  request: MembersRequest,
  version: number,
): Omit<Exchange<never>, 'read'> {
  const ifUnknown =
    'The change may have been made, or may still be made; a new voter may be left a learner. Look at ' +
    'the members, and make again what is missing.'
  return { ...placeOf(request), headers: { 'if-match': entityTag(version) }, ifUnknown }
}

/** Whether what was asked for in place of `before` is so now, whoever has made it. */
export function isSo(request: MembersRequest, before: Members, now: Members): boolean {
  const { id } = request
  const member = find(now, id)
  switch (request.type) {
    case 'add':
      return member?.address === request.address && member.role === request.role
    case 'remove':
      return member === undefined
    case 'move':
      return member?.address === request.address
    case 'promote':
      return member?.role === 'voter'
    case 'prioritize':
      return member?.priority === request.priority
    case 'replace': {
      const [old, next] = [find(before, id), find(now, request.by.id)]
      if (next?.address !== request.by.address || next.role !== old?.role) return false
      return request.by.id === id ? next.incarnation !== old.incarnation : member === undefined
    }
  }
}

function find({ members }: Members, id: string): Members['members'][number] | undefined {
  return members.find((member) => member.id === id)
}

function placeOf(request: MembersRequest): Pick<Exchange<never>, 'method' | 'path' | 'body'> {
  const path = `/members/${encodeURIComponent(request.id)}`
  switch (request.type) {
    case 'add': {
      const { id, address, role } = request
      return { method: 'POST', path: '/members', body: JSON.stringify({ id, address, role }) }
    }
    case 'remove':
      return { method: 'DELETE', path }
    case 'replace':
      return { method: 'POST', path: `${path}/replace`, body: JSON.stringify(request.by) }
    case 'move':
      return {
        method: 'POST',
        path: `${path}/move`,
        body: JSON.stringify({ address: request.address }),
      }
    case 'promote':
      return { method: 'POST', path: `${path}/promote` }
    case 'prioritize': {
      const { priority } = request
      return { method: 'POST', path: `${path}/prioritize`, body: JSON.stringify({ priority }) }
    }
  }
}
