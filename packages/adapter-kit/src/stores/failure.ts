/**
 * What a medium says, as an error that a person can act on, and what a store itself has to say.
 * Must never hide the original: it is the cause.
 */
import { DurabilityError, PaxosError } from '@paxos/core'
import { errorCode } from '../error-code.ts'

/** What the store was about when something went wrong. */
export type Doing = 'open' | 'save' | 'close'

/** What an error code means: what is wrong, without a full stop, and a sentence with the way out. */
export type Sentences = Readonly<Record<string, readonly [what: string, wayOut: string]>>

/**
 * `error` itself when it is a PaxosError, else a DurabilityError about `name` that carries it, in
 * the words that its code has in `sentences`. `answered` begins the words for every other code.
 */
export function asPaxosError(
  error: unknown,
  doing: Doing,
  name: string,
  sentences: Sentences = {},
  answered = 'the system answered',
): PaxosError {
  if (error instanceof PaxosError) return error
  const code = errorCode(error)
  const [what, wayOut] = sentences[code] ?? [
    `${answered} ${code}`,
    'See the cause of this error, then open it again.',
  ]
  return new DurabilityError(
    'ERR_PAXOS_DURABILITY_FAILED',
    `Could not ${doing} ${name}: ${what}. ${wayOut}`,
    { cause: error },
  )
}

/**
 * What is wrong, and what can be done. Not: start afresh, before the others know. A backup forgets what
 * was promised since, and nobody can tell; an empty disk is another incarnation, and has to be taken in.
 * `place` is what must not be empty.
 */
export function damagedMessage(what: string, place = 'directory'): string {
  return (
    `${what}. Keep this node off, and never start it with an empty ${place} or a backup, which ` +
    'have forgotten what it promised: the others go on while a majority of the members runs. ' +
    'Bring the disk back as it was at the last save, and start this node again. Where it is lost for ' +
    `good, call replaceMember() on another node of a Replica, and then start this one with an empty ${place}.`
  )
}

/** What is written no longer goes where the next open looks for it. `parts`: what else may be gone. */
export function lostError(name: string, parts = 'its lock was'): DurabilityError {
  return new DurabilityError(
    'ERR_PAXOS_DURABILITY_FAILED',
    `Could not save ${name}: it was removed, moved or replaced while it was in use, or ${parts}, ` +
      'so that this save would be lost. Put it back as it was before this node starts again: an ' +
      'empty one has forgotten what this node promised.',
  )
}

/** What was called is not possible now. */
export function stateError(name: string, is: string, wayOut: string): DurabilityError {
  return new DurabilityError('ERR_PAXOS_DURABILITY_STATE', `${name} is ${is}. ${wayOut}`)
}
