/**
 * Reads requests: everything that a client sends is checked here, and refused with a sentence that
 * says what would do. Nothing that is longer than a limit is taken into memory.
 */
import { z } from 'zod'
import { revisionOf, SEQUENCE_HEADER, SESSION_HEADER } from './api.ts'
import { headerOf } from './asked.ts'
import type { Asked, Heads } from './asked.ts'
import {
  DEFAULT_PAGE_ENTRIES,
  DEFAULT_TIMEOUT_MS,
  MAX_KEY_BYTES,
  MAX_MEMBERS_TIMEOUT_MS,
  MAX_PAGE_ENTRIES,
  MAX_TIMEOUT_MS,
  MAX_VALUE_BYTES,
} from './limits.ts'
import { Refusal } from './refusal.ts'
import type { SessionPlace } from './replica.ts'

const HALF_A_PLACE = 'session and sequence go together. Give both, or neither.'

/** Text that UTF-8 can carry: half of a surrogate pair would come back as something else. */
const text = z.string().regex(/^\P{Surrogate}*$/u, 'Give text without half characters.')

const shortText = text.refine((value) => bytesOf(value) <= MAX_KEY_BYTES, {
  error: `Give at most ${MAX_KEY_BYTES} bytes of UTF-8.`,
})

/** A key. '.' and '..' are steps in a path: URLs lose them on the way. */
const keyText = shortText
  .min(1, 'Give a key of at least one character.')
  .refine((value) => value !== '.' && value !== '..', { error: "'.' and '..' are no keys." })

const sessionName = z.string().min(1).max(MAX_KEY_BYTES)
const sequenceNumber = z.int().min(1)

/** What a write in a batch has, of either kind. */
const batchWrite = {
  key: keyText,
  ifRevision: z.int().nonnegative().optional(),
  session: sessionName.optional(),
  sequence: sequenceNumber.optional(),
}

/** A part of a batch. */
export const batchItem = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('get'), key: keyText }),
  z
    .strictObject({
      type: z.literal('put'),
      ...batchWrite,
      value: text.refine((value) => bytesOf(value) <= MAX_VALUE_BYTES, {
        error: `Give at most ${MAX_VALUE_BYTES} bytes of UTF-8.`,
      }),
    })
    .refine(hasPlaceOrNone, { error: HALF_A_PLACE }),
  z
    .strictObject({ type: z.literal('delete'), ...batchWrite })
    .refine(hasPlaceOrNone, { error: HALF_A_PLACE }),
])
export type BatchItem = z.infer<typeof batchItem>

const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, 'Give a whole number.')
  .transform(Number)

const timeout = wholeNumber
  .pipe(z.int().min(1).max(MAX_TIMEOUT_MS, `Give from 1 to ${MAX_TIMEOUT_MS} milliseconds.`))
  .default(DEFAULT_TIMEOUT_MS)

const membersTimeout = wholeNumber
  .pipe(
    z
      .int()
      .min(1)
      .max(MAX_MEMBERS_TIMEOUT_MS, `Give from 1 to ${MAX_MEMBERS_TIMEOUT_MS} milliseconds.`),
  )
  .default(MAX_TIMEOUT_MS)

const limit = wholeNumber
  .pipe(z.int().min(1).max(MAX_PAGE_ENTRIES, `Give from 1 to ${MAX_PAGE_ENTRIES}.`))
  .default(DEFAULT_PAGE_ENTRIES)

const consistency = z.enum(['linearizable', 'lease', 'local']).default('linearizable')

/** The parameters behind the question mark, by what is asked for. Others are refused. */
export const parameters = {
  write: z.strictObject({ timeout }),
  read: z.strictObject({ timeout, consistency }),
  list: z.strictObject({
    timeout,
    consistency,
    limit,
    prefix: shortText.default(''),
    after: shortText.optional(),
  }),
  watch: z.strictObject({ prefix: shortText.default(''), after: wholeNumber.optional() }),
  changeMembers: z.strictObject({ timeout: membersTimeout }),
  none: z.strictObject({}),
} as const

