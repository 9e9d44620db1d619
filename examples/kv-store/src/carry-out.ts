/**
 * Which call of a replica does what an operator asks of the members. Must never make two calls of one
 * request: the second would not know what the first one came to.
 */
import type { Replica, ReplicaMembers } from '@paxos/replica'
import type { MembersRequest } from './member-requests.ts'
import type { ChangeOptions } from './replica.ts'

type Changing = Pick<
  Replica,
  'addMember' | 'removeMember' | 'replaceMember' | 'moveMember' | 'changeMembers'
>

/** Resolves when the change is complete, and rejects as the replica does. */
export async function carryOut(
  replica: Changing,
  request: MembersRequest,
  options: ChangeOptions,
): Promise<ReplicaMembers> {
  const { id } = request
  switch (request.type) {
    case 'add':
      return await replica.addMember(id, request.address, { ...options, role: request.role })
    case 'remove':
      return await replica.removeMember(id, options)
    case 'replace':
      return await replica.replaceMember(id, request.by.id, request.by.address, options)
    case 'move':
      return await replica.moveMember(id, request.address, options)
    case 'promote':
      return await replica.changeMembers({ promote: [id] }, options)
    case 'prioritize':
      return await replica.changeMembers({ prioritize: { [id]: request.priority } }, options)
  }
}
