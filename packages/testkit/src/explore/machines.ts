/**
 * The states of one kind of machine, each reached by feeding a real object. A machine cannot be
 * copied, but it is deterministic: it is what its inputs made of it. So a state is kept as the
 * inputs that led to it, and what an input does to it is found out once, by making a new machine and
 * feeding it again. Two histories are one state when nothing in the two objects differs (see
 * fingerprint.ts). Must never take two machines for one that could behave differently.
 */
import { fingerprintOf } from './fingerprint.ts'

/** A machine of core, under one way to be fed. */
export interface Machine<Input, Output> {
  /** The object whose fields are its state. */
  readonly object: object
  feed(input: Input): Output
}

export interface Step<Output> {
  /** The state afterwards. */
  readonly state: number
  readonly output: Output
}

interface History<Start, Input> {
  readonly start: Start
  readonly startKey: string
  readonly inputs: readonly Input[]
}

interface Known<Start, Input, Output> extends History<Start, Input> {
  readonly steps: Map<string, Step<Output>>
}

export class Machines<Start, Input, Output> {
  readonly #make: (start: Start) => Machine<Input, Output>
  readonly #constants: ReadonlySet<string>
  readonly #known: Known<Start, Input, Output>[] = []
  readonly #byFingerprint = new Map<string, number>()
  readonly #started = new Map<string, number>()

  /** `constants` are fields that never change, by name. */
  constructor(make: (start: Start) => Machine<Input, Output>, constants: readonly string[]) {
    this.#make = make
    this.#constants = new Set(constants)
  }

  /** How many states were met. */
  get size(): number {
    return this.#known.length
  }

  /** The state of a machine that was just made; `key` is equal for equal starts only. */
  start(start: Start, key: string): number {
    const known = this.#started.get(key)
    if (known !== undefined) return known
    const state = this.#stateOf(this.#make(start), { start, startKey: key, inputs: [] })
    this.#started.set(key, state)
    return state
  }

  /** What `input` does in `state`; `key` is equal for equal inputs only. */
  step(state: number, input: Input, key: string): Step<Output> {
    const known = this.#get(state)
    const found = known.steps.get(key)
    if (found !== undefined) return found
    const machine = this.machine(state)
    const output = machine.feed(input)
    const { start, startKey, inputs } = known
    const history = { start, startKey, inputs: [...inputs, input] }
    const step = { state: this.#stateOf(machine, history), output }
    known.steps.set(key, step)
    return step
  }

  /** A machine in that state, to be looked at. */
  machine(state: number): Machine<Input, Output> {
    const { start, inputs } = this.#get(state)
    const machine = this.#make(start)
    for (const input of inputs) machine.feed(input)
    return machine
  }

  /** The state of a machine that lived the same life among nodes of other names. */
  renamed(
    state: number,
    rename: (input: Input) => { readonly input: Input; readonly key: string },
  ): number {
    const { start, startKey, inputs } = this.#get(state)
    return inputs.reduce(
      (reached, input) => {
        const { input: other, key } = rename(input)
        return this.step(reached, other, key).state
      },
      this.start(start, startKey),
    )
  }

  #stateOf(
    machine: Machine<Input, Output>,
    { start, startKey, inputs }: History<Start, Input>,
  ): number {
    const fingerprint = fingerprintOf(machine.object, this.#constants)
    const known = this.#byFingerprint.get(fingerprint)
    if (known !== undefined) return known
    const state = this.#known.length
    if (state === MOST) throw new RangeError('There are more states of a machine than letters.')
    this.#known.push({ start, startKey, inputs, steps: new Map() })
    this.#byFingerprint.set(fingerprint, state)
    return state
  }

  #get(state: number): Known<Start, Input, Output> {
    const known = this.#known[state]
    if (known === undefined) throw new TypeError(`No machine was ever in state ${state}.`)
    return known
  }
}

/** A number is a letter in the key of a state. */
const MOST = 0xffff

/** Numbers for values: equal numbers for what has equal words. */
export class Numbered<T> {
  readonly #values: T[] = []
  readonly #words: string[] = []
  readonly #numbers = new Map<string, number>()

  number(value: T): number {
    const words = wordsOf(value)
    const known = this.#numbers.get(words)
    if (known !== undefined) return known
    if (this.#values.length === MOST) throw new RangeError('There are more of them than letters.')
    this.#numbers.set(words, this.#values.length)
    this.#words.push(words)
    return this.#values.push(value) - 1
  }

  value(number: number): T {
    const value = this.#values[number]
    if (value === undefined) throw new TypeError(`Nothing has the number ${number}.`)
    return value
  }

  words(number: number): string {
    return this.#words[number] ?? ''
  }

  get size(): number {
    return this.#values.length
  }
}

/** Plain data in words, bytes as text. */
export function wordsOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part instanceof Uint8Array ? `bytes ${[...part].join(' ')}` : part,
  )
}
