/**
 * Breadth first through every state that a model can reach: any message that was ever sent may come
 * at any time, any number of times, or never, which is loss, delay, duplication and reordering at
 * once. It must never leave out a state within its bounds, but for ones that are the same under an
 * exchange of interchangeable names; and when it folds, ones that differ in what nobody can notice.
 */
import { FoldError } from './ignored.ts'
import type { Model, Plain } from './model.ts'
import { Judgement } from './judgement.ts'
import { NodeTable } from './node-table.ts'
import { NoticedSteps } from './noticed.ts'
import { StateSet } from './state-set.ts'
import { replay } from './trace.ts'
import type { Step, Trace } from './trace.ts'

export interface ExploreOptions {
  /**
   * Takes states for one that differ only in what nobody will ever notice: in steps that change
   * nothing outside their own node, in messages that their receiver ignores from then on, in states
   * that a model calls alike. What it claims of the last two is checked; where it is not so, the
   * search begins again, unfolded. Far fewer states; but a trace is then the shortest only if steps
   * that nobody notices are not counted. Default: false.
   */
  readonly fold?: boolean | undefined
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
  /** The states that are being left are so many steps from the beginning; folded, so many that show. */
  readonly depth: number
}

/** What was found. */
export interface Exploration extends Progress {
  /** Every reachable state was visited. */
  readonly complete: boolean
  /** The claim of the model that was not so, for which nothing was folded; `null` when there is none. */
  readonly refuted: string | null
  /** In how many ways values were accepted and said to be chosen, names folded: by whom, and when. */
  readonly outcomes: number
  /** How many states the objects of core were seen in, one node at a time. */
  readonly engines: number
  /** Of what some run must choose, what none has chosen: nothing can, if the search is complete. */
  readonly neverChosen: readonly Plain[]
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
  if (options.fold !== true) return search(model, options, false)
  try {
    return await search(model, options, true)
  } catch (error) {
    if (!(error instanceof FoldError)) throw error
    return { ...(await search(model, options, false)), refuted: error.message }
  }
}

async function search(model: Model, options: ExploreOptions, folds: boolean): Promise<Exploration> {
  const table = new NodeTable(model, folds)
  try {
    const running = new Search(model, table, options, folds)
    let pausedAtMs = performance.now()
    while (running.advance(STATES_BETWEEN_PAUSES)) {
      if (performance.now() - pausedAtMs < PAUSE_MS) continue
      options.onProgress?.(running.progress)
      // Lets the signal be heard.
      // oxlint-disable-next-line no-await-in-loop -- one pause after another is the point
      await new Promise((resolve) => setImmediate(resolve))
      pausedAtMs = performance.now()
      if (options.signal?.aborted === true) break
    }
    return running.result
  } finally {
    table.close()
  }
}

/** Something that breaks a promise: the state in which it shows, to an observer perhaps. */
interface Found {
  readonly position: number
  readonly broken: string
}

class Search {
  readonly #model: Model
  readonly #table: NodeTable
  readonly #options: ExploreOptions
  readonly #folds: boolean
  readonly #noticed: NoticedSteps
  /** The nodes that make up a state: all but observers. */
  readonly #nodes: readonly number[]
  readonly #judgement: Judgement
  readonly #states: StateSet
  readonly #from: Uint32Array
  readonly #to: Uint32Array
  /** `#to` without what will be ignored. */
  readonly #lean: Uint32Array
  readonly #canonical: Uint32Array
  readonly #exchanged: Uint32Array
  #position = 0
  #levelEnd = 1
  #depth = 0
  #transitions = 0
  #found: Found | null = null
  #foundDepth = Infinity
  #isFull = false

