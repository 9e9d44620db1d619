/**
 * The states of one model's nodes by number, and the steps between them, each computed once. A
 * state of the whole model is then a few numbers, one for each node: the network needs none, for it
 * is what the nodes have sent.
 *
 * Nodes that are interchangeable are so because every step that is ever looked up was also taken
 * under each exchange of names, with the same outcome under its other name: it is checked, not
 * assumed.
 */
import { compareBallots } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { EngineTable } from './engine-table.ts'
import type { EngineId } from './engine-table.ts'
import { Ignored } from './ignored.ts'
import type { Delivery, Insides } from './ignored.ts'
import type { Model, NodeModel, PlainObject } from './model.ts'
import { keyOf, start, step } from './node-state.ts'
import type { Action, NodeState } from './node-state.ts'

/** An exchange of names: which node takes the place of which. */
export interface Exchange {
  /** The index of the node whose place the node with this index takes. */
  readonly places: readonly number[]
  readonly rename: <T>(item: T) => T
}

interface Entry {
  readonly state: NodeState<EngineId>
  /** For each node, the number of the list of messages that this one has sent it. */
  readonly inboxes: readonly number[]
  readonly facts: number
  /** The number of everything that others could notice: all but the engine and what it heard. */
  readonly outside: number
  /** The number of what decides what it does next: the engine, the disk, and what is being saved. */
  readonly inside: number
  readonly after: Map<string, number>
  readonly renamed: number[]
}

const NONE: readonly number[] = []

/** All nodes of a model. Nodes and their states go by number. */
export class NodeTable {
  readonly #model: Model
  readonly #engines: EngineTable
  readonly #entries: Entry[][]
  readonly #ids: Map<string, number>[]
  readonly #messages = new Numbers<PlainObject>()
  readonly #texts = new Numbers<string>()
  readonly #lists = new Numbers<readonly number[]>()
  readonly #inner: (readonly number[] | undefined)[][]
  readonly #deliveries: Map<number, readonly number[]>[]
  readonly #keys = new WeakMap<Action, string>()
  readonly #actions = new Map<string, readonly Action[]>()
  readonly #lean: Map<number, number>[]
  readonly #insides = new Numbers<{ readonly node: number; readonly id: number }>()
  readonly #ignored: Ignored
  /** The identity is the first. */
  readonly exchanges: readonly Exchange[]

  /** With `folds`, what the model claims of its engines is taken up, and checked. */
  constructor(model: Model, folds = false) {
    this.#model = model
    this.#engines = new EngineTable(model, folds)
    this.#entries = model.nodes.map(() => [])
    this.#ids = model.nodes.map(() => new Map())
    this.#inner = model.nodes.map(() => [])
    this.#deliveries = model.nodes.map(() => new Map())
    this.#lean = model.nodes.map(() => new Map())
    const insides: Insides = {
      claimsToIgnore: (inside, delivery) => this.#claimsToIgnore(inside, delivery),
      isChangedBy: (inside, delivery) => this.#isChangedBy(inside, delivery),
    }
    this.#ignored = new Ignored(insides)
    this.exchanges = exchangesOf(model)
  }

