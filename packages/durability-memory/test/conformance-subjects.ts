/** What the conformance suite tests here: for its test, and for `pnpm conformance`. */
import { memory, memoryDisk } from '@paxos/durability-memory'
import type { Fate, MemoryDisk } from '@paxos/durability-memory'
import type { DurabilityHarness, Found, Life, Subject } from '@paxos/testkit'

export const notApplicable = {
  fixtures: 'nothing outlives the process, so no release finds what an earlier one wrote',
}

const subject: Subject = { durability: harness, notApplicable }
export default subject

export function harness(): DurabilityHarness {
  const disk = memoryDisk()
  const durability = () => memory({ disk })
  return {
    durability,
    hold() {
      disk.hold()
      return { waiting: () => someWait(disk), release: () => disk.release() }
    },
    fail() {
      disk.fail()
      return () => disk.repair()
    },
    crash: () => disk.crash(),
    crashesDuring,
    async *damages() {
      disk.damage()
      yield { what: 'damage', durability }
    },
  }
}

/** After any number of syncs, with everything that can become of the saves that wait. */
async function* crashesDuring(life: Life): AsyncGenerator<Found> {
  for (let synced = 0; ; synced += 1) {
    for (let choice = 0, choices = 1; choice < choices; choice += 1) {
      const disk = memoryDisk()
      disk.hold()
      const state = { ended: false }
      const living = life(memory({ disk })).then(() => (state.ended = true))
      for (let count = 0; count < synced && !state.ended; count += 1) {
        await someWait(disk, state)
        disk.release(1)
      }
      await someWait(disk, state)
      const possible = possibleFates(disk.waiting)
      choices = possible.length
      const fates = possible[choice] ?? []
      disk.crash(fates)
      await living
      const what = `${synced} syncs, and of the next saves [${fates.join(', ')}]`
      yield { what, durability: () => memory({ disk }) }
      // Nothing waited: the life was over before the power went.
      if (possible.length === 1) return
    }
  }
}

/** Resolves once a save waits for its sync, or the life is over. */
async function someWait(disk: MemoryDisk, state = { ended: false }): Promise<void> {
  while (disk.waiting === 0 && !state.ended) {
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
}

/** Every number of whole saves, then one that is not, then whole ones again. */
function possibleFates(waiting: number): readonly (readonly Fate[])[] {
  const all = Array.from({ length: waiting }, (): Fate => 'whole')
  const odd = all.flatMap((_, index): Fate[][] => [
    all.with(index, 'lost'),
    all.with(index, 'torn'),
    all.slice(0, index),
  ])
  return [all, ...odd]
}
