/**
 * What is explored: small clusters at each landing, of which every state is visited unless a bound
 * is given, and larger ones that are followed as far as the time goes.
 */
import { essentialModel, multiModel, practicalModel } from '@paxos/testkit/explore'
import type { Model } from '@paxos/testkit/explore'

export type Size = 'small' | 'full'

interface Configuration {
  readonly name: 'essential' | 'practical' | 'multi'
  readonly make: () => Model<object>
  /** Where to stop, for what is too large to be visited whole at each landing. */
  readonly maxStates?: number
}

export const CONFIGURATIONS: Readonly<Record<Size, readonly Configuration[]>> = {
  small: [
    { name: 'essential', make: () => essentialModel({ ballots: [1, 1], learner: false }) },
    { name: 'practical', make: () => practicalModel({ ballots: [1, 0], crashes: 1 }) },
    {
      name: 'multi',
      make: () => multiModel({ ballots: [1, 1], values: [1, 1], crashes: 1 }),
      maxStates: 10_000,
    },
  ],
  full: [
    { name: 'essential', make: () => essentialModel({ ballots: [1, 1] }) },
    { name: 'essential', make: () => essentialModel({ ballots: [2, 1], learner: false }) },
    { name: 'essential', make: () => essentialModel({ ballots: [2, 2] }) },
    { name: 'practical', make: () => practicalModel({ ballots: [1, 1], crashes: 0 }) },
    { name: 'practical', make: () => practicalModel({ ballots: [2, 2], crashes: 2 }) },
    { name: 'multi', make: () => multiModel({ ballots: [1, 1], values: [1, 1], crashes: 1 }) },
    { name: 'multi', make: () => multiModel({ ballots: [2, 2], values: [2, 2], crashes: 2 }) },
  ],
}
