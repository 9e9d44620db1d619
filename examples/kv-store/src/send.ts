/**
 * Bodies of answers: handed to the system in steps, each when the last one was taken. Must never
 * wait longer than its limit for a client that takes nothing.
 */
import type { ServerResponse } from 'node:http'
import type { Share } from './budget.ts'

export interface SendLimits {
  readonly sendStepBytes: number
  /** How long a client may take for a step, in milliseconds. */
  readonly sendStepWithinMs: number
}

/** Sends the whole of it, and ends the answer. Resolves when the system has it all. */
export async function sendBytes(
  bytes: Buffer,
  outgoing: ServerResponse,
  share: Share,
  limits: SendLimits,
): Promise<void> {
  for (let at = 0; at < bytes.byteLength; at += limits.sendStepBytes) {
    const isTaken = outgoing.write(bytes.subarray(at, at + limits.sendStepBytes))
    if (!isTaken) await until('drain', outgoing, limits)
    share.moved()
  }
  outgoing.end()
  if (!outgoing.writableFinished) await until('finish', outgoing, limits)
}

/** As sendBytes, of text that is one step: the head and all of it go in one write. */
export async function sendText(
  text: string,
  outgoing: ServerResponse,
  limits: SendLimits,
): Promise<void> {
  if (outgoing.destroyed) throw gone()
  outgoing.end(text)
  if (outgoing.writableLength > 0) return await until('finish', outgoing, limits)
  // Most often the system has taken it by now, or refused it: its end comes in this turn of the loop.
  // What was sent ahead waits for that: an answer that has no socket yet would not hear of its end.
  await new Promise((resolve) => outgoing.once('close', resolve))
}

/** Sends what comes until it ends. Whatever ends the answer ends the stream. */
export async function sendStream(
  body: ReadableStream<Uint8Array>,
  outgoing: ServerResponse,
  limits: SendLimits,
): Promise<void> {
  const reader = body.getReader()
  const cancel = (): void => void reader.cancel().catch(() => undefined)
  outgoing.once('close', cancel)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      if (!outgoing.write(value)) await until('drain', outgoing, limits)
    }
    outgoing.end()
    if (!outgoing.writableFinished) await until('finish', outgoing, limits)
  } finally {
    outgoing.off('close', cancel)
    cancel()
  }
}

/** Rejects when the answer is cut off before, and cuts it off when that takes too long. */
async function until(
  event: 'drain' | 'finish',
  outgoing: ServerResponse,
  { sendStepWithinMs }: SendLimits,
): Promise<void> {
  if (outgoing.destroyed) throw gone()
  await new Promise<void>((resolve, reject) => {
    const finish = (end: () => void): void => {
      clearTimeout(timer)
      outgoing.off(event, happened).off('close', closed)
      end()
    }
    const happened = (): void => finish(resolve)
    const closed = (): void => finish(() => reject(gone()))
    const timer = setTimeout(() => {
      outgoing.destroy()
      closed()
    }, sendStepWithinMs)
    outgoing.once(event, happened).once('close', closed)
  })
}

/** Nobody is told: there is nobody. */
export function gone(): Error {
  return new Error('The client is gone.')
}
