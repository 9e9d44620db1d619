/**
 * Finds a node that answers: asks one, and another when that fails, until the time is up. It repeats
 * whatever it is given, so that it may be given only what may be repeated: reads, and writes that
 * belong to a session. It must never forget that an attempt may have changed something.
 */
import { errorBody } from './api.ts'
import type { ErrorBody } from './api.ts'
import { OutcomeUnknownError, RequestError, UnavailableError } from './client-errors.ts'
import type { Heads } from './asked.ts'
import type { Outgoing, Received, Send } from './client-http.ts'
import { Deadline } from './deadline.ts'
import {
  ANSWER_WITHIN_MS,
  FIRST_BACKOFF_MS,
  MAX_ANSWER_BYTES,
  MAX_BACKOFF_MS,
  MAX_TIMEOUT_MS,
} from './limits.ts'
import { failureOf, Tries } from './tries.ts'

/** What is asked. */
export interface Exchange<T> {
  readonly method: 'GET' | 'PUT' | 'DELETE' | 'POST'
  readonly path: string
  /** Reads what was answered with 2xx; throws when it is none of this service. */
  readonly read: (text: string, headers: Heads) => T
  /** Whether the node answers from what it has, so that it need not be told how long to wait. */
  readonly isAnsweredAtOnce?: boolean
  /** Whether it may travel on a stream. Default: no. */
  readonly mayStream?: boolean
  /** How long one node may take, in milliseconds. Default: that of all. */
  readonly attemptTimeoutMs?: number
  /** For what changes something: what to do when nobody says whether it did. */
  readonly ifUnknown?: string
  readonly parameters?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** What a node answered, for good. */
export type Reply<T> = (
  | { readonly type: 'done'; readonly value: T }
  | { readonly type: 'refused'; readonly error: Refused }
) & {
  /** Whether an attempt before this one may have reached a node that acted on it. */
  readonly mayHaveHappenedBefore: boolean
}

/** Why. */
export type Refused = ErrorBody['error']

export interface NodesOptions {
  /** Base URLs. */
  readonly nodes: readonly string[]
  readonly attemptTimeoutMs: number
  /** How long to go on when every node refuses the connection, in milliseconds. */
  readonly unreachableTimeoutMs: number
  readonly send: Send
  /** What is shown to the nodes, asked for anew for each request; `null` for nothing. */
  readonly token: () => string | null
  /** Numbers in [0, 1), for jitter. */
  readonly random: () => number
}

/** What came of one attempt. */
type Attempt<T> =
  | { readonly type: 'done'; readonly value: T }
  | { readonly type: 'refused'; readonly error: Refused }
  | {
      readonly type: 'failed'
      readonly mayHaveHappened: boolean
      readonly why: string
      /** Nobody was there. */
      readonly isUnreachable: boolean
    }

/** The nodes of one cluster, as a client sees them. */
export class Nodes {
  readonly #options: NodesOptions
  /** The one that answered last. */
  #preferred: number

  constructor(options: NodesOptions) {
    this.#options = options
    // Clients spread over the nodes, and each stays where it is answered.
    this.#preferred = Math.floor(options.random() * options.nodes.length)
  }

  get attemptTimeoutMs(): number {
    return this.#options.attemptTimeoutMs
  }

