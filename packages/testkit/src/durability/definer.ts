/** What the parts of the suite of durability adapters are defined with. */
import type { Runner } from '../runner.ts'
import type { Capability, Having } from './harness.ts'
import type { World } from './world.ts'

export interface Definer {
  readonly describe: Runner['describe']
  readonly scenario: (title: string, body: (world: World) => Promise<void>) => void
  /** One of adapters that stage snapshots. For another one it does not apply. */
  readonly scenarioStaged: (title: string, body: (world: World) => Promise<void>) => void
  /** A scenario that needs a capability. Without it, its title says why it does not apply. */
  readonly scenarioWith: <Name extends Capability>(
    name: Name,
    title: string,
    body: (world: World<Having<Name>>) => Promise<void>,
  ) => void
}
