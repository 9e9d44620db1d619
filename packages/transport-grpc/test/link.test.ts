/** A stream to a peer: one frame at a time, and an end that comes in any case. */
import { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DRAIN_TIMEOUT_MS } from '../src/limits.ts'
import { linkOver } from '../src/link.ts'
import type { Made } from '../src/link.ts'

interface Over extends Made {
  readonly call: Duplex
  readonly told: string[]
  /** What was written, and how to say that HTTP/2 has taken it. */
  readonly written: { readonly frame: Uint8Array; readonly taken: () => void }[]
}

function over(): Over {
  const told: string[] = []
  const written: Over['written'] = []
  const call = new Duplex({
    objectMode: true,
    read() {},
    write(frame: Uint8Array, _, taken) {
      written.push({ frame, taken: () => taken() })
    },
  })
  const made = linkOver(call, () => told.push('release'))
  made.link.listen({
    onFrame: (frame) => told.push(`frame ${frame[0]}`),
    onReady: () => told.push('ready'),
    onEnd: () => told.push('end'),
    onClosed: () => told.push('closed'),
  })
  return { ...made, call, told, written }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})

afterEach(() => {
  vi.useRealTimers()
})

describe('a link', () => {
  it('is ready again when its frame was taken, and not before', async () => {
    const { link, told, written } = over()
    expect(link.isReady).toBe(true)
    link.write(Uint8Array.of(1))
    await nextTurn()
    expect([link.isReady, told]).toEqual([false, []])
    written[0]?.taken()
    await nextTurn()
    expect([link.isReady, told]).toEqual([true, ['ready']])
  })

  it('delivers what comes after it was ended, until the peer ends', async () => {
    const { link, call, told } = over()
    link.end()
    call.push(Uint8Array.of(1))
    call.push(Uint8Array.of(2))
    call.push(null)
    await nextTurn()
    expect(told).toEqual(['frame 1', 'frame 2', 'end'])
    expect([link.isReady, call.writableEnded]).toEqual([false, true])
  })

  it('that is ended is destroyed after a while, and not before', () => {
    const { link, told } = over()
    link.end()
    vi.advanceTimersByTime(DRAIN_TIMEOUT_MS - 1)
    expect(told).toEqual([])
    vi.advanceTimersByTime(1)
    expect(told).toEqual(['release'])
  })

  it('that is ended and closes in time needs no force', () => {
    const { link, closed, told } = over()
    link.end()
    closed()
    vi.advanceTimersByTime(DRAIN_TIMEOUT_MS)
    expect(told).toEqual(['end', 'closed'])
  })

  it('delivers nothing after it was destroyed, and frees its stream once', async () => {
    const { link, call, told } = over()
    link.destroy()
    link.destroy()
    call.push(Uint8Array.of(1))
    await nextTurn()
    expect([link.isReady, told]).toEqual([false, ['release']])
  })

  it('tells of its end once, and of its close last', async () => {
    const { call, closed, told } = over()
    call.push(null)
    await nextTurn()
    closed()
    expect(told).toEqual(['end', 'closed'])
  })
})
