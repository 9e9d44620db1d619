/** What a link can carry, on virtual time: its rate, its queue, and the largest frame. */
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError } from '@paxos/core'
import { memory, memoryHub } from '@paxos/transport-memory'
import type { Capacity, MemoryHubOptions } from '@paxos/transport-memory'
import { openNetwork, valuesOf } from './network.ts'
import type { Network } from './network.ts'
import { virtualTime } from './virtual-time.ts'

/** Frames take 60 bytes more on a link, so that one of 940 bytes takes 1 ms of this. */
const MEGABYTE_A_SECOND = { bytesPerSecond: 1_000_000 }
const ONE_MS_BYTES = 940

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

interface Pair extends Network {
  /** From a to b. */
  sendBytes(value: number, byteLength: number): void
  sendBack(value: number, byteLength: number): void
}

function frameOf(value: number, byteLength: number): Uint8Array {
  const frame = new Uint8Array(byteLength)
  frame[0] = value
  return frame
}

async function openPair(options: MemoryHubOptions = {}): Promise<Pair> {
  const network = await openNetwork([], options)
  const [a, b] = [await network.open('a'), await network.open('b')]
  const peers = new Map(['a', 'b'].map((id) => [id, `memory://${id}`]))
  for (const transport of [a, b]) transport.setPeers(peers)
  return {
    ...network,
    sendBytes: (value, byteLength) => a.send('b', frameOf(value, byteLength)),
    sendBack: (value, byteLength) => b.send('a', frameOf(value, byteLength)),
  }
}

const outcomesOf = ({ traces }: Network): string[] =>
  traces.map(({ outcome, frame }) => `${outcome} ${frame[0] ?? ''}`)

/** Which of 100 frames are lost when half are. */
async function lostWith(options: MemoryHubOptions): Promise<string[]> {
  const network = await openNetwork(['a', 'b'], { loss: 0.5, ...options })
  for (const value of upTo(100)) network.send('a', 'b', value)
  network.time.advance(100)
  return outcomesOf(network).filter((outcome) => outcome.startsWith('lost'))
}

