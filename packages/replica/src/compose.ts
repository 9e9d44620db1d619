/**
 * Several state machines in one log: each command says whose it is, and one snapshot holds those of all.
 * So an application adds locks to the Replica that it has, and what two parts did has one order.
 *
 * A part is known by its name, in every command and in every snapshot: its place in the object does not
 * matter. One that comes later begins empty. What must never happen is that two nodes with different
 * parts go on from one log, or that a part's state is dropped because nobody named it. So a node stops at
 * a command of a part that it lacks, as it does at an entry that only a newer version knows, and it does
 * not open a snapshot with one: unless the part is named as `retired`. A leader that lacks a part takes
 * none of its commands from others.
 */
import {
  DecodeError,
  InvalidArgumentError,
  InvariantError,
  kindOf,
  requireMethods,
  requireOptions,
} from '@paxos/core'
import { isBytes, json, jsonOrNothing } from './codec.ts'
import type { Codec } from './codec.ts'
import type { Composition, Parts } from './composed-types.ts'
import { decodeParts, encodeParts, headed, headOf, PART_NAME } from './composed-bytes.ts'
import { CommandRefusedError } from './errors.ts'
import { MAX_PARTS } from './limits.ts'
import type { StateMachine } from './state-machine.ts'

export interface ComposeOptions {
  /**
   * Names of parts that there were, and are no more: what they hold in snapshots is dropped, for good,
   * and their commands are refused. The same on all nodes. Default: none.
   */
  readonly retired?: readonly string[] | undefined
}

/** Names that a part cannot have, for a replica has them already. */
const TAKEN: ReadonlySet<string> = new Set(
  [
    'propose openSession query watch events status close members addMember removeMember',
    'replaceMember moveMember changeMembers transferLeadership then constructor toString toJSON',
    'toLocaleString valueOf hasOwnProperty isPrototypeOf propertyIsEnumerable',
  ].flatMap((line) => line.split(' ')),
)

/** A part whose types are not known here: its codecs read what they wrote. */
interface AnyPart {
  readonly machine: StateMachine<unknown, unknown, unknown, unknown>
  readonly commandCodec: Codec<unknown>
  readonly resultCodec: Codec<unknown>
  /** The state before any command. */
  readonly empty: Uint8Array
}

/**
 * One state machine of several, for Replica.open(): the replica then has each of them under its name, as
 * `replica.orders.propose(…)`. Names have 1 to 64 letters, digits and underscores, and a letter first; up
 * to 64 parts. Each may have codecs of its own, as `commandCodec` and `resultCodec`; without them JSON.
 *
 * When a command of one part fails, all of them are brought back to before it, by their snapshots. Add a
 * part on all nodes before its first command: a node without it stops there, and goes on when it is
 * started with it. Throws InvalidArgumentError.
 */
export function compose<const P extends Parts>(
  parts: P,
  options: ComposeOptions = {},
): Composition<P> {
  requireOptions('compose', options, ['retired'])
  const { retired = [] } = options
  const machines = machinesOf(parts)
  for (const name of retired) {
    requireName(name)
    if (machines.has(name)) {
      throw new InvalidArgumentError(`The part ${name} is retired, and given. Do one of the two.`)
    }
  }
  const composed = new ComposedMachine(machines, new Set(retired))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each command is given to the machine that its name says, so that what comes is of the types of `parts`
  return Object.assign(composed, { parts }) as unknown as Composition<P>
}

/** Whether a state machine is one of several, as compose() makes it. */
export function isComposition(machine: unknown): machine is Composition<Parts> {
  return machine instanceof ComposedMachine
}

interface PartCommand {
  readonly part: string
  readonly command: unknown
}

class ComposedMachine implements StateMachine<PartCommand, unknown, unknown, unknown> {
  readonly #machines: ReadonlyMap<string, AnyPart>
  readonly #retired: ReadonlySet<string>

  constructor(machines: ReadonlyMap<string, AnyPart>, retired: ReadonlySet<string>) {
    this.#machines = machines
    this.#retired = retired
  }

