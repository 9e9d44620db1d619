/**
 * The states that real objects of core can be in, each with a shortest known history that leads to
 * it, and what follows each input. Objects with #fields cannot be copied; but they are
 * deterministic, so the same history always makes the same object, and a step is computed once by
 * making one afresh. Two histories lead to one state only where the objects have the same structure
 * (see `structure.ts`), which is what makes looking it up the same as running it; or, in a table that
 * folds, where the engine calls them alike, and then every input that one of them is given is given
 * to all, with the same outcome. It must never believe such a claim without having looked.
 */
import { FoldError } from './ignored.ts'
import type { Delivery } from './ignored.ts'
import { freeze, Structures } from './structure.ts'
import type { Engine, Input, Model, NodeModel, Reaction, Stored } from './model.ts'
import type { Engines } from './node-state.ts'

/** The name of a state. */
export type EngineId = number

/** How an object came to be. */
interface Origin {
  readonly stored: Stored
  readonly lives: number
  readonly history: readonly Input[]
}

interface After {
  readonly input: Input
  readonly engine: EngineId
  readonly reaction: Reaction
}

interface Entry {
  readonly node: NodeModel
  /** One for each structure that is alike; each step of the first was taken by all. */
  readonly origins: [Origin, ...Origin[]]
  readonly engine: Engine
  readonly usable: ReadonlySet<string>
  readonly after: Map<string, After>
}

/** Engines that are looked up. */
export class EngineTable implements Engines<EngineId> {
  readonly #structures = new Structures()
  readonly #entries: Entry[] = []
  readonly #ids = new Map<string, EngineId>()
  readonly #created = new Map<string, EngineId>()
  readonly #alike = new Map<string, EngineId>()
  readonly #folds: boolean

  constructor(model: Model, folds: boolean) {
    this.#folds = folds
    for (const constant of model.constants) this.#structures.addConstant(constant)
  }

  /** How many states were seen. */
  get size(): number {
    return this.#entries.length
  }

  create(node: NodeModel, stored: Stored, lives: number): EngineId {
    const key = `${node.id} ${lives} ${JSON.stringify(stored)}`
    const known = this.#created.get(key)
    if (known !== undefined) return known
    const origin = { stored: freeze(stored), lives, history: [] }
    const id = this.#intern(node, origin, node.create(stored, lives))
    this.#created.set(key, id)
    return id
  }

  react(id: EngineId, input: Input): { readonly engine: EngineId; readonly reaction: Reaction } {
    const entry = this.#entry(id)
    const key = JSON.stringify(input)
    const known = entry.after.get(key)
    if (known !== undefined) return known
    const first = entry.origins[0]
    const { engine, reaction, origin } = this.#run(entry.node, first, freeze(input))
    const after = { input, engine: this.#intern(entry.node, origin, engine), reaction }
    entry.after.set(key, after)
    // There may be more of them by the time that one was looked at.
    for (const other of entry.origins) {
      if (other !== first) this.#compare(entry.node, other, after)
    }
    return after
  }

  /** The state of `renamed` after a history in which everything has its other name. */
  rename(id: EngineId, renamed: NodeModel, rename: <T>(item: T) => T): EngineId {
    const { stored, lives, history } = this.#entry(id).origins[0]
    return history.reduce(
      (engine, input) => this.react(engine, rename(input)).engine,
      this.create(renamed, rename(stored), lives),
    )
  }

  /** Whether the engine claims to ignore it from this state on. */
  claimsToIgnore(id: EngineId, { from, message }: Delivery): boolean {
    return this.#folds && this.#entry(id).engine.ignores?.(from, message) === true
  }

  canUse(id: EngineId, command: string): boolean {
    return this.#entry(id).usable.has(command)
  }

  close(): void {
    this.#structures.close()
  }

  #entry(id: EngineId): Entry {
    const entry = this.#entries[id]
    if (entry === undefined) throw new RangeError(`No engine has the number ${id}.`)
    return entry
  }

  /** A fresh object after `input`, and what it answered. */
  #run(node: NodeModel, { stored, lives, history }: Origin, input: Input) {
    const engine = node.create(stored, lives)
    for (const past of history) freeze(engine.react(past))
    const reaction = freeze(engine.react(input))
    return { engine, reaction, origin: { stored, lives, history: [...history, input] } }
  }

  #compare(node: NodeModel, from: Origin, { input, engine: expected, reaction }: After): void {
    const { engine, reaction: other, origin } = this.#run(node, from, input)
    // The answers first: what differs in them need not be followed any further.
    const isSame = JSON.stringify(other) === JSON.stringify(reaction)
    if (isSame && this.#intern(node, origin, engine) === expected) return
    throw new FoldError(`States of ${node.id} are not alike after ${JSON.stringify(input)}.`)
  }

  #intern(node: NodeModel, origin: Origin, engine: Engine): EngineId {
    const key = `${node.id} ${this.#structures.of(engine.subject)}`
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const commands = node.commands.map(({ name }) => name)
    const usable = new Set(commands.filter((name) => engine.canUse?.(name) ?? true))
    const likeness = () => engine.likeness?.() ?? this.#structures.likenessOf(engine.subject)
    const alikeKey = this.#folds ? `${node.id} like ${likeness()}` : key
    const alike = this.#alike.get(alikeKey)
    if (alike !== undefined) {
      this.#ids.set(key, alike)
      this.#join(this.#entry(alike), origin, usable)
      return alike
    }
    const id = this.#entries.length
    this.#entries.push({
      node,
      origins: [origin],
      engine,
      usable,
      after: new Map(),
    })
    this.#ids.set(key, id)
    this.#alike.set(alikeKey, id)
    return id
  }

  #join({ node, origins, usable, after }: Entry, origin: Origin, ownUsable: typeof usable): void {
    const isSame =
      usable.size === ownUsable.size && [...usable].every((name) => ownUsable.has(name))
    if (!isSame) throw new FoldError(`States of ${node.id} are not alike in what can be asked.`)
    origins.push(origin)
    for (const known of after.values()) this.#compare(node, origin, known)
  }
}
