/**
 * Assertions of what must be true. They stay on in production: a node that stops is a crash, which
 * Paxos survives; a node that goes on from an impossible state may not be.
 */
import { InvariantError } from './errors.ts'

/** Throws InvariantError unless `condition` holds. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) {
    throw new InvariantError(`Impossible state: ${message}. Stop this node and report the trace.`)
  }
}
