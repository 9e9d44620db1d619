/**
 * A watch of the client: server-sent events, from whichever node answers. When one is cut off it
 * goes on with another, behind the last change that it has seen. Must never pass over a change, nor
 * tell one twice.
 */
import { createParser } from 'eventsource-parser'
import type { EventSourceMessage } from 'eventsource-parser'
import { EVENT_STREAM, watchEvents } from './api.ts'
import { RequestError, UnavailableError, WatchLaggedError } from './client-errors.ts'
import type { Change } from './commands.ts'
import { Deadline } from './deadline.ts'
import { MAX_ANSWER_BYTES, WATCH_SILENCE_MS } from './limits.ts'
import { parseRefusal, textOf } from './nodes.ts'
import type { Nodes } from './nodes.ts'

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
export interface ChangeStream extends AsyncIterable<Change> {
  /** Every change behind this revision is told. */
  readonly after: number
}

type Options = WatchOptions & { readonly timeoutMs: number }

/** Resolves when a node has said that the watch has begun. */
export async function openWatch(nodes: Nodes, options: Options): Promise<ChangeStream> {
  const first = await findNode(nodes, options, options.after)
  return { after: first.after, [Symbol.asyncIterator]: () => changes(nodes, options, first) }
}

async function* changes(nodes: Nodes, options: Options, first: Connection): AsyncGenerator<Change> {
  let connection = first
  let { after } = first
  let losses = 0
  try {
    for (;;) {
      const message = await connection.next()
      const told = message === null ? null : read(message, after)
      if (told === null) {
        connection.close()
        nodes.moveOn(connection.node)
        losses += 1
        connection = await findNode(nodes, options, after, losses - 1)
        continue
      }
      if (told.type === 'lagged') throw new WatchLaggedError(told.message)
      if (told.type === 'other') continue
      after = told.change.revision
      losses = 0
      yield told.change
    }
  } finally {
    connection.close()
  }
}

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
  try {
    for (let failures = failuresBefore; ; failures += 1) {
      await deadline.pause(nodes.pauseMs(failures))
      deadline.throwIfGivenUp()
      if (deadline.isOver) throw nobody(timeoutMs)
      const node = nodes.preferred
      const connection = new Connection(node, signal)
      const withinMs = Math.min(nodes.attemptTimeoutMs, deadline.remainingMs)
      if (await connection.open(`${nodes.url(node)}/watch?${query.toString()}`, withinMs))
        return connection
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
  readonly #callerAborted = (): void => this.close()

  constructor(node: number, caller: AbortSignal | undefined) {
    this.node = node
    this.#caller = caller
    caller?.addEventListener('abort', this.#callerAborted)
  }

  /** Whether the node has begun. Throws RequestError when it refuses, and would always. */
  async open(url: string, withinMs: number): Promise<boolean> {
    const tooLate = setTimeout(() => this.close(), withinMs)
    let hasBegun = false
    try {
      const { signal } = this.#controller
      const response = await fetch(url, { signal, headers: { accept: EVENT_STREAM } })
      if (!response.ok || response.body === null)
        return refuse(response.status, await textOf(response))
      this.#chunks = response.body.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]()
      const message = await this.next()
      if (message?.event !== 'ready') return false
      this.after = watchEvents.ready.parse(JSON.parse(message.data)).revision
      hasBegun = true
      return true
    } catch (error) {
      if (error instanceof RequestError) throw error
      return false
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
    this.#caller?.removeEventListener('abort', this.#callerAborted)
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
function refuse(status: number, text: string): false {
  const refusal = parseRefusal(text)
  if (refusal !== null && status < 500) throw new RequestError(refusal.code, refusal.message)
  return false
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

function nobody(timeoutMs: number): UnavailableError {
  return new UnavailableError(
    `No node began the watch within ${timeoutMs} ms. Check that one runs, then try again.`,
  )
}
