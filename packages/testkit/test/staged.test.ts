/** The suite's part about staged snapshots: it passes an adapter that keeps it, and catches others. */
import { DurabilityError } from '@paxos/core'
import type { Durability, SnapshotStage } from '@paxos/core'
import { memory, memoryDisk } from '@paxos/durability-memory'
import { durabilityConformance } from '@paxos/testkit'
import type { DurabilityHarness } from '@paxos/testkit'
import { describe, expect, it } from 'vitest'
import { play, scenariosOf } from './play.ts'

type Break = (made: Durability, stage: SnapshotStage) => Durability

const withStage = (made: Durability, stage: Partial<SnapshotStage>): Durability => ({
  ...made,
  snapshots: { ...stageOf(made), ...stage },
})

function stageOf({ snapshots }: Durability): SnapshotStage {
  if (snapshots === undefined) throw new Error('The memory adapter stages snapshots.')
  return snapshots
}

const poisoned = () => new DurabilityError('ERR_PAXOS_DURABILITY_POISONED', 'It is poisoned.')

/** Without what an adapter need not have. */
function whole(made: Durability): Durability {
  return {
    open: (owner) => made.open(owner),
    save: (change) => made.save(change),
    close: () => made.close(),
  }
}

/** Each breaks one promise, and the scenario that must notice it. */
const FAULTS: readonly (readonly [what: string, caughtBy: RegExp, broken: Break])[] = [
  [
    'tells every snapshot whole',
    /though it was saved whole/,
    (made) => ({ ...made, open: (owner) => made.open(owner) }),
  ],
  [
    'saves nothing of what is staged',
    /what a save makes it/,
    (made) => ({
      ...made,
      async save(change) {
        const { snapshot } = change
        if (snapshot === undefined) return await made.save(change)
        await made.save({ ...change, snapshot: { ...snapshot, staged: undefined } })
      },
    }),
  ],
  [
    'reads from the start',
    /what a save makes it/,
    (made, stage) =>
      withStage(made, { read: (from, _, maxBytes) => stage.read(from, 0, maxBytes) }),
  ],
  [
    'keeps the pieces of the caller',
    /its own, though others/,
    (made, stage) =>
      withStage(made, {
        async begin() {
          const [writer, pieces] = [await stage.begin(), [] as Uint8Array[]]
          return {
            ...writer,
            append: (piece) => Promise.resolve(void pieces.push(piece)),
            async seal() {
              for (const piece of pieces) await writer.append(piece)
              return await writer.seal()
            },
          }
        },
      }),
  ],
  [
    'removes what another has followed',
    /though another has followed/,
    (made, stage) => {
      let former: Parameters<SnapshotStage['discard']>[0] | undefined
      return {
        ...made,
        async save(change) {
          await made.save(change)
          if (former !== undefined && change.snapshot !== undefined) await stage.discard(former)
          former = change.snapshot?.staged ?? former
        },
      }
    },
  ],
  [
    'takes no discarding',
    /though another has followed/,
    (made) => withStage(made, { discard: () => Promise.resolve() }),
  ],
  [
    'saves a name that stands for nothing',
    /must be there when a save names it/,
    (made) => ({
      ...made,
      async save(change) {
        const { snapshot } = change
        if (snapshot?.staged === undefined) return await made.save(change)
        const bytes = new Uint8Array(snapshot.staged.byteLength)
        await made.save({ ...change, snapshot: { ...snapshot, staged: undefined, bytes } })
      },
    }),
  ],
  [
    'is poisoned by what fails to be staged',
    /fails harms nothing/,
    (made, stage) => {
      let isPoisoned = false
      return {
        ...withStage(made, {
          async begin() {
            const writer = await stage.begin()
            return {
              ...writer,
              async seal() {
                try {
                  return await writer.seal()
                } catch (error) {
                  isPoisoned = true
                  throw error
                }
              },
            }
          },
        }),
        save: (change) => (isPoisoned ? Promise.reject(poisoned()) : made.save(change)),
      }
    },
  ],
]

function harness(broken: Break): DurabilityHarness {
  const disk = memoryDisk()
  return {
    durability() {
      const made = memory({ disk })
      return broken(made, stageOf(made))
    },
    fail() {
      disk.fail()
      return () => disk.repair()
    },
    crash: () => disk.crash(),
  }
}

const REASONS = { hold: 'x', crashesDuring: 'x', damages: 'x', fixtures: 'x' }

function staged(broken: Break) {
  return scenariosOf((runner) =>
    durabilityConformance(() => harness(broken), runner, REASONS),
  ).filter(({ title }) => title.startsWith('a snapshot that is staged'))
}

describe('of staged snapshots', () => {
  it('every promise is kept by an adapter that keeps them', async () => {
    const scenarios = staged((made) => made)
    expect(scenarios).toHaveLength(10)
    for (const scenario of scenarios) expect(await play(scenario), scenario.title).toBe('passed')
  })

  it('none applies to an adapter that takes snapshots whole', async () => {
    const scenarios = staged(whole)
    for (const scenario of scenarios) expect(await play(scenario), scenario.title).toBe('passed')
  })

  it.each(FAULTS)('an adapter that %s is caught', async (_, caughtBy, broken) => {
    const scenarios = staged(broken).filter(({ title }) => caughtBy.test(title))
    expect(scenarios).toHaveLength(1)
    for (const scenario of scenarios) expect(await play(scenario)).toBe('failed')
  })
})
