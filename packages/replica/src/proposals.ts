/**
 * What this node wants in the log and has not seen applied: commands, and sessions to be opened. The
 * commands that nobody numbers go into the log in this node's own session, those of one turn of the
 * event loop, and those that had to wait, together in one entry. Each is handed over as often as it
 * takes (see `hand-over.ts`), and answered once; the sessions see to it that it is applied once. Must
 * never say that a command was not applied when it may have been, nor bring in again what may have been.
 */
import { invariant } from '@paxos/core'
import { callerName, COMMAND_LENGTH_BYTES, encodeEntry } from '@paxos/core/multi'
import { MAX_COMMANDS, REFUSED_HEAD_BYTES } from '@paxos/core/multi'
import type { SessionId, SessionSpace } from '@paxos/core/multi'
import type { Results } from './applier.ts'
import { CallQueue } from './call-queue.ts'
import type { Call } from './call-queue.ts'
import { ClientSession } from './client-session.ts'
import type { Ticket } from './client-session.ts'
import { OverloadedError, SessionExpiredError } from './errors.ts'
import type { HandOver } from './hand-over.ts'
import { CALL_OVERHEAD_BYTES, MAX_PENDING_BYTES, MAX_TOGETHER_BYTES } from './limits.ts'
import { FREE_ENTRIES, MAX_WAITING_BYTES } from './limits.ts'
import type { Outcome } from './outcome.ts'
import { asError } from './words.ts'

/** Of a session that a caller holds. */
interface PendingCommand<R> {
  readonly type: 'command'
  readonly ticket: Ticket
  /** Of everybody who asked for this very command. */
  readonly outcomes: Outcome<R>[]
}

/** Of this node's own session: all that waited, in one entry. */
interface PendingCommands<R> {
  readonly type: 'commands'
  readonly ticket: Ticket
  readonly calls: readonly Call<R>[]
}

interface PendingOpening {
  readonly type: 'opening'
  readonly space: SessionSpace
  readonly nonce: Uint8Array
  /** `null` when this node opens the session for itself. */
  readonly outcome: Outcome<string> | null
}

/** An entry that is on its way until it is seen applied. */
type Pending<R> = (PendingCommand<R> | PendingCommands<R> | PendingOpening) & {
  readonly value: Uint8Array
}

type PendingAnswers<R> = PendingCommand<R> | PendingCommands<R>

/** What is known of an entry: its results, that it was not applied (`null`), or why nobody can tell. */
type Recalled<R> = { readonly results: Results<R> } | Error | null

export interface ProposalsOptions<R> {
  /** Brings values into the log. */
  readonly handOver: Pick<HandOver, 'add' | 'settled' | 'forget'>
  /** What this node's state knows of an entry with one command, or with several. */
  readonly recall: (ticket: Ticket, type: 'command' | 'commands') => Recalled<R>
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
  readonly #calls = new CallQueue<R>()
  #pendingBytes = 0
  #own: ClientSession | null = null
  #isOpeningOwn = false
  /** How many entries of this node's own session are on their way. */
  #ownEntries = 0
  #isAdmitting = false

  constructor(options: ProposalsOptions<R>) {
    this.#options = options
  }

  /** How many commands and openings are handed over and not seen applied. */
  get pending(): number {
    let count = 0
    for (const pending of this.#pending.values()) {
      count += pending.type === 'commands' ? pending.calls.length : 1
    }
    return count
  }

