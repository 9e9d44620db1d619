/**
 * HTTP/2 that reaches Node in pieces which it survives. Until nghttp2 1.69 (and so in Node 20) a
 * connection that is ended by one frame, and broken by a later one that arrived together with it,
 * ends the process. So after each frame that could end the connection, the next one waits for the
 * next turn of the loop. Must never change, lose or reorder a byte while the connection is open.
 */
import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** Whether the HTTP/2 of this process is one that must be guarded. */
export const needsFrameGuard = isBefore(process.versions['nghttp2'] ?? '0.0', 1, 69)

const PREFACE_BYTES = 24
const HEADER_BYTES = 9
const DATA = 0
const WINDOW_UPDATE = 8

/** `socket`, with what comes in cut and paced. Whoever closes one of the two closes the other. */
export function frameGuard(socket: Socket): Duplex {
  const pieces = frameCutter()
  const waiting: Cut[] = []
  let isResting = false
  let hasEnded = false

  /** Hands on what waits, up to and with the next frame after which to rest. */
  function pump(): void {
    let isWanted = true
    while (isWanted && !isResting) {
      const cut = waiting.shift()
      if (cut === undefined) break
      if (cut.restAfter) {
        isResting = true
        setImmediate(goOn)
      }
      isWanted = guarded.push(cut.bytes)
    }
    if (isResting || waiting.length > 0) return
    if (hasEnded) guarded.push(null)
    else if (isWanted) socket.resume()
  }

  function goOn(): void {
    isResting = false
    if (!guarded.destroyed) pump()
  }

  const guarded = new Duplex({
    read: pump,
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

/** Some bytes of the stream, in order. */
export interface Cut {
  readonly bytes: Buffer
  /** Whether they end a frame that could end the connection. */
  readonly restAfter: boolean
}

/** Cuts chunks of a connection after each frame that is neither DATA nor WINDOW_UPDATE. */
export function frameCutter(): (chunk: Buffer) => Cut[] {
  const header = Buffer.alloc(HEADER_BYTES)
  let headerBytes = 0
  let bodyBytes = PREFACE_BYTES
  let restAfterBody = false

  /** Takes a header, or a part of one, from `chunk`; how many bytes it took. */
  function takeHeader(chunk: Buffer): number {
    const taken = chunk.copy(header, headerBytes, 0, HEADER_BYTES - headerBytes)
    headerBytes += taken
    if (headerBytes === HEADER_BYTES) {
      headerBytes = 0
      bodyBytes = header.readUIntBE(0, 3)
      const type = header[3]
      restAfterBody = type !== DATA && type !== WINDOW_UPDATE
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
        cuts.push({ bytes: chunk.subarray(begin, position), restAfter: true })
        begin = position
      }
    }
    if (begin < position) cuts.push({ bytes: chunk.subarray(begin), restAfter: false })
    return cuts
  }
}

function isBefore(version: string, major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split('.').map(Number)
  return ownMajor < major || (ownMajor === major && ownMinor < minor)
}