  constructor(model: Model, table: NodeTable, options: ExploreOptions, folds: boolean) {
    this.#model = model
    this.#table = table
    this.#options = options
    this.#folds = folds
    this.#noticed = new NoticedSteps(table, folds)
    const indices = model.nodes.map((_, index) => index)
    this.#nodes = indices.filter((index) => model.nodes[index]?.isObserver !== true)
    this.#judgement = new Judgement(model, table)
    const width = this.#nodes.length
    this.#states = new StateSet(width)
    this.#from = new Uint32Array(width)
    this.#to = new Uint32Array(width)
    this.#lean = new Uint32Array(width)
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
      refuted: null,
      outcomes: this.#judgement.outcomes,
      neverChosen: this.#judgement.neverChosen,
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
      const id = this.#from[index] ?? 0
      const inboxes = this.#inboxesOf(index, this.#from)
      for (const next of this.#noticed.after(this.#nodes[index] ?? 0, id, inboxes)) {
        this.#to[index] = next
        this.#enter(position)
      }
      this.#to[index] = id
    }
  }

  /** For each node of the model, what it has sent to the one at `index`. */
  #inboxesOf(index: number, state: Uint32Array): number[] {
    const to = this.#nodes[index] ?? 0
    const inboxes = this.#model.nodes.map(() => 0)
    for (const [place, from] of this.#nodes.entries()) {
      if (place !== index) inboxes[from] = this.#table.inbox(from, state[place] ?? 0, to)
    }
    return inboxes
  }

  #enter(position: number): void {
    this.#transitions += 1
    this.#canonicalise()
    if (!this.#states.add(this.#canonical, position)) return
    const found = this.#judgement.of(this.#to)
    if (found === null) return
    const depth = this.#depth + 1 + found.heard.length
    if (depth >= this.#foundDepth) return
    this.#found = { position: this.#states.size - 1, broken: found.broken }
    this.#foundDepth = depth
  }

  /** Of all states that are the same as `#to` but for names, the one with the lowest numbers. */
  #canonicalise(): void {
    this.#forget()
    this.#canonical.set(this.#lean)
    const { exchanges } = this.#table
    for (let exchange = 1; exchange < exchanges.length; exchange += 1) {
      const places = exchanges[exchange]?.places ?? []
      for (let index = 0; index < this.#nodes.length; index += 1) {
        const node = this.#nodes[index] ?? 0
        const place = this.#nodes.indexOf(places[node] ?? node)
        this.#exchanged[place] = this.#table.renamed(node, this.#lean[index] ?? 0, exchange)
      }
      if (isLower(this.#exchanged, this.#canonical)) this.#canonical.set(this.#exchanged)
    }
  }

  /** Forgets messages that nobody will heed. */
  #forget(): void {
    this.#lean.set(this.#to)
    if (!this.#folds) return
    for (const [index, node] of this.#nodes.entries()) {
      for (const [place, to] of this.#nodes.entries()) {
        if (place === index) continue
        const id = this.#lean[index] ?? 0
        this.#lean[index] = this.#table.lean(node, id, to, this.#to[place] ?? 0)
      }
    }
  }

  #idOf(node: number): string {
    return this.#model.nodes[node]?.id ?? ''
  }

  /**
   * The steps to a state. The states that were kept are the same as those on the way but for names,
   * so the way is walked again, each time to a state that is the same as the next one but for names.
   */
  #trace({ position, broken }: Found): Trace {
    const way: number[] = []
    for (let at = position; at > 0; at = this.#states.parent(at)) way.unshift(at)
    const state = Uint32Array.from(this.#start())
    const wanted = new Uint32Array(state.length)
    const steps: Step[] = []
    for (const at of way) {
      this.#states.read(at, wanted)
      steps.push(...this.#stepsTowards(state, wanted))
    }
    // The names may be others than when it was found; and it must be so on objects that run, too.
    steps.push(...(this.#judgement.of(state)?.heard ?? []))
    const again = replay(this.#model, { steps }).broken
    if (again?.afterSteps !== steps.length) {
      throw new Error(`A replay does not show what was found: ${broken}. Report this model.`)
    }
    const { name, options } = this.#model
    return { model: name, options, broken: again.promise, steps }
  }

  #stepsTowards(state: Uint32Array, wanted: Uint32Array): Step[] {
    for (const [index, node] of this.#nodes.entries()) {
      const ways = this.#noticed.ways(node, state[index] ?? 0, this.#inboxesOf(index, state))
      for (const { next, actions } of ways) {
        this.#to.set(state)
        this.#to[index] = next
        this.#canonicalise()
        if (this.#canonical.some((number, at) => number !== wanted[at])) continue
        state.set(this.#to)
        return actions.map((action) => ({ node: this.#idOf(node), action }))
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
