/**
 * The client: reads and writes over HTTP, on whichever node answers. A write is made once however
 * often it had to be sent, because it belongs to a session; when nobody says what came of it, the
 * error says that, and nothing here pretends to know.
 */
import { requireOptions } from '@paxos/core'
import type { z } from 'zod'
import {
  entityTag,
  healthBody,
  leaderBody,
  membersBody,
  pageBody,
  readyBody,
  revisionOf,
  SEQUENCE_HEADER,
  SESSION_HEADER,
  sessionBody,
  statusBody,
  summaryBody,
  writtenBody,
} from './api.ts'
import type { ErrorCode, Health, Members, Readiness, Status } from './api.ts'
import { headerOf } from './asked.ts'
import type { Heads } from './asked.ts'
import { checkBatch, sendBatch } from './client-batch.ts'
import type { BatchItem, BatchResult } from './client-batch.ts'
import {
  forgotten,
  OutcomeUnknownError,
  RequestError,
  TooManySessionsError,
} from './client-errors.ts'
import { httpSender } from './client-http.ts'
import type { ClientTls } from './client-http.ts'
import { checkValue, pathOf } from './client-keys.ts'
import { exchangeOf, isSo } from './client-members.ts'
import { streamSender } from './client-stream.ts'
import { openWatch } from './client-watch.ts'
import type { ChangeStream, WatchOptions } from './client-watch.ts'
import type { Entry, Page, Summary } from './commands.ts'
import { Deadline } from './deadline.ts'
import {
  ANSWER_WITHIN_MS,
  DEFAULT_ATTEMPT_TIMEOUT_MS,
  DEFAULT_CALL_TIMEOUT_MS,
  DEFAULT_UNREACHABLE_TIMEOUT_MS,
  MAX_MEMBERS_TIMEOUT_MS,
  MAX_PAGE_ENTRIES,
  MEMBERS_PROGRESS_EVERY_MS,
  OPEN_SESSION_AGAIN_S,
} from './limits.ts'
import type { MembersRequest } from './member-requests.ts'
import { Nodes } from './nodes.ts'
import type { Exchange, Reply } from './nodes.ts'
import type { Consistency } from './replica.ts'
import { Sessions } from './sessions.ts'

export {
  OutcomeUnknownError,
  RequestError,
  TooManySessionsError,
  TooManyWritesError,
  UnavailableError,
  WatchLaggedError,
} from './client-errors.ts'

export type { BatchItem, BatchResult } from './client-batch.ts'

export interface ConnectOptions {
  /** Base URLs of the nodes, at least one: 'http://127.0.0.1:8001'. */
  readonly nodes: readonly string[]
  /**
   * How long a call may take with all its retries, in milliseconds, above 0. Infinity, and whatever
   * is above 2,147,483,647 (24.8 days), is taken for that. Default: 15,000.
   */
  readonly timeoutMs?: number
  /**
   * How long one node may take before another is asked, in milliseconds, above 0; 60,000 at most.
   * Default: 2000.
   */
  readonly attemptTimeoutMs?: number
  /**
   * How long a call goes on when every node refuses the connection, or shows a certificate that is
   * not trusted, in milliseconds; 0 and more. Default: 2000.
   */
  readonly unreachableTimeoutMs?: number
  /** What the nodes ask for, if they do; a function is called for each request. Default: nothing. */
  readonly token?: string | (() => string)
  /** For nodes on https: whose authority Node.js does not know, or that ask for a certificate. */
  readonly tls?: ClientTls
  /**
   * Whether reads and writes of keys travel on one connection to a node, as many at once as there are.
   * It opens with the first of them, and closes by itself. A node that opens none is asked over HTTP.
   * For a program that asks much. Default: false.
   */
  readonly stream?: boolean
  /** Numbers in [0, 1), for jitter. Default: Math.random. */
  readonly random?: () => number
}

const OPTIONS = [
  'nodes',
  'timeoutMs',
  'attemptTimeoutMs',
  'unreachableTimeoutMs',
  'token',
  'tls',
  'stream',
  'random',
] as const satisfies readonly (keyof ConnectOptions)[]

/** How long to wait. A write that is given up may have happened, or may still happen. */
export interface CallOptions {
  /** When it aborts, the call rejects with its reason. */
  readonly signal?: AbortSignal
  /** As that of connect(), which is the default. */
  readonly timeoutMs?: number
}

export interface ReadOptions extends CallOptions {
  /** 'local' is quick, and may miss the newest writes. Default: 'linearizable'. */
  readonly consistency?: Consistency
}

export interface ListOptions extends ReadOptions {
  /** Default: every key. */
  readonly prefix?: string
}

