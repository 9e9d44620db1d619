/**
 * The database of one acceptor, opened, and the order in which it is written. One save goes like
 * this: checked at once; with others, as one transaction, committed, which syncs the log; marked,
 * which syncs the mark; answered.
 *
 * Must never answer a save before both syncs, and never write after anything failed.
 */
import type { Change } from '@paxos/core'
import { encodeChange, type EncodedChange } from './change.ts'
import { checkpoint, type OpenDatabase } from './database.ts'
import { asPaxosError, withRealCause } from './failure.ts'
import type { FileSystem } from './files.ts'
import { GroupCommit } from './group-commit.ts'
import type { Place } from './place.ts'
import { commitGroup } from './transaction.ts'

export class Store {
  readonly #database: OpenDatabase
  readonly #fs: FileSystem
  readonly #path: string
  readonly #place: Place
  readonly #commit: GroupCommit<EncodedChange>

  constructor(database: OpenDatabase, fs: FileSystem, path: string, place: Place) {
    this.#database = database
    this.#fs = fs
    this.#path = path
    this.#place = place
    this.#commit = new GroupCommit((group) => this.#write(group))
  }

  /** As in the contract. A change that cannot be stored leaves a gap, so nothing follows it. */
  async save(change: Change): Promise<void> {
    if (this.#commit.poisoned) throw this.#commit.poison(null)
    let encoded: EncodedChange
    try {
      encoded = encodeChange(change)
    } catch (error) {
      this.#commit.poison(error)
      throw error
    }
    await this.#commit.add(encoded)
  }

  /** Waits for running saves. The mark is closed even when it rejects. */
  async close(): Promise<void> {
    try {
      await this.#commit.settled()
      if (this.#commit.poisoned) return
      await checkpoint(this.#database.connection, this.#path)
    } finally {
      await this.#database.mark.close()
    }
  }

  async #write(group: readonly EncodedChange[]): Promise<void> {
    const { connection, mark, state } = this.#database
    try {
      // Before, so as not to write where another may; and after, so that nobody hears of it in vain.
      await this.#requireHeld()
      await commitGroup(connection, state, group)
      await mark.write(state.generation)
      await this.#requireHeld()
    } catch (error) {
      const cause = await withRealCause(error, () => this.#fs.tryToWrite(`${this.#path}-probe`))
      throw asPaxosError(cause, 'save', this.#path)
    }
  }

  async #requireHeld(): Promise<void> {
    try {
      await this.#place.requireHeld()
    } catch (error) {
      // A thread that died has taken its log along: then that is the reason, and this says it.
      await this.#database.connection.run([])
      throw error
    }
  }
}
