/**
 * Judges what clients were shown that may be some time old: it has to be a state of the log that shows
 * everything that had been answered so long before. Must never take for answered what only a node
 * knows.
 */
import type { Slot } from '@paxos/core'
import type { Command, Result } from './registers.ts'
import type { Report } from './violation.ts'

/** What a register held from a slot on. */
interface State {
  readonly slot: Slot
  readonly value: string
}

/** What was answered, and what each register held behind each slot. */
export class Freshness {
  readonly #report: Report
  readonly #slotOf = new Map<number, Slot>()
  /** By time: through which slot everything was answered that was answered by then, at least. */
  readonly #answered: { readonly atMs: number; readonly slot: Slot }[] = []
  readonly #states = new Map<string, State[]>()

  constructor(report: Report) {
    this.#report = report
  }

  /** A node has applied a command: the first that does is enough. */
  applied({ id, key }: Command, slot: Slot, { value }: Result): void {
    if (this.#slotOf.has(id)) return
    this.#slotOf.set(id, slot)
    const states = this.#states.get(key) ?? []
    this.#states.set(key, states)
    if (slot > (states.at(-1)?.slot ?? 0)) states.push({ slot, value })
  }

  /** A client was told what came of it. */
  acknowledged(command: number, atMs: number): void {
    const slot = this.#slotOf.get(command) ?? 0
    if (slot > (this.#answered.at(-1)?.slot ?? 0)) this.#answered.push({ atMs, slot })
  }

  /** A client that asked at `askedMs` was shown that. It may be `maxStalenessMs` old. */
  shown(key: string, value: string, askedMs: number, maxStalenessMs: number): void {
    const before = this.#answered.findLast(({ atMs }) => atMs < askedMs - maxStalenessMs)
    const least = before?.slot ?? 0
    const states = [{ slot: 0, value: '' }, ...(this.#states.get(key) ?? [])]
    const first = states.findLastIndex(({ slot }) => slot <= least)
    if (states.slice(first).some((state) => state.value === value)) return
    this.#report(
      'as-fresh-as-asked',
      null,
      `A read of ${key} shows ${JSON.stringify(value)}, which is from before slot ${least}, ` +
        `of which it had to show everything ${maxStalenessMs} ms later.`,
    )
  }
}