/** What became of a write that was made under a condition. */
export type Swap =
  | { readonly isDone: true; readonly revision: number }
  /** Nothing was changed: the key has this revision; 0 when it is absent. */
  | { readonly isDone: false; readonly revision: number }

/**
 * Every call rejects with RequestError when the servers refuse it, with UnavailableError when nobody
 * answers and nothing was changed, and with the reason of the signal. Writes reject with
 * OutcomeUnknownError when nobody said what came of them, with TooManyWritesError, and with
 * TooManySessionsError when the cluster opens no other session.
 */
export interface Client {
  /** The value of a key, and its revision; `null` when there is none. */
  get(key: string, options?: ReadOptions): Promise<Omit<Entry, 'key'> | null>
  /** Writes a key. Resolves with its new revision. */
  put(key: string, value: string, options?: CallOptions): Promise<number>
  /** Removes a key. Resolves with whether it was there. */
  delete(key: string, options?: CallOptions): Promise<boolean>
  /** Writes a key if it has that revision; 0: if it is absent. */
  compareAndSet(
    key: string,
    ifRevision: number,
    value: string,
    options?: CallOptions,
  ): Promise<Swap>
  /**
   * Reads and writes several keys, 64 at most, in one request. Resolves with what became of each, in
   * the order of the items. It is not atomic: each is made as it would be alone, in no order among
   * them. Rejects when nothing was begun.
   */
  batch(items: readonly BatchItem[], options?: ReadOptions): Promise<readonly BatchResult[]>
  /** All entries in the order of their keys. Each page is a read of its own. */
  list(options?: ListOptions): AsyncIterable<Entry>
  /**
   * Resolves when the watch has begun. It goes on over the death of nodes, without missing a change
   * or telling one twice, until its signal aborts or the loop over it ends.
   */
  watch(options?: WatchOptions): Promise<ChangeStream>
  /** Who is in the cluster. */
  members(options?: ReadOptions): Promise<Members>
  /**
   * Changes who is in the cluster, and resolves when the change is complete. It is made once, however
   * often it was sent: the nodes make it only in place of the members that it was meant for, those of
   * `expected` or those that there are when it begins. Takes up to four minutes, and within them as
   * long as `timeoutMs` says. When it rejects with 'not-promoted', or nobody says what came of it, a
   * new voter is a learner: look at members(), and promote it. A refusal that is not for good rejects
   * with OutcomeUnknownError.
   */
  changeMembers(
    request: MembersRequest,
    options?: CallOptions & { readonly expected?: number },
  ): Promise<Members>
  /**
   * Lets another node lead: `to`, or whom suits best. Resolves with who leads then; rejects with
   * 'not-transferred' when the other did not take over, and the same one leads on.
   */
  transferLeadership(to?: string, options?: CallOptions): Promise<string>
  /** Resolves as soon as a node answers that it runs. */
  health(options?: CallOptions): Promise<Health>
  /**
   * Resolves as soon as a node says that it can be asked: it knows a leader, and is not far behind.
   * When none does in time, UnavailableError says why.
   */
  ready(options?: CallOptions): Promise<Readiness>
  /** What a node that answers says of itself. */
  status(options?: CallOptions): Promise<Status>
  /** What a node that answers holds, in one line: equal on nodes that hold the same. */
  digest(options?: ReadOptions): Promise<Summary>
}

/**
 * A client of one cluster. Nothing is opened before the first call, and nothing is to be closed.
 * Throws RequestError for options that can never work, or are not known.
 */
