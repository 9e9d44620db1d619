/**
 * Several reads and writes of keys in one request. Each is made as it would be alone, in no order
 * among them, and has its own outcome: a batch is not atomic. Must never begin one of them when the
 * batch as a whole is refused.
 */
import { z } from 'zod'
import { json } from './asked.ts'
import type { Asked, Routes } from './asked.ts'
import { BATCH_PATH } from './api.ts'
import type { BatchResult } from './api.ts'
import { batchItem, parameters, parse, parseJson, parseParameters, readText } from './input.ts'
import type { BatchItem } from './input.ts'
import { read, waitOf, writeOnce } from './http-keys.ts'
import {
  MAX_BATCH_ANSWER_CHARACTERS,
  MAX_BATCH_BYTES,
  MAX_BATCH_ITEMS,
  WATCH_SLICE_CHARACTERS,
} from './limits.ts'
import { batchTooLarge, Refusal } from './refusal.ts'
import type { Attempt } from './refusal.ts'
import type { KeyValueReplica } from './replica.ts'
import type { Turns } from './turns.ts'

const batch = z.strictObject({
  items: z
    .array(batchItem)
    .min(1, 'Give one item at least.')
    .max(
      MAX_BATCH_ITEMS,
      `Give at most ${MAX_BATCH_ITEMS} items, and make several batches of more.`,
    ),
})

/** `refuse` makes a refusal of what an item was rejected with. */
export function batchRoutes(
  replica: KeyValueReplica,
  turns: Turns,
  refuse: (error: unknown, attempt: Attempt, asked: Asked) => Refusal,
): Routes {
  return [
    [
      `POST ${BATCH_PATH}`,
      async (asked) => {
        const { timeout, consistency } = parseParameters(parameters.read, asked.query)
        const text = readText(asked, MAX_BATCH_BYTES, batchTooLarge)
        const { items } = parse(batch, parseJson(text, EXAMPLE))
        requireOwnSessions(items)
        const wait = waitOf(asked, timeout)
        let characters = 0

        const answer = async (item: BatchItem): Promise<BatchResult> => {
          try {
            if (item.type !== 'get') {
              const { session, sequence, ifRevision, ...rest } = item
              const command = ifRevision === undefined ? rest : { ...rest, ifRevision }
              const place =
                session === undefined ? undefined : { id: session, sequence: sequence ?? 0 }
              return { status: 200, revision: await writeOnce(replica, command, wait, place) }
            }
            const { value, revision } = await read(replica, item.key, wait, consistency)
            characters += value.length
            if (characters > MAX_BATCH_ANSWER_CHARACTERS) throw answerTooLarge()
            return { status: 200, value, revision }
          } catch (error) {
            const attempt = item.type === 'get' ? 'read' : 'write'
            const { status, body } = refuse(error, attempt, asked)
            return { status, error: body.error }
          }
        }

        const results = await Promise.all(items.map(answer))
        // A long answer takes some milliseconds to write.
        if (characters > WATCH_SLICE_CHARACTERS) await turns.next()
        return json({ results })
      },
    ],
  ]
}

const EXAMPLE = '{"items":[{"type":"put","key":"k","value":"v"},{"type":"get","key":"l"}]}'

/** A session has one write at a time: the other would be taken for over. */
function requireOwnSessions(items: readonly BatchItem[]): void {
  const named = items.flatMap((item) => (item.type === 'get' ? [] : (item.session ?? [])))
  if (new Set(named).size === named.length) return
  const message = 'A session has one write at a time. Give each item another session, or none.'
  throw new Refusal(400, 'invalid-argument', message)
}

function answerTooLarge(): Refusal {
  const message = 'The values of this batch are too long for one answer. Read this key again.'
  return new Refusal(413, 'too-large', message)
}
