/**
 * What plain JavaScript may hand over by mistake: each is refused with one sentence that names it,
 * and nothing is opened.
 */
import { describe, expect, it } from 'vitest'
import { EMPTY_SAVED, InvalidArgumentError } from '@paxos/core'
import { Replica, Synod } from '@paxos/replica'
import { replicaCluster, Sums } from './replica-cluster.ts'
import { VirtualClock } from './virtual-clock.ts'

type Given = Record<string, unknown>

/** What was done to the adapters of one set of options. */
function options(): { readonly given: Given; readonly done: string[] } {
  const done: string[] = []
  const note = (what: string) => () => {
    done.push(what)
    return Promise.resolve(EMPTY_SAVED)
  }
  const adapter = {
    open: note('open'),
    save: note('save'),
    send: note('send'),
    setPeers: note('setPeers'),
    close: note('close'),
  }
  const given = {
    id: 'a',
    members: { a: 'udp://10.0.0.1:1', b: 'udp://10.0.0.2:1' },
    transport: adapter,
    durability: adapter,
    clock: new VirtualClock(),
  }
  return { given, done }
}

/** As plain JavaScript calls them. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what plain JavaScript may hand over
const openReplica = (given: unknown): Promise<unknown> => Replica.open(given as never)
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what plain JavaScript may hand over
const openSynod = (given: unknown): Promise<unknown> => Synod.open(given as never)

const kinds: [string, (given: unknown) => Promise<unknown>][] = [
  ['Replica', openReplica],
  ['Synod', openSynod],
]

async function complaintAbout(opening: Promise<unknown>): Promise<string> {
  const error: unknown = await opening.then(
    () => 'nothing',
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(InvalidArgumentError)
  return error instanceof Error ? error.message : String(error)
}

const many = Object.fromEntries(
  Array.from({ length: 256 }, (_, index) => [`n${index}`, `udp://10.0.0.1:${index}`]),
)

/** Mistakes with the options that both have, and what is said of them. */
const MISTAKES: readonly (readonly [what: string, change: Given, complaint: RegExp])[] = [
  [
    'an option without its unit',
    { livenessWindow: 1 },
    /'livenessWindow' .* 'livenessWindowMs'\?$/,
  ],
  ['an option that there is not', { compression: 1 }, /^Unknown option 'compression'.* Use .*id/],
  ['no id', { id: undefined }, /^id is undefined\. Give a string\.$/],
  ['an id that is a number', { id: 1, members: { 1: 'udp:x' } }, /^id is a number\. Write '1'\.$/],
  ['a cluster that is null', { cluster: null }, /^cluster is null\. Give a string\.$/],
  ['no members', { members: undefined }, /^members is undefined\. Give an object/],
  ['members in an array', { members: ['udp:x'] }, /^members is an array\. Give an object/],
  ['members in a Map', { members: new Map([['a', 'udp:x']]) }, /^members is a Map\. /],
  ['members to come', { members: Promise.resolve({}) }, /^members is a promise\. /],
  ['no member at all', { members: {} }, /"a" is not among the members/],
  ['an address that is a number', { members: { a: 7000 } }, /^The address of "a" is a number\. /],
  ['an empty address', { members: { a: 'udp:x', b: '' } }, /^The address of "b" is empty\. /],
  ['an endless address', { members: { a: `udp:${'é'.repeat(511)}` } }, /more than 1024 bytes/],
  ['too many members', { members: many, id: 'n0' }, /^There are 256 members\. Name at most 255/],
  ['no transport', { transport: undefined }, /^transport is undefined\. Give an adapter/],
  ['a transport that is a URL', { transport: 'udp:' }, /^transport is a string\. Give an adapter/],
  ['a transport to come', { transport: Promise.resolve() }, /^transport is a promise\. Await it/],
  ['a transport’s factory', { transport: () => 1 }, /^transport is a function\. Call it/],
  ['a transport that is none', { transport: {} }, /^transport has no method open\(\)\. Give /],
  ['no durability', { durability: undefined }, /^durability is undefined\. Give an adapter/],
  ['a durability to come', { durability: Promise.resolve() }, /^durability is a promise\. Await/],
  ['a durability that is a URL', { durability: 'file:x' }, /^durability is a string\. Give /],
  ['a clock that is a function', { clock: Date.now }, /^clock is a function\. /],
  ['a clock without timers', { clock: { nowMs: () => 0 } }, /^clock has no method schedule\(\)/],
  ['a random that is a number', { random: 0.5 }, /^random is a number\. Give a function\.$/],
  ['a period of NaN', { heartbeatPeriodMs: NaN }, /^heartbeatPeriodMs is NaN\. Give a number/],
  ['a period in text', { heartbeatPeriodMs: '200' }, /^heartbeatPeriodMs is a string\. Give /],
  ['a period of null', { heartbeatPeriodMs: null }, /^heartbeatPeriodMs is null\. Give a number/],
  ['an endless window', { livenessWindowMs: Infinity }, /^livenessWindowMs is Infinity\. /],
  ['a window of a month', { livenessWindowMs: 2 ** 31 }, /above 0 and at most 2147483647\.$/],
  ['a window below the period', { livenessWindowMs: 200 }, /liveness window of 200 ms/],
  ['an interval of 0', { retransmitIntervalMs: 0 }, /^retransmitIntervalMs is 0\. Give /],
]

