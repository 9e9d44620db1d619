/**
 * Two nodes that restart, as themselves or as others, in every order with what is on its way and what
 * somebody has recorded: on virtual time, in memory.
 */
import * as fc from 'fast-check'
import { extent } from '@paxos/testkit/fuzz'
import { describe, expect, it } from 'vitest'
import type { PeerFigures } from '@paxos/core'
import { decodeDatagram } from '../../src/datagrams/datagram.ts'
import { datagramsOn } from '../../src/datagrams/datagrams.ts'
import type { DatagramTransport } from '../../src/datagrams/datagrams.ts'
import { SECRET_BYTES } from '../../src/datagrams/header.ts'
import { encodeWord } from '../../src/datagrams/words.ts'
import type { Flight } from './hub.ts'
import { headOf } from './samples.ts'
import { heldHub, virtualPlatform } from './virtual.ts'

type Side = 'a' | 'b'

/** Who a node is, and whom it expects. */
interface Role {
  readonly cluster: string
  readonly incarnation: string
  /** The incarnation of the other; `null` for any. */
  readonly expects: string | null
}

/** One run of the process of a node. */
interface Life extends Role {
  readonly side: Side
  readonly number: number
  readonly transport: DatagramTransport
  readonly refusals: string[]
}

const ORDINARY: Role = { cluster: 'c', incarnation: 'i1', expects: null }
const otherOf = (side: Side): Side => (side === 'a' ? 'b' : 'a')

