/**
 * The calls of a replica, made in another process. What is asked waits here for a connection and for its
 * turn, and is asked again elsewhere when a connection is lost: a command with the session and sequence
 * that it had, so that it is applied once. Must never give a command a second sequence, nor say that it
 * was not applied when it may have been.
 */
import { DecodeError, requireFunction } from '@paxos/core'
import type { NodeId } from '@paxos/core'
import { callerSession } from '@paxos/core/multi'
import { ClosedError, OverloadedError, SessionExpiredError, TimeoutError } from '@paxos/replica'
import type {
  ProposeOptions,
  QueryOptions,
  ReplicaClient,
  ReplicaEvent,
  WaitOptions,
} from '@paxos/replica'
import {
  ClientSession,
  encodeReadably,
  EventStream,
  Outcome,
  requireBoolean,
  requireConsistency,
  requireFits,
  requireWait,
  ticketOf,
  Watchers,
} from '@paxos/replica/client'
import type { Dial } from './channel.ts'
import type { Codecs } from './codecs.ts'
import type { ConnectSettings } from './connect-options.ts'
import type { Attempt } from './errors.ts'
import { eventIn } from './events.ts'
import { MAX_WAITING_BYTES } from './limits.ts'
import type { Link } from './link.ts'
import { hopeless, Links } from './links.ts'
import { answersOf, Request } from './request.ts'
import type { Answers, Wanted } from './request.ts'

/** What a client knows of its connection. */
export interface RemoteStatus {
  readonly state: 'connected' | 'connecting' | 'closed'
  /** The address of the server that is asked; `null` while there is none. */
  readonly address: string | null
  /** The node there. */
  readonly node: NodeId | null
  /** Who leads, as far as that node knows. */
  readonly leader: NodeId | null
  /** Calls that are asked and not answered. */
  readonly requests: number
  /** Calls that wait for a connection, or for their turn. */
  readonly waiting: number
  /** What became of the addresses that could not be used last. */
  readonly problems: readonly Attempt[]
}

const NOTHING = new Uint8Array()

/** A replicated state machine that runs elsewhere. */
export class RemoteReplica<Command, Result, Query = never, Answer = never> implements ReplicaClient<
  Command,
  Result,
  Query,
  Answer
