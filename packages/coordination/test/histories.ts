/**
 * What clients did, and models that say whether one object that does one thing at a time could have answered
 * so: a lock or an election, a counter, a register, a queue and a map. Must know nothing of how they are made.
 */
import type { Operation, SequentialModel } from '@paxos/testkit'

/** Operations of one object, in the order in which they began and ended. */
export class History<Input, Output> {
  readonly operations: Operation<Input, Output>[] = []
  #moments = 0

  /** `null` is for who never heard. */
  async record(input: Input, call: () => Promise<Output>): Promise<Output | null> {
    const calledAt = (this.#moments += 1)
    try {
      const output = await call()
      this.operations.push({ input, calledAt, answer: { output, at: (this.#moments += 1) } })
      return output
    } catch {
      this.operations.push({ input, calledAt, answer: null })
      return null
    }
  }

  /** Something that may happen at any time from now on, or not at all. */
  mayFollow(input: Input): void {
    this.operations.push({ input, calledAt: (this.#moments += 1), answer: null })
  }
}

export type OfHold =
  | { readonly type: 'acquire'; readonly who: string }
  /** It may be given up, or expire: from when its holder's signal has aborted. */
  | { readonly type: 'end'; readonly who: string }
  | { readonly type: 'look' }

interface Held {
  readonly who: string | null
  /** The highest that anybody heard of. */
  readonly token: number
  /** Whether that is the holder's: nobody has heard of one that was granted to who gave up. */
  readonly isHeard: boolean
}

/** `token`: that of the holder, 0 for nobody. To acquire answers 0 when it is busy. */
export const held: SequentialModel<Held, OfHold, number> = {
  initial: { who: null, token: 0, isHeard: true },
  stateKey: ({ who, token, isHeard }) => `${who}/${token}/${isHeard}`,
  step(state, input, answer) {
    const token = answer?.output ?? null
    if (input.type === 'look') return lookedAt(state, token)
    if (input.type === 'end') {
      return state.who === input.who ? { state: { ...state, who: null, isHeard: true } } : null
    }
    if (token === 0) return state.who === null ? null : { state }
    if (state.who !== null || (token !== null && token <= state.token)) return null
    const isHeard = token !== null
    return { state: { who: input.who, token: token ?? state.token, isHeard } }
  },
}

function lookedAt(state: Held, token: number | null): { readonly state: Held } | null {
  if (token === null) return { state }
  if (state.who === null) return token === 0 ? { state } : null
  if (state.isHeard) return token === state.token ? { state } : null
  return token > state.token ? { state: { ...state, token, isHeard: true } } : null
}

export type OfCounter = { readonly by: number }
export const counted: SequentialModel<number, OfCounter, number> = {
  initial: 0,
  stateKey: String,
  step(state, { by }, answer) {
    const sum = state + by
    return answer === null || answer.output === sum ? { state: sum } : null
  },
}

/** Each value is written once, so that a revision stands for a value. */
export type OfRegister =
  | { readonly type: 'get' }
  | { readonly type: 'exchange'; readonly expected: number; readonly value: number }
export const registered: SequentialModel<number, OfRegister, number> = {
  initial: 0,
  stateKey: String,
  step(state, input, answer) {
    if (input.type === 'get') return answer === null || answer.output === state ? { state } : null
    const isSet = state === input.expected
    if (answer !== null && (answer.output === 1) !== isSet) return null
    return { state: isSet ? input.value : state }
  },
}

export type OfQueue =
  | { readonly type: 'enqueue'; readonly value: number }
  | { readonly type: 'take'; readonly who: string }
  /** It may go back to the front, when its taker never heard of it. */
  | { readonly type: 'return'; readonly who: string }
interface Queued {
  readonly returned: readonly number[]
  readonly fresh: readonly number[]
  readonly taken: Readonly<Record<string, number>>
}
/** To take answers 0 when there is nothing. */
export const queued: SequentialModel<Queued, OfQueue, number> = {
  initial: { returned: [], fresh: [], taken: {} },
  stateKey: (state) => JSON.stringify(state),
  step(state, input, answer) {
    const { returned, fresh, taken } = state
    if (input.type === 'enqueue') return { state: { ...state, fresh: [...fresh, input.value] } }
    if (input.type === 'return') {
      const { [input.who]: item, ...others } = taken
      if (item === undefined) return null
      return { state: { fresh, returned: [...returned, item], taken: others } }
    }
    const [item = 0] = [...returned, ...fresh]
    if (answer !== null && answer.output !== item) return null
    if (item === 0) return { state }
    // Who heard of it keeps it, to the end of this test.
    const mine = answer === null ? { [input.who]: item } : {}
    const rest = returned.length > 0 ? { returned: returned.slice(1), fresh } : null
    return { state: { returned, fresh: fresh.slice(1), ...rest, taken: { ...taken, ...mine } } }
  },
}

/** As of a register, for each key; `expected` is null for whatever there is, and 0 for nothing. */
export type OfMap =
  | { readonly type: 'get'; readonly key: string }
  | { readonly type: 'entries' }
  | {
      readonly type: 'set'
      readonly key: string
      readonly expected: number | null
      readonly value: number
    }
  | { readonly type: 'delete'; readonly key: string }
type Mapped = Readonly<Record<string, number>>

/** What it answers is written as this writes it: a value, all of them, or whether it was done. */
export const mapped: SequentialModel<Mapped, OfMap, string> = {
  initial: {},
  stateKey: entriesText,
  step(state, input, answer) {
    const { answers, next } = mappedAfter(state, input)
    return answer === null || answer.output === answers ? { state: next } : null
  },
}

function mappedAfter(state: Mapped, input: OfMap): { answers: string; next: Mapped } {
  if (input.type === 'entries') return { answers: entriesText(state), next: state }
  const { [input.key]: found = 0, ...others } = state
  if (input.type === 'get') return { answers: String(found), next: state }
  if (input.type === 'delete') return { answers: String(found !== 0), next: others }
  const isSet = input.expected === null || input.expected === found
  return { answers: String(isSet), next: isSet ? { ...others, [input.key]: input.value } : state }
}

export function entriesText(entries: Mapped): string {
  return JSON.stringify(Object.entries(entries).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