describe.each(kinds)('%s.open, called from plain JavaScript', (kind, open) => {
  const its = kind === 'Replica' ? { stateMachine: new Sums() } : {}

  it('refuses no options at all, and options that are none', async () => {
    expect(await complaintAbout(open(undefined))).toMatch(/^The options of .*open are undefined/)
    expect(await complaintAbout(open('a'))).toMatch(/^The options of .*open are a string/)
  })

  it.each(MISTAKES)('refuses %s, in one sentence and a way out', async (_, change, complaint) => {
    const { given, done } = options()
    expect(await complaintAbout(open({ ...given, ...its, ...change }))).toMatch(complaint)
    expect(done).toEqual([])
  })

  it.each([
    ['the same', 'udp://10.0.0.1:7000', 'udp://10.0.0.1:7000'],
    ['a slash at the end', 'ws://10.0.0.1:7000', 'ws://10.0.0.1:7000/'],
    ['capitals', 'WS://Node-1.example:7000/paxos', 'ws://node-1.EXAMPLE:7000/paxos'],
    ['another way to write a host', 'udp://[::1]:7000', 'udp://[0:0::1]:7000'],
    ['zeros before the port', 'grpc://h:7000', 'grpc://h:07000'],
    ['no slashes', 'memory:x', 'memory://x'],
  ])('refuses two members with one address: %s', async (_, a, b) => {
    const { given, done } = options()
    const complaint = await complaintAbout(open({ ...given, ...its, members: { a, b } }))
    expect(complaint).toContain('"a" and "b" have one address')
    expect(complaint).toContain('Give each member an address of its own.')
    expect(done).toEqual([])
  })

  it.each([
    ['ports', 'udp://10.0.0.1:7000', 'udp://10.0.0.1:7001'],
    ['ports that are a scheme’s own', 'ws://h:80', 'ws://h:443'],
    ['paths', 'ws://h:80/a', 'ws://h:80/b'],
    ['names that are no hosts', 'memory://A', 'memory://a'],
    ['schemes of nobody', 'one', 'two'],
  ])('takes members that differ by their %s', async (_, a, b) => {
    const { given, done } = options()
    const node = await open({ ...given, ...its, members: { a, b } })
    expect(done).toContain('open')
    await (node instanceof Replica || node instanceof Synod ? node.close() : undefined)
  })
})

