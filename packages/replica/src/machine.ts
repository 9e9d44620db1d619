/**
 * The application's state machine, at arm's length: whatever it does with a command becomes an
 * outcome that is the same on every node. What fails half-way is undone: the newest snapshot is
 * restored, and what was applied since is applied again. Must never leave a state that the log does
 * not lead to, nor go on from one that is not known.
 */
import { DecodeError, invariant, InvalidArgumentError, InvariantError } from '@paxos/core'
import type { Slot } from '@paxos/core'
import { isBytes } from './codec.ts'
import { CHECKPOINT_AFTER_COMMANDS, MAX_MESSAGE_CHARACTERS, MAX_RESULT_BYTES } from './limits.ts'
import { begin, piecesOf } from './pieces.ts'
import type { Begun, Pause, Source } from './pieces.ts'
import { isStreamed } from './replica-settings.ts'
import type { ReplicaSettings } from './replica-settings.ts'
import { decodeStored, encodeStored, errorOf } from './stored-result.ts'
import type { StoredResult } from './stored-result.ts'
import { orNull, wordsOf } from './words.ts'

/** Where a command stands. */
export interface Place {
  readonly slot: Slot
  /** Which one of all that stands in the log this is. */
  readonly revision: number
  /** As the log holds it, with the commands beside it. */
  readonly value: Uint8Array
  /** Which one it is of the commands in `value`, from 0 on. */
  readonly index: number
  /** How many of them stand in entries before that of this one, which are applied by themselves. */
  readonly before: number
}

/**
 * Commands that were applied, or refused by the state machine, one behind the other: the state follows
 * from all of them.
 */
interface AppliedCommands extends Place {
  count: number
}

/** What became of a command. */
export interface Execution {
  readonly stored: Uint8Array
  /** Why there is no result, as its caller is told. */
  readonly error: Error | null
}

/**
 * A command failed half-way, and it takes time to undo that: undo() is to be called, and then its slot
 * applied once more, which knows by then what becomes of the command.
 */
export class UndoWanted extends Error {}

/** The slot that is being applied once more, and what became of commands in it, by their index. */
interface SecondTry {
  readonly slot: Slot
  /** So many commands of the slot are applied for good: see Place. */
  before: number
  readonly executions: Map<number, Execution>
  /** What was thrown last. */
  cause: unknown
}

/** The state machine of one node. */
export class Machine<Command, Result, Query, Answer> {
  readonly #settings: ReplicaSettings<Command, Result, Query, Answer>
  /** The commands in a value of the log. */
  readonly #commandsIn: (value: Uint8Array) => readonly Uint8Array[]
  /** A snapshot of before what is in `#since`; `null` when the machine could not give one. */
  #base: Uint8Array | Source | null = null
  /** What was applied since: the values are those that the engine keeps in memory anyway. */
  #since: AppliedCommands[] = []
  #secondTry: SecondTry | null = null

  constructor(
    settings: ReplicaSettings<Command, Result, Query, Answer>,
    commandsIn: (value: Uint8Array) => readonly Uint8Array[],
  ) {
    this.#settings = settings
    this.#commandsIn = commandsIn
  }