  /** What is handed over and what waits, in bytes. */
  get bytes(): number {
    return this.#pendingBytes + this.#calls.bytes
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
    this.#calls.add({ ticket, bytes, outcome })
    if (ticket === null) this.#admitSoon()
    else this.#admit()
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

  /** The commands of an entry were applied; now, or earlier and these are their results. */
  applied(session: SessionId, sequence: number, results: Results<R>): void {
    const pending = this.#removeCommands(session, sequence)
    if (pending === null) return
    settle(pending, results)
    this.#admit()
  }

  /**
   * An entry was met and not applied, for `reason`. One of this node's own session, which is not
   * known any more, is tried again in a new one: no slot was missed in which it was applied.
   */
  refused(session: SessionId, sequence: number, reason: Error): void {
    const pending = this.#removeCommands(session, sequence)
    if (pending === null) return
    const isForgotten = reason instanceof SessionExpiredError
    if (isForgotten) this.#abandonOwn(session)
    if (isForgotten && pending.type === 'commands') this.#calls.putBack(pending.calls)
    else reject(pending, reason)
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
      if (pending.type !== 'opening') {
        this.#removeCommands(pending.ticket.session, pending.ticket.sequence)
        reject(pending, reason)
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
      if (pending.type === 'opening') {
        const session = openedBy(pending.space, pending.nonce)
        if (session !== null) this.opened(pending.space, pending.nonce, session)
        continue
      }
      const { session, sequence } = pending.ticket
      const found = recall(pending.ticket, pending.type)
      if (found instanceof Error) {
        this.#removeCommands(session, sequence)
        this.#abandonOwn(session)
        reject(pending, found)
      } else if (found !== null) this.applied(session, sequence, found.results)
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
    this.#calls.keep(({ outcome }) => outcome.isAwaited)
    this.#admit()
  }

  /** No answer will come any more. */
  end(error: Error): void {
    for (const pending of this.#pending.values()) {
      if (pending.type === 'opening') pending.outcome?.reject(error)
      else reject(pending, error)
    }
    for (const { outcome } of this.#calls.keep(() => false)) outcome.reject(error)
    this.#pending.clear()
    this.#ownEntries = 0
  }

  #hasSpace(bytes: number): boolean {
    return this.bytes + bytes <= MAX_WAITING_BYTES
  }

  /** When this turn is over: what is asked for in one goes into one entry. */
  #admitSoon(): void {
    if (this.#isAdmitting) return
    this.#isAdmitting = true
    queueMicrotask(() => {
      this.#isAdmitting = false
      this.#admit()
    })
  }

  /** Hands over as many of the waiting commands as may be on their way, in the order of the calls. */
  #admit(): void {
    for (let begun = this.#beginFirst(); begun > 0; begun = this.#beginFirst()) {
      this.#calls.take(begun)
    }
  }

  /** Begins the first call, with those behind it that go into the same entry. How many have begun. */
  #beginFirst(): number {
    const call = this.#calls.at(0)
    if (call === undefined) return 0
    if (!call.outcome.isAwaited) return 1
    if (call.ticket !== null) return this.#begin(call.ticket, call) ? 1 : 0
    const together = this.#together()
    const isAll = together.length === this.#calls.length
    if (isAll && together.length < this.#fewest) return 0
    const calls = together.filter(({ outcome }) => outcome.isAwaited)
    const ticket = this.#hasRoomFor(sizeOf(calls)) ? this.#ownTicket() : null
    if (ticket === null) return 0
    const commands = calls.map(({ bytes }) => bytes)
    const value = encodeEntry({ type: 'commands', ...ticket, commands })
    this.#add(commandKey(ticket), { type: 'commands', ticket, calls, value })
    return together.length
  }

  /**
   * How many commands are worth another entry: one, while few entries are on their way, and twice as
   * many for each further one. When one of those is answered it takes what has gathered.
   */
  get #fewest(): number {
    return 2 ** Math.max(0, this.#ownEntries - FREE_ENTRIES + 1)
  }

  /** What waits first for this node's own session, as far as it fits into one entry; at least one. */
  #together(): readonly Call<R>[] {
    const together: Call<R>[] = []
    let bytes = 0
    while (together.length < MAX_COMMANDS) {
      const call = this.#calls.at(together.length)
      if (call === undefined || call.ticket !== null) break
      bytes += call.bytes.byteLength + COMMAND_LENGTH_BYTES
      if (together.length > 0 && bytes > MAX_TOGETHER_BYTES) break
      together.push(call)
    }
    return together
  }

  /** Whether its turn has come. */
  #begin(ticket: Ticket, { bytes, outcome }: Call<R>): boolean {
    const key = commandKey(ticket)
    const same = this.#pending.get(key)
    if (same?.type === 'command') return same.outcomes.push(outcome) > 0
    if (this.#answer(ticket, outcome)) return true
    if (!this.#hasRoomFor(bytes.byteLength)) return false
    const value = encodeEntry({ type: 'command', ...ticket, bytes })
    this.#add(key, { type: 'command', ticket, outcomes: [outcome], value })
    return true
  }

  /** A single entry is never too large. */
  #hasRoomFor(bytes: number): boolean {
    return this.#pendingBytes === 0 || this.#pendingBytes + bytes <= MAX_PENDING_BYTES
  }

