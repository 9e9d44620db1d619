/**
 * Bodies of requests: read into memory up to a limit, or read and thrown away, up to a limit too.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Share } from './budget.ts'
import { Refusal } from './refusal.ts'

/** How large a body may be. */
export interface BodyLimit {
  readonly bytes: number
  /** What a larger one is answered with. */
  readonly refuse: () => Refusal
}

/**
 * The body; `null` for none. A refusal when it is larger than it may be, or memory is short. Rejects
 * when the client is gone.
 */
export async function readBody(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  share: Share,
  limit: BodyLimit,
): Promise<Buffer | Refusal | null> {
  const { method, headers } = incoming
  if (method === 'GET' || method === 'HEAD') return null
  if (Number(headers['content-length'] ?? 0) > limit.bytes) return limit.refuse()
  if (headers.expect !== undefined) outgoing.writeContinue()
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const finish = (body: Buffer | Refusal | null): void => {
      incoming.off('data', read).off('end', end).off('close', gone)
      resolve(body)
    }
    const refuse = (refusal: Refusal): void => {
      incoming.pause()
      finish(refusal)
    }
    const read = (chunk: Buffer): void => {
      bytes += chunk.byteLength
      if (bytes > limit.bytes) return refuse(limit.refuse())
      if (!share.take(chunk.byteLength)) return refuse(noRoomForBody())
      chunks.push(chunk)
    }
    const end = (): void => {
      const [first = null] = chunks
      finish(chunks.length > 1 ? Buffer.concat(chunks) : first)
    }
    const gone = (): void => reject(new Error('The client is gone.'))
    incoming.on('data', read).on('end', end).on('close', gone)
  })
}

/** Reads and forgets the rest of a body. Resolves at its end, or when it is too much. */
export async function discard(
  incoming: IncomingMessage,
  limits: { readonly discardWithinMs: number; readonly discardedBytes: number },
): Promise<void> {
  await new Promise<void>((resolve) => {
    let bytes = 0
    const count = (chunk: Buffer): void => {
      bytes += chunk.byteLength
      if (bytes > limits.discardedBytes) finish()
    }
    const finish = (): void => {
      clearTimeout(timer)
      for (const event of ['end', 'close'] as const) incoming.off(event, finish)
      incoming.off('data', count)
      resolve()
    }
    const timer = setTimeout(finish, limits.discardWithinMs)
    for (const event of ['end', 'close'] as const) incoming.once(event, finish)
    if (incoming.readableEnded || incoming.destroyed) return finish()
    incoming.on('data', count)
    incoming.resume()
  })
}

export function noRoomForBody(): Refusal {
  const message = 'Too many bodies are being received. Send it later, or to another node.'
  return new Refusal(503, 'unavailable', message)
}
