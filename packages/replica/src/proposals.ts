/**
 * What this node wants in the log and has not seen applied: commands, and sessions to be opened.
 * Each is handed over as often as it takes (see `hand-over.ts`), and answered once; the sessions see to
 * it that it is applied once. Must never say that a command was not applied when it may have been, nor bring in
 * again what may have been.
 */
import { callerName, encodeEntry, REFUSED_HEAD_BYTES } from '@paxos/core/multi'
import type { SessionId, SessionSpace } from '@paxos/core/multi'
import { ClientSession } from './client-session.ts'
import type { Ticket } from './client-session.ts'
import { OverloadedError, SessionExpiredError } from './errors.ts'
import type { HandOver } from './hand-over.ts'
import { CALL_OVERHEAD_BYTES, MAX_PENDING_BYTES, MAX_WAITING_BYTES } from './limits.ts'
import type { Outcome } from './outcome.ts'
import { asError } from './words.ts'

/** A command that waits for its turn. */
interface Call<R> {
  readonly bytes: Uint8Array
  /** Of a session that the caller holds; `null` for this node's own. */
  readonly ticket: Ticket | null
  readonly outcome: Outcome<R>
}

interface PendingCommand<R> {
  readonly type: 'command'
  readonly ticket: Ticket
  readonly isOwn: boolean
  readonly bytes: Uint8Array
  /** Of everybody who asked for this very command. */
  readonly outcomes: Outcome<R>[]
}

interface PendingOpening {
  readonly type: 'opening'
  readonly space: SessionSpace
  readonly nonce: Uint8Array
  /** `null` when this node opens the session for itself. */
  readonly outcome: Outcome<string> | null
}

/** An entry that is on its way until it is seen applied. */
type Pending<R> = (PendingCommand<R> | PendingOpening) & { readonly value: Uint8Array }

/** What is known of a command: its result, that it was not applied (`null`), or why nobody can tell. */
type Recalled<R> = { readonly result: () => R } | Error | null

export interface ProposalsOptions<R> {
  /** Brings values into the log. */
  readonly handOver: Pick<HandOver, 'add' | 'settled' | 'forget'>
  /** What this node's state knows of a command. */
  readonly recall: (ticket: Ticket) => Recalled<R>
  /** The open session that was opened with `nonce`; `null` when there is none. */
  readonly openedBy: (space: SessionSpace, nonce: Uint8Array) => SessionId | null
  readonly nowMs: () => number
  /** SESSION_NONCE_BYTES that nobody can guess, and no other call returns, here or elsewhere. */
  readonly nonce: () => Uint8Array
  /** A session of this node that was idle for so long may have expired, and is not used again. */
  readonly renewSessionAfterMs: number
}

/** The proposals of one node. `R` is what commands result in. */
export class Proposals<R> {
  readonly #options: ProposalsOptions<R>
  readonly #pending = new Map<string, Pending<R>>()
  #calls: Call<R>[] = []
  #pendingBytes = 0
  #waitingBytes = 0
  #own: ClientSession | null = null
  #isOpeningOwn = false

  constructor(options: ProposalsOptions<R>) {
    this.#options = options
  }

  /** How many commands and openings are handed over and not seen applied. */
  get pending(): number {
    return this.#pending.size
  }

  /** What is handed over and what waits, in bytes. */
  get bytes(): number {
    return this.#pendingBytes + this.#waitingBytes
  }

  /** How many commands wait to be handed over. */
  get waiting(): number {
    return this.#calls.length
  }

