/**
 * Judges what clients were shown that may be some time old: it has to be a state of the log that shows
 * everything that had been answered so long before. Must never take for answered what only a node
 * knows.
 */
import type { Command, Result } from './registers.ts'
import type { Report } from './violation.ts'

/** What a register held from a revision on. */
interface State {
  readonly revision: number
  readonly value: string
}

/** What was answered, and what each register held behind each command. */
export class Freshness {
  readonly #report: Report
  readonly #revisionOf = new Map<number, number>()
  /** By time: through which command everything was answered that was answered by then, at least. */
  readonly #answered: { readonly atMs: number; readonly revision: number }[] = []
  readonly #states = new Map<string, State[]>()

  constructor(report: Report) {
    this.#report = report
  }

  /** A node has applied a command: the first that does is enough. */
  applied({ id, key }: Command, revision: number, { value }: Result): void {
    if (this.#revisionOf.has(id)) return
    this.#revisionOf.set(id, revision)
    const states = this.#states.get(key) ?? []
    this.#states.set(key, states)
    if (revision > (states.at(-1)?.revision ?? 0)) states.push({ revision, value })
  }

  /** A client was told what came of it. */
  acknowledged(command: number, atMs: number): void {
    const revision = this.#revisionOf.get(command) ?? 0
    if (revision > (this.#answered.at(-1)?.revision ?? 0)) this.#answered.push({ atMs, revision })
  }

  /** A client that asked at `askedMs` was shown that. It may be `maxStalenessMs` old. */
  shown(key: string, value: string, askedMs: number, maxStalenessMs: number): void {
    const before = this.#answered.findLast(({ atMs }) => atMs < askedMs - maxStalenessMs)
    const least = before?.revision ?? 0
    const states = [{ revision: 0, value: '' }, ...(this.#states.get(key) ?? [])]
    const first = states.findLastIndex(({ revision }) => revision <= least)
    if (states.slice(first).some((state) => state.value === value)) return
    this.#report(
      'as-fresh-as-asked',
      null,
      `A read of ${key} shows ${JSON.stringify(value)}, which is from before command ${least}, ` +
        `of which it had to show everything ${maxStalenessMs} ms later.`,
    )
  }
}
