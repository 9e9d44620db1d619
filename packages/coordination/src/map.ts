/**
 * A map: values by key, with compare-and-set, and a watch that goes on from a revision. Must never let who
 * watches miss a key without saying so.
 */
import type { Json } from '@paxos/replica'
import { requireInteger, requireName, requireWait } from './arguments.ts'
import type { Change } from './commands.ts'
import type { Context } from './context.ts'
import { RevisionTooOldError } from './errors.ts'
import { Follower } from './follow.ts'
import { textOf, valueOf } from './json-text.ts'
import { exchangeOf, versionedOf } from './register.ts'
import type { Exchange, Versioned } from './register.ts'
import type { CallOptions } from './source.ts'

/** A key, and what it has. */
export interface MapEntry extends Versioned {
  readonly key: string
}

/** A key that has another value, or `undefined` for none. */
export interface MapChange {
  readonly key: string
  readonly value: Json | undefined
  readonly revision: number
}

export interface ChangeOptions extends CallOptions {
  /** The change is made only if this is the revision of what the key has; 0 for nothing. */
  readonly expected?: number | undefined
}

export interface WatchOptions extends Pick<CallOptions, 'signal'> {
  /** The watch begins behind this revision. Default: 0, so with everything that there is. */
  readonly after?: number | undefined
}

export class SharedMap {
  readonly #context: Context
  readonly #name: string

  constructor(context: Context, name: string) {
    this.#context = context
    this.#name = name
  }

  /** What `key` has, or `null`: everything that was answered before is seen. */
  async get(key: string, options: CallOptions = {}): Promise<Versioned | null> {
    requireWait('get', options)
    requireName('The key', key)
    const asked = { type: 'entry', space: 'map', name: this.#name, key } as const
    const { entry } = await this.#context.ask(asked, options)
    return entry === null ? null : versionedOf(entry)
  }

  /** Everything that there is, in the order of the changes. */
  async entries(options: CallOptions = {}): Promise<readonly MapEntry[]> {
    requireWait('entries', options)
    const entries: MapEntry[] = []
    for (let after = 0; ;) {
      const asked = { type: 'changes', space: 'map', name: this.#name, after } as const
      const { changes, hasMore } = await this.#context.ask(asked, options)
      for (const { key, value, revision } of changes) {
        if (value !== null) entries.push({ key, value: valueOf(value), revision })
      }
      const last = changes.at(-1)
      if (!hasMore || last === undefined) return newestOf(entries)
      after = last.revision
    }
  }

  /** Gives `key` the value; with `expected` only if the revision is that. */
  async set(key: string, value: Json, options: ChangeOptions = {}): Promise<Exchange> {
    requireWait('set', options, ['expected'])
    requireName('The key', key)
    const { expected, ...call } = options
    const what = { space: 'map', name: this.#name, key, value: textOf(value) } as const
    const command = { type: 'put', ...what, expected: expectedIn(expected) } as const
    return exchangeOf(await this.#context.change(command, call))
  }

  /** Takes `key` out, and says whether it did; with `expected` only if the revision is that. */
  async delete(key: string, options: ChangeOptions = {}): Promise<boolean> {
    requireWait('delete', options, ['expected'])
    requireName('The key', key)
    const { expected, ...call } = options
    const what = { space: 'map', name: this.#name, key, expected: expectedIn(expected) } as const
    return (await this.#context.change({ type: 'remove', ...what }, call)).isSet
  }

  /**
   * The changes behind a revision, in their order, and those to come; of a key that changed several times
   * in between, the newest. To go on after a break, give the revision of the last change that was seen.
   * Throws RevisionTooOldError when more than 1,024 keys were removed since: then begin with entries().
   */
  watch(options: WatchOptions = {}): AsyncIterableIterator<MapChange, void, undefined> {
    requireWait('watch', options, ['after'])
    let { after = 0 } = options
    requireInteger('after', after, 0, Number.MAX_SAFE_INTEGER)
    const { signal } = options
    let known: Change[] = []
    const look = async (isFirst: boolean) => {
      if (known.length === 0) {
        const asked = { type: 'changes', space: 'map', name: this.#name, after } as const
        const consistency = isFirst ? 'linearizable' : 'local'
        const { changes, isIncomplete } = await this.#context.ask(asked, { signal, consistency })
        if (isIncomplete) throw tooOld(after)
        known = [...changes]
      }
      const next = known.shift()
      if (next === undefined) return null
      after = next.revision
      const { key, value, revision } = next
      return { value: { key, value: value === null ? undefined : valueOf(value), revision } }
    }
    return new Follower(this.#context, look, signal)
  }
}

/** A key that changed while its pages were read stands twice. */
function newestOf(entries: readonly MapEntry[]): readonly MapEntry[] {
  const newest = new Map(entries.map((entry) => [entry.key, entry]))
  return [...newest.values()].toSorted((a, b) => a.revision - b.revision)
}

function expectedIn(expected: number | undefined): number | null {
  if (expected === undefined) return null
  requireInteger('expected', expected, 0, Number.MAX_SAFE_INTEGER)
  return expected
}

function tooOld(after: number): RevisionTooOldError {
  return new RevisionTooOldError(
    `What was removed since revision ${after} is forgotten. Read entries(), and watch from there on.`,
  )
}
