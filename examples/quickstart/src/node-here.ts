/**
 * One node in this process, for a network that does not reach beyond it. It is told and tells the
 * same as a node in a process of its own. After kill() it must never say anything more.
 */
import type { MemoryHub } from '@paxos/transport-memory'
import { describeError, UserError } from './fail.ts'
import type { Order, Report } from './report.ts'
import { runNode } from './run-node.ts'
import type { NodeArguments, RunningNode, StartNode } from './run-node.ts'

/** Starts nodes that can reach each other over `hub`. */
export function startHere(hub: MemoryHub): StartNode {
  return (args, onReport, onFailure) => new NodeHere(hub, args, onReport, onFailure)
}

class NodeHere implements RunningNode {
  readonly manner = 'without a word'
  readonly #leave = new AbortController()
  readonly #ended: Promise<void>
  #goOn: () => void = () => undefined

  constructor(
    hub: MemoryHub,
    args: NodeArguments,
    onReport: (report: Report) => void,
    onFailure: (error: UserError) => void,
  ) {
    const { signal } = this.#leave
    const goOn = new Promise<void>((resolve) => {
      this.#goOn = resolve
    })
    const report = (said: Report): void => {
      // The others hear of it in a later turn, as they would from another process.
      if (!signal.aborted) setImmediate(() => !signal.aborted && onReport(said))
    }
    this.#ended = runNode(args, { hub }, report, { goOn, signal }).catch((error: unknown) =>
      onFailure(new UserError(describeError(error))),
    )
  }

  order(order: Order): void {
    if (order.type === 'leave') this.#leave.abort()
    else this.#goOn()
  }

  /** What it had on disk stays, and what it had not said is never said. */
  kill(): Promise<void> {
    return this.leave()
  }

  leave(): Promise<void> {
    this.#leave.abort()
    return this.#ended
  }
}
