/**
 * One question to one simulated node, which may be down, die with it, or say nothing. Must never take
 * silence for an answer.
 */
import {
  ClosedError,
  LostDiskError,
  RemovedError,
  StoppedError,
  TimeoutError,
} from '@paxos/replica'
import type { SimulatedNode } from './simulated-node.ts'
import type { SimulatedReplica, World } from './world.ts'

/** What a node said, or that nobody was there, or that nobody answered in time. */
export type Reply<T> =
  | { readonly type: 'answer'; readonly value: T }
  | { readonly type: 'error'; readonly error: unknown }
  | { readonly type: 'nobody' }
  | { readonly type: 'silence' }

/** Asks `node`, and waits for so long. */
export function ask<T>(
  { time }: Pick<World, 'time'>,
  node: SimulatedNode,
  patienceMs: number,
  call: (replica: SimulatedReplica) => Promise<T>,
): Promise<Reply<T>> {
  return new Promise<Reply<T>>((resolve) => {
    if (node.replica === null) return resolve({ type: 'nobody' })
    // The node may die with the call, and say nothing.
    const timer = time.schedule(patienceMs, () => resolve({ type: 'silence' }))
    const settle = (settled: Reply<T>): void => {
      timer.isCancelled = true
      resolve(settled)
    }
    node.run(() => {
      const { replica } = node
      if (replica === null) return settle({ type: 'nobody' })
      call(replica).then(
        (value) => settle({ type: 'answer', value }),
        (error: unknown) => settle({ type: 'error', error }),
      )
    })
  })
}

/** Whether a Replica says that any call may end so. */
export function isPromisedEnd(error: unknown): boolean {
  return error instanceof TimeoutError || isEndOfNode(error)
}

/** Whether the node that was asked is over. */
export function isEndOfNode(error: unknown): boolean {
  return (
    error instanceof ClosedError ||
    error instanceof StoppedError ||
    error instanceof RemovedError ||
    error instanceof LostDiskError
  )
}
