/**
 * What a host may hand to the engine. It must refuse here, loudly, what could not travel later.
 */
import type { NodeId } from '../ballot.ts'
import type { Slot, StagedSnapshot } from '../durability.ts'
import { InvalidArgumentError } from '../errors.ts'
import { MAX_VALUE_BYTES } from '../limits.ts'
import { encodeUtf8 } from '../wire/utf8.ts'
import { MAX_BATCH_VALUES, MAX_REASON_BYTES, PAGE_BYTES } from './limits.ts'
import { membersEntryIn } from './entry.ts'
import type { Electorate } from './electorate.ts'
import type { IsValue } from './options.ts'
import { batchBytes } from './phase2.ts'

/** Whether values may travel in one message. */
export function isBatch(values: readonly Uint8Array[]): boolean {
  return (
    values.length > 0 &&
    values.length <= MAX_BATCH_VALUES &&
    values.every(({ length }) => length <= MAX_VALUE_BYTES) &&
    (values.length === 1 || batchBytes(values) <= PAGE_BYTES)
  )
}

/** Throws InvalidArgumentError for values that do not fit in one message, or are none. */
export function checkBatch(values: readonly Uint8Array[], isValue: IsValue): void {
  if (values.length < 1 || values.length > MAX_BATCH_VALUES) {
    throw new InvalidArgumentError(
      `${values.length} values are no batch. Give 1 to ${MAX_BATCH_VALUES}.`,
    )
  }
  if (values.some(({ length }) => length > MAX_VALUE_BYTES)) {
    throw new InvalidArgumentError(
      `A value has more than ${MAX_VALUE_BYTES} bytes. Split it, or store a reference to it.`,
    )
  }
  if (values.length > 1 && batchBytes(values) > PAGE_BYTES) {
    throw new InvalidArgumentError(
      `Several values take more than ${PAGE_BYTES} bytes together. Give fewer at a time.`,
    )
  }
  if (values.length > 1 && values.some((value) => membersEntryIn(value) !== null)) {
    throw new InvalidArgumentError(
      'A members entry stands among other values, and what is behind it waits for it to be chosen. ' +
        'Give it alone.',
    )
  }
  const wrong = values.findIndex((value) => !isValue(value))
  if (wrong >= 0) {
    throw new InvalidArgumentError(
      `Value ${wrong + 1} of ${values.length} is none that this log may hold: isValue refuses it. ` +
        'Encode it as the host does.',
    )
  }
}

/**
 * As much of `reason` as a message carries, in whole characters: it may name whom an operator wrote,
 * and what is too long for a frame must not stop the node that says it.
 */
export function carriedReason(reason: string): string {
  let [carried, bytes] = ['', 0]
  for (const character of reason) {
    bytes += encodeUtf8(character).length
    if (bytes > MAX_REASON_BYTES) break
    carried += character
  }
  return carried
}

/** Throws InvalidArgumentError for a node that cannot pass anything on. */
export function checkRelay(node: NodeId, id: NodeId, electorate: Electorate): void {
  if (node !== id && electorate.isVoter(node)) return
  throw new InvalidArgumentError(
    `Node ${JSON.stringify(node)} cannot relay for ${JSON.stringify(id)}: only another acceptor ` +
      'can. Name one of those, or null.',
  )
}

/** Throws InvalidArgumentError for a node that cannot take over. */
export function checkSuccessor(node: NodeId, id: NodeId, electorate: Electorate): void {
  if (node !== id && electorate.isVoter(node)) return
  throw new InvalidArgumentError(
    `Node ${JSON.stringify(node)} cannot take over from ${JSON.stringify(id)}: only another ` +
      'acceptor can. Name one of those.',
  )
}

/** A snapshot that the host has taken: its bytes, or where they are. */
export type TakenSnapshot =
  | { readonly through: Slot; readonly bytes: Uint8Array }
  | { readonly through: Slot; readonly staged: StagedSnapshot }

/** Throws InvalidArgumentError for a snapshot of what is not known, or that cannot travel. */
export function checkSnapshot(
  taken: TakenSnapshot,
  toldThrough: Slot,
  maxSnapshotBytes: number,
): void {
  const { through } = taken
  const length = 'staged' in taken ? taken.staged.byteLength : taken.bytes.length
  if (!Number.isSafeInteger(through) || through < 1 || through > toldThrough) {
    throw new InvalidArgumentError(
      `A snapshot through slot ${through} is not of what was told as chosen, which ends at ` +
        `${toldThrough}. Name the last slot that was applied.`,
    )
  }
  if (length > maxSnapshotBytes) {
    throw new InvalidArgumentError(
      `A snapshot has more than ${maxSnapshotBytes} bytes. Keep less state, or several logs.`,
    )
  }
}
