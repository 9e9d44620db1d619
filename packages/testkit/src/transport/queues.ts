/**
 * The part of the suite about send at bad moments and to bad peers: it never blocks, never throws but
 * for what is too large, and keeps no more than a bound, whoever does not take it.
 */
import assert from 'node:assert/strict'
import { MAX_FRAME_BYTES } from '@paxos/core'
import type { NodeId, Transport } from '@paxos/core'
import { bytes } from '../bytes.ts'
import type { Definer } from './definer.ts'
import {
  ignore,
  introduce,
  keptBytes,
  reach,
  reachAll,
  retainedBytes,
  settle,
  turn,
} from './world.ts'

/** What a sender may keep of what nobody receives. */
export const MAX_RETAINED_BYTES = 48 << 20

/** More bytes than may be kept, by a quarter. */
const MANY_LARGE = 60
/** Of those, to each of the peers that leave one after another. */
const EACH = 8
const LARGE = new Uint8Array(MAX_FRAME_BYTES)

/** So much less than before is not worth another look. */
const LITTLE_BYTES = 1 << 20

/** A send that blocks does so each time; one that the system interrupted, once. */
const TRIES = 5
/**
 * So many copies of the largest frame are more work than any send of two bytes has to do. It blocks
 * when it takes longer than these, on the same machine and at the same moment.
 */
const COPIES = 8

export function queueScenarios({ describe, scenario }: Definer): void {
  describe('send, whenever and to whomever,', () => {
    scenario('returns at once, and nothing but what is too large throws', async (world) => {
      const { made, openNode, harness } = world
      const b = await openNode('b')
      const transport = made()
      const peers = new Map([
        ['a', harness.deserted],
        ['b', b.transport.address],
        ['down', harness.deserted],
      ])
      const everybody = ['a', 'b', 'down', 'unknown']
      requireInstant(transport, everybody)
      const opening = transport.open({
        id: 'a',
        listen: harness.listen('a'),
        peers,
        receive: ignore,
      })
      requireInstant(transport, everybody)
      await opening
      requireInstant(transport, everybody)
      b.transport.setPeers(new Map([['a', transport.address]]))
      const a = { ...b, id: 'a', transport }
      await reachAll([{ from: a, frame: bytes(1) }], b)
      requireInstant(transport, everybody)
      const closing = transport.close()
      requireInstant(transport, everybody)
      await closing
      requireInstant(transport, everybody)
    })

    scenario(
      'costs bounded memory for a peer that is down, and no other suffers',
      async (world) => {
        const { openPair, harness } = world
        const [a, b] = await openPair()
        a.transport.setPeers(
          new Map([
            ['b', b.transport.address],
            ['down', harness.deserted],
            ['nonsense', harness.malformed.at(-1) ?? ''],
          ]),
        )
        await settle(a, b)
        for (const peer of ['down', 'nonsense', 'unknown', 'a']) {
          await requireBounded(await settledBytes(), () => a.transport.send(peer, LARGE))
        }
        await reach(a, b, bytes(1))
      },
    )

    scenario('costs bounded memory for peers that left, one after another', async (world) => {
      const { openPair, harness } = world
      const [a, b] = await openPair()
      let count = 0
      await requireBounded(await settledBytes(), async () => {
        count += 1
        const peer = `left ${Math.ceil(count / EACH)}`
        const book = [
          ['b', b.transport.address],
          [peer, harness.deserted],
        ] as const
        if (count % EACH === 1) a.transport.setPeers(new Map(book))
        a.transport.send(peer, LARGE)
        await turn()
      })
      await reach(a, b, bytes(1))
    })

    scenario('costs bounded memory before open, while opening and after close', async (world) => {
      const { made, openNode, harness } = world
      const b = await openNode('b')
      const transport = made()
      const peers = new Map([['b', b.transport.address]])
      const send = (): void => transport.send('b', LARGE)
      const before = await settledBytes()
      await requireBounded(before, send)
      const listen = harness.listen('a')
      const opening = transport.open({ id: 'a', listen, peers, receive: ignore })
      // Begins before there has been any turn.
      const opened = requireBounded(before, send)
      await Promise.all([opening, opened])
      await transport.close()
      await requireBounded(before, send)
      // Nobody has been told of it since.
      introduce(b)
    })
  })

  describe('whoever has nobody to warn', () => {
    scenario('meets strangers, and peers that are down, unharmed', async (world) => {
      const { made, openNode, harness } = world
      const [b, c] = [await openNode('b'), await openNode('c')]
      const transport = made()
      const peers = new Map([
        ['b', b.transport.address],
        ['down', harness.deserted],
      ])
      await transport.open({ id: 'a', listen: harness.listen('a'), peers, receive: ignore })
      const book = new Map([['a', transport.address]])
      for (const node of [b, c]) node.transport.setPeers(book)
      transport.send('down', bytes(1))
      for (let count = 0; count < 3; count += 1) {
        c.transport.send('a', bytes(2))
        await reachAll([{ from: { ...b, id: 'a', transport }, frame: bytes(count) }], b)
      }
    })
  })
}

/** Every moment is a moment for sending: at each the one error is that a frame is too large. */
function requireInstant(transport: Transport, everybody: readonly NodeId[]): void {
  const copiesMs = shortestMs(copyLargest, 0)
  for (const peer of everybody) {
    const sendMs = shortestMs(() => {
      const returned: unknown = transport.send(peer, bytes(0, 0))
      assert.ok(!(returned instanceof Promise), 'A promise that rejects would be an error.')
    }, copiesMs)
    assert.ok(
      sendMs <= copiesMs,
      `send() of two bytes to '${peer}' took ${sendMs} ms at the least, and ${COPIES} copies of the largest frame ${copiesMs} ms.`,
    )
    const tooLarge = new Uint8Array(MAX_FRAME_BYTES + 1)
    assert.throws(() => transport.send(peer, tooLarge), { code: 'ERR_PAXOS_FRAME_TOO_LARGE' })
  }
}

function copyLargest(): void {
  const copy = new Uint8Array(MAX_FRAME_BYTES)
  for (let count = 0; count < COPIES; count += 1) copy.set(LARGE)
}

/** How long it takes, by the shortest of some tries; the first that is short enough is the last. */
function shortestMs(act: () => void, shortEnoughMs: number): number {
  let shortest = Number.POSITIVE_INFINITY
  for (let count = 0; count < TRIES && shortest > shortEnoughMs; count += 1) {
    const before = performance.now()
    act()
    shortest = Math.min(shortest, performance.now() - before)
  }
  return shortest
}

/** What is in use once that which earlier scenarios have let go is free. */
async function settledBytes(): Promise<number> {
  let last = retainedBytes()
  for (let looks = 0; looks < 10; looks += 1) {
    await turn()
    const next = retainedBytes()
    if (next > last - LITTLE_BYTES) return Math.min(next, last)
    last = next
  }
  return last
}

async function requireBounded(
  before: number,
  sendLargest: () => Promise<void> | void,
): Promise<void> {
  for (let count = 0; count < MANY_LARGE; count += 1) {
    const sent = sendLargest()
    // Where it did not ask for a turn there is none: what is kept is kept all at once.
    if (sent !== undefined) await sent
  }
  const kept = keptBytes(before, MAX_RETAINED_BYTES)
  assert.ok(kept < MAX_RETAINED_BYTES, `${kept} bytes are kept.`)
}
