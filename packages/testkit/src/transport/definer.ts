/** What the parts of the suite of transports are defined with. */
import type { Transport } from '@paxos/core'
import type { Lacks } from '../conformance/report.ts'
import type { Runner } from '../runner.ts'
import type { World } from './world.ts'

/** What a transport need not have. */
export type TransportCapability = 'figures' | 'connections' | 'impostors'

/** Why a transport does not have it, for the report. */
export type TransportNotApplicable = { readonly [Name in TransportCapability]?: string }

export interface Definer {
  readonly describe: Runner['describe']
  readonly scenario: (title: string, body: (world: World) => Promise<void>) => void
  /** A scenario about figures(), which does not apply to a transport that has none. */
  readonly scenarioOfFigures: (
    title: string,
    body: (world: World, lacks: Lacks) => Promise<void>,
  ) => void
  /**
   * A scenario about impostors, which does not apply where the harness can open none. It is played
   * with each kind of them, in a world of its own.
   */
  readonly scenarioOfImpostors: (
    title: string,
    body: (world: World, impostor: () => Transport, lacks: Lacks) => Promise<void>,
  ) => void
}
