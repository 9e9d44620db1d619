/**
 * Breadth first through every state that a model can reach: any message that was ever sent may come
 * at any time, any number of times, or never, which is loss, delay, duplication and reordering at
 * once. It must never leave out a state within its bounds, but for ones that are the same under an
 * exchange of interchangeable names.
 */
import type { Model } from './model.ts'
import type { Action } from './node-state.ts'
import { brokenBy } from './invariants.ts'
import type { Facts } from './invariants.ts'
import { NodeTable } from './node-table.ts'
import { StateSet } from './state-set.ts'
import { replay } from './trace.ts'
import type { Step, Trace } from './trace.ts'

export interface ExploreOptions {
  /** Stops after so many states. Default: 20 million, which take about a gigabyte. */
  readonly maxStates?: number | undefined
  /** Stops after so many steps from the beginning. Default: no bound. */
  readonly maxDepth?: number | undefined
  /** Stops when it is aborted. */
  readonly signal?: AbortSignal | undefined
  /** Called several times a second. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/** How far it has come. */
export interface Progress {
  readonly states: number
  readonly transitions: number
  /** The states that are being left are so many steps from the beginning. */
  readonly depth: number
}

/** What was found. */
export interface Exploration extends Progress {
  /** Every reachable state was visited. */
  readonly complete: boolean
  /** How many states the objects of core were seen in, one node at a time. */
  readonly engines: number
  /** A shortest way to break a promise; `null` when none was found. */
  readonly violation: Trace | null
}

const PAUSE_MS = 100
const STATES_BETWEEN_PAUSES = 512
const DEFAULT_MAX_STATES = 20_000_000

/**
 * Visits every reachable state of `model`, and stops at the first one that breaks a promise. The
 * trace to it is as short as there is one. Throws if nodes that are called interchangeable are not.
 */
export async function explore(model: Model, options: ExploreOptions = {}): Promise<Exploration> {
  const table = new NodeTable(model)
  try {
    const search = new Search(model, table, options)
    let pausedAtMs = performance.now()
    while (search.advance(STATES_BETWEEN_PAUSES)) {
      if (performance.now() - pausedAtMs < PAUSE_MS) continue
      options.onProgress?.(search.progress)
      // Lets the signal be heard.
      // oxlint-disable-next-line no-await-in-loop -- one pause after another is the point
      await new Promise((resolve) => setImmediate(resolve))
      pausedAtMs = performance.now()
      if (options.signal?.aborted === true) break
    }
    return search.result
  } finally {
    table.close()
  }
}

/** Something that breaks a promise: after a state, what observers must hear for it to show. */
interface Found {
  readonly position: number
  readonly broken: string
  readonly heard: readonly Step[]
}

class Search {
  readonly #model: Model
  readonly #table: NodeTable
  readonly #options: ExploreOptions
  /** The nodes that make up a state: all but observers. */
  readonly #nodes: readonly number[]
  readonly #observers: readonly number[]
  readonly #states: StateSet
  readonly #broken = new Map<string, string | null>()
  readonly #observed = new Map<string, { broken: string; heard: readonly Step[] } | null>()
  readonly #from: Uint32Array
  readonly #to: Uint32Array
  readonly #canonical: Uint32Array
  readonly #exchanged: Uint32Array
  #position = 0
  #levelEnd = 1
  #depth = 0
  #transitions = 0
  #found: Found | null = null
  #foundDepth = Infinity
  #isFull = false

  constructor(model: Model, table: NodeTable, options: ExploreOptions) {
    this.#model = model
    this.#table = table
    this.#options = options
    const indices = model.nodes.map((_, index) => index)
    this.#nodes = indices.filter((index) => model.nodes[index]?.isObserver !== true)
    this.#observers = indices.filter((index) => model.nodes[index]?.isObserver === true)
    const width = this.#nodes.length
    this.#states = new StateSet(width)
    this.#from = new Uint32Array(width)
    this.#to = new Uint32Array(width)
    this.#canonical = new Uint32Array(width)
    this.#exchanged = new Uint32Array(width)
    this.#to.set(this.#start())
    this.#canonicalise()
    this.#states.add(this.#canonical, 0)
  }