  /** How many states the nodes have, and their objects of core. */
  get sizes(): { readonly nodes: number; readonly engines: number } {
    const nodes = this.#entries.reduce((sum, entries) => sum + entries.length, 0)
    return { nodes, engines: this.#engines.size }
  }

  start(node: number): number {
    return this.#intern(node, start(this.#node(node), this.#engines))
  }

  state(node: number, id: number): NodeState<EngineId> {
    return this.#entry(node, id).state
  }

  /** The number of what `node` in this state has sent to `to`. */
  inbox(node: number, id: number, to: number): number {
    return this.#entry(node, id).inboxes[to] ?? 0
  }

  /** The number of what `node` has accepted and learnt in its life. */
  facts(node: number, id: number): number {
    return this.#entry(node, id).facts
  }

  /** The states that follow without a message, but not this one. */
  inner(node: number, id: number): readonly number[] {
    const known = this.#inner[node]?.[id]
    if (known !== undefined) return known
    const found = this.#others(node, id, this.innerActions(node, id))
    const table = this.#inner[node]
    if (table !== undefined) table[id] = found
    return found
  }

  /** The states that follow one of the messages in `inbox` from node `from`, but not this one. */
  deliveries(node: number, id: number, from: number, inbox: number): readonly number[] {
    if (inbox === 0) return NONE
    const table = this.#deliveries[node]
    // Exact as long as there are fewer than 2^22 of each: the product stays a safe integer.
    const key = (id * this.#entries.length + from) * 2 ** 22 + inbox
    const known = table?.get(key)
    if (known !== undefined) return known
    const mayCrash = this.state(node, id).crashes < this.#node(node).crashes
    const actions = this.deliveryActions(node, from, inbox).filter((action) => {
      return mayCrash || action.type === 'receive'
    })
    const found = this.#others(node, id, actions)
    table?.set(key, found)
    return found
  }

  innerActions(node: number, id: number): readonly Action[] {
    const { commands, crashes, wipes = 0 } = this.#node(node)
    const { state } = this.#entry(node, id)
    const actions: Action[] = commands
      .filter(({ name, times }, index) => {
        return (state.used[index] ?? 0) < times && this.#engines.canUse(state.engine, name)
      })
      .map(({ name }) => ({ type: 'command', name }))
    if (state.running.length > 0) actions.push({ type: 'saved' })
    for (let durable = 0; durable <= state.running.length; durable += 1) {
      if (state.crashes < crashes) actions.push({ type: 'crash', durable })
    }
    if (state.lives < wipes) actions.push({ type: 'wipe' })
    return actions
  }

  deliveryActions(node: number, from: number, inbox: number): readonly Action[] {
    return this.#lists.at(inbox).flatMap((number) => this.#deliver(node, from, number))
  }

  /** The state after `action`, which must be possible. */
  step(node: number, id: number, action: Action): number {
    const entry = this.#entry(node, id)
    const key = this.#keyOf(action)
    const known = entry.after.get(key)
    if (known !== undefined) return known
    const next = this.#intern(node, step(this.#node(node), entry.state, action, this.#engines))
    entry.after.set(key, next)
    this.#ignored.follow(entry.inside, this.#entry(node, next).inside)
    this.exchanges.forEach(({ places, rename }, exchange) => {
      if (exchange === 0) return
      const other = places[node] ?? node
      const found = this.step(other, this.renamed(node, id, exchange), rename(action))
      if (found === this.renamed(node, next, exchange)) return
      throw new Error(
        `${this.#node(node).id} and ${this.#node(other).id} behave differently after ${key}. ` +
          'Do not call them interchangeable.',
      )
    })
    return next
  }

  /** Whether two states of a node differ in what nobody but it can notice: its engine. */
  isSilent(node: number, id: number, next: number): boolean {
    return this.#entry(node, id).outside === this.#entry(node, next).outside
  }

  /** The state without the messages to `to` that `to`, in its state `toId`, will ignore for ever. */
  lean(node: number, id: number, to: number, toId: number): number {
    if (this.inbox(node, id, to) === 0) return id
    const { state } = this.#entry(node, id)
    const { inside } = this.#entry(to, toId)
    const key = (id * this.#entries.length + to) * 2 ** 22 + inside
    const known = this.#lean[node]?.get(key)
    if (known !== undefined) return known
    const [from, receiver] = [this.#node(node).id, this.#node(to).id]
    const outbox = new Map(
      [...state.outbox].filter(([, { to: name, message }]) => {
        return name !== receiver || !this.#ignored.has(inside, { from, message })
      }),
    )
    const found = outbox.size === state.outbox.size ? id : this.#intern(node, { ...state, outbox })
    this.#lean[node]?.set(key, found)
    return found
  }

  /** The state under its other name, of the node whose place this one takes. */
  renamed(node: number, id: number, exchange: number): number {
    if (exchange === 0) return id
    const entry = this.#entry(node, id)
    const known = entry.renamed[exchange]
    if (known !== undefined) return known
    const { places, rename } = this.exchanges[exchange] ?? { places: [], rename: <T>(x: T) => x }
    const other = places[node] ?? node
    const { engine, ...state } = entry.state
    const exchanged = {
      ...rename(state),
      engine: this.#engines.rename(engine, this.#node(other), rename),
    }
    const found = this.#intern(other, exchanged)
    entry.renamed[exchange] = found
    return found
  }

  close(): void {
    this.#engines.close()
  }

  /** Always the same actions, so that their keys are made once. */
  #deliver(node: number, from: number, number: number): readonly Action[] {
    const { saves, crashes, swallows = true } = this.#node(node)
    const isSwallowed = saves === 'at once' && crashes > 0 && swallows
    const key = `${isSwallowed} ${from} ${number}`
    const known = this.#actions.get(key)
    if (known !== undefined) return known
    const parts = { from: this.#node(from).id, message: this.#messages.at(number) }
    const receive: Action = { type: 'receive', ...parts }
    const swallow: Action = { type: 'receive and crash', ...parts }
    const actions = isSwallowed ? [receive, swallow] : [receive]
    this.#actions.set(key, actions)
    return actions
  }

  #claimsToIgnore(inside: number, delivery: Delivery): boolean {
    const { node, id } = this.#insides.at(inside)
    return this.#engines.claimsToIgnore(this.state(node, id).engine, delivery)
  }

  #isChangedBy(inside: number, delivery: Delivery): boolean {
    const { node, id } = this.#insides.at(inside)
    return this.step(node, id, { type: 'receive', ...delivery }) !== id
  }

  #keyOf(action: Action): string {
    const known = this.#keys.get(action)
    if (known !== undefined) return known
    const key = JSON.stringify(action)
    this.#keys.set(action, key)
    return key
  }

  #others(node: number, id: number, actions: readonly Action[]): readonly number[] {
    const found = new Set(actions.map((action) => this.step(node, id, action)))
    found.delete(id)
    const all = [...found]
    if (this.#node(node).saves === 'later') return all
    return all.filter(
      (one) => !all.some((other) => one !== other && this.#covers(node, other, one)),
    )
  }

  /**
   * Whether all that can follow `less` can follow `more` too: they differ only in that more messages
   * were sent in `more`, which nobody need deliver. An answer that a crash swallows is such a case,
   * if the acceptor is the same after it: one that forgets something is not.
   */
  #covers(node: number, more: number, less: number): boolean {
    const [a, b] = [this.state(node, more), this.state(node, less)]
    const { outbox, learnt, heard, promised, ...rest } = a
    const isSame = Object.entries(rest).every(([name, part]) => {
      return keyOf([part]) === keyOf([Reflect.get(b, name)])
    })
    return (
      isSame &&
      keyOf([...a.acceptances.keys()]) === keyOf([...b.acceptances.keys()]) &&
      keyOf([...heard.keys()]) === keyOf([...b.heard.keys()]) &&
      [...b.outbox.keys()].every((key) => outbox.has(key)) &&
      [...b.learnt.keys()].every((key) => learnt.has(key)) &&
      compareBallots(promised, b.promised) >= 0
    )
  }

  #intern(node: number, state: NodeState<EngineId>): number {
    const numbersOf = (map: ReadonlyMap<string, unknown>) =>
      [...map.keys()].map((key) => this.#texts.of(key, key))
    const { outbox, acceptances, learnt, heard, ...rest } = state
    const facts = [numbersOf(acceptances), numbersOf(learnt)]
    const { engine, ...noticed } = rest
    const outsideKey = JSON.stringify([noticed, numbersOf(outbox), facts])
    const key = `${engine} ${numbersOf(heard).join()} ${outsideKey}`
    const ids = this.#ids[node]
    const entries = this.#entries[node]
    const known = ids?.get(key)
    if (known !== undefined) return known
    if (ids === undefined || entries === undefined) throw new RangeError(`no node ${node}`)
    const inboxes = this.#model.nodes.map((to, index) => {
      const sent = [...outbox.values()].filter(
        (message) => message.to === to.id || message.to === 'all',
      )
      if (index === node || sent.length === 0) return 0
      const numbers = sent.map(({ message }) => this.#messages.of(JSON.stringify(message), message))
      const list = [...new Set(numbers)].toSorted((a, b) => a - b)
      return this.#lists.of(list.join(), list)
    })
    const factsKey = JSON.stringify(facts)
    const number = this.#texts.of(factsKey, factsKey)
    const outside = this.#texts.of(outsideKey, outsideKey)
    const id = entries.length
    const insideKey = JSON.stringify([node, engine, rest.stored, rest.running])
    const inside = this.#insides.of(insideKey, { node, id })
    entries.push({ state, inboxes, facts: number, outside, inside, after: new Map(), renamed: [] })
    ids.set(key, id)
    return id
  }

