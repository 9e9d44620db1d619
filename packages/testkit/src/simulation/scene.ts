/**
 * A scene: a cluster that has settled under a steady load, and what is done then to the node that
 * leads, or to one that follows. It is for questions that a drawn plan does not ask: how often the
 * leader changes because of one fault, and how soon. Must never say whom a fault strikes before it is
 * known who leads; a run without the faults says that, and the same run with them is the scene.
 */
import type { NodeId } from '@paxos/core'
import type { Action, ClientCall, Plan } from './plan.ts'
import { Simulation } from './simulation.ts'
import type { Leadership, RunResult } from './simulation.ts'
import type { Parts } from './world.ts'

/** Who is who when the faults begin. */
export interface Cast {
  readonly leader: NodeId
  readonly followers: readonly NodeId[]
}

export interface Scene {
  /** A whole number from 0 to 2^32 - 1. */
  readonly seed: number
  /** What is wrong, from `settledMs` on. */
  readonly faults: (cast: Cast) => readonly Action[]
  /** For how long the cluster is watched from then on, in virtual milliseconds, > 0. */
  readonly forMs: number
  /** How long it has to settle before, in virtual milliseconds, > 0. Default: SETTLED_MS. */
  readonly settledMs?: number
  /** Who votes. Default: a, b and c. */
  readonly nodes?: Plan['nodes']
  /** How often somebody asks for something, in virtual milliseconds, > 0. Default: 200. */
  readonly everyMs?: number
  /** What is different about the cluster. Default: frames take up to 1 ms, and syncs up to 3. */
  readonly plan?: Partial<Pick<Plan, 'delayMs' | 'syncMs' | 'links'>>
  readonly parts?: Parts
}

/** What came of it. */
export interface PlayedScene extends Cast {
  readonly result: RunResult
  /** Leaderships that began after the cluster had settled: each is a change. */
  readonly changes: readonly Leadership[]
}

/** By then a cluster on a LAN with the default timing has long had a leader, in virtual milliseconds. */
export const SETTLED_MS = 4000

/** As many as may ask at once. */
const CLIENTS = 4

/** Plays a scene. Throws an Error where nobody leads by `settledMs`. */
export async function playScene(scene: Scene): Promise<PlayedScene> {
  const { seed, faults, forMs, settledMs = SETTLED_MS, everyMs = 200, parts = {} } = scene
  const { nodes = ['a', 'b', 'c'] } = scene
  const faultsEndMs = settledMs + forMs
  const plan: Plan = {
    seed,
    nodes,
    faultsEndMs,
    delayMs: { min: 0, max: 1 },
    syncMs: { min: 1, max: 3 },
    snapshotEveryEntries: 10_000,
    sessionTimeoutMs: 24 * 3_600_000,
    clientsWithSession: CLIENTS / 2,
    ...scene.plan,
    actions: callsUntil(faultsEndMs, everyMs, nodes),
  }
  const isBefore = ({ atMs }: { readonly atMs: number }): boolean => atMs < settledMs
  const before = { ...plan, faultsEndMs: settledMs, actions: plan.actions.filter(isBefore) }
  const settled = await new Simulation(before, { parts }).run()
  const leader = settled.leaderships.findLast(isBefore)?.node
  if (leader === undefined) throw new Error(`Nobody leads after ${settledMs} ms. Give it longer.`)
  const followers = nodes.filter((id) => id !== leader)
  const actions = [...plan.actions, ...faults({ leader, followers })]
  const sorted = actions.toSorted((a, b) => a.atMs - b.atMs)
  const result = await new Simulation({ ...plan, actions: sorted }, { parts }).run()
  const changes = result.leaderships.filter((leadership) => !isBefore(leadership))
  return { leader, followers, result, changes }
}

/** One of the clients after the other asks on one of the nodes after the other. */
function callsUntil(endMs: number, everyMs: number, nodes: readonly NodeId[]): ClientCall[] {
  const [keys, calls] = [['x', 'y', 'z'] as const, ['get', 'put', 'append', 'put'] as const]
  return Array.from({ length: Math.floor(endMs / everyMs) }, (_, index) => ({
    type: 'call',
    id: index + 1,
    atMs: index * everyMs,
    client: index % CLIENTS,
    node: index % nodes.length,
    key: keys[index % keys.length] ?? 'x',
    call: calls[Math.floor(index / CLIENTS) % calls.length] ?? 'put',
    patienceMs: 2000,
  }))
}
