/** What the parts of the suite of transports are defined with. */
import type { Runner } from '../runner.ts'
import type { World } from './world.ts'

export interface Definer {
  readonly describe: Runner['describe']
  readonly scenario: (title: string, body: (world: World) => Promise<void>) => void
}
