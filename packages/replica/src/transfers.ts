/**
 * Leadership that is let go on purpose: whom this node asks to take over, and what became of it. The
 * engine does it; here are those who wait. Must never say that another node leads before this node
 * follows it.
 */
import { InvalidArgumentError } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import type { LogEvent, TransferFailure } from '@paxos/core/multi'
import type { Clock } from './clock.ts'
import { NotLeaderError, TransferFailedError, TransferTimeoutError } from './errors.ts'
import { Outcome } from './outcome.ts'
import type { WaitOptions } from './outcome.ts'

export interface TransfersOptions {
  readonly id: NodeId
  readonly clock: Clock
  /** For how long the engine tries at most, in milliseconds: nothing new is proposed meanwhile. */
  readonly withinMs: number
  /** Who votes: nobody else may lead. */
  readonly voters: () => ReadonlySet<NodeId>
  /** Has the engine begin one. */
  readonly begin: (to: NodeId | null, withinMs: number) => void
  readonly leader: () => NodeId | null
}

/** The transfers of one node; of several that are asked for at once, the last one counts. */
export class Transfers {
  readonly #options: TransfersOptions
  #current: { readonly to: NodeId | null; readonly outcome: Outcome<NodeId> } | null = null

  constructor(options: TransfersOptions) {
    this.#options = options
  }

  /** Resolves with who leads then. */
  async transfer(to: NodeId | null, { signal, timeoutMs }: WaitOptions): Promise<NodeId> {
    const { id, clock, leader, voters, begin, withinMs } = this.#options
    const current = leader()
    if (to !== null && current === to) return to
    if (current !== id) throw notLeading(current)
    if (to !== null && !voters().has(to)) throw noVoter(to, voters())
    // Whoever has more patience must not stop the writes of all for longer.
    const triedForMs = Math.min(timeoutMs ?? withinMs, withinMs)
    const outcome = new Outcome<NodeId>(clock, () => timedOut(to, triedForMs))
    // The engine says by then why not; what is beyond is for the word of the next leader to come.
    const settled = outcome.wait({ signal, timeoutMs: 2 * triedForMs })
    this.#end(
      new TransferFailedError('overtaken', 'Another transfer was asked for. Await that one.'),
    )
    this.#current = { to, outcome }
    begin(to, triedForMs)
    return await settled
  }

  leaderChanged(leader: NodeId | null): void {
    const { id } = this.#options
    if (this.#current === null || leader === null || leader === id) return
    const { to, outcome } = this.#current
    this.#current = null
    if (to === null || to === leader) return outcome.resolve(leader)
    outcome.reject(otherLeads(to, leader))
  }

  failed({ to, reason }: LogEvent & { readonly type: 'transfer-failed' }): void {
    this.#end(new TransferFailedError(reason, inWords(to, reason)))
  }

  /** No answer will come any more. */
  end(error: Error): void {
    this.#end(error)
  }

  #end(error: Error): void {
    const { outcome } = this.#current ?? {}
    this.#current = null
    outcome?.reject(error)
  }
}

function inWords(to: NodeId | null, reason: TransferFailure): string {
  const other = to === null ? 'Another node' : JSON.stringify(to)
  const goesOn = 'This node leads on; look at the lag in status(), and try again.'
  switch (reason) {
    case 'nobody':
      return 'No other voter is heard, so nobody can take over. Start one, and try again.'
    case 'not-caught-up':
      return `${other} did not come to hold everything that is under way in time. ${goesOn}`
    case 'not-taken':
      return `${other} was asked to take over, and did not in time. ${goesOn}`
  }
}

function notLeading(leader: NodeId | null): NotLeaderError {
  const who = leader === null ? 'and knows nobody who does' : `but ${JSON.stringify(leader)} does`
  return new NotLeaderError(
    `This node does not lead, ${who}. Ask the node that leads to hand over.`,
    leader,
  )
}

function noVoter(to: NodeId, voters: ReadonlySet<NodeId>): InvalidArgumentError {
  const ids = [...voters].map((id) => JSON.stringify(id)).join(', ')
  return new InvalidArgumentError(
    `${JSON.stringify(to)} does not vote, so it cannot lead. Name one of ${ids}.`,
  )
}

function otherLeads(to: NodeId, leader: NodeId): TransferFailedError {
  return new TransferFailedError(
    'other-leads',
    `${JSON.stringify(leader)} leads now, and not ${JSON.stringify(to)}. Ask that one to hand over.`,
  )
}

function timedOut(to: NodeId | null, timeoutMs: number): TransferTimeoutError {
  return new TransferTimeoutError(
    `Whether ${to === null ? 'another node' : JSON.stringify(to)} leads now was not known ` +
      `${2 * timeoutMs} ms after it was asked for. Look at status() for who leads.`,
  )
}
