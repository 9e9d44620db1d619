/**
 * The configurations that `pnpm explore` visits. Each small one is visited to its last state.
 */
import { essentialModel, multiModel, practicalModel } from '@paxos/testkit/explore'
import type { Model } from '@paxos/testkit/explore'

export type ModelName = 'essential' | 'practical' | 'multi'
export type Size = 'small' | 'full'

const ALL: Record<ModelName, Record<Size, () => readonly Model[]>> = {
  essential: {
    small: () => [essentialModel({ ballots: 1 }), essentialModel({ proposers: 1, ballots: 2 })],
    full: () => [
      essentialModel({ ballots: [2, 1] }),
      essentialModel({ proposers: 1, ballots: 2, proposerRestarts: 1 }),
      essentialModel({ ballots: 2 }),
    ],
  },
  practical: {
    // One proposer among three; and two that contend, each of which may lose what it has not saved.
    small: () => [
      practicalModel({ ballots: [1, 0, 0], crashes: [0, 0, 1] }),
      practicalModel({ ballots: [1, 1], crashes: [1, 1] }),
    ],
    full: () => [
      practicalModel({ ballots: [2, 1], crashes: [0, 0] }),
      practicalModel({ ballots: [1, 1, 0], crashes: [0, 0, 0] }),
      practicalModel({ ballots: [2, 2, 0], crashes: [1, 1, 1] }),
    ],
  },
  multi: {
    // Two that contend: with a command each behind what a leader fills by itself, and with a crash.
    small: () => [
      multiModel({ ballots: [1, 1], crashes: [0, 0], slots: 2 }),
      multiModel({ ballots: [1, 1], crashes: [0, 1], slots: 1 }),
    ],
    full: () => [
      multiModel({ ballots: [1, 0, 0], crashes: [0, 0, 0] }),
      multiModel({ ballots: [1, 1, 0], crashes: [0, 0, 1] }),
    ],
  },
}

/** Those of one model, or of all. */
export function configurations(model: ModelName | 'all', size: Size): readonly Model[] {
  const { essential, practical, multi } = ALL
  const chosen = model === 'all' ? [essential, practical, multi] : [ALL[model]]
  return chosen.flatMap((sizes) => sizes[size]())
}

/** The model of a saved trace; `null` when there is none of that name. */
export function modelOf(name: string, options: unknown): Model | null {
  const given = typeof options === 'object' && options !== null ? options : {}
  if (name === 'essential') return essentialModel(given)
  if (name === 'practical') return practicalModel(given)
  return name === 'multi' ? multiModel(given) : null
}
