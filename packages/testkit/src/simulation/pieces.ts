/**
 * A simulated state in pieces, in every second run: how long each takes to be given and to be taken is
 * drawn. Must never show in a snapshot what was applied after it was begun.
 */
import type { Clock, StreamedStateMachine } from '@paxos/replica'
import type { Plan } from './plan.ts'
import { randomOf } from './random.ts'
import type { Random } from './random.ts'
import type { Command, RegisterMachine, Result } from './registers.ts'

/** The same registers, whose state comes in pieces. */
export type StreamedRegisters = StreamedStateMachine<Command, Result, string, string>

/** Whether the machines of that run give their state in pieces: all do, as all run one version. */
export function givesPieces({ seed }: Pick<Plan, 'seed'>): boolean {
  return randomOf(seed, 'pieces').integer(0, 1) === 1
}

/** `whole`, in pieces of a few bytes. */
export function inPieces(whole: RegisterMachine, clock: Clock, random: Random): StreamedRegisters {
  const pause = (): Promise<void> => {
    const ms = random.integer(0, 40)
    return ms > 20 ? Promise.resolve() : new Promise((resolve) => void clock.schedule(ms, resolve))
  }
  return {
    apply: (command, revision) => whole.apply(command, revision),
    query: (key) => whole.query?.(key) ?? '',
    async *snapshot() {
      const state = whole.snapshot()
      const length = 1 + Math.floor(state.length / random.integer(1, 8))
      for (let offset = 0; offset < state.length; offset += length) {
        yield state.subarray(offset, offset + length)
        await pause()
      }
    },
    async restorePieces(pieces) {
      const taken: number[] = []
      for await (const piece of pieces) {
        taken.push(...piece)
        await pause()
      }
      whole.restore(Uint8Array.from(taken))
    },
  }
}
