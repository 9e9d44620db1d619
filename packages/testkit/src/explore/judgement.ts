/**
 * Whether a state of all nodes breaks a promise, by itself or to somebody who looks on; each case
 * judged once. It must never let a state pass that was not judged, by itself or as one that is equal
 * in everything that a promise speaks of.
 */
import { judge } from './invariants.ts'
import type { Facts } from './invariants.ts'
import type { Model, Plain } from './model.ts'
import type { NodeTable } from './node-table.ts'
import type { Action } from './node-state.ts'
import type { Step } from './trace.ts'

/** A broken promise, and what an observer must hear for it to show. */
export interface Shown {
  readonly broken: string
  readonly heard: readonly Step[]
}

/** The judge of one search. */
export class Judgement {
  readonly #model: Model
  readonly #table: NodeTable
  readonly #nodes: readonly number[]
  readonly #observers: readonly number[]
  readonly #broken = new Map<string, string | null>()
  readonly #observed = new Map<string, Shown | null>()
  readonly #outcomes = new Set<string>()
  readonly #chosen = new Set<string>()

  constructor(model: Model, table: NodeTable) {
    this.#model = model
    this.#table = table
    const indices = model.nodes.map((_, index) => index)
    this.#nodes = indices.filter((index) => model.nodes[index]?.isObserver !== true)
    this.#observers = indices.filter((index) => model.nodes[index]?.isObserver === true)
  }

  /** In how many ways nodes were seen to have accepted and learnt, names folded. */
  get outcomes(): number {
    return this.#outcomes.size
  }

  /** What could have been chosen and was not, in any state so far. */
  get neverChosen(): readonly Plain[] {
    return this.#model.choosable.filter((value) => !this.#chosen.has(JSON.stringify(value)))
  }

  /** What is broken in `state`, which has a number for each node that is no observer. */
  of(state: Uint32Array): Shown | null {
    let key = ''
    for (let index = 0; index < this.#nodes.length; index += 1) {
      const node = this.#nodes[index] ?? 0
      const id = state[index] ?? 0
      const { broken } = this.#table.state(node, id)
      if (broken !== null) return { broken: `${this.#idOf(node)}: ${broken}`, heard: [] }
      key += `${this.#table.facts(node, id)} `
    }
    let broken = this.#broken.get(key)
    if (broken === undefined) {
      const facts = this.#factsOf(state)
      const verdict = judge(this.#model, facts)
      broken = verdict.broken
      this.#broken.set(key, broken)
      for (const value of verdict.chosen.values()) this.#chosen.add(value)
      this.#outcomes.add(this.#outcomeOf(facts))
    }
    if (broken !== null) return { broken, heard: [] }
    for (const observer of this.#observers) {
      const found = this.#observe(observer, state, key)
      if (found !== null) return found
    }
    return null
  }

  /** Whether the observer can say something wrong, or not what it must, after some of what was sent. */
  #observe(observer: number, state: Uint32Array, facts: string): Shown | null {
    const inboxes = this.#nodes.map((node, index) => {
      return this.#table.inbox(node, state[index] ?? 0, observer)
    })
    const key = `${observer} ${facts}/ ${inboxes.join(' ')}`
    const known = this.#observed.get(key)
    if (known !== undefined) return known
    const actions = this.#nodes.flatMap((node, index) => {
      const inbox = inboxes[index] ?? 0
      return inbox === 0 ? [] : this.#table.deliveryActions(observer, node, inbox)
    })
    const found = this.#hear(observer, actions, this.#factsOf(state))
    this.#observed.set(key, found)
    return found
  }

  #hear(observer: number, actions: readonly Action[], facts: readonly Facts[]): Shown | null {
    const id = this.#idOf(observer)
    const first = this.#table.start(observer)
    const ways = new Map<number, readonly Step[]>([[first, []]])
    for (const [from, way] of ways) {
      for (const action of actions) {
        const next = this.#table.step(observer, from, action)
        if (ways.has(next)) continue
        const heard = [...way, { node: id, action }]
        ways.set(next, heard)
        const { learnt, broken: own } = this.#table.state(observer, next)
        if (own !== null) return { broken: `${id}: ${own}`, heard }
        const all = [...facts, { id, acceptances: [], learnt: [...learnt.values()] }]
        const broken = learnt.size === 0 ? null : judge(this.#model, all).broken
        if (broken !== null) return { broken, heard }
      }
    }
    return null
  }

  #factsOf(state: Uint32Array): Facts[] {
    return this.#nodes.map((node, index) => {
      const { acceptances, learnt } = this.#table.state(node, state[index] ?? 0)
      return {
        id: this.#idOf(node),
        acceptances: [...acceptances.values()],
        learnt: [...learnt.values()],
      }
    })
  }

  /** The facts as text, the same under every exchange of names. */
  #outcomeOf(facts: readonly Facts[]): string {
    const texts = this.#table.exchanges.map(({ rename }) => {
      const renamed = facts.map((fact) => JSON.stringify(rename(fact)))
      return renamed.toSorted().join()
    })
    return texts.toSorted()[0] ?? ''
  }

  #idOf(node: number): string {
    return this.#model.nodes[node]?.id ?? ''
  }
}