export function connect(options: ConnectOptions): Client {
  checkOptions(options)
  const defaultTimeoutMs = checkTime('timeoutMs', options.timeoutMs ?? DEFAULT_CALL_TIMEOUT_MS)
  const http = httpSender(options.tls)
  const nodes = new Nodes({
    nodes: checkNodes(options.nodes),
    attemptTimeoutMs: checkTime(
      'attemptTimeoutMs',
      options.attemptTimeoutMs ?? DEFAULT_ATTEMPT_TIMEOUT_MS,
    ),
    unreachableTimeoutMs: options.unreachableTimeoutMs ?? DEFAULT_UNREACHABLE_TIMEOUT_MS,
    send: options.stream === true ? streamSender(http, options.tls) : http,
    token: tokenOf(options.token),
    random: options.random ?? Math.random,
  })
  const sessions = new Sessions(async (deadline) => {
    const exchange = { method: 'POST', path: '/sessions', read: json(sessionBody) } as const
    const reply = await nodes.request(exchange, deadline)
    if (!isRefused(reply, 'too-many-sessions')) return accept(reply).session
    throw new TooManySessionsError(
      `The write was not begun: ${reply.error.message} Begin it again after ${OPEN_SESSION_AGAIN_S} seconds.`,
    )
  })

  return {
    async get(key, { consistency, ...call } = {}) {
      const path = pathOf(key)
      const exchange = { path, ...parametersOf(consistency), read: readValue, mayStream: true }
      const reply = await read(exchange, call)
      return isRefused(reply, 'not-found') ? null : accept(reply)
    },

    async put(key, value, call = {}) {
      checkValue(value)
      return accept(await write({ method: 'PUT', path: pathOf(key), body: value }, call)).revision
    },

    async delete(key, call = {}) {
      const reply = await write({ method: 'DELETE', path: pathOf(key) }, call)
      if (isRefused(reply, 'not-found')) return false
      accept(reply)
      return true
    },

    async compareAndSet(key, ifRevision, value, call = {}) {
      checkValue(value)
      const headers: Readonly<Record<string, string>> =
        ifRevision === 0 ? { 'if-none-match': '*' } : { 'if-match': entityTag(ifRevision) }
      const reply = await write({ method: 'PUT', path: pathOf(key), body: value, headers }, call)
      if (reply.type === 'refused' && reply.error.code === 'revision-differs') {
        return { isDone: false, revision: reply.error.revision ?? 0 }
      }
      return { isDone: true, revision: accept(reply).revision }
    },

    async batch(items, { consistency, ...call } = {}) {
      checkBatch(items)
      return await within(call, (deadline) =>
        sendBatch(items, { nodes, sessions, consistency, deadline }),
      )
    },

    async *list({ prefix = '', consistency, ...call } = {}) {
      let after: string | null = null
      do {
        const parameters: Readonly<Record<string, string>> = {
          ...parametersOf(consistency).parameters,
          prefix,
          limit: String(MAX_PAGE_ENTRIES),
          ...(after === null ? {} : { after }),
        }
        const page: Page = accept(
          await read({ path: '/keys', parameters, read: json(pageBody) }, call),
        )
        yield* page.entries
        after = page.next
      } while (after !== null)
    },

    async watch({ timeoutMs = defaultTimeoutMs, ...watchOptions } = {}) {
      return await openWatch(nodes, {
        ...watchOptions,
        timeoutMs: checkTime('timeoutMs', timeoutMs),
      })
    },

    async members({ consistency, ...call } = {}) {
      const exchange = { path: '/members', read: json(membersBody), ...parametersOf(consistency) }
      return accept(await read(exchange, call))
    },

    async changeMembers(request, { expected, ...call } = {}) {
      return await within(call, async (deadline) => {
        const before = await membersWithin(deadline)
        const version = expected ?? before.version
        // So that the node has the last word, and can say how far it came.
        const ownMs = Math.max(1, deadline.remainingMs - ANSWER_WITHIN_MS)
        const exchange = {
          ...exchangeOf(request, version),
          attemptTimeoutMs: Math.min(ownMs, MAX_MEMBERS_TIMEOUT_MS),
          read: json(membersBody),
        }
        const reply = await nodes.request(exchange, deadline)
        if (isRefused(reply, 'members-refused')) {
          // What was sent before may be made yet, whoever refuses it now.
          const isOpen = reply.error.outcome === 'unknown' || reply.mayHaveHappenedBefore
          if (isOpen) throw notForGood(reply.error.message)
        }
        if (!isRefused(reply, 'members-differ') || !reply.mayHaveHappenedBefore)
          return accept(reply)
        // The node that was asked is gone, perhaps because of this change: the log says what came of it.
        for (;;) {
          const now = await membersWithin(deadline)
          if (!isSo(request, before, now)) throw changedSince()
          if (now.isComplete) return now
          await deadline.pause(MEMBERS_PROGRESS_EVERY_MS)
        }
      })
    },

    async transferLeadership(to, call = {}) {
      const exchange = {
        method: 'POST',
        path: '/leader',
        body: JSON.stringify(to === undefined ? {} : { to }),
        read: json(leaderBody),
        ifUnknown: 'Another node may lead by now. Look at the status of the nodes.',
      } as const
      return accept(await within(call, (deadline) => nodes.request(exchange, deadline))).leader
    },

    async health(call = {}) {
      const exchange = { path: '/healthz', read: json(healthBody), isAnsweredAtOnce: true }
      return accept(await read(exchange, call))
    },

    async ready(call = {}) {
      const exchange = { path: '/readyz', read: json(readyBody), isAnsweredAtOnce: true }
      return accept(await read(exchange, call))
    },

    async status(call = {}) {
      const exchange = { path: '/status', read: json(statusBody), isAnsweredAtOnce: true }
      return accept(await read(exchange, call))
    },

    async digest({ consistency, ...call } = {}) {
      const exchange = { path: '/digest', read: json(summaryBody), ...parametersOf(consistency) }
      return accept(await read(exchange, call))
    },
  }

  async function membersWithin(deadline: Deadline): Promise<Members> {
    const exchange = { method: 'GET', path: '/members', read: json(membersBody) } as const
    return accept(await nodes.request(exchange, deadline))
  }

  async function read<T>(
    exchange: Omit<Exchange<T>, 'method'>,
    call: CallOptions,
  ): Promise<Reply<T>> {
    return await within(call, (deadline) => nodes.request({ ...exchange, method: 'GET' }, deadline))
  }

  async function write(
    exchange: Omit<Exchange<never>, 'read'>,
    call: CallOptions,
  ): Promise<Reply<Written>> {
    return await within(call, async (deadline) => {
      for (;;) {
        const reply = await sessions.use(deadline, async ({ id, sequence }) => {
          const place = { [SESSION_HEADER]: id, [SEQUENCE_HEADER]: String(sequence) }
          const headers = { ...exchange.headers, ...place }
          const request = { ...exchange, headers, ...WRITE }
          const answer = await nodes.request(request, deadline)
          return { answer, isExpired: isRefused(answer, 'session-expired') }
        })
        if (!isRefused(reply, 'session-expired')) return reply
        if (reply.mayHaveHappenedBefore) throw forgotten()
        // Nothing has happened under that session: begin anew with another one.
      }
    })
  }

  async function within<T>(
    { signal, timeoutMs = defaultTimeoutMs }: CallOptions,
    run: (deadline: Deadline) => Promise<T>,
  ): Promise<T> {
    const deadline = new Deadline(checkTime('timeoutMs', timeoutMs), signal)
    try {
      return await run(deadline)
    } finally {
      deadline.clear()
    }
  }
}