  /** What came of asking them, for one call. */
  tries(): Tries {
    return new Tries(new Set(this.#options.nodes).size)
  }

  /** Whether it is of no use to ask again. */
  isNobodyThere(tries: Tries): boolean {
    return tries.isNobodyThere(this.#options.unreachableTimeoutMs)
  }

  /** Rejects as `Send` does. */
  send(node: number, target: string, outgoing: Outgoing): Promise<Received> {
    const token = this.#options.token()
    const headers =
      token === null ? outgoing.headers : { ...outgoing.headers, authorization: `Bearer ${token}` }
    return this.#options.send(this.url(node), target, { ...outgoing, headers })
  }

  /** The node to ask next. */
  get preferred(): number {
    return this.#preferred
  }

  url(node: number): string {
    return this.#options.nodes[node] ?? ''
  }

  /** `failed` has failed: take the one behind it, unless another call has done so already. */
  moveOn(failed: number): void {
    if (this.#preferred === failed) this.#preferred = (failed + 1) % this.#options.nodes.length
  }

  /** How long to pause after so many failures: not at all before every node had its turn. */
  pauseMs(failures: number): number {
    const { nodes, random } = this.#options
    if (failures === 0 || failures % nodes.length !== 0) return 0
    const longest = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures / nodes.length - 1))
    return longest * (0.5 + random() / 2)
  }

  /**
   * Rejects with UnavailableError or OutcomeUnknownError when the time is up, or with the reason of
   * the signal.
   */
  async request<T>(exchange: Exchange<T>, deadline: Deadline): Promise<Reply<T>> {
    let mayHaveHappenedBefore = false
    const tries = this.tries()
    for (let failures = 0; ; failures += 1) {
      await deadline.pause(this.pauseMs(failures))
      deadline.throwIfGivenUp()
      if (deadline.isOver || this.isNobodyThere(tries)) {
        throw nobodyAnswered(exchange, deadline, mayHaveHappenedBefore, tries)
      }
      const node = this.#preferred
      const attempt = await this.#attempt(node, exchange, deadline)
      if (attempt.type !== 'failed') return { ...attempt, mayHaveHappenedBefore }
      mayHaveHappenedBefore ||= attempt.mayHaveHappened
      tries.note(this.url(node), attempt)
      this.moveOn(node)
    }
  }

  async #attempt<T>(node: number, exchange: Exchange<T>, whole: Deadline): Promise<Attempt<T>> {
    const { method, path, parameters, headers = {}, body, isAnsweredAtOnce = false } = exchange
    const ownMs = Math.min(this.#options.attemptTimeoutMs, MAX_TIMEOUT_MS)
    const longestMs = Math.min(exchange.attemptTimeoutMs ?? ownMs, whole.remainingMs)
    const timeoutMs = Math.max(1, Math.ceil(longestMs))
    const query = new URLSearchParams({
      ...parameters,
      ...(isAnsweredAtOnce ? {} : { timeout: String(timeoutMs) }),
    })
    const deadline = new Deadline(timeoutMs + ANSWER_WITHIN_MS, whole.signal)
    try {
      const response = await this.send(node, `${path}?${query.toString()}`, {
        method,
        headers,
        signal: deadline.signal,
        mayStream: exchange.mayStream === true,
        ...(body === undefined ? {} : { body }),
      })
      const text = await textOf(response)
      if (isDone(response)) return { type: 'done', value: exchange.read(text, response.headers) }
      return judge(response.status, text)
    } catch (error) {
      if (error instanceof RequestError) throw error
      if (deadline.signal.aborted) return noAnswer(timeoutMs)
      const failure = failureOf(error)
      return { type: 'failed', mayHaveHappened: !failure.isUnreachable, ...failure }
    } finally {
      deadline.clear()
    }
  }
}

function noAnswer(timeoutMs: number): Attempt<never> {
  const why = `did not answer within ${timeoutMs} ms`
  return { type: 'failed', mayHaveHappened: true, isUnreachable: false, why }
}

/** A refusal of ours is for good, unless the node itself is in trouble. */
function judge(status: number, text: string): Attempt<never> {
  const error = parseRefusal(text)
  if (error !== null && status < 500) return { type: 'refused', error }
  return {
    type: 'failed',
    // Whoever does not speak our language may have handed the request on.
    mayHaveHappened: error === null || error.outcome === 'unknown',
    isUnreachable: false,
    why: `answered ${status}${error === null ? '' : `: ${error.message}`}`,
  }
}

/** What a refusal says; `null` when the text is none of ours. */
export function parseRefusal(text: string): Refused | null {
  try {
    return errorBody.parse(JSON.parse(text)).error
  } catch {
    return null
  }
}

/** Whether the node has done what it was asked for. */
export function isDone({ status }: Received): boolean {
  return status >= 200 && status < 300
}

/** The body of an answer. Rejects when it is larger than any of ours, or is no text. */
export async function textOf({ body }: Received): Promise<string> {
  if (typeof body === 'string') return body
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength
    if (bytes > MAX_ANSWER_BYTES) throw new RangeError('the answer is too large')
    chunks.push(chunk)
  }
  return UTF_8.decode(Buffer.concat(chunks))
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function nobodyAnswered(
  { ifUnknown }: Exchange<unknown>,
  { afterMs, isOver }: Deadline,
  mayHaveHappened: boolean,
  tries: Tries,
): Error {
  const message = isOver
    ? `Nobody answered within ${afterMs} ms: ${tries.text}.`
    : `No node is there: ${tries.text}.`
  if (ifUnknown !== undefined && mayHaveHappened) {
    return new OutcomeUnknownError(`${message} ${ifUnknown}`, tries.list)
  }
  const wayOut = 'Check these addresses, and that a majority of the nodes runs; then try again.'
  return new UnavailableError(`${message} ${wayOut}`, tries.list)
}
