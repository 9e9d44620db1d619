/**
 * Streams: connections on which a client has many requests at once, each answered when its answer is
 * there. What each request may is what it may over HTTP: it goes by the same door to the same
 * service, within the same budgets. Must never hold more of a client than its limits say, nor cut one
 * off that is being answered while it reads.
 */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import type { RawData, WebSocket } from 'ws'
import { refusalAtTheDoor, targetOf } from './admission.ts'
import type { Answered } from './asked.ts'
import type { Share } from './budget.ts'
import { Shares } from './client-address.ts'
import type { Caller, Connections } from './connections.ts'
import { clientOf, noRoomForAnswer, refused } from './exchange.ts'
import type { ExchangeLimits, Exchanges } from './exchange.ts'
import { Place } from './place.ts'
import { noRoomForBody } from './receive.ts'
import { Refusal } from './refusal.ts'
import { framesIn, fromClient, Outbox, STREAM_PATH } from './stream-frames.ts'
import type { FromNode, StreamRequest } from './stream-frames.ts'

export interface StreamLimits extends ExchangeLimits {
  readonly streams: number
  readonly shareOfAddress: number
  /** Requests of one stream that are answered at once. */
  readonly streamRequests: number
  /** A message of a client. */
  readonly streamMessageBytes: number
  /** What is written of a stream and not taken, before no more of its requests are begun. */
  readonly streamUnsentBytes: number
  readonly idleConnectionMs: number
  readonly deadlinesEveryMs: number
}

/** The streams of one server. */
export class Streams {
  readonly #all: Exchanges & { readonly limits: StreamLimits }
  readonly #connections: Connections
  readonly #shares: Shares
  readonly #upgrader: WebSocketServer
  readonly #open = new Set<Stream>()
  #timer: NodeJS.Timeout | null = null

