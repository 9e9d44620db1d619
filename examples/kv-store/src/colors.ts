/**
 * Colours, where they are wanted: on a terminal that has them, or by FORCE_COLOR; never with
 * NO_COLOR. Not left to the library, which colours whatever runs where CI is set.
 */
import picocolors from 'picocolors'

const { NO_COLOR, FORCE_COLOR } = process.env

/** An empty variable counts as none (no-color.org). */
function isSet(variable: string | undefined): boolean {
  return variable !== undefined && variable !== ''
}

function areWanted(): boolean {
  if (isSet(NO_COLOR)) return false
  if (isSet(FORCE_COLOR)) return true
  return process.stdout.isTTY ? process.stdout.hasColors() : false
}

/** What each kind of text looks like; as it is, where colours are not wanted. */
export const colors = picocolors.createColors(areWanted())
