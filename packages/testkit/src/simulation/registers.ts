/**
 * What the simulated cluster replicates: registers of text, and what one register does by itself, for
 * the judge of histories. Must never depend on anything but the commands.
 */
import type { StateMachine } from '@paxos/replica'
import type { SequentialModel } from '../linearizability.ts'

/** A change of one register. `id` is of this command alone. */
export type Command =
  | { readonly type: 'put'; readonly id: number; readonly key: string; readonly value: string }
  | {
      readonly type: 'compareAndSet'
      readonly id: number
      readonly key: string
      readonly expected: string
      readonly value: string
    }
  | { readonly type: 'append'; readonly id: number; readonly key: string; readonly value: string }

/** What the client learns: the register afterwards, and whether it was changed. */
export interface Result {
  readonly changed: boolean
  readonly value: string
}

/** What is asked of the object: a command, or a look at a register. */
export type Input = Command | { readonly type: 'get'; readonly key: string }

/** The state machine that the simulation replicates. */
export type RegisterMachine = StateMachine<Command, Result, string, string>

/** Registers, empty at first. */
export function registers(): RegisterMachine {
  let state = new Map<string, string>()
  return {
    apply(command) {
      const { changed, value } = change(state.get(command.key) ?? '', command)
      state.set(command.key, value)
      return { changed, value }
    },
    query: (key) => state.get(key) ?? '',
    snapshot() {
      const sorted = [...state].toSorted(([a], [b]) => (a < b ? -1 : 1))
      return new TextEncoder().encode(JSON.stringify(sorted))
    },
    restore(bytes) {
      const parsed: [string, string][] = JSON.parse(new TextDecoder().decode(bytes))
      state = new Map(parsed)
    },
  }
}

/** One register by itself. */
export const registerModel: SequentialModel<string, Input, Result> = {
  initial: '',
  step(state, input, answer) {
    const made = input.type === 'get' ? { changed: false, value: state } : change(state, input)
    if (answer !== null) {
      const { changed, value } = answer.output
      if (changed !== made.changed || value !== made.value) return null
    }
    return { state: made.value }
  },
  stateKey: (state) => state,
  partitionOf: ({ key }) => key,
}

/** Appending to a register that is this long empties it first, so that states stay small. */
const MAX_REGISTER_LENGTH = 64

function change(value: string, command: Command): Result {
  switch (command.type) {
    case 'put':
      return { changed: true, value: command.value }
    case 'compareAndSet':
      if (command.expected === value) return { changed: true, value: command.value }
      return { changed: false, value }
    case 'append': {
      const kept = value.length >= MAX_REGISTER_LENGTH ? '' : value
      return { changed: true, value: `${kept}${command.value}` }
    }
  }
}
