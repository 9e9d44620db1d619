/**
 * What the explorer looks up is what the objects do: random runs of real objects, never copied nor
 * merged, say and save at every step what the table says.
 */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { essentialModel, multiModel, practicalModel } from '../src/explore/index.ts'
import type { Model } from '../src/explore/index.ts'
import type { Engine } from '../src/explore/model.ts'
import { keyOf, start, step } from '../src/explore/node-state.ts'
import type { Engines, NodeState } from '../src/explore/node-state.ts'
import { NodeTable } from '../src/explore/node-table.ts'

const running: Engines<Engine> = {
  create: (node, stored, lives) => node.create(stored, lives),
  react: (engine, input) => ({ engine, reaction: engine.react(input) }),
}

/** Everything of a node but its engine. */
function seen({ outbox, acceptances, learnt, stored, running: saves, broken }: NodeState<unknown>) {
  const keys = [outbox, acceptances, learnt].map((map) => [...map.keys()])
  return keyOf([keys, stored, saves, broken])
}

/** Takes as many steps as there are choices, and compares after each. */
function run(model: Model, table: NodeTable, choices: readonly number[]): number {
  const live = model.nodes.map((node) => start(node, running))
  const looked = model.nodes.map((_, node) => table.start(node))
  let steps = 0
  for (const choice of choices) {
    const possible = model.nodes.flatMap((_, node) => [
      ...table.innerActions(node, looked[node] ?? 0).map((action) => ({ node, action })),
      ...model.nodes.flatMap((__, from) => {
        const inbox = from === node ? 0 : table.inbox(from, looked[from] ?? 0, node)
        const actions = inbox === 0 ? [] : table.deliveryActions(node, from, inbox)
        return actions.map((action) => ({ node, action }))
      }),
    ])
    const taken = possible[choice % possible.length]
    const [node, state] = [model.nodes[taken?.node ?? 0], live[taken?.node ?? 0]]
    if (taken === undefined || node === undefined || state === undefined) break
    live[taken.node] = step(node, state, taken.action, running)
    looked[taken.node] = table.step(taken.node, looked[taken.node] ?? 0, taken.action)
    const expected = live[taken.node]
    if (expected === undefined) break
    expect(seen(table.state(taken.node, looked[taken.node] ?? 0))).toBe(seen(expected))
    steps += 1
  }
  return steps
}

describe('a state that is looked up', () => {
  it.each([
    essentialModel({ proposerRestarts: 1 }),
    practicalModel({ ballots: [2, 2, 0], crashes: [1, 1, 1] }),
    multiModel({ ballots: [1, 1, 0], crashes: [1, 1, 1] }),
  ])('goes on as the object would that has had this very history: $name', (model) => {
    const table = new NodeTable(model)
    let steps = 0
    const choices = fc.array(fc.nat(), { minLength: 40, maxLength: 60 })
    fc.assert(
      fc.property(choices, (list) => {
        steps += run(model, table, list)
      }),
      { numRuns: 30 },
    )
    table.close()
    expect(steps).toBeGreaterThan(1000)
  })
})
