/**
 * An operator who lets another node lead. Must never take for a broken promise that it came to
 * nothing, if the Replica says so.
 */
import { InvalidArgumentError } from '@paxos/core'
import { NotLeaderError, TransferFailedError } from '@paxos/replica'
import { ask, isPromisedEnd } from './asking.ts'
import type { Fault } from './plan.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { count } from './world.ts'
import type { World } from './world.ts'

export type Transfer = Extract<Fault, { readonly type: 'transfer' }>

/** So much longer than the node, which takes twice as long at most, does an operator wait for it. */
const GRACE_MS = 1000

/** Asks `node` for it, unless it is down. */
export function transfer(world: World, node: SimulatedNode, { to, patienceMs }: Transfer): void {
  if (node.replica === null) return
  count(world, 'transfer')
  void carryOut(world, node, to, patienceMs)
}

async function carryOut(
  world: World,
  node: SimulatedNode,
  to: string | null,
  timeoutMs: number,
): Promise<void> {
  const reply = await ask(world, node, 2 * timeoutMs + GRACE_MS, (replica) =>
    replica.transferLeadership(to ?? undefined, { timeoutMs }),
  )
  if (reply.type === 'answer' && to !== null && reply.value !== to) {
    const problem = `${node.id} was to let ${to} lead, and says that ${reply.value} does.`
    world.report('calls-end-as-promised', node.id, problem)
  }
  if (reply.type !== 'error') return
  const { error } = reply
  const isPromised =
    error instanceof TransferFailedError ||
    error instanceof NotLeaderError ||
    error instanceof InvalidArgumentError ||
    isPromisedEnd(error)
  if (isPromised) return
  const problem = `A transfer ends with ${String(error)}`
  world.report('calls-end-as-promised', node.id, problem)
}