  /**
   * Wants a command: of a session that a caller holds, or with `null` of this node's own. It waits
   * its turn while too many are on their way, and is rejected with OverloadedError when too many
   * wait.
   */
  propose(ticket: Ticket | null, bytes: Uint8Array, outcome: Outcome<R>): void {
    if (!this.#hasSpace(bytes.byteLength)) return outcome.reject(overloaded())
    const call = { ticket, bytes, outcome }
    this.#calls.push(call)
    this.#waitingBytes += callBytes(call)
    this.#admit()
  }

  /** Wants a session for a caller. Rejected as propose() is. */
  openSession(outcome: Outcome<string>): void {
    if (!this.#hasSpace(0)) return outcome.reject(overloaded())
    this.#open(outcome)
  }

  /** A session was opened, by whomever. */
  opened(space: SessionSpace, nonce: Uint8Array, session: SessionId): void {
    const pending = this.#remove(openingKey(space, nonce))
    if (pending?.type !== 'opening') return
    if (pending.outcome !== null) return pending.outcome.resolve(callerName(session))
    this.#isOpeningOwn = false
    this.#own = new ClientSession(session, this.#options.nowMs())
    this.#admit()
  }

  /** A session was not opened, for `reason`. One of this node's own is asked for again. */
  notOpened(space: SessionSpace, nonce: Uint8Array, reason: Error): void {
    const pending = this.#remove(openingKey(space, nonce))
    if (pending?.type !== 'opening') return
    if (pending.outcome !== null) return pending.outcome.reject(reason)
    this.#isOpeningOwn = false
    this.#admit()
  }

  /** A command was applied; now, or earlier and this is its result. */
  applied(session: SessionId, sequence: number, result: () => R): void {
    const pending = this.#removeCommand(session, sequence)
    if (pending === null) return
    for (const outcome of pending.outcomes) settle(outcome, result)
    this.#admit()
  }

  /**
   * A command was met and not applied, for `reason`. One of this node's own session, which is not
   * known any more, is tried again in a new one: no slot was missed in which it was applied.
   */
  refused(session: SessionId, sequence: number, reason: Error): void {
    const pending = this.#removeCommand(session, sequence)
    if (pending === null) return
    const isForgotten = reason instanceof SessionExpiredError
    if (isForgotten) this.#abandonOwn(session)
    if (isForgotten && pending.isOwn) this.#waitAgain(pending)
    else for (const outcome of pending.outcomes) outcome.reject(reason)
    this.#admit()
  }

  /**
   * The leader has refused what begins with one of `heads`, for `reason`: it is not handed over
   * again. Whether another leader took it before is not known. Its sequence is given up, and a later
   * command of the session says so.
   */
  refusedByLeader(heads: readonly Uint8Array[], reason: Error): void {
    const refused = new Set(heads.map((head) => head.join()))
    for (const [key, pending] of this.#pending) {
      if (!refused.has(pending.value.subarray(0, REFUSED_HEAD_BYTES).join())) continue
      if (pending.type === 'command') {
        this.#removeCommand(pending.ticket.session, pending.ticket.sequence)
        for (const outcome of pending.outcomes) outcome.reject(reason)
      } else {
        this.#remove(key)
        if (pending.outcome === null) this.#endWithoutSession(reason)
        else pending.outcome.reject(reason)
      }
    }
    this.#admit()
  }

  /** A snapshot stands for slots that were never seen: the state tells what was in them. */
  skipped(): void {
    const { recall, openedBy } = this.#options
    for (const pending of this.#pending.values()) {
      if (pending.type !== 'command') {
        const session = openedBy(pending.space, pending.nonce)
        if (session !== null) this.opened(pending.space, pending.nonce, session)
        continue
      }
      const { session, sequence } = pending.ticket
      const found = recall(pending.ticket)
      if (found instanceof Error) {
        this.#removeCommand(session, sequence)
        this.#abandonOwn(session)
        for (const outcome of pending.outcomes) outcome.reject(found)
      } else if (found !== null) this.applied(session, sequence, found.result)
    }
    this.#admit()
  }

  /** Forgets what nobody waits for. */
  tidy(): void {
    for (const [key, pending] of this.#pending) {
      if (!isAbandoned(pending)) continue
      this.#forget(key)
      this.#options.handOver.forget(pending.value)
    }
    this.#calls = this.#calls.filter(({ outcome }) => outcome.isAwaited)
    this.#waitingBytes = this.#calls.reduce((sum, call) => sum + callBytes(call), 0)
    this.#admit()
  }

  /** No answer will come any more. */
  end(error: Error): void {
    for (const pending of this.#pending.values()) {
      if (pending.type === 'opening') pending.outcome?.reject(error)
      else for (const outcome of pending.outcomes) outcome.reject(error)
    }
    for (const { outcome } of this.#calls) outcome.reject(error)
    this.#pending.clear()
    this.#calls = []
  }

  #hasSpace(bytes: number): boolean {
    return this.#waitingBytes + this.#pendingBytes + bytes <= MAX_WAITING_BYTES
  }

  /** Hands over as many of the waiting commands as may be on their way. */
  #admit(): void {
    for (let call = this.#calls[0]; call !== undefined; call = this.#calls[0]) {
      if (call.outcome.isAwaited && !this.#begin(call)) return
      this.#calls.shift()
      this.#waitingBytes -= callBytes(call)
    }
  }

  /** Whether its turn has come. */
  #begin({ ticket, bytes, outcome }: Call<R>): boolean {
    if (ticket !== null) {
      const same = this.#pending.get(commandKey(ticket.session, ticket.sequence))
      if (same?.type === 'command') return same.outcomes.push(outcome) > 0
      if (this.#answer(ticket, outcome)) return true
    }
    // A single command is never too large.
    const isFull =
      this.#pendingBytes > 0 && this.#pendingBytes + bytes.byteLength > MAX_PENDING_BYTES
    const taken = isFull ? null : (ticket ?? this.#ownTicket())
    if (taken === null) return false
    const value = encodeEntry({ type: 'command', ...taken, bytes })
    this.#add(commandKey(taken.session, taken.sequence), {
      type: 'command',
      ticket: taken,
      isOwn: ticket === null,
      bytes,
      outcomes: [outcome],
      value,
    })
    return true
  }

  /** Answers what was applied here before: its slot will not come again. Says whether it was. */
  #answer(ticket: Ticket, outcome: Outcome<R>): boolean {
    const found = this.#options.recall(ticket)
    // A session that is not known here may have been opened elsewhere.
    if (found === null || found instanceof SessionExpiredError) return false
    if (found instanceof Error) outcome.reject(found)
    else settle(outcome, found.result)
    return true
  }

