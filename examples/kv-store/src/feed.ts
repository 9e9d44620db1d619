/**
 * The feed of changes: the newest of them, and those who watch. A watch is no more than a place in
 * it, so that a slow one costs nothing; when its place has been forgotten, it is told so. Must never
 * pass over a change without a word.
 */
import type { Change } from './commands.ts'
import { MAX_REMEMBERED_CHANGES, MAX_REMEMBERED_CHARACTERS, MAX_WATCHES } from './limits.ts'
import type { StoreListener } from './store.ts'

/** What a watch is told. */
export type Watched =
  | { readonly type: 'change'; readonly change: Change }
  /** Changes that it has not seen are forgotten here. Nothing comes after this. */
  | { readonly type: 'lagged' }

/** One watch. */
export interface Watch {
  /** It is told of everything that comes after this revision. */
  readonly after: number
  /**
   * The next change of a key with the prefix, once there is one; `null` when the watch is over.
   * To be called again only when the last call has resolved.
   */
  next(): Promise<Watched | null>
  /**
   * The changes behind that one which are there already, up to about `characters` of keys and
   * values; none when nothing is there yet, or is there no longer. Never waits.
   */
  more(characters: number): readonly Change[]
  /** Ends it. A call of next() that waits resolves with `null`. May be called again. */
  close(): void
}

/** How much is remembered. */
export interface FeedLimits {
  readonly changes: number
  readonly characters: number
  readonly watches: number
}

const LIMITS: FeedLimits = {
  changes: MAX_REMEMBERED_CHANGES,
  characters: MAX_REMEMBERED_CHARACTERS,
  watches: MAX_WATCHES,
}

/** The changes of one node, in the order in which they are applied. */
export class Feed implements StoreListener {
  readonly #limits: FeedLimits
  readonly #watches = new Set<FeedWatch>()
  /** By position: 0 for the first change since this node started, and so on. */
  readonly #changes = new Map<number, Change>()
  #characters = 0
  #end = 0
  /** The newest revision that is not remembered: who knows everything up to it can go on. */
  #forgottenThrough = 0
  #newest = 0
  #isClosed = false
  #isWaking = false

  constructor(limits: FeedLimits = LIMITS) {
    this.#limits = limits
  }

  get watches(): number {
    return this.#watches.size
  }

  changed(change: Change): void {
    this.#changes.set(this.#end, change)
    this.#end += 1
    this.#characters += sizeOf(change)
    this.#newest = change.revision
    const { changes, characters } = this.#limits
    for (const [position, oldest] of this.#changes) {
      if (this.#changes.size <= changes && this.#characters <= characters) break
      this.#changes.delete(position)
      this.#characters -= sizeOf(oldest)
      this.#forgottenThrough = oldest.revision
    }
    this.#wakeSoon()
  }

  replaced(through: number): void {
    this.#changes.clear()
    this.#characters = 0
    // No watch may stand at the end as if it had seen what lies between.
    this.#end += 1
    this.#forgottenThrough = through
    this.#newest = through
    this.#wakeSoon()
  }

  /**
   * Watches the keys that begin with `prefix`, from the revision behind `after` on, or from now on.
   * `null` when there are too many watches, and after close().
   */
  watch(prefix: string, after: number = this.#newest): Watch | null {
    if (this.#isClosed || this.#watches.size >= this.#limits.watches) return null
    const watch: FeedWatch = new FeedWatch(prefix, after, this.#positionBehind(after), {
      at: (position) => this.#at(position),
      closed: () => this.#watches.delete(watch),
    })
    this.#watches.add(watch)
    return watch
  }

  /** Ends every watch, for good. */
  close(): void {
    this.#isClosed = true
    for (const watch of this.#watches) watch.close()
  }

  #at(position: number): Change | 'end' | 'forgotten' {
    return this.#changes.get(position) ?? (position === this.#end ? 'end' : 'forgotten')
  }

  #positionBehind(revision: number): number {
    if (revision < this.#forgottenThrough) return -1
    for (const [position, change] of this.#changes) if (change.revision > revision) return position
    return this.#end
  }

  /** Once for all changes that are applied at once: each look at the feed costs every watch. */
  #wakeSoon(): void {
    if (this.#isWaking || this.#watches.size === 0) return
    this.#isWaking = true
    setImmediate(() => {
      this.#isWaking = false
      for (const watch of this.#watches) watch.wake()
    })
  }
}

interface Source {
  readonly at: (position: number) => Change | 'end' | 'forgotten'
  readonly closed: () => void
}

class FeedWatch implements Watch {
  readonly after: number
  readonly #prefix: string
  readonly #source: Source
  #position: number
  #isOver = false
  #wake: () => void = () => undefined

  constructor(prefix: string, after: number, position: number, source: Source) {
    this.#prefix = prefix
    this.after = after
    this.#position = position
    this.#source = source
  }

  async next(): Promise<Watched | null> {
    while (!this.#isOver) {
      const found = this.#source.at(this.#position)
      if (found === 'forgotten') {
        this.close()
        return { type: 'lagged' }
      }
      if (found === 'end') {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        continue
      }
      this.#position += 1
      if (this.#concerns(found)) return { type: 'change', change: found }
    }
    return null
  }

  more(characters: number): readonly Change[] {
    const changes: Change[] = []
    for (let left = characters; left > 0 && !this.#isOver; left -= CHARACTERS_OF_A_LOOK) {
      const found = this.#source.at(this.#position)
      // What is forgotten is told by next().
      if (found === 'end' || found === 'forgotten') break
      this.#position += 1
      if (!this.#concerns(found)) continue
      changes.push(found)
      left -= sizeOf(found)
    }
    return changes
  }

  wake(): void {
    this.#wake()
  }

  close(): void {
    this.#isOver = true
    this.#source.closed()
    this.#wake()
  }

  #concerns({ revision, key }: Change): boolean {
    // A node that is behind the one where the watch began has yet to apply what it has seen.
    return revision > this.after && key.startsWith(this.#prefix)
  }
}

/** What a change costs beside its characters, measured in characters. */
const CHARACTERS_OF_A_LOOK = 32

function sizeOf({ key, value }: Change): number {
  return key.length + (value?.length ?? 0)
}
