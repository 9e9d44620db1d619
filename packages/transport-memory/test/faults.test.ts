/** Each fault of the hub, on virtual time: what it does, and that nothing else does it. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidArgumentError, MAX_FRAME_BYTES } from '@paxos/core'
import { fromUrl, memory, memoryHub } from '@paxos/transport-memory'
import type { Faults, MemoryHubOptions, Trace } from '@paxos/transport-memory'
import { openNetwork, valuesOf } from './network.ts'
import type { Network } from './network.ts'

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const sendAll = (network: Network, count: number): void => {
  for (const value of upTo(count)) network.send('a', 'b', value)
}
const countOf = ({ traces }: Network, outcome: string): number =>
  traces.filter((trace) => trace.outcome === outcome).length

/** What arrives of 100 frames when half are lost. */
async function lossOf(seed: number): Promise<string[]> {
  const network = await openNetwork(['a', 'b'], { seed, loss: 0.5 })
  sendAll(network, 100)
  network.time.advance(0)
  return network.log
}

/** Which of 100 frames are lost when half are, beside other faults. */
async function lostWith(options: MemoryHubOptions): Promise<number[]> {
  const network = await openNetwork(['a', 'b'], { loss: 0.5, ...options })
  sendAll(network, 100)
  network.time.advance(100)
  const lost = network.traces.filter((trace) => trace.outcome === 'lost')
  return lost.map((trace) => trace.frame[0] ?? -1)
}

/** An observer that means harm. */
const overwrite = (trace: Trace): void => void trace.frame.fill(9)

/** memory() as a caller without types may call it. */
const withoutTypes = (...options: unknown[]): unknown => Reflect.apply(memory, null, options)

describe('without faults', () => {
  it('every frame arrives once, in order, at once, but not inside send', async () => {
    const network = await openNetwork(['a', 'b'])
    sendAll(network, 100)
    expect(network.log).toEqual([])
    network.time.advance(0)
    expect(network.log).toEqual(upTo(100).map((value) => `a>b:${value}@0`))
  })
})

describe('loss', () => {
  it('of 0.25 loses about a quarter, and 1 loses all', async () => {
    const network = await openNetwork(['a', 'b'], { loss: 0.25 })
    sendAll(network, 250)
    sendAll(network, 250)
    network.time.advance(0)
    expect(network.log.length).toBeGreaterThan(330)
    expect(network.log.length).toBeLessThan(420)
    expect(countOf(network, 'lost')).toBe(500 - network.log.length)
    network.hub.setFaults({ loss: 1 })
    network.log.length = 0
    sendAll(network, 100)
    network.time.advance(0)
    expect(network.log).toEqual([])
  })
})

describe('duplication', () => {
  it('of 1 delivers every frame twice, and the two share no memory', async () => {
    const time = (await openNetwork([])).time
    const hub = memoryHub({ scheduler: time, duplication: 1 })
    const frames: Uint8Array[] = []
    const sender = memory({ hub })
    const receiver = memory({ hub })
    const peers = new Map([
      ['a', 'memory:a'],
      ['b', 'memory:b'],
    ])
    await sender.open({ id: 'a', listen: 'memory:a', peers, receive: () => {} })
    const receive = (_: string, frame: Uint8Array): void => void frames.push(frame)
    await receiver.open({ id: 'b', listen: 'memory:b', peers, receive })
    sender.send('b', Uint8Array.of(1))
    time.advance(0)
    frames[0]?.fill(9)
    expect(frames).toEqual([Uint8Array.of(9), Uint8Array.of(1)])
  })
})

describe('delay', () => {
  it('keeps to its range, in milliseconds, both ends included', async () => {
    const network = await openNetwork(['a', 'b'], { delayMs: { min: 10, max: 12 } })
    const seen = new Set<number>()
    for (const value of upTo(100)) {
      const sentMs = network.time.nowMs
      network.send('a', 'b', value)
      network.time.advance(9)
      expect(network.log).toHaveLength(value)
      network.time.advance(3)
      expect(network.log).toHaveLength(value + 1)
      seen.add(Number(network.log[value]?.split('@')[1]) - sentMs)
    }
    expect(seen).toEqual(new Set([10, 11, 12]))
  })

  it('alone does not reorder a link, however it varies', async () => {
    const network = await openNetwork(['a', 'b'], { delayMs: { min: 0, max: 1_000 } })
    sendAll(network, 200)
    network.time.advance(1_000)
    expect(valuesOf(network.log)).toEqual(upTo(200))
  })
})

