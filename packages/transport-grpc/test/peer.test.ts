/** One peer: who dials when, and on which of two streams one sends; on virtual time. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { NodeId } from '@paxos/core'
import { FIRST_RETRY_MS, MAX_RETRY_MS, PATIENCE_MS, STEADY_AFTER_MS } from '../src/limits.ts'
import type { Link, LinkListener } from '../src/link.ts'
import { peerOf } from '../src/peer.ts'
import type { Peer } from '../src/peer.ts'

interface FakeLink extends Link {
  readonly written: number[]
  isEnded: boolean
  isDestroyed: boolean
  /** HTTP/2 has taken the frame. */
  taken(): void
  deliver(byte: number): void
  /** The other side ends it. */
  ends(): void
  closes(): void
}

function fakeLink(): FakeLink {
  let listener: LinkListener | null = null
  let isWriting = false
  let isOver = false
  const link: FakeLink = {
    written: [],
    isEnded: false,
    isDestroyed: false,
    get isReady() {
      return !isWriting && !link.isEnded
    },
    write(frame) {
      expect(link.isReady).toBe(true)
      isWriting = true
      link.written.push(frame[0] ?? -1)
    },
    end: () => (link.isEnded = true),
    destroy() {
      link.isEnded = true
      link.isDestroyed = true
    },
    listen: (to) => (listener = to),
    taken() {
      isWriting = false
      if (!link.isEnded) listener?.onReady()
    },
    deliver: (byte) => listener?.onFrame(Uint8Array.of(byte)),
    ends() {
      if (!isOver) listener?.onEnd()
      isOver = true
    },
    closes() {
      link.ends()
      listener?.onClosed()
    },
  }
  return link
}

interface FakeDial {
  readonly atMs: number
  readonly onLink: (link: Link) => void
  readonly onFailed: () => void
  isGivenUp: boolean
}

let dials: FakeDial[] = []
let delivered: number[] = []

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  dials = []
  delivered = []
})

afterEach(() => {
  vi.useRealTimers()
})

const startedMs = (): number => performance.now()

function makePeer(own: NodeId, id: NodeId): Peer {
  const beganMs = startedMs()
  return peerOf({
    own,
    id,
    dial(onLink, onFailed) {
      const made: FakeDial = {
        atMs: Math.round(performance.now() - beganMs),
        onLink,
        onFailed,
        isGivenUp: false,
      }
      dials.push(made)
      return () => (made.isGivenUp = true)
    },
    onFrame: (frame) => delivered.push(frame[0] ?? -1),
    onSent: () => {},
    onConnected: () => {},
    onDropped: () => {},
    // Between 0.5 and 1 times the ceiling: the ceiling itself.
    random: () => 1,
    now: () => performance.now(),
  })
}

function lastDial(): FakeDial {
  const dial = dials.at(-1)
  if (dial === undefined) throw new Error('Nobody dialled.')
  return dial
}

/** A stream that this node dialled. */
function dialled(): FakeLink {
  const link = fakeLink()
  lastDial().onLink(link)
  return link
}

const pass = (ms: number): void => void vi.advanceTimersByTime(ms)

describe('who dials', () => {
  it('the node with the smaller id does, at once', () => {
    makePeer('a', 'b')
    pass(0)
    expect(dials.map(({ atMs }) => atMs)).toEqual([0])
  })

  it('the other one does after a while, because it may be the only one that can', () => {
    makePeer('b', 'a')
    pass(PATIENCE_MS - 1)
    expect(dials).toHaveLength(0)
    pass(1)
    expect(dials).toHaveLength(1)
  })

  it('ids are in the order of ballots, by code point: U+FF5E before U+1F600', () => {
    makePeer('～', '😀')
    pass(0)
    expect(dials).toHaveLength(1)
  })

  it('the other one does not when it was dialled meanwhile', () => {
    const peer = makePeer('b', 'a')
    peer.accept(fakeLink())
    pass(10 * PATIENCE_MS)
    expect(dials).toHaveLength(0)
  })

  it('one dials again after a failure, later each time up to the cap', () => {
    makePeer('a', 'b')
    for (let count = 0; count < 8; count += 1) {
      pass(MAX_RETRY_MS)
      lastDial().onFailed()
    }
    const waits = dials.slice(1).map(({ atMs }, index) => atMs - MAX_RETRY_MS * (index + 1))
    expect(waits).toEqual([50, 100, 200, 400, 800, 1_600, 2_000])
  })

  it('a stream that was steady makes the waits short again, a flicker does not', () => {
    makePeer('a', 'b')
    const failed = [1, 2, 3]
    for (const _ of failed) {
      pass(MAX_RETRY_MS)
      lastDial().onFailed()
    }
    pass(MAX_RETRY_MS)
    const flicker = dialled()
    pass(STEADY_AFTER_MS - 1)
    flicker.closes()
    const before = dials.length
    pass(FIRST_RETRY_MS)
    expect(dials).toHaveLength(before)
    pass(MAX_RETRY_MS)
    const steady = dialled()
    pass(STEADY_AFTER_MS)
    steady.closes()
    pass(FIRST_RETRY_MS)
    expect(dials).toHaveLength(before + 2)
  })

  it('nobody does while there is a stream, whoever opened it', () => {
    const peer = makePeer('a', 'b')
    pass(0)
    lastDial().onFailed()
    peer.accept(fakeLink())
    pass(10 * MAX_RETRY_MS)
    expect(dials).toHaveLength(1)
  })

  it('nobody does after the end', () => {
    const [drained, destroyed] = [makePeer('a', 'b'), makePeer('a', 'c')]
    pass(0)
    for (const { onFailed } of dials) onFailed()
    void drained.drain()
    void destroyed.destroy()
    pass(10 * MAX_RETRY_MS)
    expect(dials).toHaveLength(2)
  })
})

