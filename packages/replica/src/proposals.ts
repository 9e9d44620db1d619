/**
 * What this node wants in the log and has not seen applied: commands, and sessions to be opened.
 * Each is handed over as often as it takes, and answered once; the sessions see to it that it is
 * applied once. Must never say that a command was not applied when it may have been.
 */
import { encodeEntry } from '@paxos/core/multi'
import { ClientSession } from './client-session.ts'
import type { Ticket } from './client-session.ts'
import { MAX_PENDING_BYTES } from './limits.ts'
import type { Outcome } from './outcome.ts'

/** A command of this node's own session that waits for its turn. */
interface Call<R> {
  readonly bytes: Uint8Array
  readonly outcome: Outcome<R>
}

interface PendingCommand<R> extends Call<R> {
  readonly type: 'command'
  readonly ticket: Ticket
  readonly isOwn: boolean
}

interface PendingOpening {
  readonly type: 'opening'
  /** `null` when this node opens the session for itself. */
  readonly outcome: Outcome<string> | null
}

/** An entry that was handed over and not seen applied. */
type Pending<R> = (PendingCommand<R> | PendingOpening) & {
  readonly value: Uint8Array
  handedOverAtMs: number
}

export interface ProposalsOptions {
  /** Hands a value over on its way into the log; it may be lost. */
  readonly handOver: (value: Uint8Array) => void
  readonly nowMs: () => number
  /** Bytes that no other call returns, here or elsewhere. */
  readonly nonce: () => Uint8Array
  /** A session of this node that was idle for so long may have expired, and is not used again. */
  readonly renewSessionAfterMs: number
}

/** The proposals of one node. `R` is what commands result in. */
export class Proposals<R> {
  readonly #options: ProposalsOptions
  readonly #pending = new Map<string, Pending<R>>()
  #calls: Call<R>[] = []
  #pendingBytes = 0
  #own: ClientSession | null = null
  #isOpeningOwn = false

  constructor(options: ProposalsOptions) {
    this.#options = options
  }

  /** How many commands and openings are handed over and not seen applied. */
  get pending(): number {
    return this.#pending.size
  }

  /** How many commands wait to be handed over. */
  get waiting(): number {
    return this.#calls.length
  }

  /** Wants a command of this node's own session. It waits its turn while too many are out. */
  propose(bytes: Uint8Array, outcome: Outcome<R>): void {
    this.#calls.push({ bytes, outcome })
    this.#admit()
  }

  /**
   * Wants a command of a session that a caller holds. Returns the outcome to wait for: that of the
   * same command, if it is on its way already.
   */
  proposeFor(ticket: Ticket, bytes: Uint8Array, outcome: Outcome<R>): Outcome<R> {
    const same = this.#pending.get(commandKey(ticket.session, ticket.sequence))
    if (same?.type === 'command') return same.outcome
    this.#addCommand(ticket, { bytes, outcome }, false)
    return outcome
  }

  /** Wants a session, for a caller, or without an outcome for this node itself. */
  openSession(outcome: Outcome<string> | null): void {
    const nonce = this.#options.nonce()
    const value = encodeEntry({ type: 'open-session', nonce })
    this.#add(openingKey(nonce), { type: 'opening', outcome, value, handedOverAtMs: 0 })
  }

  /** A session was opened, by whomever. */
  opened(nonce: Uint8Array, session: number): void {
    const pending = this.#remove(openingKey(nonce))
    if (pending?.type !== 'opening') return
    if (pending.outcome !== null) return pending.outcome.resolve(String(session))
    this.#isOpeningOwn = false
    this.#own = new ClientSession(session, this.#options.nowMs())
    this.#admit()
  }

  /** A command was applied; now, or earlier and this is its result. */
  applied(session: number, sequence: number, result: () => R): void {
    const pending = this.#removeCommand(session, sequence)
    if (pending === null) return
    try {
      pending.outcome.resolve(result())
    } catch (error) {
      pending.outcome.reject(error instanceof Error ? error : new Error(String(error)))
    }
    if (pending.isOwn) this.#admit()
  }