describe('reordering', () => {
  it('changes the order of what is on its way together, and loses nothing', async () => {
    const network = await openNetwork(['a', 'b'], { reordering: 0.2 })
    sendAll(network, 200)
    network.time.advance(0)
    const values = valuesOf(network.log)
    expect(values).not.toEqual(upTo(200))
    expect(values.toSorted((x, y) => x - y)).toEqual(upTo(200))
  })

  it('of 1 lets each frame overtake', async () => {
    const network = await openNetwork(['a', 'b'], { reordering: 1 })
    sendAll(network, 2)
    network.time.advance(0)
    expect(valuesOf(network.log)).toEqual([1, 0])
  })
})

describe('cut', () => {
  it('stops one direction only, also what is on its way, until it heals', async () => {
    const network = await openNetwork(['a', 'b'], { delayMs: { min: 5, max: 5 } })
    network.send('a', 'b', 1)
    network.hub.cut('a', 'b')
    network.send('a', 'b', 2)
    network.send('b', 'a', 3)
    network.time.advance(5)
    expect(network.log).toEqual(['b>a:3@5'])
    expect(countOf(network, 'cut')).toBe(2)
    network.hub.heal()
    network.send('a', 'b', 4)
    network.time.advance(5)
    expect(network.log).toEqual(['b>a:3@5', 'a>b:4@10'])
  })
})

describe('heal', () => {
  it('does not bring back what met a cut or a partition', async () => {
    const network = await openNetwork(['a', 'b'])
    network.hub.cut('a', 'b')
    network.send('a', 'b', 1)
    network.hub.heal()
    network.hub.partition(['a'], ['b'])
    network.send('a', 'b', 2)
    network.hub.heal()
    network.send('a', 'b', 3)
    network.time.advance(0)
    expect(valuesOf(network.log)).toEqual([3])
  })
})

describe('partition', () => {
  const everybody = ['a', 'b', 'c', 'd', 'e']

  it.each([
    [
      'lets nodes talk only within their group',
      [
        ['a', 'b'],
        ['c', 'd', 'e'],
      ],
      'ab cd ce de',
    ],
    ['leaves who is in no group among themselves', [['a', 'b']], 'ab cd ce de'],
    ['isolates a group of one', [['a']], 'bc bd be cd ce de'],
    [
      'may leave a bridge: a node in two groups',
      [
        ['a', 'c'],
        ['c', 'b'],
        ['d', 'e'],
      ],
      'ac bc de',
    ],
    ['of no groups is none', [], 'ab ac ad ae bc bd be cd ce de'],
  ])('%s', async (_, groups, pairs) => {
    const network = await openNetwork(everybody)
    network.hub.partition(...groups)
    for (const from of everybody) for (const to of everybody) network.send(from, to, 0)
    network.time.advance(0)
    const expected = pairs.split(' ').flatMap(([x, y]) => [`${x}>${y}:0@0`, `${y}>${x}:0@0`])
    expect(network.log.toSorted()).toEqual(expected.toSorted())
  })

  it('replaces the one before it, and heals', async () => {
    const network = await openNetwork(['a', 'b', 'c'])
    network.hub.partition(['a', 'b'], ['c'])
    network.hub.partition(['a', 'c'], ['b'])
    network.send('a', 'b', 1)
    network.send('a', 'c', 2)
    network.time.advance(0)
    network.hub.heal()
    network.send('a', 'b', 3)
    network.time.advance(0)
    expect(network.log).toEqual(['a>c:2@0', 'a>b:3@0'])
  })
})

