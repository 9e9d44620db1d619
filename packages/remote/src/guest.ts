/**
 * One client at a server: what it has asked and is not answered, and what it wants to be told. Must never
 * hold more of it than the limits say, whatever it sends and however slowly it reads, nor let anything
 * that it sends reach the replica's own errors; and when it is gone, nothing of it is left.
 */
import { DecodeError, InvalidArgumentError } from '@paxos/core'
import { OverloadedError } from '@paxos/replica'
import type { ReplicaClient, ReplicaEvent, ReplicaStatus } from '@paxos/replica'
import { isBytes } from '@paxos/replica/client'
import type { Channel, CloseReason } from './channel.ts'
import type { Codecs } from './codecs.ts'
import { AnswerTooLargeError } from './errors.ts'
import { decodeAsked, encodeFrame } from './frames.ts'
import type { Asked, Told } from './frames.ts'
import {
  MAX_ANSWER_BYTES,
  MAX_REQUEST_BYTES,
  MAX_REQUESTS,
  MAX_UNSENT_BYTES,
  MAX_UNSENT_BYTES_OF_ALL,
  MISSED_HEARTBEATS,
  UNSENT_BYTES_TO_WAIT,
} from './limits.ts'
import { codeOf, toldOf } from './wire-errors.ts'

/** What is served: a Replica, or what has its calls. */
export interface Served<Command, Result, Query, Answer> extends Omit<
  ReplicaClient<Command, Result, Query, Answer>,
  'close' | typeof Symbol.asyncDispose
> {
  status(): Pick<ReplicaStatus, 'id' | 'leader' | 'role'>
}

export interface GuestOptions<Command, Result, Query, Answer> {
  readonly replica: Served<Command, Result, Query, Answer>
  readonly codecs: Codecs<Command, Result, Query, Answer>
  readonly channel: Channel
  /** Where a node's clients are served; `null` where nobody said. */
  readonly addressOf: (node: string) => string | null
  /** What all guests have not taken. */
  readonly unsentOfAll: () => number
  /** Nothing of it is under way any more. */
  readonly onIdle: () => void
}

type Request = Extract<Asked, { readonly type: 'propose' | 'query' | 'open-session' }>

interface Running {
  readonly over: AbortController
  readonly bytes: number
}

export class Guest<Command, Result, Query, Answer> {
  readonly #options: GuestOptions<Command, Result, Query, Answer>
  readonly #running = new Map<number, Running>()
  #runningBytes = 0
  #missed = 0
  #isOver = false
  #events: AsyncIterableIterator<ReplicaEvent> | null = null
  #unwatch: (() => void) | null = null
  /** The state has changed, and the client was not told, for it reads slowly. */
  #isAppliedUntold = false
  readonly #drained = new Set<() => void>()

