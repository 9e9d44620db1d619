/** Which numbers are let in: each once, those that are not too old in whatever order. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { REPLAY_WINDOW } from '../../src/datagrams/limits.ts'
import { replayWindow } from '../../src/datagrams/replay-window.ts'

describe('a window of replays', () => {
  it.each([1, REPLAY_WINDOW - 32, REPLAY_WINDOW, REPLAY_WINDOW + 1, 3 * REPLAY_WINDOW, 2 ** 50])(
    'lets in what is new behind a number that is %i ahead, whatever came before',
    (ahead) => {
      const window = replayWindow()
      for (let sequence = 0; sequence < 2 * REPLAY_WINDOW; sequence += 1) window.admit(sequence)
      const last = 2 * REPLAY_WINDOW - 1
      const highest = last + ahead
      expect(window.admit(highest)).toBe(true)
      const oldest = Math.max(last, highest - REPLAY_WINDOW) + 1
      for (let sequence = oldest; sequence < highest; sequence += 1) {
        expect(window.admit(sequence)).toBe(true)
        expect(window.admit(sequence)).toBe(false)
      }
    },
  )

  it('lets in nothing that is older than it remembers', () => {
    const window = replayWindow()
    const highest = 10 * REPLAY_WINDOW
    window.admit(highest)
    for (let back = REPLAY_WINDOW; back < 3 * REPLAY_WINDOW; back += 1) {
      expect(window.admit(highest - back)).toBe(false)
    }
    expect(window.admit(highest - REPLAY_WINDOW + 1)).toBe(true)
  })

  it('lets nothing in twice, in whatever order numbers come', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4 * REPLAY_WINDOW), { maxLength: 300 }), (sequences) => {
        const window = replayWindow()
        const admitted = sequences.filter((sequence) => window.admit(sequence))
        expect(new Set(admitted).size).toBe(admitted.length)
      }),
      { numRuns: 100 },
    )
  })
})