describe('freeze', () => {
  it('holds back what comes for a node until it is thawed, and keeps the order', async () => {
    const network = await openNetwork(['a', 'b'])
    network.hub.freeze('b')
    for (const value of [1, 2, 3]) network.send('a', 'b', value)
    network.send('b', 'a', 4)
    network.time.advance(50)
    expect(network.log).toEqual(['b>a:4@0'])
    network.hub.thaw('b')
    expect(network.log).toHaveLength(1)
    network.time.advance(0)
    expect(network.log.slice(1)).toEqual(['a>b:1@50', 'a>b:2@50', 'a>b:3@50'])
  })

  it('keeps the newest 16 MiB from each sender, and drops the oldest', async () => {
    const network = await openNetwork([])
    const a = await network.open('a')
    const b = await network.open('b')
    const peers = new Map([
      ['a', 'memory:a'],
      ['b', 'memory:b'],
    ])
    for (const transport of [a, b]) transport.setPeers(peers)
    network.hub.freeze('b')
    const frame = new Uint8Array(MAX_FRAME_BYTES)
    for (const value of upTo(40)) {
      frame[0] = value
      a.send('b', frame)
    }
    network.time.advance(0)
    expect(countOf(network, 'dropped')).toBe(25)
    network.hub.thaw('b')
    network.time.advance(0)
    expect(valuesOf(network.log)).toEqual(upTo(40).slice(25))
  })

  it('bounds empty frames too', async () => {
    const network = await openNetwork(['a', 'b'])
    const a = await network.open('third')
    a.setPeers(new Map([['b', 'memory:b']]))
    network.hub.freeze('b')
    for (let count = 0; count < 20_000; count += 1) a.send('b', new Uint8Array())
    expect(countOf(network, 'dropped')).toBe(20_000 - 16_384)
  })

  it('does not hide a frame whose turn comes because the one before it was dropped', async () => {
    const network = await openNetwork([], { delayMs: { min: 100, max: 100 } })
    const a = await network.open('a')
    const b = await network.open('b')
    a.setPeers(new Map([['b', 'memory:b']]))
    b.setPeers(new Map([['a', 'memory:a']]))
    a.send('b', Uint8Array.of(1)) // due at 100, first in the queue
    network.hub.setFaults({ delayMs: { min: 0, max: 0 } })
    a.send('b', Uint8Array.of(2)) // due at once, behind it
    network.time.advance(1)
    network.hub.setFaults({ delayMs: { min: 500, max: 500 } })
    // 16 MiB with the two before and 1,024 bytes a frame, but for the first: it is dropped.
    const fill = new Uint8Array(MAX_FRAME_BYTES - 1_024)
    for (let count = 0; count < 15; count += 1) a.send('b', fill)
    a.send('b', new Uint8Array(MAX_FRAME_BYTES - 3_000))
    expect(network.log).toEqual([])
    network.time.advance(1)
    expect(network.log).toEqual(['a>b:2@1'])
  })
})

describe('a restart', () => {
  it('may receive what was sent to the node before it', async () => {
    const network = await openNetwork(['a', 'b'], { delayMs: { min: 10, max: 10 } })
    network.send('a', 'b', 1)
    await network.close('b')
    await network.open('b')
    network.time.advance(10)
    expect(network.log).toEqual(['a>b:1@10'])
  })

  it('makes room for as much as before: links take any number of bytes in their life', async () => {
    const network = await openNetwork([])
    const a = await network.open('a')
    a.setPeers(new Map([['b', 'memory:b']]))
    const frame = new Uint8Array(MAX_FRAME_BYTES)
    for (const life of upTo(3)) {
      const b = await network.open('b')
      b.setPeers(new Map([['a', 'memory:a']]))
      // Twice as much as may be on its way, half of it at a time.
      for (const part of upTo(4)) {
        for (const _ of upTo(8)) a.send('b', frame)
        network.time.advance(0)
        expect(network.log).toHaveLength(life * 32 + (part + 1) * 8)
      }
      network.hub.freeze('b')
      for (const _ of upTo(15)) a.send('b', frame)
      network.time.advance(0)
      await b.close()
      network.hub.thaw('b')
    }
    expect(countOf(network, 'dropped')).toBe(0)
  })

  it('loses what had reached the node before it, frozen as it was', async () => {
    const network = await openNetwork(['a', 'b'])
    network.hub.freeze('b')
    network.send('a', 'b', 1)
    network.time.advance(0)
    await network.close('b')
    network.hub.thaw('b')
    await network.open('b')
    network.time.advance(0)
    expect(network.log).toEqual([])
    expect(countOf(network, 'unreachable')).toBe(1)
  })
})

describe('timers', () => {
  it('are gone once every transport of the hub has closed', async () => {
    const network = await openNetwork(['a', 'b'], { delayMs: { min: 10, max: 1_000 } })
    sendAll(network, 100)
    expect(network.time.pending).toBe(100)
    await network.close('a')
    await network.close('b')
    expect(network.time.pending).toBe(0)
    expect(countOf(network, 'unreachable')).toBe(100)
  })
})