describe('the rate of a link', () => {
  it('lets one frame leave after another, each when its bytes and headers have', async () => {
    const pair = await openPair(MEGABYTE_A_SECOND)
    for (const value of [1, 2, 3]) pair.sendBytes(value, ONE_MS_BYTES)
    pair.time.advance(10)
    expect(pair.log).toEqual(['a>b:1@1', 'a>b:2@2', 'a>b:3@3'])
  })

  it('is kept on the average by frames that take less than a millisecond each', async () => {
    const pair = await openPair(MEGABYTE_A_SECOND)
    // 400 bytes a frame with its headers: 100 of them take 40 ms.
    for (const value of upTo(100)) pair.sendBytes(value, 340)
    pair.time.advance(39)
    expect(pair.log.length).toBeLessThan(100)
    pair.time.advance(1)
    expect(valuesOf(pair.log)).toEqual(upTo(100))
  })

  it('comes before the delay: a frame is on its way when it has left', async () => {
    const pair = await openPair({ ...MEGABYTE_A_SECOND, delayMs: { min: 50, max: 50 } })
    pair.sendBytes(1, 10 * ONE_MS_BYTES + 9 * 60)
    pair.time.advance(100)
    expect(pair.log).toEqual(['a>b:1@60'])
  })

  it('is of one direction where it is set for one, whatever the other carries', async () => {
    const pair = await openPair()
    pair.hub.setLink('a', 'b', MEGABYTE_A_SECOND)
    pair.sendBytes(1, ONE_MS_BYTES)
    pair.sendBack(2, ONE_MS_BYTES)
    pair.time.advance(10)
    expect(pair.log).toEqual(['b>a:2@0', 'a>b:1@1'])
  })

  it('may change in the midst of a frame, and holds within 100 ms', async () => {
    const pair = await openPair({ bytesPerSecond: 100 })
    pair.sendBytes(1, 100_000)
    pair.time.advance(1000)
    pair.hub.setLinks({ bytesPerSecond: Infinity })
    pair.sendBytes(2, 100)
    pair.time.advance(99)
    pair.time.advance(1)
    expect(pair.log).toEqual(['a>b:1@1100', 'a>b:2@1100'])
    pair.hub.setLinks({ bytesPerSecond: 100 })
    pair.sendBytes(3, 40)
    pair.time.advance(1000)
    expect(pair.log.at(-1)).toBe('a>b:3@2100')
  })

  it('of nodes that meet later is what was said for all', async () => {
    const network = await openNetwork(['a', 'b'])
    network.hub.setLinks({ bytesPerSecond: 61 })
    network.send('a', 'b', 1)
    network.time.advance(1000)
    expect(network.log).toEqual(['a>b:1@1000'])
  })

  it('is used by what is lost later, too', async () => {
    const pair = await openPair({ ...MEGABYTE_A_SECOND, loss: 1 })
    pair.sendBytes(1, 5 * ONE_MS_BYTES)
    pair.hub.setFaults({ loss: 0 })
    pair.sendBytes(2, ONE_MS_BYTES)
    pair.time.advance(10)
    expect(outcomesOf(pair)).toEqual(['lost 1', 'delivered 2'])
    expect(pair.log).toEqual(['a>b:2@5'])
  })

  it('leaves the dice to strike the same frames', async () => {
    expect(await lostWith(MEGABYTE_A_SECOND)).toEqual(await lostWith({}))
  })

  it('leaves no timer when every transport has closed, nor when nothing is to leave', async () => {
    const network = await openNetwork(['a', 'b'], { bytesPerSecond: 610 })
    for (const value of [1, 2, 3]) network.send('a', 'b', value)
    network.time.advance(100)
    await network.close('a')
    await network.close('b')
    expect(network.time.pending).toBe(0)
    expect(outcomesOf(network)).toEqual(['delivered 1', 'unreachable 2', 'unreachable 3'])
    const other = await openNetwork(['a', 'b'], { bytesPerSecond: 610 })
    other.send('a', 'b', 1)
    other.time.advance(100)
    expect(other.time.pending).toBe(0)
  })
})

