/** A channel over a stream: one batch at a time, a goodbye, and an end that comes in any case. */
import { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CLOSE_TIMEOUT_MS } from '@paxos/adapter-kit/links'
import { callChannel } from '../src/call-channel.ts'
import type { CallChannel } from '../src/call-channel.ts'

interface Over extends CallChannel {
  readonly call: Duplex
  readonly told: string[]
  /** What was written, and how to say that HTTP/2 has taken it. */
  readonly written: { readonly message: Uint8Array; readonly taken: () => void }[]
}

/** Packet { Link {} }. */
const GOODBYE = Uint8Array.of(0x4a, 0)

function over(isDialled: boolean): Over {
  const told: string[] = []
  const written: Over['written'] = []
  const call = new Duplex({
    objectMode: true,
    read() {},
    write(message: Uint8Array, _, taken) {
      written.push({ message, taken: () => taken() })
    },
  })
  const made = callChannel({
    call,
    isDialled,
    release: () => told.push('release'),
    onTrusted: () => told.push('trusted'),
    events: {
      onOpen: () => told.push('open'),
      onMessage: (message) => told.push(`message ${message.join()}`),
      onWritable: () => told.push('writable'),
      onMalformed: () => told.push('malformed'),
      onProblem: () => told.push('problem'),
      onClosed: () => told.push('closed'),
    },
  })
  return { ...made, call, told, written }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})

afterEach(() => {
  vi.useRealTimers()
})

const SIDES = [
  ['that was dialled', true],
  ['that was accepted', false],
] as const

describe.each(SIDES)('a channel %s', (_, isDialled) => {
  it('is writable again when all of a batch was taken, and not before', async () => {
    const { channel, told, written } = over(isDialled)
    expect(channel.writable).toBe(true)
    channel.send([Uint8Array.of(1), Uint8Array.of(2)])
    written[0]?.taken()
    await nextTurn()
    expect([channel.writable, told]).toEqual([false, []])
    written[1]?.taken()
    await nextTurn()
    expect([channel.writable, told]).toEqual([true, ['writable']])
    expect(written.map(({ message }) => message[0])).toEqual([1, 2])
  })

  it('delivers what comes after it has said goodbye', async () => {
    const { channel, call, told } = over(isDialled)
    channel.close()
    call.push(Uint8Array.of(1))
    call.push(Uint8Array.of(2))
    await nextTurn()
    expect(told).toEqual(['message 1', 'message 2'])
    expect(channel.writable).toBe(false)
  })

  it('that has said goodbye is ended by force after a while, and not before', () => {
    const { channel, told } = over(isDialled)
    channel.close()
    vi.advanceTimersByTime(CLOSE_TIMEOUT_MS - 1)
    expect(told).toEqual([])
    vi.advanceTimersByTime(1)
    expect(told).toEqual(['release'])
  })

  it('that has said goodbye and closes in time needs no force', () => {
    const { channel, closed, told } = over(isDialled)
    channel.close()
    closed()
    vi.advanceTimersByTime(CLOSE_TIMEOUT_MS)
    expect(told).toEqual(['closed'])
  })

  it('delivers nothing after it was destroyed, and is not writable', async () => {
    const { channel, call, told } = over(isDialled)
    channel.destroy()
    call.push(Uint8Array.of(1))
    await nextTurn()
    expect([channel.writable, told]).toEqual([false, ['release']])
  })
})

describe('a goodbye', () => {
  it('of the side that has dialled is the end of its half, after what was sent', async () => {
    const { channel, call, written } = over(true)
    channel.send([Uint8Array.of(1)])
    channel.close()
    expect(call.writableEnded).toBe(true)
    written[0]?.taken()
    await nextTurn()
    expect(written.map(({ message }) => message[0])).toEqual([1])
  })

  it('of the other side asks for that, and ends the stream when it has come', async () => {
    const { channel, call, written } = over(false)
    channel.close()
    expect(written.map(({ message }) => message)).toEqual([GOODBYE])
    expect(call.writableEnded).toBe(false)
    call.push(null)
    call.resume()
    await nextTurn()
    expect(call.writableEnded).toBe(true)
  })

  it('is answered by the side that has dialled, and is no message', async () => {
    const { channel, call, told } = over(true)
    call.push(GOODBYE)
    call.push(Uint8Array.of(7))
    await nextTurn()
    expect([call.writableEnded, channel.writable, told]).toEqual([true, false, ['message 7']])
  })

  it('of who has dialled is answered by the end, in a bounded time', async () => {
    const { channel, call, told } = over(false)
    call.push(null)
    await nextTurn()
    expect([call.writableEnded, channel.writable]).toEqual([true, false])
    vi.advanceTimersByTime(CLOSE_TIMEOUT_MS)
    expect(told).toEqual(['release'])
  })
})
