/**
 * The part of the suite about frames that meet others: they are never merged, cut or altered, not by
 * what is on its way with them, nor by what arrives later, nor by what a receiver does with theirs.
 */
import assert from 'node:assert/strict'
import { bytes, filled, isEqual } from '../bytes.ts'
import type { Definer } from './definer.ts'
import { reachAll, settle } from './world.ts'
import type { TestNode } from './world.ts'

/** Around what bytes can count, and what packets, pages and records hold, with multiples of those. */
const SIZES_BYTES = [
  2,
  126,
  127,
  255,
  256,
  ...[1200, 1400, 1472, 1500].flatMap((size) => [size, 2 * size]),
  ...[4096, 16_384, 65_536].flatMap((size) => [size - 1, size, size + 1]),
  60_000,
  131_072,
]

/** As long as a frame has to be to travel in pieces wherever frames do. */
const LONG_BYTES = 100_000

/** Frames that are recognized as themselves: by their first byte, and by all others. */
function marked(mark: number, length: number): Uint8Array {
  const frame = filled(length)
  for (let index = 0; index < length; index += 1) frame[index] = (frame[index] ?? 0) ^ mark
  return frame
}

export function wholenessScenarios({ describe, scenario }: Definer): void {
  describe('frames that meet others', () => {
    scenario('arrive whole at every length, one after another', async ({ openPair }) => {
      const [a, b] = await openPair()
      for (const length of SIZES_BYTES) {
        await reachAll([{ from: a, frame: marked(length & 0xff, length) }], b)
      }
      assert.ok(
        b.inbox.every(({ frame }) => isEqual(frame, marked(frame.length & 0xff, frame.length))),
      )
    })

    scenario('are never mixed: long ones of one sender, and of two, at once', async (world) => {
      const [a, b, c] = await world.openThree()
      const sent = [a, c].flatMap((from, index) =>
        [0, 1].flatMap((number) => [
          { from, frame: marked(8 * index + number, LONG_BYTES) },
          { from, frame: marked(16 + 8 * index + number, LONG_BYTES - 20_000 * index) },
        ]),
      )
      await reachAll(sent, b)
      for (const { from, frame } of b.inbox) {
        assert.ok(sent.some((one) => one.from.id === from && isEqual(one.frame, frame)))
      }
    })

    scenario('P7: stay as they were when others arrive', async ({ openPair }) => {
      const [a, b] = await openPair()
      const copies: Uint8Array[] = []
      b.events.on('frame', () => copies.push(Uint8Array.from(b.inbox.at(-1)?.frame ?? [])))
      for (const [mark, length] of [4, 4, 4, 2000, 2000, LONG_BYTES, LONG_BYTES, 4].entries()) {
        await reachAll([{ from: a, frame: marked(mark, length) }], b)
      }
      assert.deepEqual(
        b.inbox.map(({ frame }) => frame),
        copies,
      )
    })

    scenario('P7: are the receiver’s to overwrite, and no other is the worse', async (world) => {
      const [a, b] = await world.openPair()
      const lengths = [...Array.from({ length: 20 }, () => 100), LONG_BYTES, LONG_BYTES]
      const sent = lengths.map((length, mark) => ({ from: a, frame: marked(mark, length) }))
      let others = 0
      b.events.on('frame', () => {
        const frame = b.inbox.at(-1)?.frame ?? bytes()
        if (!sent.some((one) => isEqual(one.frame, frame))) others += 1
        frame.fill(0xee)
      })
      await reachAll(sent, b)
      assert.equal(others, 0)
    })

    scenario('may be equal: what was sent before can be sent again', async ({ openPair }) => {
      const [a, b] = await openPair()
      for (let count = 0; count < 3; count += 1) {
        for (const frame of [bytes(7), bytes()]) await reachAll([{ from: a, frame }], b)
      }
    })

    scenario(
      'may be sent inside receive, and none is delivered inside it',
      async ({ openPair }) => {
        const [a, b] = await openPair()
        let depth = 0
        let deepest = 0
        let answers = 0
        function answer(from: TestNode, to: TestNode): void {
          depth += 1
          deepest = Math.max(deepest, depth)
          answers += 1
          if (answers <= 20) from.transport.send(to.id, bytes(answers))
          depth -= 1
        }
        a.events.on('frame', () => answer(a, b))
        b.events.on('frame', () => answer(b, a))
        await settle(a, b)
        await settle(b, a)
        for (const [from, to] of [
          [a, b],
          [b, a],
        ] as const) {
          await reachAll([{ from, frame: bytes(0) }], to)
        }
        assert.equal(deepest, 1)
        assert.ok(answers > 4)
      },
    )

    scenario('let a receiver look around, and change its book, inside receive', async (world) => {
      const [a, b] = await world.openPair()
      const book = new Map([['a', a.transport.address]])
      b.events.on('frame', () => {
        b.transport.figures?.()
        b.transport.setPeers(book)
        b.transport.send('a', filled(b.inbox.length))
        assert.equal(typeof b.transport.address, 'string')
      })
      for (let count = 1; count <= 3; count += 1) {
        await reachAll([{ from: a, frame: bytes(count) }], b)
        await reachAll([{ from: b, frame: bytes(count) }], a)
      }
    })
  })
}