describe('the queue of a link', () => {
  const NARROW = { ...MEGABYTE_A_SECOND, queueBytes: 2 * (1024 + ONE_MS_BYTES) } as const

  it.each<[Capacity['dropWhenFull'], number[]]>([
    ['newest', [0, 1, 2]],
    ['oldest', [0, 3, 4]],
  ])('that is full drops the %s, and never what is leaving', async (dropWhenFull, arrive) => {
    const pair = await openPair({ ...NARROW, dropWhenFull })
    for (const value of upTo(5)) pair.sendBytes(value, ONE_MS_BYTES)
    pair.time.advance(10)
    expect(valuesOf(pair.log)).toEqual(arrive)
    const dropped = outcomesOf(pair).filter((outcome) => outcome.startsWith('dropped'))
    expect(dropped).toHaveLength(2)
  })

  it('has room again when something has left', async () => {
    const pair = await openPair(NARROW)
    for (const value of upTo(3)) pair.sendBytes(value, ONE_MS_BYTES)
    pair.time.advance(1)
    pair.sendBytes(3, ONE_MS_BYTES)
    pair.time.advance(10)
    expect(valuesOf(pair.log)).toEqual(upTo(4))
  })

  it('takes any number of bytes in its life: what has left makes room', async () => {
    const pair = await openPair(NARROW)
    for (const value of upTo(30)) {
      for (const _ of upTo(3)) pair.sendBytes(value, ONE_MS_BYTES)
      pair.time.advance(10)
      pair.hub.partition(['a'], ['b'])
      for (const _ of upTo(3)) pair.sendBytes(value, ONE_MS_BYTES)
      pair.hub.heal()
      pair.time.advance(10)
    }
    expect(valuesOf(pair.log)).toEqual(upTo(30).flatMap((value) => [value, value, value]))
    expect(outcomesOf(pair).filter((outcome) => outcome.startsWith('dropped'))).toEqual([])
  })

  it('is empty again when every transport of the hub has closed', async () => {
    const network = await openNetwork([], NARROW)
    const peers = new Map(['a', 'b'].map((id) => [id, `memory://${id}`]))
    for (const life of upTo(3)) {
      const [a, b] = [await network.open('a'), await network.open('b')]
      for (const transport of [a, b]) transport.setPeers(peers)
      for (const _ of upTo(3)) a.send('b', frameOf(life, ONE_MS_BYTES))
      // The last time they arrive.
      if (life === 2) network.time.advance(10)
      await Promise.all([a.close(), b.close()])
    }
    expect(valuesOf(network.log)).toEqual([2, 2, 2])
    expect(outcomesOf(network).filter((outcome) => outcome.startsWith('dropped'))).toEqual([])
  })

  it('takes a frame that is larger than it when nothing waits', async () => {
    const pair = await openPair({ ...MEGABYTE_A_SECOND, queueBytes: 0 })
    pair.sendBytes(0, ONE_MS_BYTES)
    pair.sendBytes(1, 50_000)
    pair.sendBytes(2, 1)
    pair.time.advance(100)
    expect(valuesOf(pair.log)).toEqual([0, 1])
  })

  it('counts what it drops in the figures of the sender, as dropped and not as sent', async () => {
    const time = virtualTime()
    const hub = memoryHub({ scheduler: time, ...NARROW })
    const a = memory({ hub })
    const peers = new Map([['b', 'memory://b']])
    await a.open({ id: 'a', listen: 'memory://a', peers, receive: () => {} })
    for (const value of upTo(5)) a.send('b', new Uint8Array(ONE_MS_BYTES).fill(value))
    time.advance(100)
    expect(a.figures?.().peers.get('b')).toMatchObject({ sent: 3, dropped: 2 })
    await a.close()
  })
})

describe('the largest frame of a link', () => {
  it('passes, and what has one byte more is lost, until it may be larger', async () => {
    const pair = await openPair({ maxFrameBytes: 1400 })
    pair.sendBytes(1, 1400)
    pair.sendBytes(2, 1401)
    pair.hub.setLink('a', 'b', { maxFrameBytes: Infinity })
    pair.sendBytes(3, 1401)
    pair.sendBack(4, 1401)
    pair.time.advance(0)
    expect(pair.log).toEqual(['a>b:1@0', 'a>b:3@0'])
    const lost = outcomesOf(pair).filter((outcome) => outcome.startsWith('too-large'))
    expect(lost).toEqual(['too-large 2', 'too-large 4'])
  })
})

describe('a capacity', () => {
  it.each([
    ['bytesPerSecond', 0],
    ['bytesPerSecond', -1],
    ['bytesPerSecond', NaN],
    ['bytesPerSecond', '100'],
    ['queueBytes', -1],
    ['queueBytes', 0.5],
    ['queueBytes', (16 << 20) + 1],
    ['dropWhenFull', 'random'],
    ['maxFrameBytes', -1],
    ['maxFrameBytes', NaN],
    ['bytesPerSeconds', 1],
  ])('whose %s is %j is refused by name, and changes nothing', async (name, value) => {
    const network = await openNetwork(['a', 'b'])
    const { hub } = network
    const changes = { [name]: value }
    const calls: readonly (() => unknown)[] = [
      () => Reflect.apply(memoryHub, null, [changes]),
      () => Reflect.apply(Reflect.get(hub, 'setLinks'), hub, [changes]),
      () => Reflect.apply(Reflect.get(hub, 'setLink'), hub, ['a', 'b', changes]),
    ]
    for (const call of calls) {
      expect(call).toThrow(InvalidArgumentError)
      expect(call).toThrow(name)
    }
    network.send('a', 'b', 1)
    network.time.advance(0)
    expect(network.log).toEqual(['a>b:1@0'])
  })
})