/** Refuses what `schema` does not allow, in the words of its first complaint. */
export function parse<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `
  throw new Refusal(400, 'invalid-argument', `${where}${issue?.message ?? 'Not understood.'}`)
}

/** The parameters in a query; one that is given twice is refused. */
export function parseParameters<T extends z.ZodType>(schema: T, query: string): z.output<T> {
  const given = [...new URLSearchParams(query)]
  const byName = new Map(given)
  if (byName.size !== given.length) {
    throw new Refusal(400, 'invalid-argument', 'A parameter is given twice. Give each once.')
  }
  return parse(schema, Object.fromEntries(byName))
}

/** The key in a path below /keys/. */
export function parseKey(path: string): string {
  const encoded = path.slice('/keys/'.length)
  try {
    return parse(keyText, decodeURIComponent(encoded))
  } catch (error) {
    if (error instanceof Refusal) throw error
    const message = 'The key is no UTF-8. Write it as encodeURIComponent does.'
    throw new Refusal(400, 'invalid-argument', message)
  }
}

/** What If-Match and If-None-Match ask for: a revision, 0 for none, nothing for anything. */
export function parseCondition(headers: Heads): { readonly ifRevision?: number } {
  const match = headerOf(headers, 'if-match')
  const noneMatch = headerOf(headers, 'if-none-match')
  if (match !== null && noneMatch !== null) {
    throw new Refusal(400, 'invalid-argument', 'Give If-Match or If-None-Match, not both.')
  }
  if (noneMatch !== null) {
    if (noneMatch.trim() === '*') return { ifRevision: 0 }
    throw new Refusal(400, 'invalid-argument', 'If-None-Match: give *, for a key that is absent.')
  }
  if (match === null) return {}
  const revision = revisionOf(match.trim())
  if (revision !== null && revision > 0) return { ifRevision: revision }
  throw new Refusal(400, 'invalid-argument', 'If-Match: give one revision in quotes, as in "12".')
}

/** The version of the members that If-Match asks for; nothing for any. */
export function parseVersion(headers: Heads): { readonly expected?: number } {
  const match = headerOf(headers, 'if-match')
  if (match === null) return {}
  const version = revisionOf(match.trim())
  if (version !== null) return { expected: version }
  throw new Refusal(400, 'invalid-argument', 'If-Match: give one version in quotes, as in "12".')
}

/** Whether If-None-Match names this revision: the client has its value already. */
export function isKnown(headers: Heads, revision: number): boolean {
  const tags = headerOf(headers, 'if-none-match')?.split(',') ?? []
  return tags.some((tag) => tag.trim() === '*' || revisionOf(tag.trim()) === revision)
}

/** Refuses a part of a value, which would take the place of the whole (RFC 9110, 14.5). */
export function refuseParts(headers: Heads): void {
  if (headerOf(headers, 'content-range') === null) return
  const message = 'A value is written as a whole. Leave out Content-Range, and send all of it.'
  throw new Refusal(400, 'invalid-argument', message)
}

const sessionHeaders = z.strictObject({
  session: sessionName,
  sequence: wholeNumber.pipe(sequenceNumber),
})

/** Whose write this is, for a client that may have to repeat it. */
export function parseSession(headers: Heads): SessionPlace | undefined {
  const session = headerOf(headers, SESSION_HEADER)
  const sequence = headerOf(headers, SEQUENCE_HEADER)
  if (session === null && sequence === null) return undefined
  if (session === null || sequence === null) {
    const message = 'Paxos-Session and Paxos-Sequence go together. Give both, or neither.'
    throw new Refusal(400, 'invalid-argument', message)
  }
  const place = parse(sessionHeaders, { session, sequence })
  return { id: place.session, sequence: place.sequence }
}

/** Where a browser that was cut off goes on with its watch. */
export function parseLastEvent(headers: Heads): number | undefined {
  const last = headerOf(headers, 'last-event-id')
  return last === null ? undefined : parse(wholeNumber, last)
}

/** A value: the body as text. */
export function readValue(asked: Asked): string {
  return readText(asked, MAX_VALUE_BYTES, tooLarge)
}

/** The body as text; what `refuse` makes is thrown for one of more bytes. */
export function readText({ body }: Asked, mostBytes: number, refuse: () => Refusal): string {
  if (body === null) return ''
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
  if (bytes > mostBytes) throw refuse()
  const found = typeof body === 'string' ? wellFormed(body) : decoded(body)
  if (found !== null) return found
  const message =
    'What is sent has to be text in UTF-8. Encode other bytes, for instance as base64.'
  throw new Refusal(400, 'invalid-argument', message)
}

/** A byte order mark is part of the value: what was written is what is read. */
const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decoded(bytes: Uint8Array): string | null {
  try {
    return UTF_8.decode(bytes)
  } catch {
    return null
  }
}

function wellFormed(body: string): string | null {
  return /\p{Surrogate}/u.test(body) ? null : body
}

/** What a body of JSON says. `example` is what it could be. */
export function parseJson(body: string, example: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    const message = `The body is no JSON. Write it as in ${example}.`
    throw new Refusal(400, 'invalid-argument', message)
  }
}

/** Half of a place in a session names no write. */
function hasPlaceOrNone(item: {
  readonly session?: unknown
  readonly sequence?: unknown
}): boolean {
  return (item.session === undefined) === (item.sequence === undefined)
}

/** A body that no value can be. */
export function tooLarge(): Refusal {
  const message = `A value has at most ${MAX_VALUE_BYTES} bytes. Store it elsewhere, and its place here.`
  return new Refusal(413, 'too-large', message)
}

function bytesOf(value: string): number {
  return Buffer.byteLength(value)
}
