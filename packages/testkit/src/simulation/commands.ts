/**
 * What came of the commands that clients asked for: each is applied once, by all nodes alike and in
 * order, with one result and one state behind it. Must never believe that somebody asked for what
 * only a node says.
 */
import type { NodeId, Slot } from '@paxos/core'
import type { Choices } from './choices.ts'
import type { Command, Result } from './registers.ts'
import type { Report } from './violation.ts'

interface AppliedCommand {
  readonly command: string
  readonly result: string
  /** The registers afterwards. */
  readonly state: string
}

/** The commands of one cluster. */
export class Commands {
  readonly #report: Report
  readonly #choices: Pick<Choices, 'slotOf'>
  readonly #issued = new Map<number, string>()
  /** By revision. */
  readonly #applied = new Map<number, AppliedCommand>()
  /** By the command's own number. */
  readonly #revisionOf = new Map<number, number>()
  /** By life: the revision of the newest command. */
  readonly #lastApplied = new Map<string, number>()

  constructor(report: Report, choices: Pick<Choices, 'slotOf'>) {
    this.#report = report
    this.#choices = choices
  }

  /** A client is about to ask for a command. */
  issued(command: Command): void {
    this.#issued.set(command.id, JSON.stringify(command))
  }

  /** Where a command was applied; 0 when nobody has. */
  slotOf(command: number): Slot {
    return this.#choices.slotOf(this.#revisionOf.get(command) ?? 0) ?? 0
  }

  /** A node has applied a command. `life` names its life. */
  applied(
    id: NodeId,
    life: string,
    revision: number,
    command: Command,
    result: Result,
    state: string,
  ): void {
    const applied = {
      command: JSON.stringify(command),
      result: JSON.stringify(result),
      state,
    }
    if (this.#choices.slotOf(revision) === null) {
      this.#report('agreement', id, `${id} applies command ${revision}, which is not chosen.`)
    }
    if (revision <= (this.#lastApplied.get(life) ?? 0)) {
      this.#report('applied-once', id, `${id} applies command ${revision} out of order.`)
    }
    this.#lastApplied.set(life, revision)
    if (this.#issued.get(command.id) !== applied.command) {
      this.#report('validity', id, `${id} applies ${applied.command}, which nobody asked for.`)
    }
    const other = this.#revisionOf.get(command.id) ?? revision
    this.#revisionOf.set(command.id, other)
    if (other !== revision) {
      const problem = `${id} applies command ${command.id} as number ${revision}, and as ${other}.`
      this.#report('applied-once', id, problem)
    }
    const known = this.#applied.get(revision)
    if (known === undefined) this.#applied.set(revision, applied)
    else if (known.command !== applied.command) {
      const problem = `${id} applies ${applied.command} as number ${revision}, others ${known.command}.`
      this.#report('agreement', id, problem)
    } else if (known.result !== applied.result || known.state !== applied.state) {
      this.#report('same-state', id, `${id} is in another state after ${revision} than others.`)
    }
  }
}
