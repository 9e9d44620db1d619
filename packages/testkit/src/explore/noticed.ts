/**
 * The steps of one node that others could notice. A step that changes nothing but the engine of its
 * own node (a promise is counted, a quorum not yet complete) is silent: no step of another node
 * depends on it, nor does it depend on theirs but for what was sent, which stays. Any run can be put
 * in an order in which a node takes its silent steps only right before one that is not; so a search
 * that folds goes over them in one, and comes to everything that can be saved, sent or said. It must
 * never go over a step that shows.
 */
import type { Action } from './node-state.ts'
import type { NodeTable } from './node-table.ts'

/** Steps to states that others could tell from the one before. */
export class NoticedSteps {
  readonly #table: NodeTable
  readonly #folds: boolean
  readonly #known: Map<string, readonly number[]>[] = []

  constructor(table: NodeTable, folds: boolean) {
    this.#table = table
    this.#folds = folds
  }

  /** The states that follow. `inboxes` are the lists of what each node has sent this one. */
  after(node: number, id: number, inboxes: readonly number[]): readonly number[] {
    if (!this.#folds) return this.#next(node, id, inboxes)
    const known = (this.#known[node] ??= new Map())
    const key = `${id} ${inboxes.join()}`
    let found = known.get(key)
    if (found === undefined) {
      const silent = new Set([id])
      const noticed = new Set<number>()
      for (const at of silent) {
        for (const next of this.#next(node, at, inboxes)) {
          const set = this.#table.isSilent(node, at, next) ? silent : noticed
          set.add(next)
        }
      }
      found = [...noticed]
      known.set(key, found)
    }
    return found
  }

  /** The same, each with the actions that lead there. */
  *ways(
    node: number,
    id: number,
    inboxes: readonly number[],
  ): Generator<{ readonly next: number; readonly actions: readonly Action[] }> {
    const deliveries = inboxes.flatMap((inbox, from) => {
      return inbox === 0 ? [] : this.#table.deliveryActions(node, from, inbox)
    })
    const silent = new Map<number, readonly Action[]>([[id, []]])
    for (const [at, way] of silent) {
      for (const action of [...this.#table.innerActions(node, at), ...deliveries]) {
        const next = this.#table.step(node, at, action)
        const actions = [...way, action]
        const isSilent = this.#folds && this.#table.isSilent(node, at, next)
        if (!isSilent) yield { next, actions }
        else if (!silent.has(next)) silent.set(next, actions)
      }
    }
  }

  #next(node: number, id: number, inboxes: readonly number[]): number[] {
    const found = [...this.#table.inner(node, id)]
    for (const [from, inbox] of inboxes.entries()) {
      if (inbox !== 0) found.push(...this.#table.deliveries(node, id, from, inbox))
    }
    return found
  }
}
