/**
 * The configurations that `pnpm explore` visits. Each small one is visited to its last state.
 */
import {
  essentialModel,
  MEMBERS_CASES,
  membersModel,
  multiModel,
  practicalModel,
} from '@paxos/testkit/explore'
import type { MembersOptions, Model } from '@paxos/testkit/explore'

export type ModelName = 'essential' | 'practical' | 'multi' | 'members'
export type Size = 'small' | 'full'

/** What is visited, and how. */
export interface Configuration {
  readonly model: Model
  /** Folded there are far fewer states; unfolded a trace is the shortest that there is. */
  readonly fold: boolean
}

const whole = (model: Model): Configuration => ({ model, fold: false })
const folded = (model: Model): Configuration => ({ model, fold: true })

const ALL: Record<ModelName, Record<Size, () => readonly Configuration[]>> = {
  essential: {
    small: () => [
      whole(essentialModel({ ballots: 1 })),
      folded(essentialModel({ ballots: 2, proposerRestarts: 1 })),
    ],
    full: () => [
      folded(essentialModel({ ballots: 2, proposerRestarts: 2 })),
      folded(essentialModel({ ballots: 2, acceptors: 4 })),
      folded(essentialModel({ proposers: 3, ballots: [2, 1, 1] })),
      whole(essentialModel({ ballots: [2, 1] })),
    ],
  },
  practical: {
    // One proposer among three; and two that contend, each of which may lose what it has not saved.
    small: () => [
      whole(practicalModel({ ballots: [1, 0, 0], crashes: [0, 0, 1] })),
      whole(practicalModel({ ballots: [1, 1], crashes: [1, 1] })),
      folded(practicalModel({ ballots: [2, 0], crashes: [1, 0] })),
    ],
    full: () => [
      folded(practicalModel({ ballots: [1, 1, 0], crashes: [0, 0, 0] })),
      folded(practicalModel({ ballots: [2, 0, 0], crashes: [1, 0, 0] })),
      folded(practicalModel({ ballots: [2, 1], crashes: [1, 1] })),
      folded(practicalModel({ ballots: [1, 1, 0], crashes: [1, 1, 1] })),
    ],
  },
  multi: {
    // One alone, which crashes; and two that contend, with a command each behind what a leader fills
    // by itself, and with a crash.
    small: () => [
      folded(multiModel({ ballots: [2], crashes: [2], slots: 2 })),
      whole(multiModel({ ballots: [1, 1], crashes: [0, 0], slots: 2 })),
      whole(multiModel({ ballots: [1, 1], crashes: [0, 1], slots: 1 })),
    ],
    full: () => [
      folded(multiModel({ ballots: [1, 1], crashes: [1, 1], slots: 2 })),
      folded(multiModel({ ballots: [2, 1], crashes: [0, 0], slots: 1 })),
      folded(multiModel({ ballots: [1, 0, 0], crashes: [0, 0, 0] })),
      // Here what the model says of late promises does not hold, and folding is given up.
      whole(multiModel({ ballots: [1, 1, 0], crashes: [0, 0, 1] })),
    ],
  },
  members: {
    small: () => Object.values(MEMBERS_CASES).map((options) => folded(membersModel(options))),
    full: () => LARGER.map((options) => folded(membersModel(options))),
  },
}

/** Changes of members from the first slot on, with crashes and more nodes. */
const LARGER: readonly MembersOptions[] = [
  {
    title: 'a gives way to b, and leads again after a crash',
    initial: ['a0'],
    changes: [{ voters: ['b0'] }],
    nodes: { a: { leads: 2, changes: [0], crashes: 1 }, b: { leads: 1, proposes: 1 } },
    slots: 3,
  },
  {
    title: 'a and b give way to c, all in one step',
    initial: ['a0', 'b0'],
    changes: [{ voters: ['c0'] }],
    nodes: { a: { leads: 1, changes: [0], proposes: 1 }, b: {}, c: { leads: 1 } },
    slots: 3,
  },
  {
    title: 'a gives its vote to c, crashes, and b leads',
    initial: ['a0', 'b0'],
    changes: [{ voters: ['b0', 'c0'] }],
    nodes: { a: { leads: 1, changes: [0], crashes: 1 }, b: { leads: 1, proposes: 1 }, c: {} },
    slots: 3,
  },
  {
    title: 'a voter of three whose disk is lost, where nobody is named; two lead',
    initial: ['a', 'b', 'c'],
    changes: [],
    nodes: { a: { leads: 1, proposes: 1 }, b: { wipes: 1 }, c: { leads: 1 } },
    slots: 2,
  },
]

/** Those of one model, or of all. */
export function configurations(model: ModelName | 'all', size: Size): readonly Configuration[] {
  const { essential, practical, multi, members } = ALL
  const chosen = model === 'all' ? [essential, practical, multi, members] : [ALL[model]]
  return chosen.flatMap((sizes) => sizes[size]())
}

/** The model of a saved trace; `null` when there is none of that name. */
export function modelOf(name: string, options: unknown): Model | null {
  const given = typeof options === 'object' && options !== null ? options : {}
  if (name === 'essential') return essentialModel(given)
  if (name === 'practical') return practicalModel(given)
  if (name === 'multi') return multiModel(given)
  return name === 'members' && isMembersOptions(given) ? membersModel(given) : null
}

function isMembersOptions(options: object): options is MembersOptions {
  return ['title', 'initial', 'changes', 'nodes', 'slots'].every((name) => name in options)
}