  #node(node: number): NodeModel {
    const found = this.#model.nodes[node]
    if (found === undefined) throw new RangeError(`There is no node ${node}.`)
    return found
  }

  #entry(node: number, id: number): Entry {
    const entry = this.#entries[node]?.[id]
    if (entry === undefined) throw new RangeError(`Node ${node} has no state ${id}.`)
    return entry
  }
}

/** Numbers for things, from 1: 0 is nothing. */
class Numbers<T> {
  readonly #numbers = new Map<string, number>()
  readonly #items: T[] = []

  of(key: string, item: T): number {
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const number = this.#items.push(item)
    this.#numbers.set(key, number)
    return number
  }

  at(number: number): T {
    const item = this.#items[number - 1]
    if (item === undefined) throw new RangeError(`Nothing has the number ${number}.`)
    return item
  }
}

/** Every way to exchange the names of the interchangeable nodes. */
function exchangesOf({ nodes, interchangeable }: Model): readonly Exchange[] {
  const ids = nodes.map(({ id }) => id)
  return permutations(interchangeable).map((names) => {
    const other = new Map(interchangeable.map((id, index) => [id, names[index] ?? id]))
    const places = ids.map((id) => ids.indexOf(other.get(id) ?? id))
    return { places, rename: (item) => renamed(item, other) }
  })
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]]
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  )
}

/** `item` with every string that is a name replaced; keys of Maps are made anew by their owner. */
function renamed<T>(item: T, names: ReadonlyMap<NodeId, NodeId>): T {
  const rename = (value: unknown): unknown => {
    if (typeof value === 'string') return names.get(value) ?? value
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map(rename)
    if (value instanceof Map) {
      const items = [...value.values()]
        .map(rename)
        .map((part) => [JSON.stringify(part), part] as const)
      return new Map(items.toSorted(([a], [b]) => (a < b ? -1 : 1)))
    }
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, rename(part)]))
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same shape, with other strings
  return rename(item) as T
}
