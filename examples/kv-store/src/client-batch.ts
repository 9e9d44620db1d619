/**
 * Batches of the client: several reads and writes of keys in one request. What is refused by a node in
 * trouble is asked for again, alone with its like, until each has its outcome or the time is up. Must
 * never call a write failed that may have happened, nor make one twice.
 */
import { BATCH_PATH, batchBody } from './api.ts'
import type { BatchResult as Answer } from './api.ts'
import {
  ClientError,
  forgotten,
  OutcomeUnknownError,
  RequestError,
  UnavailableError,
} from './client-errors.ts'
import { checkKey, checkValue } from './client-keys.ts'
import type { Deadline } from './deadline.ts'
import { MAX_BATCH_BYTES, MAX_BATCH_ITEMS } from './limits.ts'
import type { Nodes } from './nodes.ts'
import type { Consistency } from './replica.ts'
import type { Session, Sessions } from './sessions.ts'

/** A part of a batch. `ifRevision`: only if the key has this revision; 0: if it is absent. */
export type BatchItem =
  | { readonly type: 'get'; readonly key: string }
  | {
      readonly type: 'put'
      readonly key: string
      readonly value: string
      readonly ifRevision?: number
    }
  | { readonly type: 'delete'; readonly key: string; readonly ifRevision?: number }

/** What became of it. */
export type BatchResult =
  /** The key was written, or removed. */
  | { readonly type: 'done'; readonly revision: number }
  /** What a key holds that was asked for. */
  | { readonly type: 'entry'; readonly value: string; readonly revision: number }
  /** There is no such key, so nothing was read or removed. */
  | { readonly type: 'absent' }
  /** Nothing was changed: the key has this revision; 0 when it is absent. */
  | { readonly type: 'revision-differs'; readonly revision: number }
  /** As the call for this item alone would have been rejected. */
  | { readonly type: 'failed'; readonly error: ClientError }

export interface BatchContext {
  readonly nodes: Pick<Nodes, 'request' | 'preferred' | 'moveOn' | 'pauseMs'>
  readonly sessions: Sessions
  readonly consistency: Consistency | undefined
  readonly deadline: Deadline
}

/** An item on its way. */
interface Part {
  readonly item: BatchItem
  readonly session: Session | null
  /** Whether a node may have acted on it already. */
  mayHaveHappened: boolean
  result: BatchResult | null
  /** Whether it is to begin anew in another session, as nothing happened in this one. */
  isExpired: boolean
}

/** Throws RequestError for a batch that no node would take. */
export function checkBatch(items: readonly BatchItem[]): void {
  for (const item of items) {
    checkKey(item.key)
    if (item.type === 'put') checkValue(item.value)
  }
  if (items.length <= MAX_BATCH_ITEMS) return
  const message = `A batch has at most ${MAX_BATCH_ITEMS} items. Make several of it.`
  throw new RequestError('too-large', message)
}

/** The results, in the order of the items. Rejects when nothing was begun, and when the caller gives up. */
export async function sendBatch(
  items: readonly BatchItem[],
  context: BatchContext,
): Promise<readonly BatchResult[]> {
  if (items.length === 0) return []
  const { sessions, deadline } = context
  const writes = items.filter(({ type }) => type !== 'get').length
  const parts = await sessions.lend(writes, deadline, async (lent) => {
    const free = [...lent]
    const sent = items.map((item): Part => {
      const session = item.type === 'get' ? null : (free.pop() ?? null)
      return { item, session, mayHaveHappened: false, result: null, isExpired: false }
    })
    await settle(sent, context)
    const expired = sent.flatMap(({ isExpired, session }) => (isExpired ? (session?.id ?? []) : []))
    return { answer: sent, expired: new Set(expired) }
  })
  const again = parts.filter(({ result }) => result === null)
  const anew = await sendBatch(
    again.map(({ item }) => item),
    context,
  )
  for (const [index, part] of again.entries()) part.result = anew[index] ?? null
  return parts.flatMap(({ result }) => result ?? [])
}

