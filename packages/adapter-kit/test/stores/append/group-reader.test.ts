/** A log is read through a window: where a window ends is of no meaning to what is in the log. */
import { describe, expect, it } from 'vitest'
import type { OpenFile } from '../../../src/stores/append/file-system.ts'
import { encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND } from '../../../src/stores/append/frame.ts'
import { GroupReader, hasLaterGroup } from '../../../src/stores/append/group-reader.ts'
import { READ_WINDOW_BYTES } from '../../../src/stores/append/limits.ts'

const ID = 7n

/** By how many bytes something lies before the end of a window. */
const BEFORE_EDGE = [0, 1, 15, 16, 17, FRAME_HEADER_BYTES - 1, FRAME_HEADER_BYTES, 40]

const group = (serial: number, payload: Uint8Array, id = ID): Uint8Array =>
  encodeFrame({ kind: FRAME_KIND.group, id, serial }, payload)

const none = () => Promise.reject(new Error('It is only read.'))

/** A file that is only read, and how often. */
function holding(...parts: readonly Uint8Array[]): { file: OpenFile; reads: () => number } {
  const bytes = Buffer.concat(parts)
  let reads = 0
  const file: OpenFile = {
    path: 'log',
    size: () => Promise.resolve(bytes.byteLength),
    read(position, length) {
      reads += 1
      return Promise.resolve(new Uint8Array(bytes.subarray(position, position + length)))
    },
    write: none,
    truncate: none,
    isAt: () => Promise.resolve(true),
    sync: none,
    close: none,
  }
  return { file, reads: () => reads }
}

describe('a group is read whole', () => {
  it.each(BEFORE_EDGE)('that begins %i bytes before the end of a window', async (before) => {
    const first = group(1, new Uint8Array(READ_WINDOW_BYTES - before - FRAME_HEADER_BYTES))
    const second = group(2, new Uint8Array(20).fill(2))
    const third = group(3, new Uint8Array(0))
    const { file } = holding(first, second, third)
    const reader = new GroupReader(file, ID, 0)
    const limit = first.byteLength + second.byteLength + third.byteLength
    expect((await reader.next(limit))?.payload.byteLength).toBe(
      first.byteLength - FRAME_HEADER_BYTES,
    )
    expect(await reader.next(limit)).toEqual({
      position: first.byteLength + FRAME_HEADER_BYTES,
      payload: new Uint8Array(20).fill(2),
    })
    expect((await reader.next(limit))?.payload).toEqual(new Uint8Array(0))
    expect(await reader.next(limit)).toBeNull()
    expect([reader.end, reader.serial]).toEqual([limit, 4])
  })

  it('and small ones share what was read', async () => {
    const groups = Array.from({ length: 1000 }, (_, index) => group(index + 1, Uint8Array.of(1)))
    const { file, reads } = holding(...groups)
    const reader = new GroupReader(file, ID, 0)
    for (let left = groups.length; left > 0; left -= 1)
      expect(await reader.next(1e6)).not.toBeNull()
    expect(reads()).toBe(1)
  })
})

describe('behind damage', () => {
  const search = { id: ID, from: 0, serial: 5 }

  it.each(BEFORE_EDGE)(
    'the next group is found, %i bytes before the end of a window',
    async (before) => {
      const garbage = new Uint8Array(READ_WINDOW_BYTES - before).fill(0xaa)
      const { file } = holding(garbage, group(6, new Uint8Array(20)))
      expect(await hasLaterGroup(file, search)).toBe(true)
    },
  )

  it('it is found behind what begins like one, and is none', async () => {
    const torn = group(6, new Uint8Array(20)).subarray(0, FRAME_HEADER_BYTES + 3)
    const { file } = holding(torn, torn, group(7, new Uint8Array(20)))
    expect(await hasLaterGroup(file, search)).toBe(true)
  })

  it.each([
    ['nothing', new Uint8Array(0)],
    ['a torn group', group(6, new Uint8Array(20).fill(2)).subarray(0, -1)],
    ['the group that is damaged', group(5, new Uint8Array(20))],
    ['an earlier one', group(4, new Uint8Array(20))],
    ['one of another log', group(6, new Uint8Array(20), 8n)],
  ])('%s is no later group', async (_title, bytes) => {
    const { file } = holding(new Uint8Array(100), bytes, new Uint8Array(READ_WINDOW_BYTES))
    expect(await hasLaterGroup(file, search)).toBe(false)
  })
})
