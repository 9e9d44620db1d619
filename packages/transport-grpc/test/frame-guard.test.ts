/** HTTP/2 in pieces: every byte comes through, and nothing follows a frame that could be the last. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import type { Duplex, Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import * as fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { frameCutter, frameGuard } from '../src/frame-guard.ts'
import { CONTROL_WINDOW_MS, MAX_CONTROL_FRAMES_PER_WINDOW } from '../src/limits.ts'
import { connectionBytes, frame, FRAME, PREFACE, SETTINGS } from './http2-bytes.ts'
import { afterwards, cleanUp, listening } from './world.ts'

afterEach(cleanUp)

const PING = frame(FRAME.ping, 0, 0, new Uint8Array(8))
const DATA = frame(FRAME.data, 0, 1, new Uint8Array(100))
const WINDOW = frame(FRAME.windowUpdate, 0, 0, new Uint8Array(4))

/** Bytes and places to cut them, as a network does. */
const chunked = fc
  .tuple(connectionBytes, fc.array(fc.nat({ max: 400 }), { maxLength: 10 }))
  .map(([bytes, places]) => {
    const cuts = [0, ...places.toSorted((a, b) => a - b), bytes.byteLength]
    return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end))
  })

/** The positions after which the cutter rests. */
function ends(chunks: readonly Buffer[]): number[] {
  const cut = frameCutter()
  let position = 0
  return chunks.flatMap(cut).flatMap(({ bytes, restAfter }) => {
    position += bytes.byteLength
    return restAfter ? [position] : []
  })
}

describe('the cutter', () => {
  it('changes, loses and reorders no byte, whatever they are and however they come', () => {
    fc.assert(
      fc.property(chunked, (chunks) => {
        const cut = frameCutter()
        const pieces = chunks.flatMap((chunk) => cut(chunk).map(({ bytes }) => bytes))
        expect(Buffer.concat(pieces).equals(Buffer.concat(chunks))).toBe(true)
        expect(pieces.every(({ byteLength }) => byteLength > 0)).toBe(true)
      }),
    )
  })

  it('cuts after each frame that is neither DATA nor WINDOW_UPDATE, and nowhere else', () => {
    const bytes = Buffer.concat([PREFACE, SETTINGS, DATA, WINDOW, PING, PING, DATA])
    const pieces = frameCutter()(bytes)
    expect(pieces.map(({ bytes: { byteLength }, restAfter }) => [byteLength, restAfter])).toEqual([
      [PREFACE.byteLength + SETTINGS.byteLength, true],
      [DATA.byteLength + WINDOW.byteLength + PING.byteLength, true],
      [PING.byteLength, true],
      [DATA.byteLength, false],
    ])
  })

  it('cuts in the same places when the bytes come one by one', () => {
    const bytes = Buffer.concat([PREFACE, SETTINGS, DATA, PING, WINDOW, PING])
    const one = Array.from(bytes, (byte) => Buffer.of(byte))
    expect(ends(one)).toEqual(ends([bytes]))
  })
})

function guard(socket: Socket): Duplex {
  return frameGuard(socket, { now: () => 0, onFlood: () => {} })
}

async function pair(): Promise<[Socket, Socket]> {
  const server = createServer()
  const port = await listening(server)
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const far = connect(port, '127.0.0.1')
  const near = await accepted
  near.on('error', () => {})
  afterwards(() => {
    near.destroy()
    far.destroy()
    server.close()
  })
  return [near, far]
}

/** The first bytes that `stream` gives, which goes on to flow. */
function take(stream: Readable, byteLength: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  return new Promise((resolve) => {
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      const all = Buffer.concat(chunks)
      if (all.byteLength >= byteLength) resolve(all)
    })
  })
}

describe('the guard', () => {
  it('lets one frame through in each turn of the loop, if it could be the last', async () => {
    const [near, far] = await pair()
    const guarded = guard(near)
    const bytes = Buffer.concat([PREFACE, SETTINGS, PING, PING, DATA])
    const turns: number[] = []
    let turn = 0
    let received = 0
    guarded.on('data', (chunk: Buffer) => {
      received += chunk.byteLength
      turns.push(turn)
    })
    far.write(bytes)
    while (received < bytes.byteLength) {
      await nextTurn()
      turn += 1
    }
    expect(new Set(turns).size).toBe(4)
  })

  it('lets what waited while nobody read through in as many turns', async () => {
    const [near, far] = await pair()
    const guarded = guard(near)
    guarded.resume().pause()
    const bytes = Buffer.concat([PREFACE, SETTINGS, PING, PING, PING, PING])
    far.write(bytes)
    while (near.bytesRead < bytes.byteLength) await nextTurn()
    for (let turn = 0; turn < 10; turn += 1) await nextTurn()
    const turns = new Set<number>()
    let turn = 0
    let received = 0
    guarded.on('data', (chunk: Buffer) => {
      received += chunk.byteLength
      turns.add(turn)
    })
    guarded.resume()
    while (received < bytes.byteLength) {
      await nextTurn()
      turn += 1
    }
    expect(turns.size).toBe(5)
  })

  it('closes a connection that brings more control frames than any peer needs, once', async () => {
    const [near, far] = await pair()
    let nowMs = 0
    let floods = 0
    const guarded = frameGuard(near, { now: () => nowMs, onFlood: () => (floods += 1) })
    const half = Array.from({ length: MAX_CONTROL_FRAMES_PER_WINDOW }, () => SETTINGS)
    far.write(Buffer.concat([PREFACE, ...half]))
    await take(guarded, PREFACE.byteLength + half.length * SETTINGS.byteLength)
    nowMs = CONTROL_WINDOW_MS
    const again = take(guarded, half.length * SETTINGS.byteLength)
    far.write(Buffer.concat(half))
    await again
    expect([floods, near.destroyed]).toEqual([0, false])
    const closed = once(far.resume(), 'close')
    far.on('error', () => {}).write(Buffer.concat(half))
    await closed
    expect([floods, near.destroyed]).toEqual([1, true])
  })

  it('carries everything in both directions, and the end', async () => {
    const [near, far] = await pair()
    const guarded = guard(near)
    const bytes = Buffer.concat([
      PREFACE,
      ...Array.from({ length: 200 }, () => Buffer.concat([PING, DATA, WINDOW])),
    ])
    const back = Buffer.alloc(1 << 20, 7)
    far.write(bytes)
    guarded.write(back)
    const [received, returned] = await Promise.all([
      take(guarded, bytes.byteLength),
      take(far, back.byteLength),
    ])
    expect([received.equals(bytes), returned.equals(back)]).toEqual([true, true])
    const ended = once(guarded, 'end')
    far.end()
    await ended
  })

  it('makes a sender wait when nobody reads', async () => {
    const [near, far] = await pair()
    guard(near)
    const bytes = 64 << 20
    far.write(Buffer.alloc(bytes, 1))
    // Read to the end, or as far as the buffers go.
    let seen = -1
    while (near.bytesRead > seen) {
      seen = near.bytesRead
      for (let turn = 0; turn < 200; turn += 1) await nextTurn()
    }
    expect(near.bytesRead).toBeGreaterThan(0)
    expect(near.bytesRead).toBeLessThan(bytes / 4)
  })

  it('closes with the socket, and the socket with it', async () => {
    const [near, far] = await pair()
    const guarded = guard(near)
    const ended = once(guarded, 'close')
    far.destroy()
    guarded.resume()
    await ended
    const [socket] = await pair()
    const closed = once(socket, 'close')
    guard(socket).destroy(new Error('Enough.'))
    await closed
  })
})