/** Asks until each part has its result, or is to begin anew. */
async function settle(parts: readonly Part[], context: BatchContext): Promise<void> {
  const { nodes, deadline } = context
  for (let rounds = 0; ; rounds += 1) {
    const open = parts.filter(({ result, isExpired }) => result === null && !isExpired)
    if (open.length === 0) return
    await deadline.pause(nodes.pauseMs(rounds))
    try {
      const { answers, mayHaveHappenedBefore } = await ask(open, context)
      for (const [index, part] of open.entries()) {
        part.mayHaveHappened ||= mayHaveHappenedBefore
        judge(part, answers[index])
      }
    } catch (error) {
      deadline.throwIfGivenUp()
      if (!(error instanceof ClientError) || parts.every(isUntouched)) throw error
      for (const part of open) part.result = { type: 'failed', error: errorOf(part, error) }
    }
    // Another node may be in less trouble.
    if (open.some(({ result }) => result === null)) nodes.moveOn(nodes.preferred)
  }
}

async function ask(
  open: readonly Part[],
  { nodes, consistency, deadline }: BatchContext,
): Promise<{ readonly answers: readonly Answer[]; readonly mayHaveHappenedBefore: boolean }> {
  const items = open.map(({ item, session }) =>
    session === null ? item : { ...item, session: session.id, sequence: session.sequence },
  )
  const body = JSON.stringify({ items })
  if (Buffer.byteLength(body) > MAX_BATCH_BYTES) {
    const message = `A batch has at most ${MAX_BATCH_BYTES} bytes as JSON. Make several of it.`
    throw new RequestError('too-large', message)
  }
  const reply = await nodes.request(
    {
      method: 'POST',
      path: BATCH_PATH,
      parameters: consistency === undefined ? {} : { consistency },
      body,
      mayStream: true,
      read: (text) => {
        const { results } = batchBody.parse(JSON.parse(text))
        if (results.length === open.length) return results
        throw new TypeError('The answer is to another batch.')
      },
      ...(open.some(({ session }) => session !== null) ? { ifUnknown: IF_UNKNOWN } : {}),
    },
    deadline,
  )
  const { mayHaveHappenedBefore } = reply
  if (reply.type === 'done') return { answers: reply.value, mayHaveHappenedBefore }
  throw new RequestError(reply.error.code, reply.error.message)
}

/** Leaves a part open that another node, or another time, may answer. */
function judge(part: Part, answer: Answer | undefined): void {
  if (answer === undefined) return
  const { revision = 0, value, error } = answer
  if (error === undefined) {
    part.result =
      value === undefined ? { type: 'done', revision } : { type: 'entry', value, revision }
    return
  }
  if (answer.status >= 500) {
    part.mayHaveHappened ||= error.outcome === 'unknown'
    return
  }
  const { code, message } = error
  if (code === 'not-found') part.result = { type: 'absent' }
  else if (code === 'revision-differs') {
    part.result = { type: code, revision: error.revision ?? 0 }
  } else if (code !== 'session-expired') {
    part.result = { type: 'failed', error: new RequestError(code, message) }
  } else if (part.mayHaveHappened) part.result = { type: 'failed', error: forgotten() }
  // Expired before anything happened in it, or not: it is of no use any more.
  part.isExpired = code === 'session-expired'
}

function isUntouched({ result, mayHaveHappened }: Part): boolean {
  return result === null && !mayHaveHappened
}

/** What ended the batch, as it is for this part of it. */
function errorOf({ session, mayHaveHappened }: Part, error: ClientError): ClientError {
  const isUnknown = error instanceof OutcomeUnknownError
  if (session === null) return isUnknown ? new UnavailableError(error.message, error.tries) : error
  if (isUnknown || !mayHaveHappened) return error
  const tries = error instanceof UnavailableError ? error.tries : []
  return new OutcomeUnknownError(`${error.message} ${IF_UNKNOWN}`, tries)
}

const IF_UNKNOWN =
  'Writes of the batch may have happened, or may still happen. Read the keys to find out.'