  /** Answers what was applied here before: its slot will not come again. Says whether it was. */
  #answer(ticket: Ticket, outcome: Outcome<R>): boolean {
    const found = this.#options.recall(ticket, 'command')
    // A session that is not known here may have been opened elsewhere.
    if (found === null || found instanceof SessionExpiredError) return false
    if (found instanceof Error) outcome.reject(found)
    else for (const result of found.results()) settleOne(outcome, result)
    return true
  }

  /** The next of this node's own session; `null` while that is being opened, or has no room. */
  #ownTicket(): Ticket | null {
    const { nowMs, renewSessionAfterMs } = this.#options
    const own = this.#own
    const isOld = own !== null && own.isIdle && nowMs() - own.usedAtMs >= renewSessionAfterMs
    if (own !== null && !isOld) return own.hasRoom ? own.take(nowMs()) : null
    if (!this.#isOpeningOwn) this.#openOwn()
    return null
  }

  /** What the application's source of random bytes throws is told to its callers: nobody else is there. */
  #openOwn(): void {
    try {
      this.#open(null)
      this.#isOpeningOwn = true
    } catch (error) {
      this.#endWithoutSession(asError(error))
    }
  }

  #open(outcome: Outcome<string> | null): void {
    const nonce = this.#options.nonce()
    const space = outcome === null ? 'node' : 'caller'
    const value = encodeEntry({ type: 'open-session', space, nonce })
    this.#add(openingKey(space, nonce), { type: 'opening', space, nonce, outcome, value })
  }

  /** This node gets no session of its own: what waits for one would wait for ever. */
  #endWithoutSession(reason: Error): void {
    this.#isOpeningOwn = false
    for (const { outcome } of this.#calls.keep(({ ticket }) => ticket !== null)) {
      outcome.reject(reason)
    }
  }

  #abandonOwn(session: SessionId): void {
    if (this.#own?.id === session) this.#own = null
  }

  #add(key: string, pending: Pending<R>): void {
    this.#pending.set(key, pending)
    if (pending.type === 'commands') this.#ownEntries += 1
    this.#pendingBytes += pendingBytes(pending)
    this.#options.handOver.add(pending.value)
  }

  #removeCommands(session: SessionId, sequence: number): PendingAnswers<R> | null {
    const pending = this.#remove(commandKey({ session, sequence }))
    if (pending === null || pending.type === 'opening') return null
    if (pending.type === 'commands' && this.#own?.id === session) this.#own.answered(sequence)
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
    if (pending.type === 'commands') this.#ownEntries -= 1
    this.#pendingBytes -= pendingBytes(pending)
    return pending
  }
}

/** Commands of this node's own session must come in: a later entry says that they are answered. */
function isAbandoned<R>(pending: Pending<R>): boolean {
  if (pending.type === 'opening') return pending.outcome !== null && !pending.outcome.isAwaited
  return pending.type === 'command' && !pending.outcomes.some(({ isAwaited }) => isAwaited)
}

function settle<R>(pending: PendingAnswers<R>, results: Results<R>): void {
  let found: ReturnType<Results<R>>
  try {
    found = results()
  } catch (error) {
    return reject(pending, asError(error))
  }
  if (pending.type === 'commands') {
    for (const [index, { outcome }] of pending.calls.entries()) settleOne(outcome, found[index])
  } else for (const outcome of pending.outcomes) settleOne(outcome, found[0])
}

function settleOne<R>(outcome: Outcome<R>, result: (() => R) | undefined): void {
  try {
    invariant(result !== undefined, 'a command was applied without a result')
    outcome.resolve(result())
  } catch (error) {
    outcome.reject(asError(error))
  }
}

function reject<R>(pending: PendingAnswers<R>, error: Error): void {
  if (pending.type === 'commands') for (const { outcome } of pending.calls) outcome.reject(error)
  else for (const outcome of pending.outcomes) outcome.reject(error)
}

function sizeOf<R>(calls: readonly Call<R>[]): number {
  return calls.reduce((sum, { bytes }) => sum + bytes.byteLength + COMMAND_LENGTH_BYTES, 0)
}

function overloaded(): OverloadedError {
  return new OverloadedError(
    `More than ${MAX_WAITING_BYTES} bytes of commands wait already. Await some of them first.`,
  )
}

function pendingBytes<R>(pending: Pending<R>): number {
  const calls = pending.type === 'commands' ? pending.calls.length : 1
  return pending.value.byteLength + calls * CALL_OVERHEAD_BYTES
}

function commandKey({ session, sequence }: Omit<Ticket, 'acknowledged'>): string {
  return `${session} ${sequence}`
}

function openingKey(space: SessionSpace, nonce: Uint8Array): string {
  return `${space} ${nonce.join()}`
}
