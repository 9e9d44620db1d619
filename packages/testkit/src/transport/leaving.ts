/**
 * What becomes of frames that were handed over just before close(): a node that leaves says so with
 * its last frame. Like conformance.ts it knows nothing of an adapter but what its harness says.
 */
import { bytes, filled } from '../bytes.ts'
import type { Definer } from './definer.ts'
import { settle } from './world.ts'

/** Few enough for a medium that loses what comes too fast, and more than one write takes at once. */
const LAST_FRAMES = 10

export function leavingScenarios({ describe, scenario }: Definer): void {
  describe('a node that leaves', () => {
    scenario(
      'is heard by those that it has reached before, to its last frame',
      async ({ openThree }) => {
        const [a, b, c] = await openThree()
        for (const [from, to] of [
          [a, b],
          [b, a],
          [a, c],
          [c, a],
        ] as const) {
          await settle(from, to)
        }
        for (let count = 0; count < LAST_FRAMES; count += 1) {
          for (const id of ['b', 'c']) a.transport.send(id, filled(1_000 + count))
        }
        for (const id of ['b', 'c']) a.transport.send(id, bytes(9))
        await a.transport.close()
        for (const heir of [b, c]) {
          for (let count = 0; count < LAST_FRAMES; count += 1) {
            await heir.received(filled(1_000 + count))
          }
          await heir.received(bytes(9))
        }
      },
    )

    scenario('waits for nobody who is away', async ({ openPair, harness }) => {
      const [a, b] = await openPair()
      await settle(a, b)
      a.transport.setPeers(
        new Map([
          ['b', b.transport.address],
          ['away', harness.deserted],
        ]),
      )
      a.transport.send('away', filled(100_000))
      a.transport.send('b', bytes(1))
      await a.transport.close()
      await b.received(bytes(1))
    })
  })
}
