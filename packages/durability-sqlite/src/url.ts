/**
 * The same adapter, for a program that is told by a URL where to keep its state. It must never take
 * a URL for another place than the one that is meant: what is unclear is refused.
 */
import { InvalidArgumentError, type Durability } from '@paxos/core'
import { sqlite, type SqliteOptions } from './sqlite.ts'

/**
 * The state of one acceptor in the database that `url` names: what follows 'sqlite:' is a path as
 * it is written, relative to the working directory or not (sqlite:./a.db, sqlite:/var/lib/a.db).
 * An absolute path may follow '//' too (sqlite:///var/lib/a.db). Throws InvalidArgumentError for
 * anything else.
 */
export function fromUrl(url: string, options: SqliteOptions = {}): Durability {
  return sqlite(pathOf(url), options)
}

function pathOf(url: string): string {
  if (!/^sqlite:/i.test(url)) throw malformed(url, "does not begin with 'sqlite:'")
  const rest = url.slice('sqlite:'.length)
  const path = rest.replace(/^\/\//, '')
  if (path === '' || path === '/') throw malformed(url, 'names no file')
  if (path !== rest && !path.startsWith('/')) throw malformed(url, 'names a host')
  return path
}

function malformed(url: string, what: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `${JSON.stringify(url)} ${what}. Write sqlite:./a.db or sqlite:///var/lib/a.db.`,
  )
}
