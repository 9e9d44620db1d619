/**
 * What travels on a stream: requests and their answers, many at once, each under a number that the
 * client gives. They mean what the same request means over HTTP. A message is an array of them, as
 * many as have come together: whoever sends waits for no others. Must never be believed before it is
 * parsed.
 */
import { z } from 'zod'
import type { RawData } from 'ws'
import { SEQUENCE_HEADER, SESSION_HEADER } from './api.ts'

/** Where a WebSocket becomes a stream. */
export const STREAM_PATH = '/stream'

const id = z.int().nonnegative()

/** Those of a request that the service reads; others are passed over, as over HTTP. */
const requestHeaders = z.object({
  authorization: z.string().optional(),
  'content-range': z.string().optional(),
  'if-match': z.string().optional(),
  'if-none-match': z.string().optional(),
  [SESSION_HEADER]: z.string().optional(),
  [SEQUENCE_HEADER]: z.string().optional(),
})

const request = z.strictObject({
  id,
  method: z.string(),
  /** With its query. */
  target: z.string(),
  headers: requestHeaders.optional(),
  body: z.string().optional(),
})
export type StreamRequest = z.infer<typeof request>

/** Whoever has asked wants no answer any more. */
const cancel = z.strictObject({ cancel: id })

/** What a client sends. */
export const fromClient = z.array(z.union([request, cancel]))
export type FromClient = z.infer<typeof fromClient>[number]

const answer = z.object({
  id,
  status: z.int(),
  headers: z.record(z.string(), z.string()).optional(),
  body: z.string(),
})
export type StreamAnswer = z.infer<typeof answer>

/** The node ends: it answers what was asked, and is to be asked for no more. */
const last = z.object({ last: z.literal(true) })

/** What a node sends. */
export const fromNode = z.array(z.union([answer, last]))
export type FromNode = z.infer<typeof fromNode>[number]

/** What a message holds; `null` when it is none of ours. */
export function framesIn<T extends z.ZodType>(
  schema: T,
  data: RawData,
  isBinary: boolean,
): z.output<T> | null {
  if (isBinary || !Buffer.isBuffer(data)) return null
  try {
    return schema.parse(JSON.parse(data.toString()))
  } catch {
    return null
  }
}

/** Frames that are collected while a turn of the event loop lasts, and sent as few messages. */
export class Outbox {
  readonly #stepCharacters: number
  readonly #send: (message: string, sent: () => void) => void
  #frames: string[] = []
  #characters = 0
  #whenSent: (() => void)[] = []
  #isScheduled = false

  /** `stepCharacters` is when a message is long enough; `send` calls `sent` when the system has it. */
  constructor(stepCharacters: number, send: (message: string, sent: () => void) => void) {
    this.#stepCharacters = stepCharacters
    this.#send = send
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0
  }

  /** `text` is a frame; `sent` is called when the system has taken it, or never will. */
  add(text: string, sent?: () => void): void {
    if (this.#characters + text.length > this.#stepCharacters) this.flush()
    this.#frames.push(text)
    this.#characters += text.length
    if (sent !== undefined) this.#whenSent.push(sent)
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.flush()
    })
  }

  flush(): void {
    if (this.isEmpty) return
    const [message, whenSent] = [`[${this.#frames.join(',')}]`, this.#whenSent]
    this.#frames = []
    this.#characters = 0
    this.#whenSent = []
    this.#send(message, () => {
      for (const sent of whenSent) sent()
    })
  }
}
