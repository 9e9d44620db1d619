/**
 * A run, step by step: to be read as a table, stored as JSON, and run again on fresh objects of
 * core. A replay must never look anything up that the explorer found: it runs what is there now.
 */
import { judge } from './invariants.ts'
import type { Engine, Model, NodeModel, Plain, PlainObject } from './model.ts'
import { start, step } from './node-state.ts'
import type { Action, Engines, NodeState } from './node-state.ts'

/** What happens, and to which node. */
export interface Step {
  readonly node: string
  readonly action: Action
}

/** A run that breaks a promise. It is plain JSON. */
export interface Trace {
  readonly model: string
  readonly options: Plain
  /** The promise that is broken after the last step. */
  readonly broken: string
  readonly steps: readonly Step[]
}

/** What a replay showed. */
export interface Replay {
  /** The promise that is broken now, and after how many steps; `null` when none is any more. */
  readonly broken: { readonly promise: string; readonly afterSteps: number } | null
  /** Why the trace could not be run to its end: a step is not possible any more. */
  readonly impossible: string | null
  /** For each step, and the beginning, what each node of the model holds. */
  readonly views: readonly (readonly string[])[]
}

/** Runs the steps of `trace` on fresh objects of `model`. */
export function replay(model: Model, trace: Pick<Trace, 'steps'>): Replay {
  const nodes = new Map(model.nodes.map((node) => [node.id, node]))
  const states = new Map(model.nodes.map((node) => [node.id, start<Engine>(node, RUNNING)]))
  const views = [[...states.values()].map(({ engine }) => engine.view())]
  for (const [index, { node: id, action }] of trace.steps.entries()) {
    const node = nodes.get(id)
    const state = states.get(id)
    const impossible =
      node === undefined || state === undefined
        ? `there is no node ${id}`
        : impossibility(node, state, action, states)
    if (node === undefined || state === undefined || impossible !== null) {
      return { broken: null, impossible: `step ${index + 1}: ${impossible}`, views }
    }
    states.set(id, step(node, state, action, RUNNING))
    views.push([...states.values()].map(({ engine }) => engine.view()))
    const promise = brokenIn(model, states)
    if (promise !== null) {
      return { broken: { promise, afterSteps: index + 1 }, impossible: null, views }
    }
  }
  return { broken: null, impossible: null, views }
}

/** The trace as a table: what happens, and what each node holds afterwards where that changes. */
export function formatTrace(model: Model, trace: Trace): string {
  const { views } = replay(model, trace)
  const ids = model.nodes.map(({ id }) => id)
  const rows = trace.steps.map(({ node, action }, index) => {
    const [before, after] = [views[index] ?? [], views[index + 1] ?? []]
    const changes = after.map((view, at) => (view === before[at] ? '' : view))
    return [String(index + 1), node, describe(action), ...changes]
  })
  const table = tableOf([
    ['step', 'node', 'what happens', ...ids],
    ['0', '', 'the beginning', ...(views[0] ?? [])],
    ...rows,
  ])
  return `${table}\n\nBroken: ${trace.broken}\n`
}

/** Columns as wide as what is in them, with a rule under the first row. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (wide, row) => row.map((cell, at) => Math.max(cell.length, wide[at] ?? 0)),
    [],
  )
  const lines = rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  const rule = widths.map((width) => '-'.repeat(width)).join('  ')
  return [...lines.slice(0, 1), rule, ...lines.slice(1)].join('\n')
}

/** A message in one line. */
function describeMessage(message: PlainObject): string {
  const { type, ...fields } = message
  const parts = Object.entries(fields).map(([name, value]) =>
    name === 'ballot' ? textOf(value) : `${name} ${textOf(value)}`,
  )
  return `${textOf(type ?? null)}(${parts.join(', ')})`
}

/** Engines that run: the same object before and after. */
const RUNNING: Engines<Engine> = {
  create: (node, stored, lives) => node.create(stored, lives),
  react: (engine, input) => ({ engine, reaction: engine.react(input) }),
}

function impossibility(
  node: NodeModel,
  state: NodeState<Engine>,
  action: Action,
  states: ReadonlyMap<string, NodeState<Engine>>,
): string | null {
  if (action.type === 'saved') return state.running.length > 0 ? null : 'no save is running'
  if (action.type === 'crash' || action.type === 'wipe') return null
  if (action.type === 'command') {
    const isUsable = state.engine.canUse?.(action.name) ?? true
    return isUsable ? null : `${node.id} cannot use ${action.name}`
  }
  const wanted = JSON.stringify(action.message)
  const sent = [...(states.get(action.from)?.outbox.values() ?? [])]
  const wasSent = sent.some(
    ({ to, message }) => (to === 'all' || to === node.id) && JSON.stringify(message) === wanted,
  )
  return wasSent ? null : `${action.from} has not sent ${describeMessage(action.message)}`
}

function brokenIn(model: Model, states: ReadonlyMap<string, NodeState<Engine>>): string | null {
  for (const [id, { broken }] of states) if (broken !== null) return `${id}: ${broken}`
  const facts = [...states].map(([id, { acceptances, learnt }]) => {
    return { id, acceptances: acceptances.values(), learnt: [...learnt.values()] }
  })
  return judge(model, facts).broken
}

function describe(action: Action): string {
  switch (action.type) {
    case 'receive':
      return `${describeMessage(action.message)} from ${action.from}`
    case 'receive and crash':
      return `${describeMessage(action.message)} from ${action.from}; crashes before it answers`
    case 'command':
      return action.name
    case 'saved':
      return 'its oldest save is durable'
    case 'wipe':
      return 'loses its disk, and starts on an empty one'
    case 'crash':
      return action.durable === 0 ? 'restarts' : `restarts; of its saves ${action.durable} survive`
  }
}

function textOf(value: Plain): string {
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return `[${value.map((part: Plain) => textOf(part)).join(' ')}]`
  if ('round' in value && 'node' in value)
    return `${textOf(value['round'] ?? 0)}.${textOf(value['node'] ?? '')}`
  if ('bytes' in value) return textOf(value['bytes'] ?? null)
  return Object.values(value).map(textOf).join(':')
}
