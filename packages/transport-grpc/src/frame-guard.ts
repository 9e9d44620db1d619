/**
 * HTTP/2 that reaches Node in pieces which it survives, and in a number that a peer may need. Until
 * nghttp2 1.69 (and so in Node 20) a connection that is ended by one frame, and broken by a later
 * one that arrived together with it, ends the process; and grpc-js throws at a stream that is reset
 * before its turn has come. So after each frame that could end the connection or a stream, the next
 * one waits for the next turn of the loop. Must never change, lose or reorder a byte while the
 * connection is open.
 */
import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { CONTROL_WINDOW_MS, MAX_CONTROL_FRAMES_PER_WINDOW } from './limits.ts'

const PREFACE_BYTES = 24
const HEADER_BYTES = 9
const DATA = 0
const PING = 6
const WINDOW_UPDATE = 8

/** What a guard needs. */
export interface GuardOptions {
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  /** More came than any peer needs; the socket is destroyed. Called at most once. */
  readonly onFlood: () => void
}

/** `socket`, with what comes in cut and paced. Whoever closes one of the two closes the other. */
export function frameGuard(socket: Socket, { now, onFlood }: GuardOptions): Duplex {
  const pieces = frameCutter()
  const isWithinLimit = frameLimit(now)
  const waiting: Cut[] = []
  let isResting = false
  let hasEnded = false

  /**
   * Hands on what waits, up to and with the next frame after which to rest. Only while somebody
   * reads: what is pushed into a stream that is paused waits there, and comes out in one turn.
   */
  function pump(): void {
    while (!isResting && guarded.readableFlowing === true) {
      const cut = waiting.shift()
      if (cut === undefined) break
      if (cut.restAfter) {
        if (cut.isCounted && !isWithinLimit()) {
          waiting.length = 0
          guarded.destroy()
          onFlood()
          return
        }
        isResting = true
        setImmediate(goOn)
      }
      guarded.push(cut.bytes)
    }
    if (isResting || waiting.length > 0) return
    if (hasEnded) guarded.push(null)
    else socket.resume()
  }

  function goOn(): void {
    isResting = false
    if (!guarded.destroyed) pump()
  }

  const guarded = new Duplex({
    // It is pushed, and never asked.
    read() {},
    write(chunk: Buffer, _, callback) {
      socket.write(chunk, callback)
    },
    final(callback) {
      socket.end(callback)
    },
    destroy(error, callback) {
      socket.destroy()
      callback(error)
    },
  })
  // What ends the socket closes both; who reads from the guard needs no reason.
  guarded.on('error', () => {})
  guarded.on('resume', pump)
  socket.on('data', (chunk: Buffer) => {
    socket.pause()
    waiting.push(...pieces(chunk))
    pump()
  })
  socket.on('end', () => {
    hasEnded = true
    pump()
  })
  socket.on('close', () => guarded.destroy())
  return guarded
}

/** Counts frames in windows of time; each call is one frame, and says whether it is one too many. */
function frameLimit(now: () => number): () => boolean {
  let windowEndsMs = -Infinity
  let frames = 0
  return () => {
    const nowMs = now()
    if (nowMs >= windowEndsMs) {
      windowEndsMs = nowMs + CONTROL_WINDOW_MS
      frames = 0
    }
    frames += 1
    return frames <= MAX_CONTROL_FRAMES_PER_WINDOW
  }
}

/** Some bytes of the stream, in order. */
export interface Cut {
  readonly bytes: Buffer
  /** Whether they end a frame that could end the connection. */
  readonly restAfter: boolean
  /** Whether that frame is no ping: peers by other libraries measure the network by pings. */
  readonly isCounted: boolean
}

/** Cuts chunks of a connection after each frame that is neither DATA nor WINDOW_UPDATE. */
export function frameCutter(): (chunk: Buffer) => Cut[] {
  const header = Buffer.alloc(HEADER_BYTES)
  let headerBytes = 0
  let bodyBytes = PREFACE_BYTES
  let restAfterBody = false
  let isCounted = false

  /** Takes a header, or a part of one, from `chunk`; how many bytes it took. */
  function takeHeader(chunk: Buffer): number {
    const taken = chunk.copy(header, headerBytes, 0, HEADER_BYTES - headerBytes)
    headerBytes += taken
    if (headerBytes === HEADER_BYTES) {
      headerBytes = 0
      bodyBytes = header.readUIntBE(0, 3)
      const type = header[3]
      restAfterBody = type !== DATA && type !== WINDOW_UPDATE
      isCounted = restAfterBody && type !== PING
    }
    return taken
  }

  return (chunk) => {
    const cuts: Cut[] = []
    let begin = 0
    let position = 0
    while (position < chunk.byteLength) {
      if (bodyBytes === 0) position += takeHeader(chunk.subarray(position))
      const taken = Math.min(bodyBytes, chunk.byteLength - position)
      bodyBytes -= taken
      position += taken
      if (restAfterBody && bodyBytes === 0) {
        restAfterBody = false
        cuts.push({ bytes: chunk.subarray(begin, position), restAfter: true, isCounted })
        begin = position
      }
    }
    if (begin < position)
      cuts.push({ bytes: chunk.subarray(begin), restAfter: false, isCounted: false })
    return cuts
  }
}
