/**
 * Whether a history of concurrent operations could have come from one object that does one operation
 * at a time: linearizability (Herlihy and Wing, 1990). The search is that of Wing and Gong (1993),
 * with Lowe's memory of the configurations that were tried (Testing for Linearizability, 2017), and
 * each partition, such as a key, is searched by itself, which is enough because linearizability is
 * local. It must never call a history good that is not.
 */
import { invariant, InvalidArgumentError } from '@paxos/core'

/** One call by one client. Times are on one clock, in any unit. */
export interface Operation<Input, Output> {
  readonly input: Input
  readonly calledAt: number
  /** `null` when the client never heard: it may have happened, at any time since, or not at all. */
  readonly answer: { readonly output: Output; readonly at: number } | null
}

/** What the object does when nobody else is there. */
export interface SequentialModel<State, Input, Output> {
  /** A partition before its first operation. */
  readonly initial: State
  /**
   * What `input` makes of `state`, or `null` when it cannot have answered `answer.output`. Without
   * an answer any output will do.
   */
  readonly step: (
    state: State,
    input: Input,
    answer: { readonly output: Output } | null,
  ) => { readonly state: State } | null
  /** Equal for equal states, and for no others. */
  readonly stateKey: (state: State) => string
  /** Operations of different partitions do not see each other. Default: there is one. */
  readonly partitionOf?: (input: Input) => string
}

/** What was found. */
export type Verdict<Input, Output> =
  | { readonly linearizable: true }
  | {
      readonly linearizable: false
      readonly partition: string
      /**
       * The longest sequence of operations that explains a beginning of the history: what comes
       * after it fits nowhere.
       */
      readonly longest: readonly Operation<Input, Output>[]
      /** The answered operations that are not in it, in the order of their answers. */
      readonly unexplained: readonly Operation<Input, Output>[]
    }

/** Judges `history`, in any order. Throws InvalidArgumentError for an answer before its call. */
export function checkLinearizability<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
): Verdict<Input, Output> {
  const partitions = new Map<string, Operation<Input, Output>[]>()
  for (const operation of history) {
    requireOrder(operation)
    const partition = model.partitionOf?.(operation.input) ?? ''
    const operations = partitions.get(partition)
    if (operations === undefined) partitions.set(partition, [operation])
    else operations.push(operation)
  }
  for (const [partition, operations] of partitions) {
    const longest = search(model, operations)
    if (longest === null) continue
    const unexplained = operations
      .filter((operation) => operation.answer !== null && !longest.includes(operation))
      .toSorted((a, b) => (a.answer?.at ?? 0) - (b.answer?.at ?? 0))
    return { linearizable: false, partition, longest, unexplained }
  }
  return { linearizable: true }
}

/** The beginning or the end of an operation, in a list that is ordered by time. */
interface Moment {
  readonly operation: number
  /** The end of the operation, when this is its beginning. */
  readonly end: Moment | null
  before: Moment | null
  after: Moment | null
}

/** One operation that was taken to have happened, and what was so before. */
interface Taken<State> {
  readonly moment: Moment
  readonly stateBefore: State
}

/** `null` when some order explains all that was answered, else the longest one that was tried. */
function search<State, Input, Output>(
  model: SequentialModel<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
): readonly Operation<Input, Output>[] | null {
  const head = momentsOf(operations)
  const tried = new Configurations(operations.length)
  const taken: Taken<State>[] = []
  let longest: readonly Operation<Input, Output>[] = []
  let unanswered = operations.filter(({ answer }) => answer !== null).length
  let { initial: state } = model
  let moment = head.after
  while (unanswered > 0) {
    invariant(moment !== null, 'a history ends with an operation that has not begun')
    const operation = at(operations, moment)
    if (moment.end !== null) {
      const next = model.step(state, operation.input, operation.answer)
      if (next !== null && tried.add(moment.operation, model.stateKey(next.state))) {
        taken.push({ moment, stateBefore: state })
        state = next.state
        if (operation.answer !== null) unanswered -= 1
        remove(moment)
        moment = head.after
      } else {
        moment = moment.after
      }
      continue
    }
    // An operation has ended that nothing explains: an earlier choice was wrong.
    if (taken.length > longest.length) longest = taken.map((one) => at(operations, one.moment))
    const last = taken.pop()
    if (last === undefined) return longest
    tried.leave(last.moment.operation)
    restore(last.moment)
    if (at(operations, last.moment).answer !== null) unanswered += 1
    state = last.stateBefore
    moment = last.moment.after
  }
  return null
}

function at<T>(operations: readonly T[], { operation }: Moment): T {
  const found = operations[operation]
  invariant(found !== undefined, 'a moment belongs to no operation')
  return found
}

/** All beginnings and ends by time, behind a head. An operation without an answer ends last. */
function momentsOf(operations: readonly Operation<unknown, unknown>[]): Moment {
  const moments = operations.flatMap(({ calledAt, answer }, operation) => {
    const end: Moment = { operation, end: null, before: null, after: null }
    const begin: Moment = { operation, end, before: null, after: null }
    return [
      { time: calledAt, moment: begin },
      { time: answer?.at ?? Infinity, moment: end },
    ]
  })
  // At the same time a beginning comes first: the two operations may have overlapped.
  moments.sort(
    (a, b) => a.time - b.time || Number(a.moment.end === null) - Number(b.moment.end === null),
  )
  const head: Moment = { operation: -1, end: null, before: null, after: null }
  let last = head
  for (const { moment } of moments) {
    moment.before = last
    last.after = moment
    last = moment
  }
  return head
}

/** Takes an operation out of the list, both ends. */
function remove(begin: Moment): void {
  unlink(begin)
  if (begin.end !== null) unlink(begin.end)
}

/** The reverse of remove, in the reverse order. */
function restore(begin: Moment): void {
  if (begin.end !== null) link(begin.end)
  link(begin)
}

function unlink({ before, after }: Moment): void {
  if (before !== null) before.after = after
  if (after !== null) after.before = before
}

function link(moment: Moment): void {
  if (moment.before !== null) moment.before.after = moment
  if (moment.after !== null) moment.after.before = moment
}

/** Which sets of operations, with which state after them, were tried. */
class Configurations {
  readonly #current: Uint32Array
  readonly #seen = new Set<string>()

  constructor(operations: number) {
    this.#current = new Uint32Array(Math.ceil(operations / 32))
  }

  /** Adds an operation to the current set. False, and nothing changed, if that was tried before. */
  add(operation: number, stateKey: string): boolean {
    this.#flip(operation)
    const key = `${this.#current.join()} ${stateKey}`
    if (this.#seen.has(key)) {
      this.#flip(operation)
      return false
    }
    this.#seen.add(key)
    return true
  }

  leave(operation: number): void {
    this.#flip(operation)
  }

  #flip(operation: number): void {
    const word = operation >>> 5
    this.#current[word] = (this.#current[word] ?? 0) ^ (1 << (operation & 31))
  }
}

function requireOrder({ calledAt, answer }: Operation<unknown, unknown>): void {
  if (answer === null || answer.at >= calledAt) return
  throw new InvalidArgumentError(
    `An operation was called at ${calledAt} and answered at ${answer.at}. Use one clock for both.`,
  )
}
