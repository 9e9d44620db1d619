/**
 * The time, such that processes of one machine can compare theirs.
 */

/** Milliseconds since 1970, with fractions. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now()
}