/** Two nodes, and everything that they ever sent. */
class World {
  readonly platform = virtualPlatform()
  readonly hub = heldHub((flight) => this.#onSent(flight))
  readonly lives: Record<Side, Life | null> = { a: null, b: null }
  readonly #recorded: (() => void)[] = []
  /** Which life gave out a cookie. */
  readonly #issuers = new Map<string, Life>()
  /** Who sent a frame. */
  readonly #senders = new Map<string, Life>()
  readonly #delivered = new Set<string>()
  #births = 0
  #frames = 0

  readonly #sign: Uint8Array | null

  constructor(sign: Uint8Array | null) {
    this.#sign = sign
  }

  async start(side: Side, role: Role): Promise<void> {
    await this.lives[side]?.transport.close()
    this.#births += 1
    const options = this.#sign === null ? {} : { authentication: { sign: this.#sign } }
    const transport = datagramsOn(this.platform, this.hub.medium, options)
    const life: Life = { side, number: this.#births, transport, refusals: [], ...role }
    this.lives[side] = life
    const { cluster, incarnation, expects } = role
    const other = otherOf(side)
    await transport.open({
      id: side,
      cluster,
      incarnation,
      listen: `hub://${side}`,
      peers: new Map([[other, { address: `hub://${other}`, incarnation: expects }]]),
      receive: (from, frame) => this.#onDelivered(life, from, frame),
      warn: ({ reason }) => life.refusals.push(reason),
    })
  }

  /** The book of `side` says that another incarnation is expected. */
  expect(side: Side, expects: string | null): void {
    const life = this.#lifeOf(side)
    const other = otherOf(side)
    this.lives[side] = { ...life, expects }
    life.transport.setPeers(new Map([[other, { address: `hub://${other}`, incarnation: expects }]]))
  }

  /** A frame like no other; some are cut. */
  send(side: Side, isLarge = false): void {
    const life = this.#lifeOf(side)
    this.#frames += 1
    const text = `frame ${this.#frames}`.padEnd(isLarge ? 3_000 : 0)
    this.#senders.set(text, life)
    life.transport.send(otherOf(side), Buffer.from(text))
    this.platform.endTurn()
  }

  /** One datagram arrives, and somebody keeps a copy. */
  deliver(index: number): void {
    const [flight] = this.hub.flights.splice(index % Math.max(1, this.hub.flights.length), 1)
    if (flight === undefined) return
    this.#recorded.push(flight.deliver)
    flight.deliver()
    this.platform.endTurn()
  }

  /** One datagram is lost, and somebody keeps it. */
  lose(index: number): void {
    const [flight] = this.hub.flights.splice(index % Math.max(1, this.hub.flights.length), 1)
    if (flight !== undefined) this.#recorded.push(flight.deliver)
  }

  replay(index: number): void {
    this.#recorded[index % Math.max(1, this.#recorded.length)]?.()
    this.platform.endTurn()
  }

  /** Everything arrives, and what is lost is asked for again, until frames pass both ways or cannot. */
  settle(): void {
    for (let round = 0; round < 40; round += 1) {
      if (round % 8 === 0) for (const side of ['a', 'b'] as const) this.send(side)
      while (this.hub.flights.length > 0) this.deliver(0)
      this.platform.advance()
    }
    while (this.hub.flights.length > 0) this.deliver(0)
  }

  figuresOf(side: Side): PeerFigures | undefined {
    return this.#lifeOf(side).transport.figures().peers.get(otherOf(side))
  }

  /** Whether `side` and the other are of one cluster, and who they are expected to be. */
  fits(): boolean {
    return (['a', 'b'] as const).every((side) => this.#isExpected(side))
  }

  #isExpected(side: Side): boolean {
    return isExpectedBy(this.#lifeOf(side), this.#lifeOf(otherOf(side)))
  }

  #lifeOf(side: Side): Life {
    const life = this.lives[side]
    if (life === null) throw new Error(`${side} does not run.`)
    return life
  }

  /** No frame is given to a peer that answered as somebody else: whose cookie it has says who it was. */
  #onSent({ datagram, from }: Flight): void {
    const decoded = decodeDatagram(datagram)
    const life = this.#lifeOf(from === 'hub://a' ? 'a' : 'b')
    if (decoded?.type === 'cookie' && decoded.kind === 'answer') {
      this.#issuers.set(hex(decoded.cookie), life)
    } else if (decoded !== null && decoded.type !== 'cookie') {
      const issuer = this.#issuers.get(hex(decoded.stamp.cookie))
      expect(issuer !== undefined && isExpectedBy(life, issuer)).toBe(true)
    }
  }

  /** No frame is delivered of who is not expected, nor twice, nor what was sent to an earlier life. */
  #onDelivered({ side, number }: Life, from: string, frame: Uint8Array): void {
    const now = this.#lifeOf(side)
    const text = Buffer.from(frame).toString()
    const sender = this.#senders.get(text)
    expect([now.number, sender?.side]).toEqual([number, from])
    expect(sender !== undefined && isExpectedBy(now, sender)).toBe(true)
    expect(this.#delivered.has(text)).toBe(false)
    this.#delivered.add(text)
  }
}

function isExpectedBy(life: Life, other: Life): boolean {
  const { cluster, expects } = life
  return other.cluster === cluster && (expects === null || other.incarnation === expects)
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

async function worldOf(a: Partial<Role>, b: Partial<Role>): Promise<World> {
  const world = new World(null)
  await world.start('a', { ...ORDINARY, ...a })
  await world.start('b', { ...ORDINARY, ...b })
  return world
}

function receivedBy(world: World, side: Side): number {
  return world.figuresOf(side)?.received ?? 0
}

const identity = { reason: 'identity' }

describe('a node of another cluster', () => {
  it('is given no cookie, and sent no frame; both say so', async () => {
    const world = await worldOf({}, { cluster: 'another' })
    world.settle()
    for (const side of ['a', 'b'] as const) {
      const problem = { reason: 'identity', message: expect.stringMatching(/"another"/) }
      expect(world.figuresOf(side)).toMatchObject({
        problem,
        sent: 0,
        received: 0,
        incarnation: null,
      })
      expect(world.lives[side]?.refusals).toContain('identity')
      const { refused } = world.lives[side]?.transport.figures() ?? {}
      expect(refused?.identity).toBeGreaterThan(0)
    }
  })

  it('takes the place of a peer, and is not heard with what that peer was given', async () => {
    const world = await worldOf({}, {})
    world.settle()
    const before = receivedBy(world, 'a')
    await world.start('b', { ...ORDINARY, cluster: 'another' })
    world.settle()
    expect(receivedBy(world, 'a')).toBe(before)
    expect(world.figuresOf('a')).toMatchObject({ problem: identity, incarnation: 'i1' })
    expect(receivedBy(world, 'b')).toBe(0)
  })
})

describe('another incarnation than the expected one', () => {
  it('is given no cookie, and sent no frame; both say so', async () => {
    const world = await worldOf({ expects: 'i1' }, { incarnation: 'i2' })
    world.settle()
    expect(world.figuresOf('a')).toMatchObject({ problem: identity, incarnation: 'i2' })
    expect(world.figuresOf('b')).toMatchObject({ problem: identity, incarnation: 'i1' })
    expect([receivedBy(world, 'a'), receivedBy(world, 'b')]).toEqual([0, 0])
    expect(world.lives.a?.transport.stats().foreignDatagrams).toBeGreaterThan(0)
    expect(world.lives.b?.transport.stats().foreignDatagrams).toBe(0)
  })

  it('that restarts in the place of the expected one is refused, and the expected one let in again', async () => {
    const world = await worldOf({ expects: 'i1' }, {})
    world.settle()
    const before = receivedBy(world, 'a')
    await world.start('b', { ...ORDINARY, incarnation: 'i2' })
    world.settle()
    expect(receivedBy(world, 'a')).toBe(before)
    expect(world.figuresOf('a')).toMatchObject({ problem: identity, incarnation: 'i2' })
    await world.start('b', ORDINARY)
    world.settle()
    expect(receivedBy(world, 'a')).toBeGreaterThan(before)
    expect(world.figuresOf('a')).toMatchObject({ problem: null, incarnation: 'i1' })
  })

  it('is let in anew while none is expected, and said to be there', async () => {
    const world = await worldOf({}, {})
    world.settle()
    const before = receivedBy(world, 'a')
    await world.start('b', { ...ORDINARY, incarnation: 'i2' })
    world.settle()
    expect(receivedBy(world, 'a')).toBeGreaterThan(before)
    expect(world.figuresOf('a')).toMatchObject({ problem: null, incarnation: 'i2' })
  })

  it('is said to be there by who only hears it, once it was heard', async () => {
    const world = await worldOf({}, {})
    for (const incarnation of ['i1', 'i2']) {
      await world.start('b', { ...ORDINARY, incarnation })
      world.send('b')
      while (world.hub.flights.length > 0) world.deliver(0)
      expect(world.figuresOf('a')).toMatchObject({ incarnation, problem: null, sent: 0 })
    }
  })
})

describe('somebody who asks in the name of a peer', () => {
  it.each([
    ['another cluster', { cluster: 'another', incarnation: 'i1' }],
    ['another incarnation', { cluster: 'c', incarnation: 'i2' }],
  ])('as %s, changes nothing that is known of it, and is told of', async (_, names) => {
    const world = await worldOf({ expects: 'i1' }, {})
    world.settle()
    const question = { kind: 'question', nonce: new Uint8Array(SECRET_BYTES), ...names } as const
    const nobody = world.hub.attach('hub://*', () => {})
    nobody.post(encodeWord(headOf('b'), question, 1_200), 'hub://a')
    world.deliver(0)
    expect(world.figuresOf('a')).toMatchObject({ problem: null, incarnation: 'i1' })
    expect(world.lives.a?.refusals).toContain('identity')
    const before = receivedBy(world, 'a')
    world.settle()
    expect(receivedBy(world, 'a')).toBeGreaterThan(before)
  })
})

describe('an entry whose expected incarnation changes', () => {
  it('is judged anew: who does not fit is out, though it had a cookie', async () => {
    const world = await worldOf({}, {})
    world.settle()
    world.send('b')
    world.expect('a', 'i2')
    world.settle()
    expect(receivedBy(world, 'a')).toBe(0)
    expect(world.figuresOf('a')).toMatchObject({ problem: identity, incarnation: 'i1' })
    world.expect('a', 'i1')
    world.settle()
    expect(receivedBy(world, 'a')).toBeGreaterThan(0)
    expect(world.figuresOf('a')).toMatchObject({ problem: null, incarnation: 'i1' })
  })

  it('lets no half of a frame of before be made whole', async () => {
    const world = await worldOf({}, {})
    world.settle()
    world.send('b', true)
    world.deliver(0)
    world.expect('a', 'i1')
    expect(world.lives.a?.transport.stats().partialFrames).toBe(1)
  })
})

const anyRole: fc.Arbitrary<Role> = fc.record({
  cluster: fc.constantFrom('c', 'c', 'c', 'd'),
  incarnation: fc.constantFrom('i1', 'i2'),
  expects: fc.constantFrom(null, 'i1', 'i2'),
})
const anySide = fc.constantFrom<Side>('a', 'b')
const anyStep = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('deliver' as const), at: fc.nat(9) }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('send' as const), side: anySide, at: fc.nat(5) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('replay' as const), at: fc.nat(40) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lose' as const), at: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('start' as const), side: anySide, role: anyRole }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('expect' as const), side: anySide, role: anyRole }),
  },
)
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never

