/**
 * What follows when a node itself stood still for a time: stopped, suspended, or busy with something
 * that let nothing else run. It must never take the others for silent because of that.
 */

/** For how long until `nowMs` a node could not hear. */
export interface Absence {
  readonly awayMs: number
  readonly nowMs: number
}

/**
 * When somebody counts as silent who would have at `deadlineMs`: as much later as the node was away,
 * and not before it had a quarter of the window to read what has come in meanwhile.
 */
export function excused(deadlineMs: number, { awayMs, nowMs }: Absence, windowMs: number): number {
  return Math.max(deadlineMs + awayMs, nowMs + windowMs / 4)
}
