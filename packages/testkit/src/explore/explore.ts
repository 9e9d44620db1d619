/**
 * Breadth first through every state that a model can reach, so that the first trace that breaks a
 * promise is a shortest one. States are told apart by their keys as a whole, not by a hash of them:
 * none is ever skipped for looking like another. Must visit each state once.
 */

/** One thing that can happen in a state. */
export interface Action<State> {
  /** What happens, for people. */
  readonly label: () => string
  readonly next: State
  /** The promise that is broken by it. */
  readonly violation: string | null
}

export interface Model<State> {
  readonly name: string
  /** What is explored and what bounds it, in words. */
  readonly configuration: string
  readonly initial: State
  /** Everything that can happen in `state`. */
  actions(state: State): Iterable<Action<State>>
  /** Equal for states that are equal, or mirror images. */
  key(state: State): string
  /** The columns of a trace: what each node holds. */
  describe(state: State): Readonly<Record<string, string>>
}

export interface ExploreOptions {
  /** So many states at most. Default: no bound. */
  readonly maxStates?: number | undefined
  readonly maxDepth?: number | undefined
  /** Ends the exploration where it is. */
  readonly signal?: AbortSignal | undefined
  /** Told now and then how far it is. */
  readonly onProgress?: ((states: number, depth: number) => void) | undefined
}

/** From the beginning to a broken promise. */
export interface ExploredTrace {
  readonly model: string
  readonly violation: string
  readonly steps: readonly TraceStep[]
}

export interface TraceStep {
  readonly label: string
  readonly nodes: Readonly<Record<string, string>>
}

export interface Explored {
  readonly model: string
  readonly configuration: string
  readonly states: number
  readonly transitions: number
  /** Every state is so many steps or fewer from the beginning. */
  readonly depth: number
  /** Whether every reachable state was visited. */
  readonly complete: boolean
  readonly trace: ExploredTrace | null
}

const PROGRESS_EVERY_STATES = 1000

/** Visits what can be reached within the bounds, up to the first broken promise. */
export async function explore<State>(
  model: Model<State>,
  { maxStates = Infinity, maxDepth = Infinity, signal, onProgress }: ExploreOptions = {},
): Promise<Explored> {
  const visited = new Set([model.key(model.initial)])
  const parents: number[] = [-1]
  let level: { readonly state: State; readonly index: number }[] = [
    { state: model.initial, index: 0 },
  ]
  let [transitions, depth, complete] = [0, 0, true]
  const result = (trace: ExploredTrace | null): Explored => {
    const { name, configuration } = model
    return {
      model: name,
      configuration,
      states: parents.length,
      transitions,
      depth,
      complete,
      trace,
    }
  }
  while (level.length > 0) {
    if (depth === maxDepth) {
      complete = false
      break
    }
    const nextLevel: typeof level = []
    for (const { state, index } of level) {
      for (const { next, violation } of model.actions(state)) {
        transitions += 1
        if (violation !== null) {
          complete = false
          return result(traceTo(model, parents, { index, violation }))
        }
        const key = model.key(next)
        if (visited.has(key)) continue
        if (parents.length >= maxStates || signal?.aborted === true) {
          complete = false
          return result(null)
        }
        visited.add(key)
        nextLevel.push({ state: next, index: parents.push(index) - 1 })
        if (parents.length % PROGRESS_EVERY_STATES === 0) {
          onProgress?.(parents.length, depth + 1)
          await new Promise((resolve) => {
            setImmediate(resolve)
          })
        }
      }
    }
    level = nextLevel
    if (level.length > 0) depth += 1
  }
  return result(null)
}

/**
 * Walks from the beginning once more, for the labels: only who came from whom was kept. States are
 * numbered in the order in which they were met, so the walk meets them in that order again.
 */
function traceTo<State>(
  model: Model<State>,
  parents: readonly number[],
  { index, violation }: { readonly index: number; readonly violation: string },
): ExploredTrace {
  const path: number[] = []
  for (let at = index; at > 0; at = parents[at] ?? 0) path.unshift(at)
  const wanted = new Set(path)
  const steps: TraceStep[] = []
  let state = model.initial
  const states = new Map<number, { readonly state: State; readonly label: string }>()
  // The states of the path, met again in the same order.
  const visited = new Set([model.key(model.initial)])
  let met = 0
  let level: { readonly state: State; readonly index: number }[] = [{ state, index: 0 }]
  while (wanted.size > states.size && level.length > 0) {
    const nextLevel: typeof level = []
    for (const parent of level) {
      for (const { next, label } of model.actions(parent.state)) {
        const key = model.key(next)
        if (visited.has(key)) continue
        visited.add(key)
        met += 1
        if (wanted.has(met)) states.set(met, { state: next, label: label() })
        nextLevel.push({ state: next, index: met })
      }
      if (wanted.size === states.size) break
    }
    level = nextLevel
  }
  for (const at of path) {
    const found = states.get(at)
    if (found === undefined) continue
    state = found.state
    steps.push({ label: found.label, nodes: model.describe(state) })
  }
  for (const action of model.actions(state)) {
    if (action.violation !== violation) continue
    steps.push({ label: action.label(), nodes: model.describe(action.next) })
    break
  }
  return { model: model.name, violation, steps }
}

/** Takes the steps of a trace once more; says what promise they break now, or `null`. */
export function replay<State>(model: Model<State>, trace: ExploredTrace): string | null {
  let state = model.initial
  for (const { label } of trace.steps) {
    const action = [...model.actions(state)].find((each) => each.label() === label)
    if (action === undefined) return null
    if (action.violation !== null) return action.violation
    state = action.next
  }
  return null
}

/** A trace as a table for people: a line a step, a column a node. */
export function tableOf({ steps, violation }: ExploredTrace): string {
  const columns = Object.keys(steps[0]?.nodes ?? {})
  const header = ['', 'what happens', ...columns]
  const rows = steps.map(({ label, nodes }, index) => [
    String(index + 1),
    label,
    ...columns.map((column) => nodes[column] ?? ''),
  ])
  const widths = header.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(header), ...rows.map(line), violation].join('\n')
}
