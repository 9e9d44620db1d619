/**
 * Streams of the client: one connection to a node, on which many requests are under way at once. What
 * becomes of a request is what would become of it over HTTP, and a node that opens no stream is asked
 * that way. Must never send a request twice by itself: whoever asks decides whether it may be repeated.
 */
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { RawData } from 'ws'
import { onAbort } from './abort.ts'
import type { ClientTls, Outgoing, Received, Send } from './client-http.ts'
import {
  MAX_ANSWER_BYTES,
  MAX_STREAM_MESSAGE_BYTES,
  MAX_STREAM_REQUESTS,
  SEND_STEP_BYTES,
  STREAM_AGAIN_MS,
  STREAM_OPEN_WITHIN_MS,
  STREAM_SILENCE_MS,
} from './limits.ts'
import { framesIn, fromNode, Outbox, STREAM_PATH } from './stream-frames.ts'
import type { FromClient, StreamAnswer } from './stream-frames.ts'

/** Sends by streams what may travel so, and everything else by `http`. */
export function streamSender(http: Send, tls: ClientTls | undefined): Send {
  const streams = new Map<string, Stream>()
  /** Nodes that open no stream, and until when they are not asked for one. */
  const without = new Map<string, number>()

  return async (node, target, outgoing) => {
    const isWithout = performance.now() < (without.get(node) ?? 0)
    if (outgoing.mayStream !== true || isWithout) return await http(node, target, outgoing)
    const stream = streams.get(node) ?? open(node, outgoing)
    try {
      const answer = stream.ask(target, outgoing)
      return answer === null ? await http(node, target, outgoing) : await answer
    } catch (error) {
      if (!(error instanceof NoStreamError)) throw error
      without.set(node, performance.now() + STREAM_AGAIN_MS)
      return await http(node, target, outgoing)
    }
  }

  function open(node: string, { headers: { authorization } }: Outgoing): Stream {
    const ws = new WebSocket(`${node.replace(/^http/, 'ws')}${STREAM_PATH}`, {
      ...tls,
      headers: authorization === undefined ? {} : { authorization },
      handshakeTimeout: STREAM_OPEN_WITHIN_MS,
      perMessageDeflate: false,
      maxPayload: MAX_ANSWER_BYTES,
    })
    const stream = new Stream(ws, () => {
      if (streams.get(node) === stream) streams.delete(node)
    })
    streams.set(node, stream)
    return stream
  }
}

/** The node has answered, and opens no stream. Nothing was asked. */
class NoStreamError extends Error {}

interface Asking {
  readonly id: number
  /** The frame. */
  readonly text: string
  sentAtMs: number
  readonly resolve: (received: Received) => void
  readonly reject: (error: unknown) => void
}

class Stream {
  readonly #ws: WebSocket
  /** Called when it is to be asked nothing more. */
  readonly #leave: () => void
  readonly #outbox: Outbox
  /** Those that are sent, by their numbers. */
  readonly #asked = new Map<number, Asking>()
  /** Those that wait, because it is not open yet, or as many are under way as may be. */
  readonly #waiting = new Set<Asking>()
  #next = 1
  #socket: Socket | null = null
  #heardAtMs = performance.now()
  #isLast = false
  /** What ended it, or will. */
  #reason: Error = Object.assign(new Error('The stream was closed.'), { code: 'ECONNRESET' })

  constructor(ws: WebSocket, leave: () => void) {
    this.#ws = ws
    this.#leave = leave
    this.#outbox = new Outbox(SEND_STEP_BYTES, (message, sent) => ws.send(message, sent))
    ws.once('upgrade', ({ socket }) => {
      this.#socket = socket
    })
    ws.once('open', () => this.#send())
    ws.once('unexpected-response', () => {
      this.#reason = new NoStreamError('The node opens no stream.')
      ws.terminate()
    })
    ws.on('error', (error) => {
      // The first one is the cause.
      if (ws.readyState !== ws.OPEN && !(this.#reason instanceof NoStreamError)) this.#fail(error)
    })
    ws.on('message', (data, isBinary) => this.#hear(data, isBinary))
    ws.once('close', () => this.#fail(this.#reason))
  }

  /** `null` when it is too long for a stream. */
  ask(target: string, { method, headers, body, signal }: Outgoing): Promise<Received> | null {
    const id = this.#next
    const frame = { id, method, target, headers, ...(body === undefined ? {} : { body }) }
    const text = frameOf(frame)
    if (isTooLong(text)) return null
    this.#next += 1
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const letGo = onAbort(signal, () => {
        this.#giveUp(asking)
        asking.reject(signal.reason)
      })
      const asking: Asking = {
        id,
        text,
        sentAtMs: performance.now(),
        resolve: (received) => {
          letGo()
          resolve(received)
        },
        reject: (error) => {
          letGo()
          reject(error)
        },
      }
      if (this.#asked.size + this.#waiting.size === 0) this.#socket?.ref()
      this.#waiting.add(asking)
      this.#send()
    })
  }

  #send(): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return
    for (const asking of this.#waiting) {
      if (this.#asked.size >= MAX_STREAM_REQUESTS) return
      this.#waiting.delete(asking)
      asking.sentAtMs = performance.now()
      this.#asked.set(asking.id, asking)
      this.#outbox.add(asking.text)
    }
  }

  #giveUp(asking: Asking): void {
    this.#waiting.delete(asking)
    if (!this.#asked.delete(asking.id)) return this.#rest()
    const isSilent =
      this.#heardAtMs < asking.sentAtMs && performance.now() - asking.sentAtMs > STREAM_SILENCE_MS
    if (isSilent) return this.#ws.terminate()
    this.#outbox.add(frameOf({ cancel: asking.id }))
    this.#send()
    this.#rest()
  }

  #hear(data: RawData, isBinary: boolean): void {
    this.#heardAtMs = performance.now()
    const frames = framesIn(fromNode, data, isBinary)
    // It is none of ours.
    if (frames === null) return this.#ws.terminate()
    for (const frame of frames) {
      if ('last' in frame) {
        this.#isLast = true
        this.#leave()
      } else this.#answer(frame)
    }
    this.#send()
    this.#rest()
  }

  #answer({ id, status, headers = {}, body }: StreamAnswer): void {
    const asking = this.#asked.get(id)
    // Somebody has given up meanwhile.
    if (asking === undefined) return
    this.#asked.delete(id)
    asking.resolve({ status, headers, body })
  }

  /** A stream on which nothing is under way keeps no process alive. */
  #rest(): void {
    if (this.#asked.size + this.#waiting.size > 0) return
    if (this.#isLast) this.#ws.close()
    this.#socket?.unref()
  }

  #fail(error: Error): void {
    this.#leave()
    for (const asking of [...this.#asked.values(), ...this.#waiting]) asking.reject(error)
    this.#asked.clear()
    this.#waiting.clear()
  }
}

/** A character has up to three bytes in UTF-8, and the brackets have two. */
function isTooLong(text: string): boolean {
  const most = MAX_STREAM_MESSAGE_BYTES - 2
  return text.length * 3 > most && Buffer.byteLength(text) > most
}

function frameOf(frame: FromClient): string {
  return JSON.stringify(frame)
}
