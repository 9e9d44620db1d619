/**
 * Tells who keeps state in a directory that others can change, which no lock and no checksum helps
 * against. Must never keep a node from starting: there are systems where it cannot be helped.
 */
import type { FileSystem } from './file-system.ts'

/** As a user may come to hear of it who gave no `warn`. */
export function emitWarning(message: string): void {
  process.emitWarning(message, { code: 'PAXOS_DIRECTORY_EXPOSED' })
}

/** Who can write there can take the state away, put an older one in its place, or lay links. */
export async function warnOfOthers(
  fs: FileSystem,
  directory: string,
  warn: (message: string) => void,
): Promise<void> {
  const exposure = await fs.exposure(directory)
  if (exposure === null) return
  warn(
    `Others than this user can change what is in ${directory}: ${exposure}. ` +
      'Let it belong to this user alone, with mode 700.',
  )
}
