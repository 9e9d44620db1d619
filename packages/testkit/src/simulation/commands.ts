/**
 * What came of the commands that clients asked for: each is applied in one slot, by all nodes alike and
 * in order, with one result and one state behind it. Must never believe that somebody asked for what
 * only a node says.
 */
import type { NodeId, Slot } from '@paxos/core'
import type { Choices } from './choices.ts'
import type { Command, Result } from './registers.ts'
import type { Report } from './violation.ts'

interface AppliedSlot {
  readonly command: string
  readonly result: string
  /** The registers afterwards. */
  readonly state: string
}

/** The commands of one cluster. */
export class Commands {
  readonly #report: Report
  readonly #choices: Pick<Choices, 'through'>
  readonly #issued = new Map<number, string>()
  readonly #applied = new Map<Slot, AppliedSlot>()
  readonly #slotOf = new Map<number, Slot>()
  readonly #lastApplied = new Map<string, Slot>()

  constructor(report: Report, choices: Pick<Choices, 'through'>) {
    this.#report = report
    this.#choices = choices
  }

  /** A client is about to ask for a command. */
  issued(command: Command): void {
    this.#issued.set(command.id, JSON.stringify(command))
  }

  /** Where a command was applied; 0 when nobody has. */
  slotOf(command: number): Slot {
    return this.#slotOf.get(command) ?? 0
  }

  /** A node has applied a command. `life` names its life. */
  applied(
    id: NodeId,
    life: string,
    slot: Slot,
    command: Command,
    result: Result,
    state: string,
  ): void {
    const applied = {
      command: JSON.stringify(command),
      result: JSON.stringify(result),
      state,
    }
    if (slot > this.#choices.through) {
      this.#report('agreement', id, `${id} applies slot ${slot}, which is not chosen.`)
    }
    if (slot <= (this.#lastApplied.get(life) ?? 0)) {
      this.#report('applied-once', id, `${id} applies slot ${slot} out of order.`)
    }
    this.#lastApplied.set(life, slot)
    if (this.#issued.get(command.id) !== applied.command) {
      this.#report('validity', id, `${id} applies ${applied.command}, which nobody asked for.`)
    }
    const otherSlot = this.#slotOf.get(command.id) ?? slot
    this.#slotOf.set(command.id, otherSlot)
    if (otherSlot !== slot) {
      const problem = `${id} applies command ${command.id} in slot ${slot}, and in ${otherSlot}.`
      this.#report('applied-once', id, problem)
    }
    const known = this.#applied.get(slot)
    if (known === undefined) this.#applied.set(slot, applied)
    else if (known.command !== applied.command) {
      const problem = `${id} applies ${applied.command} in slot ${slot}, others ${known.command}.`
      this.#report('agreement', id, problem)
    } else if (known.result !== applied.result || known.state !== applied.state) {
      this.#report('same-state', id, `${id} is in another state after slot ${slot} than others.`)
    }
  }
}