  /**
   * Applies a command, which is `bytes` and stands at `place`. Throws UndoWanted, and besides only what
   * makes the state unknown: the node has to stop.
   */
  execute(place: Place, bytes: Uint8Array): Execution {
    const known = this.#knownOf(place)
    if (known !== undefined) return known
    const decoded = attempt(() => this.#settings.commandCodec.decode(bytes))
    if ('thrown' in decoded) return failed('The codec cannot read the command', decoded.thrown)
    const made = attempt(() => this.#resultOf(decoded.value, place.revision))
    if ('value' in made) {
      this.#note(place)
      return { stored: encodeStored({ type: 'result', bytes: made.value }), error: null }
    }
    const { thrown } = made
    if (isRefusal(thrown)) {
      // It should have changed nothing. If it has, then every state that follows from here holds that.
      this.#note(place)
      return outcome({ type: 'refused', message: shortened(thrown) }, thrown)
    }
    const execution = failed('The state machine could not apply the command', thrown)
    if (isStreamed(this.#settings.stateMachine)) this.#tryAgain(place, execution, thrown)
    this.#undo(place.slot, thrown)
    return execution
  }

  /** Whether a command failed, and has to be undone before anything is applied or asked. */
  get wantsUndo(): boolean {
    return this.#secondTry !== null && this.#secondTry.cause !== null
  }

  /** How many commands would have to be applied again to undo one that fails now. */
  get commandsSince(): number {
    return this.#since.reduce((sum, { count }) => sum + count, 0)
  }

  /** Reads a result that a Machine stored. Throws what its caller is to be told. */
  resultOf(stored: StoredResult, error: Error | null): Result {
    if (stored.type !== 'result') throw error ?? errorOf(stored, undefined)
    const read = attempt(() => this.#settings.resultCodec.decode(stored.bytes))
    if ('value' in read) return read.value
    throw new DecodeError(
      'The command was applied, and the codec cannot read its result. Give every node of the ' +
        'cluster the same codec.',
      { cause: read.thrown },
    )
  }

  query(query: Query): Answer {
    const { stateMachine } = this.#settings
    if (stateMachine.query === undefined) {
      throw new InvalidArgumentError(
        'The state machine takes no queries. Give it a method query().',
      )
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked to be no promise, which is all that the type leaves out
    return atOnce('query', stateMachine.query(query)) as Answer
  }

  /** Begins to write down the state as it is now, in pieces. Throws what the state machine throws. */
  beginSnapshot(): Begun {
    return begin(atOnce('snapshot', this.#settings.stateMachine.snapshot()))
  }

  /** Replaces the state by that of `source`. Rejects with what the state machine throws. */
  async restoreFrom(source: Source, pause: Pause): Promise<void> {
    const { stateMachine } = this.#settings
    if (!isStreamed(stateMachine)) throw new InvariantError('a state was to come in pieces')
    await stateMachine.restorePieces(piecesOf(source, pause))
    this.#secondTry = null
    this.rebase(source)
  }

  /** Brings back the state before the slot in which a command failed. Rejects when that is not known. */
  async undo(pause: Pause): Promise<void> {
    const tried = this.#secondTry
    if (tried === null || tried.cause === null) return
    const { slot, before, cause } = tried
    const base = this.#base
    if (base === null || base instanceof Uint8Array) throw nothingToUndoFrom(slot, cause)
    const since = this.#since.flatMap((each) => {
      const count = each.slot < slot ? each.count : Math.min(each.count, before - each.index)
      return count > 0 ? [{ ...each, count }] : []
    })
    try {
      await this.restoreFrom(base, pause)
      this.#applyAgain(since)
    } catch (thrown) {
      throw isOfThisNode(thrown) ? thrown : notUndone(slot, thrown)
    }
    this.#since = since
    this.#secondTry = { ...tried, cause: null }
  }

  /** The state through `through` is in `base`: failures behind it begin there. */
  rebaseAt(through: Slot, base: Source): void {
    this.#base = base
    this.#since = this.#since.filter(({ slot }) => slot > through)
  }

  #knownOf({ slot, index }: Place): Execution | undefined {
    if (this.#secondTry === null) return undefined
    if (this.#secondTry.slot !== slot) this.#secondTry = null
    return this.#secondTry?.executions.get(index)
  }

  #tryAgain({ slot, index, before }: Place, execution: Execution, cause: unknown): never {
    this.#secondTry ??= { slot, before, executions: new Map(), cause }
    this.#secondTry.before = before
    // What was thrown may be nothing at all.
    this.#secondTry.cause = cause ?? 'nothing'
    this.#secondTry.executions.set(index, execution)
    throw new UndoWanted()
  }

  /** The state in bytes. Throws what the state machine throws, and TypeError for no bytes. */
  snapshot(): Uint8Array {
    const bytes: unknown = atOnce('snapshot', this.#settings.stateMachine.snapshot())
    if (isBytes(bytes)) return bytes
    throw new InvalidArgumentError(
      'snapshot() returned no bytes. Have it return a Uint8Array, or give the state machine a method ' +
        'restorePieces() in the place of restore(), if it is to return pieces.',
    )
  }

  /** The state as it is now is `bytes`, which nobody changes: from here on, failures begin there. */
  rebase(bytes: Uint8Array | Source | null): void {
    this.#base = bytes
    this.#since = []
  }

  /** Replaces the state by that of `bytes`, which nobody changes. */
  restore(bytes: Uint8Array): void {
    const { stateMachine } = this.#settings
    if (isStreamed(stateMachine)) throw new InvariantError('a state was to come whole')
    // Its own copy, for it may keep and change it.
    atOnce('restore', stateMachine.restore(new Uint8Array(bytes)))
    this.rebase(bytes)
  }

  /** Applies, checks and encodes; what any of the three throws is of one kind. */
  #resultOf(command: Command, revision: number): Uint8Array {
    const { stateMachine, resultCodec } = this.#settings
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked to be no promise, which is all that the type leaves out
    const result = atOnce('apply', stateMachine.apply(command, revision)) as Result
    const bytes: unknown = resultCodec.encode(result)
    if (!isBytes(bytes)) {
      throw new InvalidArgumentError('The codec made no bytes of the result. Correct the codec.')
    }
    if (bytes.byteLength <= MAX_RESULT_BYTES) return bytes
    throw new InvalidArgumentError(
      `The result takes ${bytes.byteLength} bytes, and may take ${MAX_RESULT_BYTES}. ` +
        'Return less, and read the rest by a query.',
    )
  }

  /** Brings back the state before a command that failed half-way. */
  #undo(slot: Slot, cause: unknown): void {
    const base = this.#base
    if (!(base instanceof Uint8Array)) throw nothingToUndoFrom(slot, cause)
    const since = this.#since
    const undone = attempt(() => {
      this.restore(base)
      this.#applyAgain(since)
    })
    if ('thrown' in undone) throw notUndone(slot, undone.thrown)
    this.#since = since
    if (this.commandsSince >= CHECKPOINT_AFTER_COMMANDS) this.#checkpoint()
  }

  /** As they were applied before: what was refused then is refused again. */
  #applyAgain(since: readonly AppliedCommands[]): void {
    const { commandCodec, stateMachine } = this.#settings
    let [read, commands]: [Uint8Array | null, readonly Uint8Array[]] = [null, []]
    for (const { value, index: first, count, revision } of since) {
      // Where many fail beside others, most of these stand in one value.
      if (value !== read) [read, commands] = [value, this.#commandsIn(value)]
      for (const [index, bytes] of commands.slice(first, first + count).entries()) {
        const command = commandCodec.decode(bytes)
        try {
          atOnce('apply', stateMachine.apply(command, revision + index))
        } catch (thrown) {
          if (!isRefusal(thrown)) throw thrown
        }
      }
    }
  }

  #note(place: Place): void {
    const last = this.#since.at(-1)
    const isNext = last?.value === place.value && last.index + last.count === place.index
    if (last !== undefined && isNext) last.count += 1
    else this.#since.push({ ...place, count: 1 })
  }

  /** The next failure need not apply all that again. Without a snapshot it has to. */
  #checkpoint(): void {
    const taken = attempt(() => this.snapshot())
    // Its own copy: what was returned may be the state itself.
    if ('value' in taken) this.rebase(new Uint8Array(taken.value))
  }
}

function nothingToUndoFrom(slot: Slot, cause: unknown): InvariantError {
  return new InvariantError(
    `A command failed in slot ${slot}, and there is no snapshot from which to undo it. ` +
      'Have the state machine throw CommandRefusedError before it changes anything.',
    { cause },
  )
}

function notUndone(slot: Slot, thrown: unknown): InvariantError {
  return new InvariantError(
    `A command failed in slot ${slot}, and could not be undone: ${sentence(shortened(thrown))} ` +
      'Correct the state machine: the same commands must lead to the same state each time.',
    { cause: thrown },
  )
}

/** `value`, if it is none that comes later. A promise that nobody awaits must not end the process. */
function atOnce(method: string, value: unknown): unknown {
  if (!isThenable(value)) return value
  Promise.resolve(value).catch(() => undefined)
  throw new InvalidArgumentError(
    `${method}() returned a promise: a state machine answers at once. Take "async" away from it, ` +
      'and do what takes time before the command is proposed or after its result is known. What it ' +
      'changes later is not undone: then start the nodes again.',
  )
}

function isThenable(value: unknown): boolean {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return isObject && 'then' in value && typeof value.then === 'function'
}

/** What `give` returns or throws; but throws what is no property of the command. */
function attempt<T>(give: () => T): { readonly value: T } | { readonly thrown: unknown } {
  try {
    return { value: give() }
  } catch (thrown) {
    if (isOfThisNode(thrown)) throw thrown
    return { thrown }
  }
}

/**
 * Whether an error may come on one node and not on another: the stack or the memory was used up, or
 * what must be true was not. By their words, for the platforms have no class for them.
 */
function isOfThisNode(thrown: unknown): boolean {
  const found = orNull(() => {
    if (thrown instanceof InvariantError) return true
    if (!(thrown instanceof Error)) return false
    const isLimit = thrown instanceof RangeError || thrown.name === 'InternalError'
    return isLimit && /call stack|recursion|out of memory|allocation failed/i.test(thrown.message)
  })
  // What throws when it is looked at is none of the platform's.
  return found ?? false
}

/** By the code, for a bundle may hold the class twice. */
function isRefusal(thrown: unknown): boolean {
  const code = orNull(() => (thrown instanceof Error && 'code' in thrown ? thrown.code : null))
  return code === 'ERR_PAXOS_COMMAND_REFUSED'
}

function failed(what: string, thrown: unknown): Execution {
  const message =
    `${what}, which was therefore not applied on any node: ${sentence(shortened(thrown))} ` +
    'Correct the command, or what could not handle it, and propose it as another one.'
  return outcome({ type: 'failed', message }, thrown)
}

function outcome(
  failure: Exclude<StoredResult, { readonly type: 'result' }>,
  cause: unknown,
): Execution {
  const stored = encodeStored(failure)
  const read = decodeStored(stored)
  invariant(read.type !== 'result', 'a failure was stored as a result')
  return { stored, error: errorOf(read, cause) }
}

function sentence(words: string): string {
  return /[.!?…]$/.test(words) ? words : `${words}.`
}

/** What was thrown, in words, which are all that is kept of it. */
function shortened(thrown: unknown): string {
  const text = wordsOf(thrown)
  if (text.length <= MAX_MESSAGE_CHARACTERS) return text
  return `${text.slice(0, MAX_MESSAGE_CHARACTERS)}…`
}
