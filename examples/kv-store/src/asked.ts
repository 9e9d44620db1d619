/**
 * What is asked of the service and what it answers, as plain data, whether it came as a request of
 * HTTP, in a stream or in a batch. Must never hold the socket that it came by: each rule of the
 * service stands once, for all of these.
 */

/** Headers by their names in lower case. */
export type Heads = Readonly<Record<string, string | readonly string[] | undefined>>

export interface Asked {
  readonly method: string
  /** As it was sent, percent-encoded; begins with '/'. */
  readonly path: string
  /** What follows the question mark; '' for nothing. */
  readonly query: string
  readonly headers: Heads
  readonly body: Uint8Array | string | null
  /** Aborts when whoever asks is gone. */
  readonly signal: AbortSignal
}

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** A stream is one of events that goes on until somebody ends it. */
  readonly body: string | ReadableStream<Uint8Array> | null
}

/** Answers everything. Never rejects. */
export type Service = (asked: Asked) => Promise<Answered>

/** Answers what its path and method are for. Rejects with what becomes a refusal. */
export type Route = (asked: Asked) => Answered | Promise<Answered>

/** By method and path, as in `GET /keys/:key`. */
export type Routes = readonly (readonly [name: string, route: Route])[]

/** `null` when it was not sent. */
export function headerOf(headers: Heads, name: string): string | null {
  const value = headers[name]
  return typeof value === 'string' ? value : null
}

/** An answer of JSON. */
export function json(
  value: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Answered {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(value),
  }
}