  /** The next of this node's own session; `null` while that is being opened, or has no room. */
  #ownTicket(): Ticket | null {
    const { nowMs, renewSessionAfterMs } = this.#options
    const own = this.#own
    const isOld = own !== null && own.isIdle && nowMs() - own.usedAtMs >= renewSessionAfterMs
    if (own !== null && !isOld) return own.hasRoom ? own.take(nowMs()) : null
    if (!this.#isOpeningOwn) {
      this.#isOpeningOwn = true
      this.#open(null)
    }
    return null
  }

  #open(outcome: Outcome<string> | null): void {
    const nonce = this.#options.nonce()
    const space = outcome === null ? 'node' : 'caller'
    const value = encodeEntry({ type: 'open-session', space, nonce })
    this.#add(openingKey(space, nonce), { type: 'opening', space, nonce, outcome, value })
  }

  /** Back to the beginning of the queue. */
  #waitAgain({ bytes, outcomes }: PendingCommand<R>): void {
    for (const outcome of outcomes) {
      const call = { ticket: null, bytes, outcome }
      this.#calls.unshift(call)
      this.#waitingBytes += callBytes(call)
    }
  }

  /** This node gets no session of its own: what waits for one would wait for ever. */
  #endWithoutSession(reason: Error): void {
    this.#isOpeningOwn = false
    const calls = this.#calls
    this.#calls = calls.filter(({ ticket }) => ticket !== null)
    this.#waitingBytes = this.#calls.reduce((sum, call) => sum + callBytes(call), 0)
    for (const { ticket, outcome } of calls) if (ticket === null) outcome.reject(reason)
  }

  #abandonOwn(session: SessionId): void {
    if (this.#own?.id === session) this.#own = null
  }

  #add(key: string, pending: Pending<R>): void {
    this.#pending.set(key, pending)
    this.#pendingBytes += pendingBytes(pending)
    this.#options.handOver.add(pending.value)
  }

  #removeCommand(session: SessionId, sequence: number): PendingCommand<R> | null {
    const pending = this.#remove(commandKey(session, sequence))
    if (pending?.type !== 'command') return null
    if (pending.isOwn && this.#own?.id === session) this.#own.answered(sequence)
    return pending
  }

  /** Its fate is known. */
  #remove(key: string): Pending<R> | null {
    const pending = this.#forget(key)
    if (pending !== null) this.#options.handOver.settled(pending.value)
    return pending
  }

  #forget(key: string): Pending<R> | null {
    const pending = this.#pending.get(key)
    if (pending === undefined) return null
    this.#pending.delete(key)
    this.#pendingBytes -= pendingBytes(pending)
    return pending
  }
}

/** A command of this node's own session must come in: a later one says that it is answered. */
function isAbandoned<R>(pending: Pending<R>): boolean {
  if (pending.type === 'opening') return pending.outcome !== null && !pending.outcome.isAwaited
  return !pending.isOwn && !pending.outcomes.some(({ isAwaited }) => isAwaited)
}

function settle<R>(outcome: Outcome<R>, result: () => R): void {
  try {
    outcome.resolve(result())
  } catch (error) {
    outcome.reject(asError(error))
  }
}

function overloaded(): OverloadedError {
  return new OverloadedError(
    `More than ${MAX_WAITING_BYTES} bytes of commands wait already. Await some of them first.`,
  )
}

function callBytes<R>({ bytes }: Call<R>): number {
  return bytes.byteLength + CALL_OVERHEAD_BYTES
}

function pendingBytes<R>({ value }: Pending<R>): number {
  return value.byteLength + CALL_OVERHEAD_BYTES
}

function commandKey(session: SessionId, sequence: number): string {
  return `${session} ${sequence}`
}

function openingKey(space: SessionSpace, nonce: Uint8Array): string {
  return `${space} ${nonce.join()}`
}
