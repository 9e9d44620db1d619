/**
 * Whether files have changed since they were looked at last: another file in its place, other times,
 * another size. Must never miss a change that is made while its file is being read: whoever reads
 * looks first.
 */
import { stat } from 'node:fs/promises'

/** As a cheap question, to be asked again and again. */
export class FileVersions {
  readonly #paths: readonly string[]
  #seen: string

  private constructor(paths: readonly string[], seen: string) {
    this.#paths = paths
    this.#seen = seen
  }

  /** As they are now. What is `undefined` names none. */
  static async now(paths: readonly (string | undefined)[]): Promise<FileVersions> {
    const named = paths.filter((path) => path !== undefined)
    return new FileVersions(named, await versionsOf(named))
  }

  /** Whether there are none to look at. */
  get areNone(): boolean {
    return this.#paths.length === 0
  }

  /** Whether one has changed since this was asked last. */
  async haveChanged(): Promise<boolean> {
    const now = await versionsOf(this.#paths)
    const isOther = now !== this.#seen
    this.#seen = now
    return isOther
  }
}

async function versionsOf(paths: readonly string[]): Promise<string> {
  return (await Promise.all(paths.map(versionOf))).join('\n')
}

/** Through links: a secret of Kubernetes is replaced by turning one. */
async function versionOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
  } catch {
    return 'none'
  }
}
