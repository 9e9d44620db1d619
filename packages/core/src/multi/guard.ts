/**
 * Which messages are believed, before anything is done with them. The codec has checked their form;
 * this checks what no honest node would say. It must never let through a ballot that speaks for
 * another node, a number that would use up the rounds or the slots, nor a value that is none.
 */
import type { NodeId } from '../ballot.ts'
import type { Disbelief } from '../effects.ts'
import { DecodeError } from '../errors.ts'
import type { Envelope } from '../message.ts'
import { Ceiling, highestRound, isFromOwner } from '../rounds.ts'
import type { LogAcceptor } from './acceptor.ts'
import type { MultiPaxosMessage } from './effects.ts'
import { viewEntry } from './entry.ts'
import { SLOTS_STEP } from './limits.ts'
import type { IsValue } from './options.ts'

/** Every type of message that MultiPaxos understands. */
const TYPES: Readonly<Record<MultiPaxosMessage['type'], true>> = {
  nack: true,
  logPrepare: true,
  logPromise: true,
  logAccept: true,
  logAccepted: true,
  logHeartbeat: true,
  logHeartbeatAnswer: true,
  campaign: true,
  support: true,
  handOver: true,
  forward: true,
  forwardRefused: true,
  readIndex: true,
  readIndexAnswer: true,
  fetchEntries: true,
  fetched: true,
  fetchSnapshot: true,
  snapshotChunk: true,
  introduction: true,
  introductionAnswer: true,
}

/** Whether a message off the wire is for MultiPaxos, and not for the engine of a single decree. */
export function isMultiPaxosMessage(message: Envelope['message']): message is MultiPaxosMessage {
  return Object.hasOwn(TYPES, message.type)
}

/** Whether `value` is an entry that this version knows. For MultiPaxosOptions.isValue. */
export function isEntry(value: Uint8Array): boolean {
  try {
    viewEntry(value)
    return true
  } catch (error) {
    if (error instanceof DecodeError) return false
    throw error
  }
}

/** What one node believes. */
export class Guard {
  readonly #rounds: Ceiling
  readonly #slots: Ceiling
  readonly #isValue: IsValue

  /** `acceptor` as it starts: it holds what is durable. */
  constructor({ promised, chosenThrough, log }: LogAcceptor, isValue: IsValue) {
    this.#rounds = new Ceiling(promised?.round ?? 0)
    this.#slots = new Ceiling(Math.max(chosenThrough, log.last), SLOTS_STEP)
    this.#isValue = isValue
  }

  /** Why `from` would not say this; `null` when it may. */
  doubt(from: NodeId, message: MultiPaxosMessage, nowMs: number): Disbelief | null {
    if (!isFromOwner(from, message)) return 'owner'
    if (!this.#rounds.admits(highestRound(message), nowMs)) return 'round'
    if (!this.#slots.admits(highestSlot(message), nowMs)) return 'slot'
    return this.#hasOnlyValues(message) ? null : 'value'
  }

  #hasOnlyValues(message: MultiPaxosMessage): boolean {
    // Of these each is looked at, for who hands over what is none has to be told.
    if (message.type === 'forward') return true
    if ('values' in message) return message.values.every((value) => this.#isValue(value))
    if ('entries' in message) return message.entries.every(({ value }) => this.#isValue(value))
    return true
  }
}

/** The highest slot that a message names; those of its values and entries are counted from these. */
function highestSlot(message: MultiPaxosMessage): number {
  return Math.max(
    'from' in message ? message.from : 0,
    'next' in message ? message.next : 0,
    'base' in message ? message.base : 0,
    'first' in message ? message.first : 0,
    'through' in message ? message.through : 0,
    'slot' in message ? message.slot : 0,
    'chosenThrough' in message ? message.chosenThrough : 0,
    'compactedThrough' in message ? message.compactedThrough : 0,
    'version' in message ? (message.version ?? 0) : 0,
    'storedThrough' in message ? (message.storedThrough ?? 0) : 0,
    'complete' in message ? (message.complete ?? 0) : 0,
  )
}