  /**
   * A command was not applied, because its session is not known. `reason` says so; a command of
   * this node's own is tried again in a new session.
   */
  refused(session: number, sequence: number, reason: Error): void {
    const pending = this.#removeCommand(session, sequence)
    if (pending === null) return
    if (!pending.isOwn) return pending.outcome.reject(reason)
    if (this.#own?.id === session) this.#own = null
    this.#calls.unshift({ bytes: pending.bytes, outcome: pending.outcome })
    this.#admit()
  }

  /**
   * A snapshot stands for slots that were never seen. `recall` tells what it knows of a command: its
   * result, that it was not applied (`null`), or why that cannot be told any more.
   */
  skipped(recall: (ticket: Ticket) => { readonly result: () => R } | Error | null): void {
    for (const pending of this.#pending.values()) {
      if (pending.type !== 'command') continue
      const { session, sequence } = pending.ticket
      const found = recall(pending.ticket)
      if (found instanceof Error) {
        this.#removeCommand(session, sequence)
        pending.outcome.reject(found)
        if (this.#own?.id === session) this.#own = null
      } else if (found !== null) this.applied(session, sequence, found.result)
    }
    this.#admit()
  }

  /** There is a leader that has not been handed anything. */
  handOverAgain(): void {
    for (const pending of this.#pending.values()) this.#handOver(pending)
  }

  /** Hands over again what was handed over before `beforeMs`, and forgets what nobody waits for. */
  retry(beforeMs: number): void {
    for (const [key, pending] of this.#pending) {
      if (this.#isAbandoned(pending)) this.#remove(key)
      else if (pending.handedOverAtMs < beforeMs) this.#handOver(pending)
    }
    this.#calls = this.#calls.filter(({ outcome }) => outcome.isAwaited)
    this.#admit()
  }

  /** No answer will come any more. */
  end(error: Error): void {
    for (const { outcome } of [...this.#pending.values(), ...this.#calls]) outcome?.reject(error)
    this.#pending.clear()
    this.#calls = []
  }

  /** A command of this node's own session must come in: a later one says that it is answered. */
  #isAbandoned(pending: Pending<R>): boolean {
    if (pending.type === 'command' && pending.isOwn) return false
    return pending.outcome !== null && !pending.outcome.isAwaited
  }

  /** Hands over as many of the waiting commands as may be out. */
  #admit(): void {
    for (let call = this.#calls[0]; call !== undefined; call = this.#calls[0]) {
      if (call.outcome.isAwaited) {
        const own = this.#usableSession()
        if (own === null || !own.hasRoom || this.#isFull(call)) return
        this.#addCommand(own.take(this.#options.nowMs()), call, true)
      }
      this.#calls.shift()
    }
  }

  /** `null` while one is being opened. */
  #usableSession(): ClientSession | null {
    const { nowMs, renewSessionAfterMs } = this.#options
    const own = this.#own
    const isOld = own !== null && own.isIdle && nowMs() - own.usedAtMs >= renewSessionAfterMs
    if (own !== null && !isOld) return own
    if (!this.#isOpeningOwn) {
      this.#isOpeningOwn = true
      this.openSession(null)
    }
    return null
  }

  /** A single command is never too large. */
  #isFull({ bytes }: Call<R>): boolean {
    return this.#pendingBytes > 0 && this.#pendingBytes + bytes.byteLength > MAX_PENDING_BYTES
  }

  #addCommand(ticket: Ticket, { bytes, outcome }: Call<R>, isOwn: boolean): void {
    const value = encodeEntry({ type: 'command', ...ticket, bytes })
    const key = commandKey(ticket.session, ticket.sequence)
    this.#add(key, { type: 'command', ticket, bytes, outcome, isOwn, value, handedOverAtMs: 0 })
  }

  #add(key: string, pending: Pending<R>): void {
    this.#pending.set(key, pending)
    this.#pendingBytes += pending.value.byteLength
    this.#handOver(pending)
  }

  #removeCommand(session: number, sequence: number): (PendingCommand<R> & Pending<R>) | null {
    const pending = this.#remove(commandKey(session, sequence))
    if (pending?.type !== 'command') return null
    if (pending.isOwn && this.#own?.id === session) this.#own.answered(sequence)
    return pending
  }

  #remove(key: string): Pending<R> | null {
    const pending = this.#pending.get(key)
    if (pending === undefined) return null
    this.#pending.delete(key)
    this.#pendingBytes -= pending.value.byteLength
    return pending
  }

  #handOver(pending: Pending<R>): void {
    pending.handedOverAtMs = this.#options.nowMs()
    this.#options.handOver(pending.value)
  }
}

function commandKey(session: number, sequence: number): string {
  return `${session} ${sequence}`
}

function openingKey(nonce: Uint8Array): string {
  return nonce.join()
}
