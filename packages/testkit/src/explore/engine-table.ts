/**
 * The states that real objects of core can be in, each with a shortest known history that leads to
 * it, and what follows each input. Objects with #fields cannot be copied; but they are
 * deterministic, so the same history always makes the same object, and a step is computed once by
 * making one afresh. Two histories lead to one state only where the objects have the same structure
 * (see `structure.ts`), which is what makes looking it up the same as running it.
 */
import { freeze, Structures } from './structure.ts'
import type { Engine, Input, Model, NodeModel, Reaction, Stored } from './model.ts'
import type { Engines } from './node-state.ts'

/** The name of a state. */
export type EngineId = number

interface Entry {
  readonly node: NodeModel
  readonly stored: Stored
  readonly history: readonly Input[]
  readonly usable: ReadonlySet<string>
  readonly after: Map<string, { readonly engine: EngineId; readonly reaction: Reaction }>
}

/** Engines that are looked up. */
export class EngineTable implements Engines<EngineId> {
  readonly #structures = new Structures()
  readonly #entries: Entry[] = []
  readonly #ids = new Map<string, EngineId>()
  readonly #created = new Map<string, EngineId>()

  constructor(model: Model) {
    for (const constant of model.constants) this.#structures.addConstant(constant)
  }

  /** How many states were seen. */
  get size(): number {
    return this.#entries.length
  }

  create(node: NodeModel, stored: Stored): EngineId {
    const key = `${node.id} ${JSON.stringify(stored)}`
    const known = this.#created.get(key)
    if (known !== undefined) return known
    const id = this.#intern(node, freeze(stored), [], node.create(stored))
    this.#created.set(key, id)
    return id
  }

  react(id: EngineId, input: Input): { readonly engine: EngineId; readonly reaction: Reaction } {
    const entry = this.#entry(id)
    const key = JSON.stringify(input)
    const known = entry.after.get(key)
    if (known !== undefined) return known
    const { node, stored, history } = entry
    const engine = node.create(stored)
    for (const past of history) freeze(engine.react(past))
    const reaction = freeze(engine.react(freeze(input)))
    const after = { engine: this.#intern(node, stored, [...history, input], engine), reaction }
    entry.after.set(key, after)
    return after
  }

  /** The state of `renamed` after a history in which everything has its other name. */
  rename(id: EngineId, renamed: NodeModel, rename: <T>(item: T) => T): EngineId {
    const { stored, history } = this.#entry(id)
    return history.reduce(
      (engine, input) => this.react(engine, rename(input)).engine,
      this.create(renamed, rename(stored)),
    )
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

  #intern(node: NodeModel, stored: Stored, history: readonly Input[], engine: Engine): EngineId {
    const key = `${node.id} ${this.#structures.of(engine.subject)}`
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const commands = node.commands.map(({ name }) => name)
    const usable = new Set(commands.filter((name) => engine.canUse?.(name) ?? true))
    const id = this.#entries.push({ node, stored, history, usable, after: new Map() }) - 1
    this.#ids.set(key, id)
    return id
  }
}