> {
  readonly #settings: ConnectSettings
  readonly #codecs: Codecs<Command, Result, Query, Answer>
  readonly #links: Links
  readonly #events = new EventStream<ReplicaEvent>()
  readonly #watchers: Watchers
  #watching = 0
  /** What may be asked as soon as there is room, in this order. */
  #waiting = new Set<Request>()
  /** Commands that need a place in this client's own session first. */
  readonly #unplaced = new Set<Request>()
  /** Everything that somebody waits for, wherever it is, and its bytes. */
  readonly #heldRequests = new Set<Request>()
  #heldBytes = 0
  #lastId = 0
  #own: ClientSession | null = null
  #ownUsedAtWallMs = 0
  #isOpeningOwn = false
  /** Since when this client is closed; `null` while it is not. */
  #ended: ClosedError | null = null
  #hasConnected = false
  #leader: NodeId | null = null
  #heard: { readonly events: boolean; readonly applied: boolean } = {
    events: false,
    applied: false,
  }
  readonly #connected: Outcome<void>

  /** For connect(), which waits for the first connection. */
  constructor(
    settings: ConnectSettings,
    codecs: Codecs<Command, Result, Query, Answer>,
    dial: Dial,
  ) {
    const { addresses, clock, random, heartbeatMs } = settings
    this.#settings = settings
    this.#codecs = codecs
    this.#watchers = new Watchers(settings)
    this.#connected = new Outcome<void>(clock)
    this.#links = new Links({
      addresses,
      dial,
      clock,
      random,
      heartbeatMs,
      onCurrent: (link) => this.#useLink(link),
      onChanged: () => this.#lookAtLeader(),
      onProgress: () => this.#pump(),
      onEvent: (body) => this.#tell(body),
      onApplied: () => this.#watchers.notify(),
      onUnanswered: (requests) => this.#askAgain(requests),
      onHopeless: (problem, message) => this.#giveUp(problem, message),
    })
  }

  /**
   * As Replica.propose(): has `command` applied, once, and resolves with its result. It is asked again, of
   * another server if need be, until it is answered. Giving up does not take it back.
   *
   * Rejects as that does; a TimeoutError says whether it was sent. While too many calls wait here it
   * rejects with OverloadedError, and with UnauthorizedError or ProtocolError when no server takes this
   * client in: their `outcome` says whether it had been sent before.
   */
  async propose(command: Command, options: ProposeOptions = {}): Promise<Result> {
    requireWait('propose', options, ['session', 'evenIfFull'])
    this.#requireRunning()
    const { session, evenIfFull = false, ...wait } = options
    requireBoolean('evenIfFull', evenIfFull)
    const body = encodeReadably(this.#codecs.command, command)
    requireFits(body)
    const ticket = session === undefined ? null : ticketOf(session)
    const read = (found: Uint8Array | string): Result => this.#resultIn(found)
    return await this.#call({ type: 'propose', evenIfFull }, body, ticket, wait, read)
  }

  /** As Replica.query(), of the node that is asked. It is asked again when a connection is lost. */
  async query(query: Query, options: QueryOptions = {}): Promise<Answer> {
    requireWait('query', options, ['consistency', 'maxStalenessMs'])
    this.#requireRunning()
    const { consistency = 'linearizable', maxStalenessMs, ...wait } = options
    requireConsistency(consistency, maxStalenessMs)
    const body = encodeReadably(this.#codecs.query, query)
    requireFits(body)
    // JSON knows no infinity.
    const bound = maxStalenessMs === undefined ? null : Math.min(maxStalenessMs, Number.MAX_VALUE)
    const wanted = { type: 'query', consistency, maxStalenessMs: bound } as const
    const read = (found: Uint8Array | string): Answer => this.#answerIn(found)
    return await this.#call(wanted, body, null, wait, read)
  }

  /** As Replica.openSession(). */
  async openSession(options: WaitOptions = {}): Promise<string> {
    requireWait('openSession', options)
    this.#requireRunning()
    return await this.#call({ type: 'open-session' }, NOTHING, null, options, nameIn)
  }

  /**
   * What happens to the node that is asked, as Replica.events() tells it. After a connection was lost, or
   * was changed for the leader's, it is that of another node: then 'events-lost' is told, with 0 for how
   * many, and 'leader-changed' if another one leads.
   */
  events(): AsyncIterableIterator<ReplicaEvent> {
    const events = this.#events.listen()
    this.#listen()
    return events
  }

  /**
   * As Replica.watch(): calls `listener` when the state of the node that is asked may be another one, and
   * when another node is asked.
   */
  watch(listener: () => void): () => void {
    requireFunction('listener', listener)
    const end = this.#watchers.add(listener)
    this.#watching += 1
    this.#listen()
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      end()
      this.#watching -= 1
      this.#listen()
    }
  }

  /** What this client knows of its connection, now. */
  status(): RemoteStatus {
    const { current, requests, attempts } = this.#links
    const isClosed = this.#ended !== null
    return {
      state: isClosed ? 'closed' : current === null ? 'connecting' : 'connected',
      address: isClosed ? null : (current?.address ?? null),
      node: isClosed ? null : (current?.node ?? null),
      leader: isClosed ? null : (current?.leader ?? null),
      requests,
      waiting: this.#waiting.size + this.#unplaced.size,
      problems: attempts,
    }
  }

  /** Ends the connection. Who still waits is told with ClosedError. May be called again. */
  async close(): Promise<void> {
    if (this.#ended === null) {
      const error = new ClosedError(
        'The connection was closed. The outcome is unknown: connect again, and read the state.',
      )
      this.#ended = error
      this.#failAll(() => error)
      this.#connected.reject(error)
      this.#events.end()
      this.#watchers.end()
    }
    await this.#links.close()
  }

  /** As close(), for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Resolves when a server has let this client in. Rejects as connect() does; then it is closed. */
  async connected(signal: AbortSignal | undefined, timeoutMs: number): Promise<void> {
    this.#links.start()
    try {
      await this.#connected.wait({ signal, timeoutMs })
    } catch (error) {
      const reason = error instanceof TimeoutError ? this.#links.error(timeoutMs) : error
      await this.close()
      throw reason
    }
  }

  async #call<T>(
    wanted: Wanted,
    body: Uint8Array,
    ticket: Request['ticket'],
    wait: WaitOptions,
    read: (found: Uint8Array | string) => T,
  ): Promise<T> {
    const { clock } = this.#settings
    const outcome = new Outcome<T>(clock, (timeoutMs) => this.#timedOut(request, timeoutMs))
    const request = this.#request(wanted, body, ticket, answersOf(outcome, read))
    const answer = outcome.wait(wait)
    if (this.#heldBytes + request.heldBytes > MAX_WAITING_BYTES) outcome.reject(overloaded())
    else this.#hold(request)
    try {
      return await answer
    } catch (error) {
      // Commands to come need another session; what became of this one is not known.
      if (error instanceof SessionExpiredError && request.session === this.#own) this.#own = null
      throw error
    } finally {
      // Whatever came of it, nobody waits for it any more.
      if (this.#heldRequests.delete(request)) this.#drop(request)
    }
  }

  #request(wanted: Wanted, body: Uint8Array, ticket: Request['ticket'], answers: Answers): Request {
    this.#lastId += 1
    return new Request(this.#lastId, wanted, { body, ticket, answers })
  }

  #hold(request: Request): void {
    this.#heldRequests.add(request)
    this.#heldBytes += request.heldBytes
    if (request.wantsTicket) this.#unplaced.add(request)
    else this.#waiting.add(request)
    this.#pump()
  }

  #drop(request: Request): void {
    this.#heldBytes -= request.heldBytes
    this.#waiting.delete(request)
    this.#unplaced.delete(request)
    const { session, ticket } = request
    if (session !== null && ticket !== null) session.answered(ticket.sequence)
    this.#links.cancel(request)
    this.#pump()
  }

  /** Asks what may be asked now. */
  #pump(): void {
    const link = this.#links.current
    if (link === null || this.#ended !== null) return
    for (const request of this.#waiting) {
      if (!link.hasRoomFor(request.body.byteLength)) return
      this.#waiting.delete(request)
      this.#ask(link, request)
    }
    for (const request of this.#unplaced) {
      if (!link.hasRoomFor(request.body.byteLength) || !this.#place(request)) return
      this.#unplaced.delete(request)
      this.#ask(link, request)
    }
  }

  #ask(link: Link, request: Request): void {
    const { head } = request
    if (head !== null) link.ask(request, head)
  }

  /** Gives a command the next place in this client's own session. False while there is none. */
  #place(request: Request): boolean {
    const { clock, renewSessionAfterMs } = this.#settings
    const nowMs = clock.nowMs()
    const wallMs = clock.wallMs?.() ?? 0
    const own = this.#own
    const idleMs = own === null ? 0 : Math.max(nowMs - own.usedAtMs, wallMs - this.#ownUsedAtWallMs)
    if (own === null || (own.isIdle && idleMs >= renewSessionAfterMs)) {
      this.#openOwn()
      return false
    }
    if (!own.hasRoom) return false
    request.ticket = own.take(nowMs)
    request.session = own
    this.#ownUsedAtWallMs = wallMs
    return true
  }

  #openOwn(): void {
    if (this.#isOpeningOwn) return
    this.#isOpeningOwn = true
    const opening = this.#request({ type: 'open-session' }, NOTHING, null, {
      answered: (found) => {
        this.#isOpeningOwn = false
        const { clock } = this.#settings
        const id = typeof found === 'string' ? callerSession(found) : null
        if (id !== null) this.#own = new ClientSession(id, clock.nowMs())
        this.#ownUsedAtWallMs = clock.wallMs?.() ?? 0
      },
      failed: (error) => {
        this.#isOpeningOwn = false
        // They would wait for ever.
        for (const { answers } of this.#unplaced) answers.failed(error)
        this.#unplaced.clear()
      },
    })
    // Before others, which wait for it.
    this.#waiting = new Set([opening, ...this.#waiting])
    queueMicrotask(() => this.#pump())
  }

  #askAgain(requests: readonly Request[]): void {
    if (requests.length === 0) return
    const ended = this.#ended
    if (ended !== null) for (const { answers } of requests) answers.failed(ended)
    else this.#waiting = new Set([...requests, ...this.#waiting])
    this.#pump()
  }

  #useLink(link: Link): void {
    this.#connected.resolve()
    const { events, applied } = this.#heard
    if (events || applied) link.listen(events, applied)
    if (this.#events.size > 0 && this.#hasConnected) {
      this.#events.push({ type: 'events-lost', count: 0 })
    }
    this.#hasConnected = true
    if (this.#watching > 0) this.#watchers.notify()
    this.#pump()
  }

  /** The server is told when what anybody here listens to is another. */
  #listen(): void {
    const events = this.#events.size > 0
    const applied = this.#watching > 0
    if (events === this.#heard.events && applied === this.#heard.applied) return
    this.#heard = { events, applied }
    this.#links.current?.listen(events, applied)
  }

  #tell(body: Uint8Array): void {
    // Somebody may have left since.
    if (this.#events.size === 0) return this.#listen()
    const event = eventIn(body)
    // That is told once, as the connection has it.
    if (event !== null && event.type !== 'leader-changed') this.#events.push(event)
  }

  #lookAtLeader(): void {
    const link = this.#links.current
    if (link === null || link.leader === this.#leader) return
    this.#leader = link.leader
    this.#events.push({ type: 'leader-changed', leader: link.leader })
  }

  #giveUp(problem: 'unauthorized' | 'protocol', message: string): void {
    this.#connected.reject(hopeless(problem, message, false))
    this.#failAll(({ wasSent }) => hopeless(problem, message, wasSent))
  }

  #failAll(errorFor: (request: Request) => Error): void {
    // Those that wait for a session first, or they would be told what became of its opening.
    const all = [...this.#unplaced, ...this.#waiting]
    this.#waiting.clear()
    this.#unplaced.clear()
    for (const request of all) request.answers.failed(errorFor(request))
    if (this.#ended === null) return
    for (const request of this.#heldRequests) request.answers.failed(errorFor(request))
  }

  #timedOut({ wanted, wasSent }: Request, timeoutMs: number): TimeoutError {
    const cause = this.#links.current === null ? this.#links.error(timeoutMs) : undefined
    const what =
      wanted.type !== 'propose'
        ? 'Ask again.'
        : wasSent
          ? 'The command may have been applied, or may be yet. Read the state to find out.'
          : 'The command was not sent, and was not applied. Propose it again.'
    return new TimeoutError(
      `Nobody answered within ${timeoutMs} ms. Check that the servers can be reached, and that a ` +
        `majority of the nodes runs. ${what}`,
      cause === undefined ? {} : { cause },
    )
  }

  #resultIn(found: Uint8Array | string): Result {
    try {
      return this.#codecs.result.decode(bytesIn(found))
    } catch (cause) {
      throw new DecodeError(
        'The command was applied, and the codec cannot read its result. Give serve() and connect() ' +
          'the same codecs.',
        { cause },
      )
    }
  }

  #answerIn(found: Uint8Array | string): Answer {
    try {
      return this.#codecs.answer.decode(bytesIn(found))
    } catch (cause) {
      throw new DecodeError(
        'The codec cannot read the answer. Give serve() and connect() the same codecs.',
        { cause },
      )
    }
  }

  #requireRunning(): void {
    if (this.#ended !== null) throw this.#ended
  }
}

function bytesIn(found: Uint8Array | string): Uint8Array {
  if (typeof found !== 'string') return found
  throw new DecodeError('A name came in the place of an answer. Upgrade the servers.')
}

function nameIn(found: Uint8Array | string): string {
  if (typeof found === 'string') return found
  throw new DecodeError('An answer came in the place of a name. Upgrade the servers.')
}

function overloaded(): OverloadedError {
  return new OverloadedError(
    `More than ${MAX_WAITING_BYTES} bytes of calls wait already. Await some of them first.`,
  )
}
