/**
 * What clients asked and were told, in the one order in which it happened, and its judgement. Must
 * never make an answer up.
 */
import { checkLinearizability } from '../linearizability.ts'
import type { Operation } from '../linearizability.ts'
import { registerModel } from './registers.ts'
import type { Command, Input, Result } from './registers.ts'

type Answer = NonNullable<Operation<Input, Result>['answer']>

/** The history of one run. */
export class History {
  readonly #operations: Operation<Input, Result>[] = []
  /** By command: what came of it where it was applied first, and when. */
  readonly #applied = new Map<number, Answer>()
  #moments = 0

  get asked(): number {
    return this.#operations.length
  }

  get answered(): number {
    return this.#operations.filter(({ answer }) => answer !== null).length
  }

  /** An operation begins. Returns what is to be called with its answer, if one comes. */
  begin(input: Input): (output: Result) => void {
    const calledAt = this.#now()
    const index = this.#operations.push({ input, calledAt, answer: null }) - 1
    return (output) => {
      this.#operations[index] = { input, calledAt, answer: { output, at: this.#now() } }
    }
  }

  /** A node has applied a command. */
  applied(command: Command, output: Result): void {
    if (this.#applied.has(command.id)) return
    this.#applied.set(command.id, { output, at: this.#now() })
  }

  /**
   * `null` when the history could have come from one copy, else what no order explains.
   *
   * A command whose client heard nothing is judged by what is known of it: it has taken effect by
   * the moment at which the first node applied it, and none if no node ever did. That is more than
   * the client knows, so the judgement is stricter; and quick, where operations that may happen at
   * any time later would have to be tried in every order.
   */
  judge(): string | null {
    const known = this.#operations.map(({ input, calledAt, answer }) => {
      const applied = input.type === 'get' ? undefined : this.#applied.get(input.id)
      return { input, calledAt, answer: answer ?? applied ?? null }
    })
    const verdict = checkLinearizability(
      registerModel,
      known.filter(({ answer }) => answer !== null),
    )
    if (verdict.linearizable) return null
    const unexplained = verdict.unexplained
      .slice(0, 3)
      .map(({ input, answer }) => `${JSON.stringify(input)} → ${JSON.stringify(answer?.output)}`)
    return `No order explains what was told of ${verdict.partition}: ${unexplained.join('; ')}.`
  }

  #now(): number {
    return (this.#moments += 1)
  }
}
