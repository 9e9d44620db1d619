/**
 * One connection of a client: what was asked on it, and what it says. Must never hand a request back that
 * is answered, lose one that is not, or send more at once than the server has said that it takes.
 */
import type { NodeId } from '@paxos/core'
import type { Clock } from '@paxos/replica'
import type { Channel, Closed, Dial } from './channel.ts'
import { decodeTold, encodeFrame } from './frames.ts'
import type { Asked, Frame, Told } from './frames.ts'
import { DIAL_TIMEOUT_MS, MISSED_HEARTBEATS } from './limits.ts'
import type { Request } from './request.ts'
import { errorOf, isOfTheNode } from './wire-errors.ts'

/** What a link says to who uses it. */
export interface LinkEvents {
  /** It can be asked. */
  onWelcome(link: Link): void
  /** A request was answered, or may not be asked here: there is room for others. */
  onProgress(link: Link): void
  onLeader(link: Link): void
  onEvent(link: Link, body: Uint8Array): void
  onApplied(link: Link): void
  /** A heartbeat has passed. */
  onBeat(link: Link): void
  /** Nothing more is to be asked here. `again` are requests that are to be asked elsewhere. */
  onLeaving(link: Link, again: readonly Request[]): void
  /** It is over, and these are not answered. */
  onClosed(link: Link, why: Closed, unanswered: readonly Request[]): void
}

export interface LinkOptions {
  readonly address: string
  readonly dial: Dial
  readonly clock: Clock
  readonly heartbeatMs: number
  readonly events: LinkEvents
}

export class Link {
  readonly address: string
  readonly #options: LinkOptions
  readonly #channel: Channel
  /** In the order in which they were asked. */
  readonly #asked = new Map<number, Request>()
  #askedBytes = 0
  /** What the server takes at once; `null` before it has said so. */
  #limits: { readonly requests: number; readonly requestBytes: number } | null = null
  #node: NodeId | null = null
  #leader: NodeId | null = null
  #leaderAddress: string | null = null
  #hasAnswered = false
  #isLeaving = false
  #isClosed = false
  #why: Closed | null = null
  #missed = 0
  #cancelTimer: () => void