  readonly commandCodec: Codec<PartCommand> = {
    encode: ({ part, command }) => headed(part, this.#given(part).commandCodec.encode(command)),
    decode: (bytes) => {
      const { part, content } = headOf(bytes)
      if (this.#retired.has(part)) return { part, command: null }
      const found = this.#machines.get(part)
      if (found === undefined) throw lacking(part)
      return { part, command: found.commandCodec.decode(content) }
    },
  }

  readonly resultCodec: Codec<{ readonly part: string; readonly result: unknown }> = {
    encode: ({ part, result }) => headed(part, this.#given(part).resultCodec.encode(result)),
    decode: (bytes) => {
      const { part, content } = headOf(bytes)
      return { part, result: this.#given(part).resultCodec.decode(content) }
    },
  }

  apply({ part, command }: PartCommand, revision: number): unknown {
    const found = this.#machines.get(part)
    if (found === undefined) {
      throw new CommandRefusedError(`The part ${part} is retired. Propose to another one.`)
    }
    const result: unknown = found.machine.apply(command, revision)
    // A promise is refused by who called this.
    return isThenable(result) ? result : { part, result }
  }

  query(asked: unknown): unknown {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as Part made it; the name is checked
    const { part, query } = asked as { readonly part: string; readonly query: unknown }
    const { machine } = this.#given(part)
    if (machine.query === undefined) {
      throw new InvalidArgumentError(`The part ${part} takes no queries. Give it a method query().`)
    }
    return machine.query(query)
  }

  snapshot(): Uint8Array {
    return encodeParts(
      [...this.#machines].map(([name, { machine }]) => {
        const bytes: unknown = machine.snapshot()
        if (isBytes(bytes)) return [name, bytes] as const
        throw new InvalidArgumentError(
          `snapshot() of the part ${name} returned no bytes. Have it return a Uint8Array.`,
        )
      }),
    )
  }

  /** Nothing is restored before it is known that every part has a place. */
  restore(bytes: Uint8Array): void {
    const states = decodeParts(bytes)
    for (const name of states.keys()) {
      if (this.#machines.has(name) || this.#retired.has(name)) continue
      throw new DecodeError(
        `The snapshot holds a part ${name}, which this node was not given. Give it to compose() ` +
          'again; or name it in retired, on all nodes, if what it holds is not needed any more.',
      )
    }
    for (const [name, { machine, empty }] of this.#machines) {
      const restored: unknown = machine.restore(states.get(name) ?? new Uint8Array(empty))
      if (isThenable(restored)) {
        throw new InvalidArgumentError(
          `restore() of the part ${name} returned a promise. Take "async" away from it.`,
        )
      }
    }
  }

  #given(part: string): AnyPart {
    const found = this.#machines.get(part)
    if (found !== undefined) return found
    throw new InvalidArgumentError(
      `There is no part ${part}. Give one of ${[...this.#machines.keys()].join(', ')}.`,
    )
  }
}

function machinesOf(parts: Parts): ReadonlyMap<string, AnyPart> {
  if (typeof parts !== 'object' || parts === null || Array.isArray(parts)) {
    throw new InvalidArgumentError(
      `The parts are ${kindOf(parts)}. Give an object of state machines, by their names.`,
    )
  }
  const entries = Object.entries(parts)
  if (entries.length === 0 || entries.length > MAX_PARTS) {
    throw new InvalidArgumentError(`There are ${entries.length} parts. Give 1 to ${MAX_PARTS}.`)
  }
  return new Map(entries.map(([name, machine]) => [name, partOf(name, machine)]))
}

function partOf(name: string, given: Parts[string]): AnyPart {
  requireName(name)
  if (TAKEN.has(name)) {
    throw new InvalidArgumentError(
      `A part cannot be called ${name}, as a replica's own property is. Give it another name.`,
    )
  }
  const example = 'an object with apply(), snapshot() and restore()'
  requireMethods(`The part ${name}`, given, ['apply', 'snapshot', 'restore'], example)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked to have the methods; what they are given is what their own codecs read
  const machine = given as unknown as AnyPart['machine']
  const { commandCodec = json(), resultCodec = jsonOrNothing() } = machine
  const codec = 'an object with both, such as json()'
  requireMethods(`commandCodec of the part ${name}`, commandCodec, ['encode', 'decode'], codec)
  requireMethods(`resultCodec of the part ${name}`, resultCodec, ['encode', 'decode'], codec)
  return { machine, commandCodec, resultCodec, empty: new Uint8Array(machine.snapshot()) }
}

function requireName(name: unknown): void {
  if (typeof name === 'string' && PART_NAME.test(name)) return
  throw new InvalidArgumentError(
    'The name of a part has 1 to 64 letters, digits and underscores, and a letter first. Give such.',
  )
}

/** Not caught by anybody who could go on: the other nodes may know the part. */
function lacking(part: string): InvariantError {
  return new InvariantError(
    `The log holds a command of a part ${part}, which this node was not given. Start the version ` +
      'that has it; or name it in retired, on all nodes, if what it holds is not needed any more.',
  )
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value
}
