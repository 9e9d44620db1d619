/**
 * More work than a link or a disk carries at once: many commands with large values, proposed on one
 * node in one turn. They change nothing that anybody reads, so the history of the clients leaves them
 * out; the watcher does not. Must never ask twice.
 */
import { SessionExpiredError } from '@paxos/replica'
import { isPromisedEnd } from './asking.ts'
import type { Fault } from './plan.ts'
import type { Command } from './registers.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { count } from './world.ts'
import type { World } from './world.ts'

export type Burst = Extract<Fault, { readonly type: 'burst' }>

/** The register that bursts look at, and nobody else. */
const KEY = 'burst'

/** Proposes all of it, unless the node is down. `firstId` is the id of the first command. */
export function propose(world: World, node: SimulatedNode, burst: Burst, firstId: number): void {
  node.run(() => {
    const { replica } = node
    if (replica === null) return
    count(world, burst.type)
    for (let index = 0; index < burst.count; index += 1) {
      const id = firstId + index
      // It carries bytes and changes nothing: states stay small, which are compared at each step.
      const expected = `${id}.`.padEnd(burst.valueBytes, '-')
      const command: Command = { type: 'compareAndSet', id, key: KEY, expected, value: '' }
      world.watcher.issued(command)
      replica.propose(command, { timeoutMs: burst.patienceMs }).then(
        () => world.watcher.acknowledged(id),
        (error: unknown) => {
          if (isPromisedEnd(error) || error instanceof SessionExpiredError) return
          const problem = `A command of a burst ends with ${String(error)}`
          world.report('calls-end-as-promised', node.id, problem)
        },
      )
    }
  })
}
