/**
 * The resource that the job writes to: a table of SQLite that any process may open, and that knows the
 * highest token it has seen. Must never take a write with a token below that one, unless it was opened to
 * show what happens then.
 */
import Database from 'better-sqlite3'

/** What the job has to say about one due time. */
export interface Entry {
  /** For which time it is, in milliseconds since 1970. */
  readonly dueMs: number
  /** Of the lock that it was written under. */
  readonly token: number
  readonly author: string
}

export type Outcome =
  | { readonly type: 'accepted' }
  /** Somebody with a higher token has written. */
  | { readonly type: 'refused'; readonly highestToken: number }

export interface FencedTableOptions {
  /** Whether a lower token is refused. Default: true. */
  readonly checksToken?: boolean | undefined
}

/** How long one waits for another process that writes, in milliseconds. */
const BUSY_TIMEOUT_MS = 5000

/**
 * `reports` is the data, one row for each due time. `fence` is what refuses. `history` has every write that
 * was accepted, in order, so that one can tell afterwards.
 */
const SCHEMA = `
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS reports (
    due_ms INTEGER PRIMARY KEY, token INTEGER NOT NULL, author TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS fence (
    id INTEGER PRIMARY KEY CHECK (id = 1), highest_token INTEGER NOT NULL
  ) STRICT;
  INSERT OR IGNORE INTO fence VALUES (1, 0);
  CREATE TABLE IF NOT EXISTS history (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    due_ms INTEGER NOT NULL, token INTEGER NOT NULL, author TEXT NOT NULL
  ) STRICT;
  COMMIT;
`

export class FencedTable {
  readonly #database: Database.Database
  readonly #write: Database.Transaction<(entry: Entry) => Outcome>

  /** Makes the table where there is none. Throws what SQLite cannot do. */
  constructor(path: string, { checksToken = true }: FencedTableOptions = {}) {
    const database = new Database(path, { timeout: BUSY_TIMEOUT_MS })
    this.#database = database
    database.exec(SCHEMA)
    const highest = database.prepare<[], number>('SELECT highest_token FROM fence').pluck()
    const raise = database.prepare<Entry>(
      'UPDATE fence SET highest_token = max(highest_token, @token)',
    )
    const report = database.prepare<Entry>(
      `INSERT INTO reports VALUES (@dueMs, @token, @author)
       ON CONFLICT (due_ms) DO UPDATE SET token = @token, author = @author`,
    )
    const remember = database.prepare<Entry>(
      'INSERT INTO history (due_ms, token, author) VALUES (@dueMs, @token, @author)',
    )
    this.#write = database.transaction((entry: Entry): Outcome => {
      const highestToken = highest.get() ?? 0
      if (checksToken && entry.token < highestToken) return { type: 'refused', highestToken }
      raise.run(entry)
      report.run(entry)
      remember.run(entry)
      return { type: 'accepted' }
    })
  }

  /**
   * Writes what is to be said of a due time, in place of what was there. The token is looked at and the row
   * written in one transaction, which nobody can come in between of.
   */
  write(entry: Entry): Outcome {
    return this.#write.immediate(entry)
  }

  /** What stands in the table, by due time. */
  reports(): readonly Entry[] {
    return this.#database
      .prepare<[], Entry>('SELECT due_ms AS dueMs, token, author FROM reports ORDER BY due_ms')
      .all()
  }

  /** Every write that was accepted, in order. */
  history(): readonly Entry[] {
    return this.#database
      .prepare<[], Entry>('SELECT due_ms AS dueMs, token, author FROM history ORDER BY position')
      .all()
  }

  close(): void {
    this.#database.close()
  }
}

/** Those that were accepted after one with a higher token: a fenced table has none. */
export function lateWrites(history: readonly Entry[]): readonly Entry[] {
  let highest = -Infinity
  return history.filter(({ token }) => {
    const isLate = token < highest
    highest = Math.max(highest, token)
    return isLate
  })
}
