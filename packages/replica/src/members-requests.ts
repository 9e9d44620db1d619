/**
 * What an application asks of the members, in the words of changeMembers(). Must refuse what can never
 * work before anything is asked.
 */
import type { NodeId } from '@paxos/core'
import { requireWait } from './arguments.ts'
import type { MembersChange, NewMember } from './member-changes.ts'
import { requireChange, requireId, requireNewMember } from './members-arguments.ts'
import { requirePlace, requireVersion } from './members-arguments.ts'
import type { ChangeMembersOptions } from './members-arguments.ts'
import type { WantedChange } from './members-calls.ts'
import type { Membership } from './membership.ts'
import type { ReplicaMembers } from './members-view.ts'

/** How to add a member. */
export type AddMemberOptions = ChangeMembersOptions & Omit<NewMember, 'address'>

/** Who carries out what is asked. */
interface Asked {
  readonly members: Pick<Membership, 'change'>
  /** Throws when the node is over. */
  requireRunning(): void
}

/** The requests to one node. */
export class MembersRequests {
  readonly #node: Asked

  constructor(node: Asked) {
    this.#node = node
  }

  async add(id: NodeId, address: string, options: AddMemberOptions): Promise<ReplicaMembers> {
    requireWait('addMember', options, ['expected', 'role', 'weight', 'priority'])
    const { role, weight, priority, ...wait } = options
    const member = { address, role, weight, priority }
    requireNewMember(id, member)
    return await this.#ask(() => ({ add: { [id]: member } }), wait)
  }

  async remove(id: NodeId, options: ChangeMembersOptions): Promise<ReplicaMembers> {
    requireWait('removeMember', options, ['expected'])
    requireId(id)
    return await this.#ask(() => ({ remove: [id] }), options)
  }

  async replace(
    old: NodeId,
    id: NodeId,
    address: string,
    options: ChangeMembersOptions,
  ): Promise<ReplicaMembers> {
    requireWait('replaceMember', options, ['expected'])
    requireId(old)
    requirePlace(id, address)
    if (old === id) return await this.#ask(() => ({ renew: { [id]: address } }), options)
    return await this.#ask(({ members }) => {
      const { role, weight, priority } = members.find((member) => member.id === old) ?? {}
      return { add: { [id]: { address, role, weight, priority } }, remove: [old] }
    }, options)
  }

  async move(id: NodeId, address: string, options: ChangeMembersOptions): Promise<ReplicaMembers> {
    requireWait('moveMember', options, ['expected'])
    requirePlace(id, address)
    return await this.#ask(() => ({ move: { [id]: address } }), options)
  }

  async change(change: MembersChange, options: ChangeMembersOptions): Promise<ReplicaMembers> {
    requireWait('changeMembers', options, ['expected'])
    requireChange(change)
    return await this.#ask(() => change, options)
  }

  async #ask(wanted: WantedChange, options: ChangeMembersOptions): Promise<ReplicaMembers> {
    const { expected, ...wait } = options
    requireVersion(expected)
    this.#node.requireRunning()
    return await this.#node.members.change(wanted, expected ?? null, wait)
  }
}