describe('of two streams', () => {
  it('the smaller id sends on the one that it dialled, and ends neither', () => {
    const peer = makePeer('a', 'b')
    pass(0)
    const second = fakeLink()
    peer.accept(second)
    peer.send(Uint8Array.of(1))
    expect(second.written).toEqual([1])
    const first = dialled()
    peer.send(Uint8Array.of(2))
    expect(first.written).toEqual([2])
    expect([first.isEnded, second.isEnded]).toEqual([false, false])
  })

  it('the larger id ends the one that it dialled, and sends on the other', () => {
    const peer = makePeer('b', 'a')
    pass(PATIENCE_MS)
    const own = dialled()
    const other = fakeLink()
    peer.accept(other)
    peer.send(Uint8Array.of(1))
    expect([own.isEnded, own.isDestroyed, other.isEnded]).toEqual([true, false, false])
    expect(other.written).toEqual([1])
  })

  it('the larger id ends its own when it is answered late, and reads it to its end', () => {
    const peer = makePeer('b', 'a')
    pass(PATIENCE_MS)
    const other = fakeLink()
    peer.accept(other)
    expect(lastDial().isGivenUp).toBe(false)
    const own = dialled()
    expect([own.isEnded, own.isDestroyed, other.isEnded]).toEqual([true, false, false])
    own.deliver(1)
    expect(delivered).toEqual([1])
  })

  it('the smaller id does not give up a dial: otherwise both could, and none would be left', () => {
    const peer = makePeer('a', 'b')
    pass(0)
    peer.accept(fakeLink())
    expect(lastDial().isGivenUp).toBe(false)
  })

  it.each([
    ['a', 'b'],
    ['b', 'a'],
  ])('frames of both are taken by %s, to the last', (own, id) => {
    const peer = makePeer(own, id)
    pass(PATIENCE_MS)
    const first = dialled()
    const second = fakeLink()
    peer.accept(second)
    first.deliver(1)
    second.deliver(2)
    first.deliver(3)
    first.closes()
    second.deliver(4)
    expect(delivered).toEqual([1, 2, 3, 4])
  })

  it('what waits for one that dies leaves on the other, without another send', () => {
    const peer = makePeer('a', 'b')
    pass(0)
    const first = dialled()
    const second = fakeLink()
    peer.accept(second)
    for (const byte of [1, 2, 3]) peer.send(Uint8Array.of(byte))
    first.closes()
    second.taken()
    expect([first.written, second.written]).toEqual([[1], [2, 3]])
  })

  it('a new one of the same kind replaces the old one, which is dead', () => {
    const peer = makePeer('b', 'a')
    const old = fakeLink()
    peer.accept(old)
    const replacement = fakeLink()
    peer.accept(replacement)
    old.closes()
    peer.send(Uint8Array.of(1))
    expect([old.isDestroyed, replacement.isEnded]).toEqual([true, false])
    expect(replacement.written).toEqual([1])
    pass(10 * MAX_RETRY_MS)
    expect(dials).toHaveLength(0)
  })
})

describe('a stream', () => {
  it('is given one frame at a time', () => {
    const peer = makePeer('a', 'b')
    pass(0)
    const link = dialled()
    for (const byte of [1, 2, 3]) peer.send(Uint8Array.of(byte))
    expect(link.written).toEqual([1])
    link.taken()
    expect(link.written).toEqual([1, 2])
  })

  it('is given what waited for it', () => {
    const peer = makePeer('a', 'b')
    peer.send(Uint8Array.of(1))
    pass(0)
    expect(dialled().written).toEqual([1])
  })

  it('that the peer ends is ended from this side too, and dialled anew', () => {
    makePeer('a', 'b')
    pass(0)
    const link = dialled()
    link.ends()
    expect(link.isEnded).toBe(true)
    pass(FIRST_RETRY_MS)
    expect(dials).toHaveLength(2)
  })
})

describe('the end', () => {
  it('in peace comes when what waits has left and every stream is closed', async () => {
    const peer = makePeer('a', 'b')
    pass(0)
    const link = dialled()
    peer.send(Uint8Array.of(1))
    peer.send(Uint8Array.of(2))
    const order: string[] = []
    const drained = peer.drain().then(() => order.push('drained'))
    expect(link.isEnded).toBe(false)
    link.taken()
    expect([link.written, link.isEnded]).toEqual([[1, 2], false])
    link.taken()
    expect(link.isEnded).toBe(true)
    await Promise.resolve()
    order.push('closed')
    link.closes()
    await drained
    expect(order).toEqual(['closed', 'drained'])
  })

  it('waits for a dial that was given up to be cleared away', async () => {
    const peer = makePeer('a', 'b')
    pass(0)
    const order: string[] = []
    const drained = peer.drain().then(() => order.push('drained'))
    expect(lastDial().isGivenUp).toBe(true)
    await Promise.resolve()
    order.push('cleared')
    lastDial().onFailed()
    await drained
    expect(order).toEqual(['cleared', 'drained'])
  })

  it('by force delivers nothing any more and destroys every stream', async () => {
    const peer = makePeer('a', 'b')
    pass(0)
    const links = [dialled(), fakeLink()]
    if (links[1] !== undefined) peer.accept(links[1])
    const destroyed = peer.destroy()
    for (const link of links) {
      link.deliver(1)
      expect(link.isDestroyed).toBe(true)
      link.closes()
    }
    await destroyed
    expect(delivered).toEqual([])
  })
})
