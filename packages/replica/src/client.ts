/**
 * Of what a client of a replicated state machine is made, in this process or in another: the same
 * checks of arguments, the same waits, the same streams of events. For @paxos/remote; an application
 * needs none of it, and no release promises that it stays as it is.
 */
export { onAbort } from './abort.ts'
export { requireBoolean, requirePositive, requireWait } from './arguments.ts'
export { requireConsistency, requireFits, ticketOf } from './call-arguments.ts'
export { ClientSession } from './client-session.ts'
export type { Ticket } from './client-session.ts'
export { encodeReadably, isBytes, jsonOrNothing } from './codec.ts'
export { isComposition } from './compose.ts'
export type {
  AnswerOf,
  CommandOf,
  ComposedCommand,
  ComposedQuery,
  ComposedResult,
  QueryOf,
  ResultOf,
} from './composed-types.ts'
export { EventStream } from './event-stream.ts'
export { Outcome } from './outcome.ts'
export { addParts } from './parts.ts'
export { Watchers } from './watchers.ts'
export { asError, wordsOf } from './words.ts'