describe('determinism', () => {
  const anyFaults = fc.record({
    loss: fc.double({ min: 0, max: 1, noNaN: true }),
    duplication: fc.double({ min: 0, max: 1, noNaN: true }),
    reordering: fc.double({ min: 0, max: 1, noNaN: true }),
    delayMs: fc
      .tuple(fc.nat(50), fc.nat(50))
      .map(([min, more]): Faults['delayMs'] => ({ min, max: min + more })),
  })
  const id = fc.constantFrom('a', 'b', 'c')
  const anyStep = fc.oneof(
    { weight: 10, arbitrary: fc.record({ do: fc.constant('send' as const), from: id, to: id }) },
    fc.record({ do: fc.constant('cut' as const), from: id, to: id }),
    fc.record({ do: fc.constant('freeze' as const), node: id }),
    fc.record({ do: fc.constant('thaw' as const), node: id }),
    fc.record({ do: fc.constant('heal' as const) }),
    fc.record({ do: fc.constant('faults' as const), faults: anyFaults }),
    fc.record({ do: fc.constant('advance' as const), ms: fc.nat(40) }),
  )
  type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never

  async function play(seed: number, steps: readonly Step[]): Promise<Network> {
    const network = await openNetwork(['a', 'b', 'c'], { seed })
    for (const [index, step] of steps.entries()) {
      if (step.do === 'send') network.send(step.from, step.to, index & 0xff)
      else if (step.do === 'cut') network.hub.cut(step.from, step.to)
      else if (step.do === 'freeze') network.hub.freeze(step.node)
      else if (step.do === 'heal') network.hub.heal()
      else if (step.do === 'thaw') network.hub.thaw(step.node)
      else if (step.do === 'faults') network.hub.setFaults(step.faults)
      else network.time.advance(step.ms)
    }
    for (const node of ['a', 'b', 'c']) network.hub.thaw(node)
    network.time.advance(1_000)
    return network
  }

  const anyPlay = [
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    fc.array(anyStep, { maxLength: 120, size: 'max' }),
  ] as const

  it('the same seed and the same sends give the same deliveries in the same order', async () => {
    await fc.assert(
      fc.asyncProperty(...anyPlay, async (seed, steps) => {
        const [one, two] = [await play(seed, steps), await play(seed, steps)]
        expect(two.log).toEqual(one.log)
        expect(two.traces).toEqual(one.traces)
      }),
    )
  })

  it('every frame and every duplicate ends in exactly one outcome', async () => {
    await fc.assert(
      fc.asyncProperty(...anyPlay, async (seed, steps) => {
        const network = await play(seed, steps)
        const sent = steps.filter((step) => step.do === 'send' && step.from !== step.to).length
        const duplicated = countOf(network, 'duplicated')
        expect(network.traces.length - duplicated).toBe(sent + duplicated)
        expect(countOf(network, 'delivered')).toBe(network.log.length)
        expect(network.time.pending).toBe(0)
      }),
    )
  })

  it('another seed loses other frames', async () => {
    expect(await lossOf(1)).not.toEqual(await lossOf(2))
    expect(await lossOf(1)).toEqual(await lossOf(1))
  })

  it('a fault that is switched on or off leaves the others to strike the same frames', async () => {
    const expected = await lostWith({})
    expect(expected.length).toBeGreaterThan(30)
    expect(await lostWith({ duplication: 0.5 })).toEqual(expected)
    expect(await lostWith({ reordering: 0.5, delayMs: { min: 0, max: 9 } })).toEqual(expected)
  })
})

describe('the observer', () => {
  it('P7: is given copies, and can change nothing that arrives', async () => {
    const network = await openNetwork(['a', 'b'], { observe: overwrite, duplication: 1 })
    network.send('a', 'b', 1)
    network.time.advance(0)
    expect(valuesOf(network.log)).toEqual([1, 1])
  })

  it('sees what was sent, and what became of it', async () => {
    const network = await openNetwork(['a', 'b'])
    network.send('a', 'b', 1)
    network.time.advance(0)
    const frame = Uint8Array.of(1)
    expect(network.traces).toEqual([{ from: 'a', to: 'b', frame, outcome: 'delivered' }])
  })
})