async function take(world: World, step: Step): Promise<void> {
  switch (step.do) {
    case 'deliver':
      return world.deliver(step.at)
    case 'send':
      return world.send(step.side, step.at === 0)
    case 'replay':
      return world.replay(step.at)
    case 'lose':
      return world.lose(step.at)
    case 'wait':
      return void world.platform.advance()
    case 'start':
      return world.start(step.side, step.role)
    case 'expect':
      return world.expect(step.side, step.role.expects)
  }
}

describe.each([
  ['without keys', null],
  ['with keys', new Uint8Array(32).fill(1)],
])('%s, whatever restarts, is lost, late or sent again', (_, key) => {
  it('no frame passes but from who is expected to who is, and once; and those hear each other at last', async () => {
    const property = fc.asyncProperty(
      anyRole,
      anyRole,
      fc.array(anyStep, { minLength: 10, maxLength: 80 }),
      async (a, b, steps) => {
        const world = new World(key)
        await world.start('a', a)
        await world.start('b', b)
        for (const step of steps) await take(world, step)
        world.settle()
        const before = [receivedBy(world, 'a'), receivedBy(world, 'b')] as const
        world.settle()
        const after = [receivedBy(world, 'a'), receivedBy(world, 'b')] as const
        const isHeard = [after[0] > before[0], after[1] > before[1]]
        expect(isHeard).toEqual([world.fits(), world.fits()])
        for (const side of ['a', 'b'] as const) {
          expect(world.figuresOf(side)?.problem?.reason).toBe(world.fits() ? undefined : 'identity')
        }
        for (const life of [world.lives.a, world.lives.b]) await life?.transport.close()
      },
    )
    await fc.assert(property, { numRuns: extent(30, 300), seed: 20_260_101 })
  })
})
