/**
 * A watch of the client: server-sent events, from whichever node answers. When one is cut off it
 * goes on with another, behind the last change that it has seen. Must never pass over a change, nor
 * tell one twice.
 */
import { createParser } from 'eventsource-parser'
import type { EventSourceMessage } from 'eventsource-parser'
import { onAbort } from './abort.ts'
import { EVENT_STREAM, watchEvents } from './api.ts'
import { RequestError, UnavailableError, WatchLaggedError } from './client-errors.ts'
import type { Outgoing, Received } from './client-http.ts'
import type { Change } from './commands.ts'
import { Deadline } from './deadline.ts'
import { MAX_ANSWER_BYTES, WATCH_SILENCE_MS } from './limits.ts'
import { isDone, parseRefusal, textOf } from './nodes.ts'
import type { Nodes } from './nodes.ts'
import { failureOf } from './tries.ts'
import type { Failure, Tries } from './tries.ts'

export interface WatchOptions {
  /** Only keys that begin with this. Default: all. */
  readonly prefix?: string
  /** Begin behind this revision. Default: with what comes now. */
  readonly after?: number
  /** Ends the watch: the loop over it then throws the reason. */
  readonly signal?: AbortSignal
  /** How long to look for a node, in milliseconds. Default: that of connect(). */
  readonly timeoutMs?: number
}

/**
 * Changes, in the order in which they were made. Ends with WatchLaggedError when changes were
 * missed, and with UnavailableError when no node answers.
 */
export interface ChangeStream extends AsyncIterableIterator<Change> {
  /** Every change behind this revision is told. */
  readonly after: number
  /** Ends the watch and its connection at once, also while a change is waited for. */
  return(): Promise<IteratorResult<Change, undefined>>
}

type Options = WatchOptions & { readonly timeoutMs: number }

/** Resolves when a node has said that the watch has begun. */
export async function openWatch(nodes: Nodes, options: Options): Promise<ChangeStream> {
  return new Changes(nodes, options, await findNode(nodes, options, options.after))
}

/** No generator: one that is left before its first change, or while it waits, releases nothing. */
class Changes implements ChangeStream {
  readonly after: number
  readonly #nodes: Nodes
  readonly #options: Options
  readonly #over = new AbortController()
  #letGo = (): void => undefined
  #connection: Connection
  /** The revision of the last change that was told. */
  #through: number
  #losses = 0
  #isReturned = false
  /** The last call of next(), which the next one comes behind. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(nodes: Nodes, options: Options, first: Connection) {
    const { signal } = options
    this.#nodes = nodes
    this.#options = { ...options, signal: this.#over.signal }
    this.#connection = first
    this.after = first.after
    this.#through = first.after
    if (signal !== undefined) this.#letGo = onAbort(signal, () => this.#end(signal.reason))
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Change, undefined>> {
    const told = this.#last.then(() => this.#next())
    this.#last = told.catch(() => undefined)
    return told
  }

  return(): Promise<IteratorResult<Change, undefined>> {
    this.#isReturned = true
    this.#end(new Error('Nobody watches any more.'))
    return Promise.resolve(DONE)
  }

  async #next(): Promise<IteratorResult<Change, undefined>> {
    try {
      for (;;) {
        const change = await this.#hear()
        if (change !== null) return { done: false, value: change }
      }
    } catch (error) {
      const { signal } = this.#over
      const isOver = signal.aborted
      this.#end(error)
      if (this.#isReturned) return DONE
      this.#isReturned = true
      throw isOver ? signal.reason : error
    }
  }

  /** The next change, or `null` when something else was heard. */
  async #hear(): Promise<Change | null> {
    const { signal } = this.#over
    signal.throwIfAborted()
    const message = await this.#connection.next()
    signal.throwIfAborted()
    const told = message === null ? null : read(message, this.#through)
    if (told === null) {
      await this.#goOnElsewhere()
      return null
    }
    if (told.type === 'lagged') throw new WatchLaggedError(told.message)
    if (told.type === 'other') return null
    this.#through = told.change.revision
    this.#losses = 0
    return told.change
  }

  async #goOnElsewhere(): Promise<void> {
    this.#connection.close()
    this.#nodes.moveOn(this.#connection.node)
    const connection = await findNode(this.#nodes, this.#options, this.#through, this.#losses)
    this.#losses += 1
    this.#connection = connection
    // It may have been ended meanwhile.
    if (this.#over.signal.aborted) connection.close()
  }

  #end(reason: unknown): void {
    this.#over.abort(reason)
    this.#letGo()
    this.#connection.close()
  }
}

const DONE = { done: true, value: undefined } as const

/**
 * A watch on a node that has begun it. Looks for one until the time is up, slower with each failure;
 * `failuresBefore` is how many there were.
 */
