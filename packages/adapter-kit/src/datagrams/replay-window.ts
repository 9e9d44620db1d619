/**
 * Which sequence numbers of one epoch have come: each is let in once, and none that is too old to be
 * remembered (RFC 6479 has the idea). Takes as much memory for ever as at the beginning.
 */
import { REPLAY_WINDOW } from './limits.ts'

const BITS = 32

/** The numbers that have come. */
export interface ReplayWindow {
  /** Whether `sequence`, a safe integer from 0, has not come yet, for all that is known. It has then. */
  admit(sequence: number): boolean
}

/** Nothing has come yet. */
export function replayWindow(): ReplayWindow {
  // One word more than the window, so that a whole word can be cleared ahead of it.
  const words = new Uint32Array(REPLAY_WINDOW / BITS + 1)
  let highest = -1

  function advanceTo(sequence: number): void {
    const from = Math.floor(highest / BITS)
    const to = Math.floor(sequence / BITS)
    const cleared = Math.min(to - from, words.length)
    for (let word = to - cleared + 1; word <= to; word += 1) words[word % words.length] = 0
    highest = sequence
  }

  return {
    admit(sequence) {
      if (sequence <= highest - REPLAY_WINDOW) return false
      if (sequence > highest) advanceTo(sequence)
      const index = Math.floor(sequence / BITS) % words.length
      const bit = 1 << (sequence % BITS)
      const word = words[index] ?? 0
      if ((word & bit) !== 0) return false
      words[index] = word | bit
      return true
    },
  }
}