describe('Replica.open, called from plain JavaScript', () => {
  it.each([
    ['no state machine', { stateMachine: undefined }, /^stateMachine is undefined\. Give /],
    ['a class of them', { stateMachine: Sums }, /^stateMachine is a function\. Call it/],
    [
      'one without restore',
      { stateMachine: { apply() {}, snapshot() {} } },
      /no method restore\(\)/,
    ],
    [
      'a query that is no function',
      { stateMachine: { apply() {}, snapshot() {}, restore() {}, query: 1 } },
      /^stateMachine has no method query\(\)/,
    ],
    ['a codec without decode', { commandCodec: { encode() {} } }, /^commandCodec has no .*decode/],
    ['a codec that is a function', { resultCodec: JSON.parse }, /^resultCodec is a function/],
    ['a logger that is a function', { logger: () => 1 }, /^logger is a function/],
    ['a logger without warn', { logger: { info() {}, debug() {} } }, /^logger has no method warn/],
    ['metrics without counter', { metrics: { histogram() {} } }, /^metrics has no method counter/],
    ['a number in text', { snapshotEveryEntries: '5' }, /^snapshotEveryEntries is a string/],
    ['a lease without end', { lease: { durationMs: 1e9 } }, /^A lease lasts 1000000000 ms\. /],
    ['a lease of perfect clocks', { lease: { maxDriftPpm: 0 } }, /wrong by 0 ppm at most/],
    ['a lease below a heartbeat', { lease: { durationMs: 200 } }, /heartbeats come every 200 ms/],
    ['a lease above the window', { lease: { durationMs: 1001 } }, /after 1000 ms others take over/],
    ['a lease in other words', { lease: { ms: 5 } }, /^Unknown option 'ms' of lease\. /],
    ['an option of Synod', { codec: {} }, /^Unknown option 'codec' of Replica\.open\. /],
  ])('refuses %s', async (_, change, complaint) => {
    const { given, done } = options()
    const opening = openReplica({ ...given, stateMachine: new Sums(), ...change })
    expect(await complaintAbout(opening)).toMatch(complaint)
    expect(done).toEqual([])
  })
})

describe('Synod.open, called from plain JavaScript', () => {
  it.each([
    ['a codec without encode', { codec: {} }, /^codec has no method encode\(\)/],
    ['an observer that is an object', { observe: {} }, /^observe is an object\. Give a function/],
    ['an option of Replica', { stateMachine: new Sums() }, /^Unknown option 'stateMachine' of /],
  ])('refuses %s', async (_, change, complaint) => {
    const { given, done } = options()
    expect(await complaintAbout(openSynod({ ...given, ...change }))).toMatch(complaint)
    expect(done).toEqual([])
  })
})

describe('a call of a node, from plain JavaScript', () => {
  it.each([
    ['propose', { timeout: 1 }, /^Unknown option 'timeout' of propose\. .*'timeoutMs'\?$/],
    ['propose', null, /^The options of propose are null\. /],
    ['propose', { timeoutMs: '5' }, /^timeoutMs is a string\. /],
    ['propose', { timeoutMs: 2 ** 31 }, /^timeoutMs is 2147483648\. Give .* at most 2147483647\.$/],
    ['propose', { signal: new AbortController() }, /^signal is a AbortController and no /],
    ['propose', { evenIfFull: 'no' }, /^evenIfFull is a string\. Give true or false\.$/],
    ['propose', { session: '5' }, /^The options of session are a string\. /],
    ['propose', { session: { id: 5, sequence: 1 } }, /^The id of a session is a number\. /],
    ['propose', { session: { id: '5', number: 1 } }, /^Unknown option 'number' of session\. /],
    ['query', { consistency: 'linearisable' }, /^A consistency is one of linearizable, lease, /],
    ['query', { consistency: 'bounded' }, /^A 'bounded' query needs maxStalenessMs, /],
    ['query', { consistency: 'bounded', maxStalenessMs: -1 }, /^A 'bounded' query needs /],
    ['query', { maxStalenessMs: 5 }, /^maxStalenessMs is for the consistency 'bounded' alone\. /],
    ['transferLeadership', 5, /^The id of a member is a number\. /],
    ['close', { transfer: 'no' }, /^transfer is a string\. /],
    ['close', { handOver: false }, /^Unknown option 'handOver' of close\. /],
    ['query', { consistent: 'local' }, /^Unknown option 'consistent' .*'consistency'\?$/],
    ['query', 'local', /^The options of query are a string\. /],
    ['openSession', { timeoutMS: 5 }, /^Unknown option 'timeoutMS' .*'timeoutMs'\?$/],
    ['openSession', [5], /^The options of openSession are an array\. /],
  ] as const)('%s(…, %j) is refused', async (method, given, complaint) => {
    const cluster = replicaCluster('a')
    const node = await cluster.open('a')
    const isAlone = ['openSession', 'transferLeadership', 'close'].includes(method)
    const parameters = isAlone ? [given] : [{ name: 'x', add: 1 }, given]
    const called = Reflect.apply(node[method], node, parameters)
    expect(await complaintAbout(called)).toMatch(complaint)
    expect(node.status()).toMatchObject({ pending: 0, waiting: 0, reads: 0 })
    await node.close()
  })
})
