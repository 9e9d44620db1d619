/**
 * The state machine: keys and values, changed by the commands of the log and by nothing else. Must
 * never depend on anything but those commands: every node has to come to the same state and results.
 */
import { CommandRefusedError } from '@paxos/replica'
import type { Answer, Change, Command, Entry, Page, Query, Result, Summary } from './commands.ts'
import { Digest } from './digest.ts'
import { MAX_PAGE_CHARACTERS } from './limits.ts'
import { readSnapshot, writeSnapshot } from './snapshot.ts'

/** Told of what changes, in the order of the log. */
export interface StoreListener {
  changed(change: Change): void
  /** The whole state was replaced by that of `through`: what lies between is not told. */
  replaced(through: number): void
}

const NOBODY: StoreListener = { changed: () => undefined, replaced: () => undefined }

/** The keys and values of one node. */
export class Store {
  readonly #listener: StoreListener
  readonly #entries = new Map<string, Entry>()
  /** Every key, ascending by UTF-16 code unit: the same order on every machine. */
  #keys: string[] = []
  #through = 0
  readonly #digest = new Digest()

  constructor(listener: StoreListener = NOBODY) {
    this.#listener = listener
  }

  /** The revision of the last command that was applied; 0 before the first. */
  get through(): number {
    return this.#through
  }

  apply(command: Command, revision: number): Result {
    requireKnown(command)
    this.#through = revision
    const { key, ifRevision } = command
    const present = this.#entries.get(key)
    const found = present?.revision ?? 0
    if (ifRevision !== undefined && ifRevision !== found) {
      return { type: 'revision-differs', revision: found }
    }
    switch (command.type) {
      case 'put':
        this.#put({ key, value: command.value, revision }, present)
        return { type: 'done', revision }
      case 'delete':
        if (present === undefined) return { type: 'absent' }
        this.#delete(present, revision)
        return { type: 'done', revision }
    }
  }

  query(query: Query): Answer {
    switch (query.type) {
      case 'get':
        return { type: 'entry', entry: this.#entries.get(query.key) ?? null }
      case 'list':
        return { type: 'page', page: this.#page(query) }
      case 'summary':
        return { type: 'summary', summary: this.#summary() }
    }
  }

  snapshot(): Uint8Array {
    return writeSnapshot({ through: this.#through, entries: this.#sorted() })
  }

  /** Throws, and changes nothing, when `bytes` are no snapshot. */
  restore(bytes: Uint8Array): void {
    const { through, entries } = readSnapshot(bytes)
    this.#entries.clear()
    this.#digest.clear()
    for (const entry of entries) {
      this.#entries.set(entry.key, entry)
      this.#digest.toggle(entry)
    }
    this.#keys = entries.map(({ key }) => key)
    this.#through = through
    this.#listener.replaced(through)
  }

  #put(entry: Entry, present: Entry | undefined): void {
    const { key, value, revision } = entry
    if (present === undefined) this.#keys.splice(this.#positionOf(key), 0, key)
    else this.#digest.toggle(present)
    this.#entries.set(key, entry)
    this.#digest.toggle(entry)
    this.#listener.changed({ key, value, revision })
  }

  #delete(present: Entry, revision: number): void {
    const { key } = present
    this.#keys.splice(this.#positionOf(key), 1)
    this.#entries.delete(key)
    this.#digest.toggle(present)
    this.#listener.changed({ key, value: null, revision })
  }

  /** Where `key` is among the keys, or where it would be. */
  #positionOf(key: string): number {
    let [low, high] = [0, this.#keys.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#keys[middle] ?? '') < key) low = middle + 1
      else high = middle
    }
    return low
  }

  #page({ prefix, after, limit }: Query & { type: 'list' }): Page {
    const entries: Entry[] = []
    let characters = 0
    const start = after === null || after < prefix ? prefix : after
    for (let at = this.#positionOf(start); at < this.#keys.length; at += 1) {
      const entry = this.#entryAt(at)
      if (entry === undefined || !entry.key.startsWith(prefix)) break
      if (entry.key === after) continue
      characters += entry.key.length + entry.value.length
      const isFull = entries.length === limit || characters > MAX_PAGE_CHARACTERS
      if (isFull && entries.length > 0) return { entries, next: entries.at(-1)?.key ?? null }
      entries.push(entry)
    }
    return { entries, next: null }
  }

  #summary(): Summary {
    return { through: this.#through, count: this.#keys.length, digest: this.#digest.hex }
  }

  #sorted(): Entry[] {
    return this.#keys.flatMap((key) => this.#entries.get(key) ?? [])
  }

  #entryAt(position: number): Entry | undefined {
    const key = this.#keys[position]
    return key === undefined ? undefined : this.#entries.get(key)
  }
}

/**
 * Refused before anything is changed, on every node: all of them must have one version before a
 * command of a new type is used.
 */
function requireKnown({ type }: { readonly type: string }): void {
  if (type === 'put' || type === 'delete') return
  throw new CommandRefusedError(
    `The command has the unknown type ${JSON.stringify(type)}. Upgrade every node.`,
  )
}
