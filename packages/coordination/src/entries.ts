/**
 * Maps, registers and counters, as a function of the log alone: values by name and key, each with the
 * revision of its newest change, so that a change can ask for what it has seen. Must never give two changes
 * of a map one revision, nor let who watches from a revision on miss a key without saying so.
 */
import {
  name as nameShape,
  revision as revisionShape,
  space as spaceShape,
  value as valueShape,
} from './commands.ts'
import type { Change, CommandOf, Entry, Refusal, Result, Space } from './commands.ts'
import { MAX_CHANGES_AT_ONCE, MAX_KEYS, MAX_MAPS, MAX_REMEMBERED_REMOVALS } from './limits.ts'
import { list, record } from './shape.ts'
import type { Read } from './shape.ts'

interface Written {
  readonly value: string
  readonly revision: number
}

interface Content {
  readonly space: Space
  readonly name: string
  readonly entries: Map<string, Written>
  /** Keys that were removed, and when, the newest last. */
  readonly removed: Map<string, number>
  /** Removals through this revision are forgotten. */
  forgottenThrough: number
  /** Of the newest change. */
  changedAt: number
}

export const entriesShape = list(
  record({
    space: spaceShape,
    name: nameShape,
    entries: list(record({ key: nameShape, value: valueShape, revision: revisionShape }), MAX_KEYS),
    removed: list(record({ key: nameShape, revision: revisionShape }), MAX_REMEMBERED_REMOVALS),
    forgottenThrough: revisionShape,
    changedAt: revisionShape,
  }),
  MAX_MAPS,
)

/** All values. */
export class Entries {
  #contents = new Map<string, Content>()
  #length = 0

  /** The characters of all values. */
  get length(): number {
    return this.#length
  }

  put({ space, name, key, value, expected }: CommandOf<'put'>, revision: number): Result {
    const found = this.#contents.get(keyOf(space, name))
    if (found === undefined && this.#contents.size >= MAX_MAPS) return refused('too-many-maps')
    const before = found?.entries.get(key)
    if (expected !== null && expected !== (before?.revision ?? 0)) return unchanged(key, before)
    const content = found ?? newContent(space, name)
    if (before === undefined && content.entries.size >= MAX_KEYS) return refused('too-many-keys')
    const written = { value, revision }
    content.entries.set(key, written)
    this.#length += value.length - (before?.value.length ?? 0)
    content.removed.delete(key)
    content.changedAt = revision
    this.#contents.set(keyOf(space, name), content)
    return { type: 'entry', isSet: true, entry: { key, ...written } }
  }

  remove({ space, name, key, expected }: CommandOf<'remove'>, revision: number): Result {
    const content = this.#contents.get(keyOf(space, name))
    const before = content?.entries.get(key)
    if (expected !== null && expected !== (before?.revision ?? 0)) return unchanged(key, before)
    if (content === undefined || before === undefined) return unchanged(key, before)
    content.entries.delete(key)
    this.#length -= before.value.length
    content.removed.set(key, revision)
    content.changedAt = revision
    if (content.removed.size > MAX_REMEMBERED_REMOVALS) {
      const [[oldest, at] = ['', 0]] = content.removed
      content.removed.delete(oldest)
      content.forgottenThrough = at
    }
    return { type: 'entry', isSet: true, entry: null }
  }

  /** A counter is a value that is a number, and 0 before it is written. */
  add({ name, by }: CommandOf<'add'>, revision: number): Result {
    const before = this.entry('counter', name, '')
    const sum = Number(before?.value ?? '0') + by
    if (Number.isNaN(sum)) return refused('no-number')
    if (!Number.isSafeInteger(sum)) return refused('number-too-large')
    const written = { space: 'counter', name, key: '', value: String(sum), expected: null } as const
    return this.put({ type: 'put', ...written }, revision)
  }

  entry(space: Space, name: string, key: string): Entry | null {
    const written = this.#contents.get(keyOf(space, name))?.entries.get(key)
    return written === undefined ? null : { key, ...written }
  }

  /** What is different since `after`: of each key its newest value. */
  changes(
    space: Space,
    name: string,
    after: number,
  ): {
    readonly changes: readonly Change[]
    readonly isIncomplete: boolean
    readonly hasMore: boolean
  } {
    const content = this.#contents.get(keyOf(space, name))
    if (content === undefined || content.changedAt <= after) {
      return { changes: [], isIncomplete: false, hasMore: false }
    }
    const { entries, removed, forgottenThrough } = content
    const set = [...entries].map(([key, written]) => ({ key, ...written }))
    // Who knows of nothing yet need not be told of what is gone.
    const gone = after === 0 ? [] : [...removed]
    const changes = [...set, ...gone.map(([key, at]) => ({ key, value: null, revision: at }))]
      .filter(({ revision }) => revision > after)
      .toSorted((a, b) => a.revision - b.revision)
    return {
      changes: changes.slice(0, MAX_CHANGES_AT_ONCE),
      isIncomplete: after > 0 && after < forgottenThrough,
      hasMore: changes.length > MAX_CHANGES_AT_ONCE,
    }
  }

  report(): Read<typeof entriesShape> {
    return [...this.#contents.values()].map((content) => ({
      ...content,
      entries: [...content.entries].map(([key, written]) => ({ key, ...written })),
      removed: [...content.removed].map(([key, revision]) => ({ key, revision })),
    }))
  }

  restore(report: Read<typeof entriesShape>): void {
    const values = report.flatMap(({ entries }) => entries)
    this.#length = values.reduce((sum, { value }) => sum + value.length, 0)
    this.#contents = new Map(
      report.map(({ entries, removed, ...content }) => [
        keyOf(content.space, content.name),
        {
          ...content,
          entries: new Map(entries.map(({ key, ...written }) => [key, written])),
          removed: new Map(removed.map(({ key, revision }) => [key, revision])),
        },
      ]),
    )
  }
}

function newContent(space: Space, name: string): Content {
  return {
    space,
    name,
    entries: new Map(),
    removed: new Map(),
    forgottenThrough: 0,
    changedAt: 0,
  }
}

function unchanged(key: string, before: Written | undefined): Result {
  const entry = before === undefined ? null : { key, ...before }
  return { type: 'entry', isSet: false, entry }
}

function keyOf(space: Space, name: string): string {
  return `${space}/${name}`
}

function refused(reason: Refusal): Result {
  return { type: 'refused', reason }
}
