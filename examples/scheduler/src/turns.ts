/**
 * In which order processes got a lock that has no token, for the audit of the drill alone: no resource
 * refuses anything by it, because nobody but this machine could count so.
 */
import Database from 'better-sqlite3'

export class Turns {
  readonly #database: Database.Database

  constructor(path: string) {
    this.#database = new Database(path, { timeout: 5000 })
    this.#database.exec(
      'CREATE TABLE IF NOT EXISTS turns (turn INTEGER PRIMARY KEY AUTOINCREMENT) STRICT',
    )
  }

  /** Grows from call to call, in whichever process. */
  next(): number {
    return Number(this.#database.prepare('INSERT INTO turns DEFAULT VALUES').run().lastInsertRowid)
  }

  close(): void {
    this.#database.close()
  }
}