type Written = z.infer<typeof writtenBody>

/** Throws for a refusal that its caller does not expect. */
function accept<T>(reply: Reply<T>): T {
  if (reply.type === 'done') return reply.value
  throw new RequestError(reply.error.code, reply.error.message)
}

function isRefused<T>(reply: Reply<T>, code: ErrorCode): reply is Reply<T> & { type: 'refused' } {
  return reply.type === 'refused' && reply.error.code === code
}

/** Throws for what has not the form of `schema`. */
function json<T>(schema: z.ZodType<T>): (text: string) => T {
  return (text) => schema.parse(JSON.parse(text))
}

function readValue(value: string, headers: Heads): Omit<Entry, 'key'> {
  const revision = revisionOf(headerOf(headers, 'etag') ?? '')
  if (revision === null) throw new TypeError('A value came without its revision.')
  return { value, revision }
}

function parametersOf(consistency: Consistency | undefined): {
  readonly parameters: Readonly<Record<string, string>>
} {
  return { parameters: consistency === undefined ? {} : { consistency } }
}

function checkTime(name: string, ms: number): number {
  if (ms > 0) return ms
  throw new RequestError('invalid-argument', `${name} is ${ms}. Give milliseconds above 0.`)
}

function tokenOf(token: ConnectOptions['token']): () => string | null {
  if (token === undefined) return () => null
  return () => {
    const shown = typeof token === 'function' ? token() : token
    // Never the token itself: errors are logged.
    if (/^[\x21-\x7e]+$/.test(shown)) return shown
    throw new RequestError('invalid-argument', 'The token has characters that no header carries.')
  }
}

/** A misspelt token or timeout would be ignored. */
function checkOptions(options: ConnectOptions): void {
  try {
    requireOptions('connect()', options, OPTIONS)
  } catch (error) {
    if (error instanceof Error) throw new RequestError('invalid-argument', error.message)
    throw error
  }
}

function checkNodes(nodes: readonly string[]): readonly string[] {
  const urls = nodes.map((node) => {
    const { protocol, origin } = URL.canParse(node) ? new URL(node) : { protocol: '', origin: '' }
    if (protocol === 'http:' || protocol === 'https:') return origin
    const message = `'${node}' is no URL of a node. Write it as in http://127.0.0.1:8001.`
    throw new RequestError('invalid-argument', message)
  })
  if (urls.length > 0) return urls
  throw new RequestError('invalid-argument', 'No node is named. Give at least one.')
}

/** What all writes of keys share. */
const WRITE = {
  read: json(writtenBody),
  mayStream: true,
  ifUnknown: 'The write may have happened, or may still happen. Read the key to find out.',
} as const

function changedSince(): OutcomeUnknownError {
  return new OutcomeUnknownError(
    'The members have changed since the change was sent first, perhaps by it. Look at the members, ' +
      'and make again what is missing.',
  )
}

function notForGood(refusal: string): OutcomeUnknownError {
  return new OutcomeUnknownError(
    `The change was refused, and may be made yet. ${refusal} Look at the members again later.`,
  )
}