describe('arguments', () => {
  it.each<MemoryHubOptions>([
    { loss: -0.1 },
    { loss: 1.1 },
    { loss: NaN },
    { duplication: 2 },
    { reordering: -1 },
    { delayMs: { min: -1, max: 0 } },
    { delayMs: { min: 2, max: 1 } },
    { delayMs: { min: 0, max: 0.5 } },
    { delayMs: { min: 0, max: Infinity } },
    { delayMs: { min: 0, max: 2 ** 31 } },
    { seed: -1 },
    { seed: 0.5 },
    { seed: 2 ** 32 },
  ])('%j can never work, and is refused', (options) => {
    expect(() => memoryHub(options)).toThrow(InvalidArgumentError)
  })

  it('that are refused by setFaults change nothing', async () => {
    const network = await openNetwork(['a', 'b'])
    expect(() => {
      network.hub.setFaults({ loss: 1, duplication: 2 })
    }).toThrow(InvalidArgumentError)
    network.send('a', 'b', 1)
    network.time.advance(0)
    expect(network.log).toHaveLength(1)
  })

  it.each([
    ['memory', { hob: 1 }, /^Unknown option 'hob' of memory\(\)\. Did you mean 'hub'\?$/],
    ['memory', { hub: {} }, /^hub has no method transport\(\)\. Give what memoryHub\(\) makes\.$/],
    ['memory', { hub: memoryHub }, /^hub is a function\. Call it/],
    ['memory', null, /^The options of memory\(\) are null\. /],
    ['memoryHub', { sede: 7 }, /^Unknown option 'sede' of memoryHub\(\)\. .*'seed'\?$/],
    ['memoryHub', { duplicaton: 1 }, /^Unknown option 'duplicaton' .*'duplication'\?$/],
    ['memoryHub', { loss: '0.5' }, /^loss is 0\.5\. Give a probability/],
    ['memoryHub', { delayMs: 5 }, /^The options of delayMs are a number\. .*min, max\.$/],
    ['memoryHub', { delayMs: { min: 0, max: 1, mean: 1 } }, /^Unknown option 'mean' of delayMs/],
    ['memoryHub', { scheduler: {} }, /^scheduler has no method setTimeout\(\)\. /],
    ['memoryHub', { observe: [] }, /^observe is an array\. Give a function\.$/],
    ['memoryHub', null, /^The options of memoryHub\(\) are null\. /],
    ['setFaults', { lost: 1 }, /^Unknown option 'lost' of setFaults\. Did you mean 'loss'\?$/],
    ['setFaults', 1, /^The options of setFaults are a number\. /],
  ])('of %s that no type checked are refused by name: %j', (name, options, message) => {
    const owner = name === 'setFaults' ? memoryHub() : { memory, memoryHub }
    const call = (): unknown => Reflect.apply(Reflect.get(owner, name), owner, [options])
    expect(call).toThrow(InvalidArgumentError)
    expect(call).toThrow(message)
  })

  it('memory() without a hub says what to do', () => {
    expect(() => withoutTypes()).toThrow(/memoryHub\(\)/)
    expect(() => withoutTypes({})).toThrow(InvalidArgumentError)
  })

  it('fromUrl() makes what memory() makes, wherever the URL points, and needs a hub as well', async () => {
    const hub = memoryHub()
    const [a, b] = [fromUrl('memory://elsewhere', { hub }), memory({ hub })]
    const peers = new Map([
      ['a', 'memory://a'],
      ['b', 'memory://b'],
    ])
    const received = new Promise<unknown[]>((resolve) => {
      const receive = (from: string, frame: Uint8Array): void => resolve([from, ...frame])
      void b.open({ id: 'b', listen: 'memory://b', peers, receive })
    })
    await a.open({ id: 'a', listen: 'memory://a', peers, receive: () => {} })
    a.send('b', Uint8Array.of(7))
    expect(await received).toEqual(['a', 7])
    expect(a.address).toBe('memory://a')
    await Promise.all([a.close(), b.close()])
    expect(() => fromUrl('memory://a')).toThrow(InvalidArgumentError)
    expect(() => fromUrl('memory://a')).toThrow(/memoryHub\(\)/)
  })
})

describe('nodes', () => {
  it('of two hubs do not meet', async () => {
    const one = await openNetwork(['a', 'b'])
    const two = await openNetwork(['a', 'b'])
    one.send('a', 'b', 1)
    one.time.advance(0)
    two.time.advance(0)
    expect([one.log.length, two.log.length]).toEqual([1, 0])
  })

  it('are told apart by id: what is for another node at the address is not delivered', async () => {
    const network = await openNetwork(['a', 'b', 'c'])
    await network.close('c')
    const c = await network.open('c')
    c.setPeers(new Map([['elsewhere', 'memory://b']]))
    c.send('elsewhere', Uint8Array.of(1))
    network.time.advance(0)
    expect(network.log).toEqual([])
    expect(countOf(network, 'unreachable')).toBe(1)
  })
})