  get progress(): Progress {
    return { states: this.#states.size, transitions: this.#transitions, depth: this.#depth }
  }

  get result(): Exploration {
    return {
      ...this.progress,
      complete: this.#position === this.#states.size && !this.#isFull && this.#found === null,
      engines: this.#table.sizes.engines,
      violation: this.#found === null ? null : this.#trace(this.#found),
    }
  }

  /** Leaves up to `count` more states. Says whether there is more to do. */
  advance(count: number): boolean {
    const { maxStates = DEFAULT_MAX_STATES, maxDepth = Infinity } = this.#options
    for (let left = count; left > 0; left -= 1) {
      if (this.#position === this.#states.size) return false
      if (this.#position === this.#levelEnd) {
        this.#levelEnd = this.#states.size
        this.#depth += 1
      }
      // What is found from here on takes at least one step more, and an observer one to show it.
      if (this.#depth + 2 >= this.#foundDepth) return false
      this.#isFull = this.#depth >= maxDepth || this.#states.size >= maxStates
      if (this.#isFull) return false
      this.#leave(this.#position)
      this.#position += 1
    }
    return true
  }

  #start(): number[] {
    return this.#nodes.map((node) => this.#table.start(node))
  }

  /** Goes to every state that follows the one at `position`. */
  #leave(position: number): void {
    this.#states.read(position, this.#from)
    this.#to.set(this.#from)
    for (let index = 0; index < this.#nodes.length; index += 1) {
      const node = this.#nodes[index] ?? 0
      const id = this.#from[index] ?? 0
      for (const next of this.#table.inner(node, id)) this.#enter(position, index, next)
      for (let other = 0; other < this.#nodes.length; other += 1) {
        if (other === index) continue
        const sender = this.#nodes[other] ?? 0
        const inbox = this.#table.inbox(sender, this.#from[other] ?? 0, node)
        for (const next of this.#table.deliveries(node, id, sender, inbox)) {
          this.#enter(position, index, next)
        }
      }
      this.#to[index] = id
    }
  }

  #enter(position: number, index: number, next: number): void {
    this.#transitions += 1
    this.#to[index] = next
    this.#canonicalise()
    if (!this.#states.add(this.#canonical, position)) return
    const found = this.#check(this.#to)
    if (found === null) return
    const depth = this.#depth + 1 + found.heard.length
    if (depth >= this.#foundDepth) return
    this.#found = { position: this.#states.size - 1, ...found }
    this.#foundDepth = depth
  }

  /** Of all states that are the same but for interchangeable names, the one with the lowest numbers. */
  #canonicalise(): void {
    this.#canonical.set(this.#to)
    const { exchanges } = this.#table
    for (let exchange = 1; exchange < exchanges.length; exchange += 1) {
      const places = exchanges[exchange]?.places ?? []
      for (let index = 0; index < this.#nodes.length; index += 1) {
        const node = this.#nodes[index] ?? 0
        const place = this.#nodes.indexOf(places[node] ?? node)
        this.#exchanged[place] = this.#table.renamed(node, this.#to[index] ?? 0, exchange)
      }
      if (isLower(this.#exchanged, this.#canonical)) this.#canonical.set(this.#exchanged)
    }
  }

  #check(state: Uint32Array): { broken: string; heard: readonly Step[] } | null {
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
      broken = brokenBy(this.#model, this.#factsOf(state))
      this.#broken.set(key, broken)
    }
    if (broken !== null) return { broken, heard: [] }
    for (const observer of this.#observers) {
      const found = this.#observe(observer, state, key)
      if (found !== null) return found
    }
    return null
  }

  /** Whether the observer can say something wrong after some of what was sent to it. */
  #observe(
    observer: number,
    state: Uint32Array,
    facts: string,
  ): { broken: string; heard: readonly Step[] } | null {
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

  #hear(
    observer: number,
    actions: readonly Action[],
    facts: readonly Facts[],
  ): { broken: string; heard: readonly Step[] } | null {
    const id = this.#idOf(observer)
    const first = this.#table.start(observer)
    const ways = new Map<number, readonly Step[]>([[first, []]])
    for (const [from, way] of ways) {
      for (const action of actions) {
        const next = this.#table.step(observer, from, action)
        if (ways.has(next)) continue
        const heard = [...way, { node: id, action }]
        ways.set(next, heard)
        const { learnt } = this.#table.state(observer, next)
        const all = [...facts, { id, acceptances: [], learnt: [...learnt.values()] }]
        const broken = learnt.size === 0 ? null : brokenBy(this.#model, all)
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

  #idOf(node: number): string {
    return this.#model.nodes[node]?.id ?? ''
  }

  /**
   * The steps to a state. The states that were kept are the same as those on the way but for names,
   * so the way is walked again, each time to a state that is the same as the next one but for names.
   */
  #trace({ position, broken, heard }: Found): Trace {
    const way: number[] = []
    for (let at = position; at > 0; at = this.#states.parent(at)) way.unshift(at)
    const state = Uint32Array.from(this.#start())
    const wanted = new Uint32Array(state.length)
    const steps: Step[] = []
    for (const at of way) {
      this.#states.read(at, wanted)
      steps.push(this.#stepTowards(state, wanted))
    }
    steps.push(...heard)
    // The names may be others than when it was found; and it must be so on objects that run, too.
    const again = replay(this.#model, { steps }).broken
    if (again?.afterSteps !== steps.length) {
      throw new Error(`A replay does not show what was found: ${broken}. Report this model.`)
    }
    const { name, options } = this.#model
    return { model: name, options, broken: again.promise, steps }
  }

  #stepTowards(state: Uint32Array, wanted: Uint32Array): Step {
    for (const [index, node] of this.#nodes.entries()) {
      const id = state[index] ?? 0
      const deliveries = this.#nodes.flatMap((sender, other) => {
        const inbox = this.#table.inbox(sender, state[other] ?? 0, node)
        return inbox === 0 ? [] : this.#table.deliveryActions(node, sender, inbox)
      })
      for (const action of [...this.#table.innerActions(node, id), ...deliveries]) {
        this.#to.set(state)
        this.#to[index] = this.#table.step(node, id, action)
        this.#canonicalise()
        if (this.#canonical.some((number, at) => number !== wanted[at])) continue
        state.set(this.#to)
        return { node: this.#idOf(node), action }
      }
    }
    throw new Error('A step of the trace cannot be found again. The model is not deterministic.')
  }
}

function isLower(a: Uint32Array, b: Uint32Array): boolean {
  for (let index = 0; index < a.length; index += 1) {
    if (a[index] !== b[index]) return (a[index] ?? 0) < (b[index] ?? 0)
  }
  return false
}