async function findNode(
  nodes: Nodes,
  { prefix = '', signal, timeoutMs }: Options,
  after: number | undefined,
  failuresBefore = 0,
): Promise<Connection> {
  const deadline = new Deadline(timeoutMs, signal)
  const query = new URLSearchParams({
    prefix,
    ...(after === undefined ? {} : { after: String(after) }),
  })
  const tries = nodes.tries()
  try {
    for (let failures = failuresBefore; ; failures += 1) {
      await deadline.pause(nodes.pauseMs(failures))
      deadline.throwIfGivenUp()
      if (deadline.isOver || nodes.isNobodyThere(tries)) throw nobody(deadline, tries)
      const node = nodes.preferred
      const connection = new Connection(node, signal)
      const withinMs = Math.min(nodes.attemptTimeoutMs, deadline.remainingMs)
      const failure = await connection.open(withinMs, (outgoing) =>
        nodes.send(node, `/watch?${query.toString()}`, outgoing),
      )
      if (failure === null) return connection
      tries.note(nodes.url(node), failure)
      nodes.moveOn(node)
    }
  } finally {
    deadline.clear()
  }
}

/** One stream of events from one node. */
class Connection {
  readonly node: number
  /** What the node said that it begins behind. */
  after = 0
  readonly #caller: AbortSignal | undefined
  #letGo = (): void => undefined
  readonly #controller = new AbortController()
  readonly #messages: EventSourceMessage[] = []
  readonly #parser = createParser({
    onEvent: (message) => this.#messages.push(message),
    maxBufferSize: MAX_ANSWER_BYTES,
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') this.close()
    },
  })
  #chunks: AsyncIterator<string> | null = null

  constructor(node: number, caller: AbortSignal | undefined) {
    this.node = node
    this.#caller = caller
    if (caller !== undefined) this.#letGo = onAbort(caller, () => this.close())
  }

  /** `null` when the node has begun. Throws RequestError when it refuses, and would always. */
  async open(
    withinMs: number,
    send: (outgoing: Outgoing) => Promise<Received>,
  ): Promise<Failure | null> {
    let isLate = false
    const tooLate = setTimeout(() => {
      isLate = true
      this.close()
    }, withinMs)
    let hasBegun = false
    try {
      const { signal } = this.#controller
      const response = await send({ method: 'GET', signal, headers: { accept: EVENT_STREAM } })
      const { status, body } = response
      if (!isDone(response) || typeof body === 'string') {
        return refuse(status, await textOf(response))
      }
      this.#chunks = body.setEncoding('utf8')[Symbol.asyncIterator]()
      const message = await this.next()
      if (message?.event !== 'ready') return failed(isLate, withinMs, 'began no watch')
      this.after = watchEvents.ready.parse(JSON.parse(message.data)).revision
      hasBegun = true
      return null
    } catch (error) {
      if (error instanceof RequestError) throw error
      return isLate ? failed(isLate, withinMs, '') : failureOf(error)
    } finally {
      clearTimeout(tooLate)
      if (!hasBegun) this.close()
    }
  }

  /** The next event; `null` when the connection is gone. */
  async next(): Promise<EventSourceMessage | null> {
    for (;;) {
      const message = this.#messages.shift()
      if (message !== undefined) return message
      const text = await this.#read()
      this.#caller?.throwIfAborted()
      if (text === null) return null
      this.#parser.feed(text)
    }
  }

  close(): void {
    this.#letGo()
    this.#controller.abort()
  }

  async #read(): Promise<string | null> {
    const silence = setTimeout(() => this.close(), WATCH_SILENCE_MS)
    try {
      const chunk = await this.#chunks?.next()
      return chunk === undefined || chunk.done === true ? null : chunk.value
    } catch {
      return null
    } finally {
      clearTimeout(silence)
    }
  }
}

/** A refusal that another node would repeat is the end; anything else is not. */
function refuse(status: number, text: string): Failure {
  const refusal = parseRefusal(text)
  if (refusal !== null && status < 500) throw new RequestError(refusal.code, refusal.message)
  const words = refusal === null ? '' : `: ${refusal.message}`
  return { why: `answered ${status}${words}`, isUnreachable: false }
}

function failed(isLate: boolean, withinMs: number, otherwise: string): Failure {
  const why = isLate ? `did not begin within ${Math.ceil(withinMs)} ms` : otherwise
  return { why, isUnreachable: false }
}

type Told =
  | { readonly type: 'change'; readonly change: Change }
  | { readonly type: 'lagged'; readonly message: string }
  | { readonly type: 'other' }

/** What an event says behind revision `after`; `null` when no node of ours would say that. */
function read({ event, data }: EventSourceMessage, after: number): Told | null {
  try {
    if (event === 'lagged') return { type: event, ...watchEvents.lagged.parse(JSON.parse(data)) }
    if (event !== 'change') return { type: 'other' }
    const change = watchEvents.change.parse(JSON.parse(data))
    return change.revision > after ? { type: event, change } : null
  } catch {
    return null
  }
}

function nobody({ afterMs, isOver }: Deadline, tries: Tries): UnavailableError {
  const within = isOver ? ` within ${Math.ceil(afterMs)} ms` : ''
  const message =
    `No node began the watch${within}: ${tries.text}. ` +
    'Check these addresses, and that one of the nodes runs; then try again.'
  return new UnavailableError(message, tries.list)
}
