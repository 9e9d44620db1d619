/**
 * The same adapter, for a program that is told by a URL where to keep its state. It must never take
 * a URL for another place than the one that is meant: what is unclear is refused.
 */
import { InvalidArgumentError, type Durability } from '@paxos/core'
import { fileURLToPath } from 'node:url'
import { file, type FileOptions } from './file.ts'

/**
 * The state of one acceptor in the directory of `url`: 'file:' and a path as it is written, relative
 * to the working directory or not (file:./a, file:/var/lib/a), or a whole file URL, in which
 * characters may be percent-encoded (file:///var/lib/a). Throws InvalidArgumentError for anything
 * else.
 */
export function fromUrl(url: string, options: FileOptions = {}): Durability {
  return file(directoryOf(url), options)
}

function directoryOf(url: string): string {
  if (!/^file:/i.test(url)) throw malformed(url, "does not begin with 'file:'")
  const path = url.slice('file:'.length)
  if (path === '' || path === '//') throw malformed(url, 'names no directory')
  if (!path.startsWith('//')) return path
  if (/[?#]/.test(path)) throw malformed(url, 'has a query or a fragment')
  try {
    return fileURLToPath(url)
  } catch (error) {
    throw malformed(url, 'names no path on this machine', { cause: error })
  }
}

function malformed(url: string, what: string, options?: ErrorOptions): InvalidArgumentError {
  return new InvalidArgumentError(
    `${JSON.stringify(url)} ${what}. Write file:./data or file:///var/lib/data.`,
    options,
  )
}