  constructor(all: Exchanges & { readonly limits: StreamLimits }, connections: Connections) {
    const { streams, shareOfAddress, streamMessageBytes } = all.limits
    this.#all = all
    this.#connections = connections
    this.#shares = new Shares(streams, shareOfAddress)
    this.#upgrader = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: streamMessageBytes,
    })
  }

  get count(): number {
    return this.#open.size
  }

  /**
   * Makes a stream of a connection that asks for one. False when it does not, or may not: then it is
   * to be answered as if it had not asked.
   */
  open(caller: Caller, incoming: IncomingMessage, socket: Socket, head: Buffer): boolean {
    const { method, url = '', headers } = incoming
    const asksForOne =
      method === 'GET' &&
      headers.upgrade?.toLowerCase() === 'websocket' &&
      targetOf(url).path === STREAM_PATH
    if (!asksForOne || this.#all.isClosing()) return false
    if (refusalAtTheDoor(incoming, this.#all.doorkeeper()) !== null) return false
    if (this.#open.size >= this.#all.limits.streams) return false
    const client = clientOf(this.#all, caller.address)
    if (client !== null && !this.#shares.take(client)) return false
    // Whatever becomes of it, the connection closes in the end.
    socket.once('close', () => {
      if (client !== null) this.#shares.give(client)
    })
    this.#upgrader.handleUpgrade(incoming, socket, head, (ws) => {
      const stream = new Stream(this.#all, this.#connections, caller, socket, ws, headers.host)
      this.#open.add(stream)
      ws.once('close', () => this.#open.delete(stream))
      this.#timer ??= setInterval(() => this.#look(), this.#all.limits.deadlinesEveryMs).unref()
    })
    return true
  }

  /** Says on each that nothing more is to be asked on it. */
  close(): void {
    for (const stream of this.#open) stream.sayLast()
  }

  #look(): void {
    for (const stream of this.#open) stream.endIfStalled()
    if (this.#open.size > 0 || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
  }
}

class Stream {
  readonly #all: Exchanges & { readonly limits: StreamLimits }
  readonly #connections: Connections
  readonly #caller: Caller
  readonly #socket: Socket
  readonly #ws: WebSocket
  /** What the client has called this server: each request goes by the door with it. */
  readonly #host: string | undefined
  readonly #running = new Map<number, AbortController>()
  /** Given back when their answers are sent, or never will be. */
  readonly #unsent = new Set<Share>()
  readonly #outbox: Outbox
  /** By their numbers, in the order in which they came. */
  readonly #waiting = new Map<number, StreamRequest>()
  /** Ends the time in which the connection counts as busy; `null` while it is idle. */
  #becomeIdle: (() => void) | null = null
  /** When the client has sent, or taken, something. */
  #movedAtMs = performance.now()

  constructor(
    all: Exchanges & { readonly limits: StreamLimits },
    connections: Connections,
    caller: Caller,
    socket: Socket,
    ws: WebSocket,
    host: string | undefined,
  ) {
    this.#all = all
    this.#connections = connections
    this.#caller = caller
    this.#socket = socket
    this.#ws = ws
    this.#host = host
    this.#outbox = new Outbox(all.limits.sendStepBytes, (message, sent) => {
      ws.send(message, () => this.#sent(sent))
    })
    // An error is followed by the end, which says enough.
    ws.on('error', () => undefined)
    ws.on('message', (data, isBinary) => this.#hear(data, isBinary))
    ws.once('close', () => this.#end())
    connections.upgraded(socket, () => ws.close(GOING_AWAY))
  }

  sayLast(): void {
    this.#outbox.add(frameOf({ last: true }))
  }

  /** Ends a client that asks for nothing for too long, or takes nothing. */
  endIfStalled(): void {
    const { idleConnectionMs, sendStepWithinMs } = this.#all.limits
    const stillForMs = performance.now() - this.#movedAtMs
    if (this.#ws.bufferedAmount > 0 && stillForMs > sendStepWithinMs) this.#ws.terminate()
    if (this.#becomeIdle !== null || stillForMs <= idleConnectionMs) return
    // Whoever was asked to close, and does not.
    if (this.#ws.readyState !== this.#ws.OPEN) this.#ws.terminate()
    else this.#ws.close(NOTHING_ASKED)
  }

  #hear(data: RawData, isBinary: boolean): void {
    this.#movedAtMs = performance.now()
    if (this.#ws.readyState !== this.#ws.OPEN) return
    const frames = framesIn(fromClient, data, isBinary)
    if (frames === null) return this.#ws.close(NOT_UNDERSTOOD)
    for (const frame of frames) {
      if ('cancel' in frame) {
        this.#running.get(frame.cancel)?.abort()
        this.#waiting.delete(frame.cancel)
      } else if (this.#running.has(frame.id) || this.#waiting.has(frame.id)) {
        return this.#ws.close(NOT_UNDERSTOOD)
      } else this.#waiting.set(frame.id, frame)
    }
    this.#begin()
  }

  /** Begins as many as may be answered at once; while others wait, no more of them are read. */
  #begin(): void {
    const { streamRequests, streamUnsentBytes } = this.#all.limits
    while (this.#running.size < streamRequests && this.#ws.bufferedAmount <= streamUnsentBytes) {
      const [request] = this.#waiting.values()
      if (request === undefined) break
      this.#waiting.delete(request.id)
      this.#beBusy()
      void this.#answer(request)
    }
    if (this.#ws.readyState !== this.#ws.OPEN) return
    if (this.#waiting.size > 0) this.#ws.pause()
    else if (this.#ws.isPaused) this.#ws.resume()
  }

  /** From here on the connection is not idle. */
  #beBusy(): void {
    if (this.#becomeIdle !== null) return
    const idle = new Promise<void>((resolve) => {
      this.#becomeIdle = resolve
    })
    this.#connections.asked(this.#socket, () => idle)
  }

  /** Never rejects. */
  async #answer(request: StreamRequest): Promise<void> {
    const cut = (): void => this.#ws.terminate()
    const [all, over] = [this.#all, new AbortController()]
    const place = new Place(all, clientOf(all, this.#caller.address))
    const received = all.received.share(cut)
    this.#running.set(request.id, over)
    const answered = await this.#ask(request, place, received, over.signal)
    place.giveBack()
    received.release()
    this.#running.delete(request.id)
    if (!over.signal.aborted) this.#say(request, answered)
    this.#begin()
    this.#rest()
  }

  async #ask(
    { method, target, headers = {}, body }: StreamRequest,
    place: Place,
    received: Share,
    signal: AbortSignal,
  ): Promise<Answered> {
    const head = { method, url: target, headers: { ...headers, host: this.#host } }
    const refusal = place.refusalOf(head)
    if (refusal !== null) return refused(this.#all, refusal)
    // It is here already, and what becomes of it is not for the client.
    if (!received.take(Buffer.byteLength(body ?? ''))) return refused(this.#all, noRoomForBody())
    received.keep()
    const asked = { ...targetOf(target), method, headers, body: body ?? null, signal }
    const answered = await this.#all.service(asked)
    if (!(answered.body instanceof ReadableStream)) return answered
    await answered.body.cancel()
    const message = 'A watch is a stream of its own. Ask for it over HTTP.'
    return refused(this.#all, new Refusal(400, 'invalid-argument', message))
  }

  #say(request: StreamRequest, { status, headers, body }: Answered): void {
    const { id, method } = request
    const text = method === 'HEAD' || typeof body !== 'string' ? '' : body
    const frame = frameOf({ id, status, headers, body: text })
    const bytes = Buffer.byteLength(text)
    // Results of writes are small: what has happened is never called refused.
    if (bytes <= this.#all.limits.smallAnswerBytes) {
      return this.#outbox.add(frame)
    }
    const share = this.#all.unsent.share(() => this.#ws.terminate())
    if (!share.take(bytes)) return this.#say(request, refused(this.#all, noRoomForAnswer()))
    this.#unsent.add(share)
    this.#outbox.add(frame, () => {
      this.#unsent.delete(share)
      share.release()
    })
  }

  /** The system has taken a message, or never will. */
  #sent(release: () => void): void {
    this.#movedAtMs = performance.now()
    for (const share of this.#unsent) share.moved()
    release()
    this.#begin()
    this.#rest()
  }

  /** When nothing is left to do, the connection is idle. */
  #rest(): void {
    const isAtRest = this.#running.size === 0 && this.#waiting.size === 0
    if (!isAtRest || !this.#outbox.isEmpty || this.#ws.bufferedAmount > 0) return
    this.#becomeIdle?.()
    this.#becomeIdle = null
    if (this.#all.isClosing()) this.#ws.close(GOING_AWAY)
  }

  #end(): void {
    this.#waiting.clear()
    for (const over of this.#running.values()) over.abort()
    this.#becomeIdle?.()
    this.#becomeIdle = null
  }
}

/** Codes with which a stream is closed (RFC 6455, 7.4.1). */
const NOTHING_ASKED = 1000
const GOING_AWAY = 1001
const NOT_UNDERSTOOD = 1007

function frameOf(frame: FromNode): string {
  return JSON.stringify(frame)
}
