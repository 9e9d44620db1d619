/**
 * What the replicas agree on and answer: the commands of the log with their results, and the
 * queries with their answers, as plain data that JSON can carry. A revision is the slot of the log
 * in which a key was last written: it is unique, and grows.
 */

/** Changes one key, if it still has the revision that is asked for. */
export type Command =
  | {
      readonly type: 'put'
      readonly key: string
      readonly value: string
      /** Only if the key has this revision now; 0: only if it is absent. Default: in any case. */
      readonly ifRevision?: number
    }
  | {
      readonly type: 'delete'
      readonly key: string
      /** As in a put. */
      readonly ifRevision?: number
    }

/** What a command did. */
export type Result =
  /** The key was written, or removed, and this is the revision of that. */
  | { readonly type: 'done'; readonly revision: number }
  /** Nothing was changed: the key has another revision, 0 if it is absent. */
  | { readonly type: 'revision-differs'; readonly revision: number }
  /** Nothing was changed: there was nothing to delete. */
  | { readonly type: 'absent' }

/** One key, and what it holds. */
export interface Entry {
  readonly key: string
  readonly value: string
  readonly revision: number
}

/** Asks for something, and changes nothing. */
export type Query =
  | { readonly type: 'get'; readonly key: string }
  | {
      readonly type: 'list'
      readonly prefix: string
      /** Begins behind this key, whether or not it exists. */
      readonly after: string | null
      /** At most this many entries. */
      readonly limit: number
    }
  | { readonly type: 'summary' }

/** Some entries, in the order of their keys. */
export interface Page {
  readonly entries: readonly Entry[]
  /** Where the next page begins, as its `after`; `null` when this is the last one. */
  readonly next: string | null
}

/** What two nodes that hold the same say of it in the same words. */
export interface Summary {
  /** The slot of the last command that was applied here. */
  readonly through: number
  readonly count: number
  /** SHA-256 over all entries, in the order of their keys, in hexadecimal. */
  readonly digest: string
}

export type Answer =
  | { readonly type: 'entry'; readonly entry: Entry | null }
  | { readonly type: 'page'; readonly page: Page }
  | { readonly type: 'summary'; readonly summary: Summary }

/** One key was written, or removed. */
export interface Change {
  readonly key: string
  /** `null` when it was removed. */
  readonly value: string | null
  readonly revision: number
}