  constructor(options: LinkOptions) {
    this.#options = options
    this.address = options.address
    this.#cancelTimer = options.clock.schedule(DIAL_TIMEOUT_MS, () =>
      this.#destroy({ type: 'lost', problem: `did not answer within ${DIAL_TIMEOUT_MS} ms` }),
    )
    this.#channel = options.dial(options.address, {
      onOpen: () => undefined,
      onFrame: (frame) => this.#hear(frame),
      onHeard: () => {
        this.#missed = 0
      },
      onDrain: () => undefined,
      onClosed: (why) => this.#closed(why),
    })
  }

  /** Who is there; `null` before it has said so. */
  get node(): NodeId | null {
    return this.#node
  }

  /** Who leads, as far as the node knows. */
  get leader(): NodeId | null {
    return this.#leader
  }

  /** Where clients of the leader are served. */
  get leaderAddress(): string | null {
    return this.#leaderAddress
  }

  /** Whether it has answered anything: a server that never does is none to go back to at once. */
  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  get isIdle(): boolean {
    return this.#asked.size === 0
  }

  /** How many requests are under way. */
  get requests(): number {
    return this.#asked.size
  }

  /** Whether a request with so many bytes may be sent now. */
  hasRoomFor(bytes: number): boolean {
    const limits = this.#limits
    if (limits === null || this.#isLeaving || this.#isClosed) return false
    if (this.#asked.size >= limits.requests) return false
    return this.#asked.size === 0 || this.#askedBytes + bytes <= limits.requestBytes
  }

  ask(request: Request, head: Asked): void {
    request.wasSent = true
    this.#asked.set(request.id, request)
    this.#askedBytes += request.body.byteLength
    this.#channel.send(encodeFrame(head, request.body))
  }

  /** Nobody waits for it any more. */
  cancel(request: Request): void {
    if (!this.#asked.has(request.id)) return
    this.#channel.send(encodeFrame({ type: 'cancel', id: request.id }))
    this.#forget(request)
    this.#options.events.onProgress(this)
  }

  listen(events: boolean, applied: boolean): void {
    this.#channel.send(encodeFrame({ type: 'listen', events, applied }))
  }

  /** Ends it, when what was sent is sent. */
  close(): void {
    this.#isLeaving = true
    this.#channel.close('done')
  }

  #hear(bytes: Uint8Array): void {
    if (this.#isClosed) return
    let frame: Frame<Told> | null
    try {
      frame = decodeTold(bytes)
    } catch {
      return this.#misunderstood()
    }
    // What a later release says besides is no answer to anything that this one asks.
    if (frame !== null) this.#take(frame)
  }

  #take({ head, body }: Frame<Told>): void {
    const { events } = this.#options
    if (head.type === 'welcome') return this.#welcomed(head)
    if (this.#limits === null) return this.#misunderstood()
    switch (head.type) {
      case 'answer':
        return this.#answered(head.id, 'bytes', (request) => request.answers.answered(body))
      case 'session':
        return this.#answered(head.id, 'name', (request) => request.answers.answered(head.session))
      case 'error':
        return this.#failed(head)
      case 'leader':
        this.#leader = head.leader
        this.#leaderAddress = head.address
        return events.onLeader(this)
      case 'event':
        return events.onEvent(this, body)
      case 'applied':
        return events.onApplied(this)
      case 'leaving':
        this.#isLeaving = true
        return events.onLeaving(this, [])
    }
  }

  #welcomed(welcome: Extract<Told, { readonly type: 'welcome' }>): void {
    if (this.#limits !== null) return this.#misunderstood()
    const { node, requests, requestBytes } = welcome
    this.#node = node
    this.#limits = { requests, requestBytes }
    this.#cancelTimer()
    this.#beatLater()
    this.#options.events.onWelcome(this)
  }

  #answered(id: number, kind: 'bytes' | 'name', settle: (request: Request) => void): void {
    const request = this.#asked.get(id)
    // It was cancelled, and the answer was on its way.
    if (request === undefined) return
    const isName = request.wanted.type === 'open-session'
    if (isName !== (kind === 'name')) return this.#misunderstood()
    this.#forget(request)
    this.#hasAnswered = true
    settle(request)
    this.#options.events.onProgress(this)
  }

  #failed(head: Extract<Told, { readonly type: 'error' }>): void {
    const request = this.#asked.get(head.id)
    if (request === undefined) return
    this.#forget(request)
    if (isOfTheNode(head)) {
      this.#isLeaving = true
      return this.#options.events.onLeaving(this, [request])
    }
    this.#hasAnswered = true
    request.answers.failed(errorOf(head))
    this.#options.events.onProgress(this)
  }

  #forget(request: Request): void {
    this.#asked.delete(request.id)
    this.#askedBytes -= request.body.byteLength
  }

  #beatLater(): void {
    const { clock, heartbeatMs, events } = this.#options
    this.#cancelTimer = clock.schedule(heartbeatMs, () => {
      // Counted, not measured: a process that stood still has not listened either.
      this.#missed += 1
      if (this.#missed > MISSED_HEARTBEATS) {
        return this.#destroy({ type: 'lost', problem: `was silent for ${this.#missed} heartbeats` })
      }
      this.#channel.ping()
      this.#beatLater()
      events.onBeat(this)
    })
  }

  #misunderstood(): void {
    this.#why ??= { type: 'protocol', problem: 'said what means nothing in this protocol' }
    this.#channel.close('not-understood')
    this.#closed(this.#why)
  }

  #destroy(why: Closed): void {
    this.#channel.destroy()
    this.#closed(why)
  }

  #closed(why: Closed): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelTimer()
    const unanswered = [...this.#asked.values()]
    this.#asked.clear()
    this.#askedBytes = 0
    this.#options.events.onClosed(this, why, unanswered)
  }
}
