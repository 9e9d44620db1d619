/**
 * Whether what a node knows is what the others know: one that catches up sees members of long ago, and
 * must not stop because of them. By what others say of how far they are, since this node was opened.
 * Must never hold more than one number for each peer.
 */
import type { NodeId, Slot } from '@paxos/core'
import { votersOf } from '@paxos/core/multi'
import type { Configuration } from '@paxos/core/multi'

/** What others have said of the log. */
export class Surely {
  readonly #through = new Map<NodeId, Slot>()
  /** Who was known to have a slot, and since when. */
  #have: { readonly slot: Slot; readonly sinceMs: Map<NodeId, number> } | null = null

  /** These are the peers from now on: what others said is forgotten. */
  keep(peers: ReadonlyMap<NodeId, unknown>): void {
    for (const id of this.#through.keys()) if (!peers.has(id)) this.#through.delete(id)
  }

  /** `from` knows everything through that slot to be chosen. */
  said(from: NodeId, chosenThrough: Slot): void {
    this.#through.set(from, Math.max(chosenThrough, this.#through.get(from) ?? 0))
  }

  /**
   * Whether half of the other voters, or more, have said how far they are, and none of all that were
   * heard knows more than this node.
   */
  isCurrent(id: NodeId, chosenThrough: Slot, configuration: Configuration): boolean {
    const others = votersOf(configuration).filter((voter) => voter.id !== id)
    const heard = others.filter((voter) => this.#through.has(voter.id))
    const most = Math.max(0, ...this.#through.values())
    return heard.length >= Math.max(1, others.length / 2) && most <= chosenThrough
  }

  /** Who has said for `forMs` that it has everything through `slot`; by then it is on its disk. */
  whoHas(slot: Slot, nowMs: number, forMs: number): ReadonlySet<NodeId> {
    if (this.#have?.slot !== slot) this.#have = { slot, sinceMs: new Map() }
    const { sinceMs } = this.#have
    for (const [id, through] of this.#through) {
      if (through >= slot && !sinceMs.has(id)) sinceMs.set(id, nowMs)
    }
    const long = [...sinceMs].filter(([, atMs]) => nowMs - atMs >= forMs)
    return new Set(long.map(([id]) => id))
  }
}
