/**
 * Tells who keeps state in a directory that others can change, which no lock and no checksum helps
 * against. Must never keep a node from starting: there are systems where it cannot be helped.
 */
import { stat } from 'node:fs/promises'

/** As a user may come to hear of it who gave no `warn`. */
export function emitWarning(message: string): void {
  process.emitWarning(message, { code: 'PAXOS_DIRECTORY_EXPOSED' })
}

/**
 * Who can write there can take the state away, put an older one in its place, or lay links.
 * `exposure` is what exposureOf() found.
 */
export function warnOfOthers(
  directory: string,
  exposure: string | null,
  warn: (message: string) => void,
): void {
  if (exposure === null) return
  warn(
    `Others than this user can change what is in ${directory}: ${exposure}. ` +
      'Let it belong to this user alone, with mode 700.',
  )
}

/** The permission of the group, and of everybody else, to write. */
const OTHERS_MAY_WRITE = 0o022

/** Why others than this user can change what is in it, in words; null when they cannot. */
export async function exposureOf(directory: string): Promise<string | null> {
  const user = process.geteuid?.()
  // Windows: its permissions are lists, and are not in the mode.
  if (user === undefined) return null
  const { mode, uid } = await stat(directory)
  if (uid !== user && uid !== 0) return `it belongs to user ${uid}, and this is user ${user}`
  if ((mode & OTHERS_MAY_WRITE) === 0) return null
  return `its mode is ${(mode & 0o7777).toString(8)}`
}
