/**
 * What the sessions remember of a command: its result, or why it has none. These bytes are part of
 * the replicated state and of snapshots: equal outcomes are equal bytes on every node, so nothing of
 * an error is kept but its words. Must never read a failure as a result, nor one as the other.
 */
import { DecodeError } from '@paxos/core'
import { AlreadyAnsweredError, CommandFailedError, CommandRefusedError } from './errors.ts'

/** The first byte: a number that was once released must never change its meaning. */
const FORM = { result: 1, refused: 2, failed: 3, notKept: 4 } as const

/** What became of a command. */
export type StoredResult =
  | { readonly type: 'result'; readonly bytes: Uint8Array }
  /** The state machine refused it, and had changed nothing. */
  | { readonly type: 'refused'; readonly message: string }
  /** It was undone. */
  | { readonly type: 'failed'; readonly message: string }
  /** It was applied, or refused, beside others whose results left no room for its own. */
  | { readonly type: 'not-kept' }

export const NOT_KEPT = { type: 'not-kept' } as const

export function encodeStored(stored: StoredResult): Uint8Array {
  if (stored.type === 'not-kept') return Uint8Array.of(FORM.notKept)
  const content = stored.type === 'result' ? stored.bytes : new TextEncoder().encode(stored.message)
  const bytes = new Uint8Array(1 + content.byteLength)
  bytes[0] = FORM[stored.type]
  bytes.set(content, 1)
  return bytes
}

/** Throws DecodeError for anything else than encodeStored() returned. */
export function decodeStored(bytes: Uint8Array): StoredResult {
  const [form, content] = [bytes[0], bytes.subarray(1)]
  if (form === FORM.result) return { type: 'result', bytes: content }
  const message = new TextDecoder().decode(content)
  if (form === FORM.refused) return { type: 'refused', message }
  if (form === FORM.failed) return { type: 'failed', message }
  if (form === FORM.notKept && content.length === 0) return NOT_KEPT
  throw new DecodeError('A stored result has an unknown form. Upgrade this node.')
}

/** A failure as its caller is told it: always from the stored words, so that all are told the same. */
export function errorOf(
  stored: Exclude<StoredResult, { readonly type: 'result' }>,
  cause: unknown,
): CommandRefusedError | CommandFailedError | AlreadyAnsweredError {
  if (stored.type === 'not-kept') {
    return new AlreadyAnsweredError(
      'The command met its slot, and its result was too large to be kept with those beside it. ' +
        'Read the state to see what came of it.',
    )
  }
  const { type, message } = stored
  const options = cause === undefined ? {} : { cause }
  return type === 'refused'
    ? new CommandRefusedError(message, options)
    : new CommandFailedError(message, options)
}