  constructor(options: GuestOptions<Command, Result, Query, Answer>) {
    this.#options = options
    const { id } = options.replica.status()
    this.#tell({
      type: 'welcome',
      node: id,
      requests: MAX_REQUESTS,
      requestBytes: MAX_REQUEST_BYTES,
    })
    this.tellLeader()
  }

  get isIdle(): boolean {
    return this.#running.size === 0
  }

  get requests(): number {
    return this.#running.size
  }

  get unsentBytes(): number {
    return this.#options.channel.unsentBytes
  }

  /** A frame has come. */
  hear(frame: Uint8Array): void {
    if (this.#isOver) return
    let asked: ReturnType<typeof decodeAsked>
    try {
      asked = decodeAsked(frame)
    } catch {
      return this.end('not-understood')
    }
    const { head, body } = asked
    if (head.type === 'cancel') this.#cancel(head.id)
    else if (head.type === 'listen') this.#listen(head.events, head.applied)
    else if (this.#running.has(head.id)) this.end('not-understood')
    else this.#begin(head, body)
  }

  /** The client is there. */
  heard(): void {
    this.#missed = 0
  }

  /** It has taken something. */
  drained(): void {
    this.#missed = 0
    const { channel } = this.#options
    if (this.#isOver || channel.unsentBytes > UNSENT_BYTES_TO_WAIT) return
    channel.resume()
    for (const resolve of this.#drained) resolve()
    this.#drained.clear()
    if (this.#isAppliedUntold) this.#tellApplied()
  }

  /** A heartbeat has passed. */
  beat(): void {
    this.#missed += 1
    if (this.#missed > MISSED_HEARTBEATS) return this.gone()
    this.#options.channel.ping()
  }

  tellLeader(): void {
    const { replica, addressOf } = this.#options
    const { leader } = replica.status()
    const address = leader === null ? null : addressOf(leader)
    this.#tell({ type: 'leader', leader, address })
  }

  /** Nothing more is to be asked here. */
  leave(): void {
    this.#tell({ type: 'leaving' })
  }

  /** Ends the connection. */
  end(reason: CloseReason): void {
    if (this.#isOver) return
    this.#over()
    this.#options.channel.close(reason)
  }

  /** The connection is to be no more, or is no more: what was asked on it is for nobody. */
  gone(): void {
    if (this.#isOver) return
    this.#over()
    this.#options.channel.destroy()
  }

  #over(): void {
    this.#isOver = true
    this.#listen(false, false)
    for (const { over } of this.#running.values()) over.abort()
    this.#running.clear()
    this.#runningBytes = 0
    for (const resolve of this.#drained) resolve()
    this.#drained.clear()
    this.#options.onIdle()
  }

  #begin(head: Request, body: Uint8Array): void {
    const bytes = body.byteLength
    const isTooMuch =
      this.#running.size >= MAX_REQUESTS ||
      (this.#running.size > 0 && this.#runningBytes + bytes > MAX_REQUEST_BYTES)
    // Who knows the limits, as each client does, stays below them.
    if (isTooMuch) return this.end('too-much')
    const running = { over: new AbortController(), bytes }
    this.#running.set(head.id, running)
    this.#runningBytes += bytes
    void this.#answer(head, body, running)
  }

  #cancel(id: number): void {
    const running = this.#running.get(id)
    if (running === undefined) return
    this.#forget(id, running)
    running.over.abort()
  }

  #forget(id: number, running: Running): void {
    if (this.#running.get(id) !== running) return
    this.#running.delete(id)
    this.#runningBytes -= running.bytes
    if (this.#running.size === 0) this.#options.onIdle()
  }

  /** Never rejects. */
  async #answer(head: Request, body: Uint8Array, running: Running): Promise<void> {
    const { signal } = running.over
    let frame: Uint8Array
    try {
      frame = await this.#frameFor(head, body, signal)
    } catch (thrown) {
      frame = encodeFrame(toldOf(head.id, thrown))
    }
    if (signal.aborted || this.#isOver) return
    const isTooMuch = this.#isTooMuch(frame.byteLength)
    // It was applied, and its session knows the result: the client asks again, when it reads again.
    if (isTooMuch && head.type !== 'query') return this.gone()
    this.#send(isTooMuch ? encodeFrame(toldOf(head.id, readsSlowly())) : frame)
    this.#forget(head.id, running)
  }

  async #frameFor(head: Request, body: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const { replica, codecs } = this.#options
    const { id } = head
    if (head.type === 'open-session') {
      return encodeFrame({ type: 'session', id, session: await replica.openSession({ signal }) })
    }
    if (head.type === 'propose') {
      const { session, sequence, acknowledged, evenIfFull } = head
      const command = read('command', () => codecs.command.decode(body))
      const place = { id: session, sequence, acknowledged }
      const result = await replica.propose(command, { session: place, evenIfFull, signal })
      return answerFrame(id, codecs.result.encode(result))
    }
    const { consistency, maxStalenessMs } = head
    const query = read('query', () => codecs.query.decode(body))
    const bound = maxStalenessMs === null ? {} : { maxStalenessMs }
    const answer = await replica.query(query, { consistency, ...bound, signal })
    return answerFrame(id, codecs.answer.encode(answer))
  }

  #isTooMuch(bytes: number): boolean {
    const own = this.unsentBytes + bytes
    if (own <= UNSENT_BYTES_TO_WAIT) return false
    return own > MAX_UNSENT_BYTES || this.#options.unsentOfAll() + bytes > MAX_UNSENT_BYTES_OF_ALL
  }

  #listen(events: boolean, applied: boolean): void {
    const { replica } = this.#options
    if (events && this.#events === null) void this.#pass((this.#events = replica.events()))
    else if (!events && this.#events !== null) {
      void this.#events.return?.()
      this.#events = null
    }
    if (applied) this.#unwatch ??= replica.watch(() => this.#tellApplied())
    else {
      this.#unwatch?.()
      this.#unwatch = null
      this.#isAppliedUntold = false
    }
  }

  /** Never rejects. What is not read in time waits in the replica, which counts what it lets go. */
  async #pass(events: AsyncIterableIterator<ReplicaEvent>): Promise<void> {
    for await (const event of events) {
      while (!this.#isOver && this.unsentBytes > UNSENT_BYTES_TO_WAIT) {
        await new Promise<void>((resolve) => this.#drained.add(resolve))
      }
      if (this.#isOver || this.#events !== events) return
      this.#send(encodeFrame({ type: 'event' }, bytesOfEvent(event)))
    }
  }

  #tellApplied(): void {
    this.#isAppliedUntold = this.unsentBytes > UNSENT_BYTES_TO_WAIT
    if (!this.#isAppliedUntold) this.#tell({ type: 'applied' })
  }

  #tell(told: Told): void {
    this.#send(encodeFrame(told))
  }

  #send(frame: Uint8Array): void {
    if (this.#isOver) return
    const { channel } = this.#options
    channel.send(frame)
    if (channel.unsentBytes > UNSENT_BYTES_TO_WAIT) channel.pause()
  }
}

function read<T>(what: string, decode: () => T): T {
  try {
    return decode()
  } catch (cause) {
    const message = `The server cannot read the ${what}. Give serve() and connect() the same codecs.`
    throw new DecodeError(message, { cause })
  }
}

function answerFrame(id: number, body: unknown): Uint8Array {
  if (!isBytes(body)) {
    throw new InvalidArgumentError('The codec made no bytes of the answer. Correct the codec.')
  }
  if (body.byteLength <= MAX_ANSWER_BYTES) return encodeFrame({ type: 'answer', id }, body)
  throw new AnswerTooLargeError(
    `The answer takes ${body.byteLength} bytes, and ${MAX_ANSWER_BYTES} may be sent. ` +
      'Ask for it in several parts.',
  )
}

/** An error of an event has no fields that JSON would take. */
function bytesOfEvent(event: ReplicaEvent): Uint8Array {
  const text = JSON.stringify(event, (_, value: unknown) =>
    value instanceof Error ? { code: codeOf(value), message: value.message } : value,
  )
  return new TextEncoder().encode(text)
}

function readsSlowly(): OverloadedError {
  return new OverloadedError(
    'Too many answers wait to be read by this client, or by all of them. ' +
      'Read faster, or ask for less at once.',
  )
}
