import { readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { InvalidArgumentError, InvariantError } from '@paxos/core'
import { encodeEntry } from '@paxos/core/multi'
import { CommandFailedError, CommandRefusedError, Replica, StoppedError } from '@paxos/replica'
import type { Codec, Logger, ReplicaOptions, StateMachine } from '@paxos/replica'
import { memory as memoryDurability } from '@paxos/durability-memory'
import { memory as memoryTransport } from '@paxos/transport-memory'
import { Applier } from '../src/applier.ts'
import { CHECKPOINT_AFTER_COMMANDS } from '../src/limits.ts'
import { Machine } from '../src/machine.ts'
import { settingsOf } from '../src/replica-settings.ts'
import { leaderOf, replicaCluster } from './replica-cluster.ts'
import type { ReplicaCluster } from './replica-cluster.ts'

/** Appends words to a list, and tells how many there are. Some words are trouble. */
class Words implements StateMachine<string, unknown, null, readonly string[]> {
  words: string[] = []
  restored = 0
  readonly #troubles: Readonly<Record<string, () => unknown>>

  constructor(troubles: Readonly<Record<string, () => unknown>> = {}) {
    this.#troubles = troubles
  }

  apply(word: string): unknown {
    this.words.push(word)
    const trouble = this.#troubles[word]
    return trouble === undefined ? this.words.length : trouble()
  }

  query(): readonly string[] {
    return this.words
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(JSON.stringify(this.words))
  }

  restore(bytes: Uint8Array): void {
    const words: string[] = JSON.parse(new TextDecoder().decode(bytes))
    this.words = words
    this.restored += 1
    // They are its own from here on.
    bytes.fill(0)
  }
}

type WordsOptions = Partial<ReplicaOptions<string, unknown, null, readonly string[]>>
type WordsReplica = Replica<string, unknown, null, readonly string[]>

/** A cluster of which each node has a machine of its own, and what each of them logged as an error. */
async function worded(
  ids: readonly string[],
  troubles: Readonly<Record<string, () => unknown>>,
  options: WordsOptions = {},
) {
  const cluster = replicaCluster(...ids)
  const nodes = new Map<string, WordsReplica>()
  const machines = new Map<string, Words>()
  const errors: unknown[] = []
  const logger: Logger = {
    debug: vi.fn(),
    info: vi.fn(),
    warn: vi.fn(),
    error: (message) => errors.push(message),
  }
  let seed = 0
  const open = async (id: string): Promise<WordsReplica> => {
    const machine = new Words(troubles)
    machines.set(id, machine)
    const disk = cluster.disks.get(id)
    const node = await Replica.open<string, unknown, null, readonly string[]>({
      id,
      members: cluster.members,
      transport: memoryTransport({ hub: cluster.hub }),
      durability: memoryDurability(disk === undefined ? {} : { disk }),
      stateMachine: machine,
      clock: cluster.clock,
      random: () => (seed = (seed + 0.377) % 1),
      logger,
      ...options,
    })
    nodes.set(id, node)
    return node
  }
  for (const id of ids) await open(id)
  await cluster.clock.advance(5000)
  const closeAll = async (): Promise<void> => {
    for (const node of nodes.values()) await node.close({ transfer: false })
  }
  return { cluster, nodes, machines, errors, open, closeAll }
}

/** Lets time pass until `promise` is settled, at most a minute of it. */
async function within<T>({ clock }: ReplicaCluster, promise: Promise<T>): Promise<T> {
  const watch = { isSettled: false }
  const watched = promise.finally(() => (watch.isSettled = true))
  watched.catch(() => undefined)
  for (let count = 0; count < 600 && !watch.isSettled; count += 1) await clock.advance(100)
  if (!watch.isSettled) throw new Error('It did not happen within a minute.')
  return await watched
}

async function rejectionOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('It was not rejected with an error.')
}

const snapshot = () => new Uint8Array()
const restore = () => undefined

const throws = (error: unknown) => () => {
  throw error
}

describe('a command that the state machine cannot apply', () => {
  const troubles = {
    'an error': throws(new TypeError('Too sad')),
    'a text': throws('a text'),
    nothing: throws(undefined),
    'no words': throws(new Error('')),
    'no text at all': throws({
      toString() {
        throw new Error('never')
      },
    }),
    'an error whose message is no text': throws(
      Object.assign(new Error('x'), { message: { no: 1 } }),
    ),
    'an error that has lost its message': throws(
      Object.assign(new Error('x'), { message: undefined }),
    ),
    'an error that throws when it is looked at': throws(
      Object.defineProperties(new Error('x'), {
        name: { get: throws(new Error('never')) },
        message: { get: throws(new Error('never')) },
        code: { get: throws(new Error('never')) },
      }),
    ),
    'what throws whatever is asked of it': throws(
      new Proxy(new Error('x'), { getPrototypeOf: throws(1), get: throws(2), has: throws(3) }),
    ),
    'half a character': throws(new Error(`\ud83d${'x'.repeat(5000)}`)),
    'a promise': () => Promise.resolve(1),
    'what throws when it is asked whether it is a promise': () => ({
      get then() {
        throw new Error('never')
      },
    }),
    'a promise that fails': () => Promise.reject(new Error('later')),
    'a result that JSON has no word for': () => new Map([[1, 2]]),
    'a result that is too large': () => 'x'.repeat(2 << 20),
  }

  it.each(Object.keys(troubles))(
    'because of %s has the same outcome on every node, now and in a retry, and changes nothing',
    async (word) => {
      const { cluster, nodes, machines, errors, closeAll } = await worded(['a', 'b', 'c'], troubles)
      const all = [...nodes.values()]
      await within(cluster, all[0]?.propose('before') ?? Promise.reject(new Error('none')))
      const [, leader] = leaderOf(asSums(nodes))
      const id = await within(cluster, leader.openSession())
      const session = { id, sequence: 1 }
      const first = all.map((node) => rejectionOf(node.propose(word, { session })))
      const errorsTold = await within(cluster, Promise.all(first))
      const again = all.map((node) => rejectionOf(node.propose(word, { session })))
      errorsTold.push(...(await within(cluster, Promise.all(again))))
      expect(new Set(errorsTold.map(({ message }) => message)).size).toBe(1)
      for (const error of errorsTold) expect(error).toBeInstanceOf(CommandFailedError)
      expect(errorsTold[0]?.message).toMatch(
        /not applied on any node: .*propose it as another one\.$/,
      )
      for (const node of all) await within(cluster, node.propose(`after ${node.status().id}`))
      await cluster.clock.advance(1000)
      const [content] = [...machines.values()].map(({ words }) => words)
      expect(content?.toSorted()).toEqual(['after a', 'after b', 'after c', 'before'])
      for (const { words } of machines.values()) expect(words).toEqual(content)
      expect(errors).toEqual(Array.from({ length: 3 }, () => 'a command failed, and was undone'))
      await closeAll()
    },
  )

  it('is as little a failure after a restart, from the log and from a snapshot', async () => {
    const { cluster, nodes, machines, open, closeAll } = await worded(['a'], troubles, {
      snapshotEveryEntries: 7,
    })
    const node = nodes.get('a')
    if (node === undefined) throw new Error('There is no node.')
    const id = await within(cluster, node.openSession())
    const first = await within(
      cluster,
      rejectionOf(node.propose('an error', { session: { id, sequence: 1 } })),
    )
    let next = node
    for (let round = 0; round < 10; round += 1) {
      await within(cluster, next.propose(`word ${round}`))
      await within(cluster, rejectionOf(next.propose('a text')))
      const retry = next.propose('an error', { session: { id, sequence: 1 } })
      const { message } = await within(cluster, rejectionOf(retry))
      expect(message).toBe(first.message)
      cluster.disks.get('a')?.crash()
      await next.close()
      next = await open('a')
    }
    await cluster.clock.advance(5000)
    expect(machines.get('a')?.words).toEqual(Array.from({ length: 10 }, (_, at) => `word ${at}`))
    await closeAll()
  })

  it('tells who proposed it the error itself as the cause, where it was applied', async () => {
    const { cluster, nodes, closeAll } = await worded(['a'], troubles)
    const error = await within(
      cluster,
      rejectionOf(nodes.get('a')?.propose('an error') ?? Promise.resolve()),
    )
    expect(error.cause).toMatchObject({ message: 'Too sad' })
    expect(error.message).toContain('Too sad.')
    await closeAll()
  })

  it('and refuses it with CommandRefusedError costs no restored state', async () => {
    class Refusing extends Words {
      override apply(word: string): unknown {
        if (word === 'no') throw new CommandRefusedError('Not today.')
        return super.apply(word)
      }
    }
    const machine = new Refusing()
    const { cluster, nodes, errors, closeAll } = await worded(['a'], {}, { stateMachine: machine })
    const node = nodes.get('a')
    const refused = await within(cluster, rejectionOf(node?.propose('no') ?? Promise.resolve()))
    expect(refused).toBeInstanceOf(CommandRefusedError)
    expect(refused.message).toBe('Not today.')
    expect(await within(cluster, node?.propose('yes') ?? Promise.resolve())).toBe(1)
    expect([machine.restored, machine.words, errors]).toEqual([0, ['yes'], []])
    await closeAll()
  })

  it('and refuses it after it has changed something leaves the same state on every node', () => {
    const [wanted, found] = [10_000, 3].map((snapshotEveryEntries) => {
      const machine = new Words({
        'no, but': throws(new CommandRefusedError('Too late.')),
        bad: throws(new Error('bad')),
      })
      const { say, takeSnapshot } = applying(machine)
      for (let count = 0; count < 20; count += 1) {
        say('good')
        say('no, but')
        if (count % snapshotEveryEntries === 0) takeSnapshot()
        say('bad')
      }
      return machine.words
    })
    expect(found).toEqual(wanted)
    expect(found).toHaveLength(40)
  })

  it('is undone from bytes of its own, whatever the state machine does with those that it gave', () => {
    let state: Uint8Array = Buffer.alloc(2)
    const machine = {
      apply(word: string) {
        state[0] = (state[0] ?? 0) + 1
        if (word === 'bad') throw new Error('bad')
        return state[0]
      },
      snapshot: () => state,
      restore(bytes: Uint8Array) {
        state = bytes
      },
    }
    const { say } = applying(machine)
    for (let count = 0; count < CHECKPOINT_AFTER_COMMANDS; count += 1) say('good')
    for (let count = 1; count <= 3; count += 1) {
      say('bad')
      say('good')
      expect(state[0]).toBe(CHECKPOINT_AFTER_COMMANDS + count)
    }
  })

  it('is undone in the time of a restore, however long the log has become', () => {
    const applied = { count: 0 }
    const machine = new Words({ bad: throws(new Error('bad')) })
    const counting = {
      apply(word: string) {
        applied.count += 1
        return machine.apply(word)
      },
      snapshot: () => machine.snapshot(),
      restore: (bytes: Uint8Array) => machine.restore(bytes),
    }
    const { say } = applying(counting)
    for (let count = 0; count < 5000; count += 1) say('good')
    for (let count = 0; count < 200; count += 1) say('bad')
    // The log once, each bad one once, and the log once more for the first of them.
    expect(applied.count).toBeLessThanOrEqual(5000 + 200 + 5000 + CHECKPOINT_AFTER_COMMANDS)
    expect(machine.words).toHaveLength(5000)
  })

  it('is undone by reading an entry once, however many have failed beside others in it', () => {
    const words = new Words({ bad: throws(new Error('bad')) })
    const stateMachine: StateMachine<string, unknown> = {
      apply: (word) => words.apply(word),
      snapshot: () => words.snapshot(),
      restore: (bytes) => words.restore(bytes),
    }
    const value = new Uint8Array()
    const said = ['one', 'bad', 'two', 'bad', 'three', 'bad', 'four', 'bad']
    const commands = said.map((word) => new TextEncoder().encode(JSON.stringify(word)))
    let read = 0
    const machine = new Machine(settingsFor(stateMachine), () => {
      read += 1
      return commands
    })
    machine.rebase(machine.snapshot())
    for (const [index, bytes] of commands.entries()) {
      machine.execute({ slot: 1, revision: 1 + index, value, index, before: 0 }, bytes)
    }
    expect([words.words, words.restored, read]).toEqual([['one', 'two', 'three', 'four'], 4, 4])
  })

  it.each([
    ['the stack is used up', new RangeError('Maximum call stack size exceeded')],
    ['the memory is used up', new RangeError('Array buffer allocation failed')],
    ['what must be true is not', new InvariantError('Two and two are five.')],
  ])('because %s stops the node: on another it may be applied', async (_, thrown) => {
    const { cluster, nodes, closeAll } = await worded(['a'], { bad: throws(thrown) })
    const node = nodes.get('a')
    const error = await within(cluster, rejectionOf(node?.propose('bad') ?? Promise.resolve()))
    expect(error).toBeInstanceOf(StoppedError)
    expect(error.cause).toBe(thrown)
    await expect(node?.propose('good')).rejects.toThrow(StoppedError)
    await cluster.clock.advance(10_000)
    expect(cluster.clock.pending).toBe(0)
    await closeAll()
  })

  it('and that could never be undone is not waited for: without a first snapshot no node starts', async () => {
    class Unfinished extends Words {
      override snapshot(): Uint8Array {
        throw new Error('Not written yet')
      }
    }
    const opening = worded(['a'], {}, { stateMachine: new Unfinished() })
    await expect(opening).rejects.toThrow('Not written yet')
  })

  it('and that cannot be undone stops the node: its state is not known', async () => {
    class Torn extends Words {
      override restore(): void {
        throw new Error('I forgot how')
      }
    }
    const machine = new Torn({ bad: throws(new Error('bad')) })
    const { cluster, nodes, closeAll } = await worded(['a'], {}, { stateMachine: machine })
    const error = await within(
      cluster,
      rejectionOf(nodes.get('a')?.propose('bad') ?? Promise.resolve()),
    )
    expect(error).toBeInstanceOf(StoppedError)
    expect(error.message).toContain('could not be undone: I forgot how.')
    await closeAll()
  })
})

describe('what no node can read', () => {
  /** As when decode() validates, and encode() does not. */
  const picky: Codec<string> = {
    encode: (word) => new TextEncoder().encode(word),
    decode(bytes) {
      const word = new TextDecoder().decode(bytes)
      if (word.startsWith('!')) throw new Error('It begins with !')
      return word
    },
  }

  it('is refused where it is asked for, at leader and follower alike', async () => {
    const { cluster, nodes, machines, closeAll } = await worded(
      ['a', 'b', 'c'],
      {},
      { commandCodec: picky },
    )
    for (const node of nodes.values()) {
      const error = await within(cluster, rejectionOf(node.propose('!')))
      expect(error).toBeInstanceOf(InvalidArgumentError)
      expect(error.cause).toMatchObject({ message: 'It begins with !' })
    }
    for (const node of nodes.values()) await within(cluster, node.propose('fine'))
    await cluster.clock.advance(1000)
    for (const { words } of machines.values()) expect(words).toHaveLength(3)
    await closeAll()
  })

  it('to the leader is refused at once to who handed it over, and holds no place in its session', async () => {
    const { cluster, nodes, machines, closeAll } = await worded(
      ['a', 'b', 'c'],
      {},
      { commandCodec: picky },
    )
    const [id] = leaderOf(asSums(nodes))
    // As in a rolling upgrade: one follower knows a command that the leader does not.
    const other = [...nodes.keys()].find((each) => each !== id) ?? ''
    await nodes.get(other)?.close()
    const upgraded = await cluster.open(other, {
      // @ts-expect-error -- a cluster of words, not of sums
      commandCodec: { ...picky, decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes) },
      // @ts-expect-error -- as above
      stateMachine: machines.get(other) ?? new Words(),
    })
    // @ts-expect-error -- as above
    const propose = (word: string, session?: unknown) => upgraded.propose(word, { session })
    for (let count = 0; count < 260; count += 1) {
      const error = await within(cluster, rejectionOf(propose('!new')))
      expect(error).toMatchObject({ code: 'ERR_PAXOS_REFUSED_BY_LEADER', outcome: 'unknown' })
    }
    const session = { id: await within(cluster, upgraded.openSession()), sequence: 1 }
    const error = await within(cluster, rejectionOf(propose('!new', session)))
    expect(error).toMatchObject({ code: 'ERR_PAXOS_REFUSED_BY_LEADER' })
    expect(upgraded.status()).toMatchObject({ pending: 0, waiting: 0 })
    await within(cluster, propose('known'))
    await upgraded.close()
    await closeAll()
  })

  it('is refused where the codec makes no bytes of it', async () => {
    const commandCodec = { encode: () => 'text', decode: () => '' }
    const { cluster, nodes, closeAll } = await worded(
      ['a'],
      {},
      // @ts-expect-error -- as plain JavaScript may do
      { commandCodec },
    )
    const error = await within(
      cluster,
      rejectionOf(nodes.get('a')?.propose('x') ?? Promise.resolve()),
    )
    expect(error).toBeInstanceOf(InvalidArgumentError)
    await closeAll()
  })

  it('once it is chosen has an outcome, as what is no entry changes nothing: no node stops', () => {
    const machine = new Words()
    const { say, sayBytes, put, session } = applying(machine)
    say('one')
    expect(sayBytes(Uint8Array.of(0x7b))).toMatch(/^The codec cannot read the command, .* not JSON/)
    // A command that is cut off, a no-op that is too long, an opening without a nonce, and nothing.
    for (const value of [[1, 1, 1], [0, 0], [2], []]) {
      expect(put(Uint8Array.from(value))).toMatchObject({ type: 'malformed' })
    }
    say('two')
    expect([machine.words, machine.restored]).toEqual([['one', 'two'], 0])
    expect(session).toBe(1)
  })

  it('that fails beside others in its entry is undone alone, and each has its own revision', () => {
    const revisions: [string, number][] = []
    const machine = new Words({
      no: () => {
        throw new TypeError('no such word')
      },
    })
    const { put } = applying({
      apply: (word, revision) => {
        revisions.push([word, revision])
        return machine.apply(word)
      },
      snapshot: () => machine.snapshot(),
      restore: (bytes) => machine.restore(bytes),
    })
    const opened = put(
      encodeEntry({ type: 'open-session', space: 'node', nonce: new Uint8Array(16) }),
    )
    if (opened.type !== 'opened') throw new Error(opened.type)
    const { session } = opened
    const together = (sequence: number, ...words: readonly string[]): unknown => {
      const commands = words.map((word) => new TextEncoder().encode(JSON.stringify(word)))
      const applied = put(
        encodeEntry({ type: 'commands', session, sequence, acknowledged: 1, commands }),
      )
      if (applied.type !== 'commands') throw new Error(applied.type)
      expect(applied.errors).toHaveLength(words.filter((word) => word === 'no').length)
      return applied.results().map((result) => {
        try {
          return result()
        } catch (error) {
          return error instanceof CommandFailedError ? 'failed' : error
        }
      })
    }
    expect(together(1, 'one', 'no', 'two')).toEqual([1, 'failed', 2])
    expect(together(2, 'three', 'no')).toEqual([3, 'failed'])
    expect(machine.words).toEqual(['one', 'two', 'three'])
    // What was applied again has the revision that it had.
    expect(new Set(revisions.map((each) => each.join(' ')))).toEqual(
      // Two sessions were opened before.
      new Set(['one 3', 'no 4', 'two 5', 'three 6', 'no 7']),
    )
    expect(machine.restored).toBe(2)
  })

  it('but another version may stops the node, which must not go on without it', () => {
    const { put } = applying(new Words())
    expect(() => put(Uint8Array.of(200, 1, 2))).toThrow(/kind 200 is unknown\. Upgrade this node\./)
  })
})

describe('a state machine that takes its time', () => {
  it.each(['snapshot', 'restore', 'query', 'apply'] as const)(
    'with a %s() that returns a promise is refused in words, and nothing escapes',
    async (method) => {
      const machine = new Words()
      const options: WordsOptions = {
        stateMachine: {
          apply: (word: string) => machine.apply(word),
          query: () => machine.query(),
          snapshot: () => machine.snapshot(),
          restore: (bytes: Uint8Array) => machine.restore(bytes),
          [method]: () => Promise.reject(new Error('later')),
        },
      }
      const words = new RegExp(`${method}\\(\\) returned a promise: .* Take "async" away`)
      if (method === 'snapshot')
        return await expect(worded(['a'], {}, options)).rejects.toThrow(words)
      const { cluster, nodes, open, closeAll } = await worded(
        ['a'],
        {},
        {
          snapshotEveryEntries: 3,
          ...options,
        },
      )
      const node = nodes.get('a')
      if (node === undefined) throw new Error('There is no node.')
      if (method === 'query') await expect(within(cluster, node.query(null))).rejects.toThrow(words)
      else if (method === 'apply') {
        await expect(within(cluster, node.propose('x'))).rejects.toThrow(words)
      } else {
        for (let count = 0; count < 5; count += 1) await within(cluster, node.propose('x'))
        await node.close()
        await expect(open('a')).rejects.toThrow(words)
        return
      }
      await closeAll()
    },
  )

  it('is none to the compiler', () => {
    const fine: StateMachine<string, number, null, string> = {
      apply: () => 1,
      query: () => 'x',
      snapshot,
      restore: (bytes) => bytes.length,
    }
    // @ts-expect-error -- a promise of a result is no result
    const applies: StateMachine<string, number> = { apply: async () => 1, snapshot, restore }
    // @ts-expect-error -- nor where there is none
    const nothing: StateMachine<string, void> = { apply: async () => undefined, snapshot, restore }
    // @ts-expect-error -- nor when the result is said to be one
    const said: StateMachine<string, Promise<number>> = { apply: async () => 1, snapshot, restore }
    const restores: StateMachine<string, void> = {
      apply: () => undefined,
      snapshot,
      // @ts-expect-error -- nor may it be restored later
      restore: async () => undefined,
    }
    const asks: StateMachine<string, void, null, string> = {
      apply: () => undefined,
      snapshot,
      restore,
      // @ts-expect-error -- nor answer later
      query: async () => 'x',
    }
    expect([fine, applies, nothing, said, restores, asks]).toHaveLength(6)
  })
})

describe('a result', () => {
  it('that is an object of the state is a copy to whoever gets it', async () => {
    const state = { list: [1] }
    const cluster = replicaCluster('a')
    const node = await Replica.open<number, { list: number[] }>({
      id: 'a',
      members: cluster.members,
      transport: memoryTransport({ hub: cluster.hub }),
      durability: memoryDurability(),
      clock: cluster.clock,
      stateMachine: {
        apply(item) {
          state.list.push(item)
          return state
        },
        snapshot: () => new TextEncoder().encode(JSON.stringify(state)),
        restore: () => undefined,
      },
    })
    const session = { id: await within(cluster, node.openSession()), sequence: 1 }
    const same = [node.propose(2, { session }), node.propose(2, { session })]
    const [first, second] = await within(cluster, Promise.all(same))
    first?.list.push(99)
    expect([state.list, second?.list]).toEqual([
      [1, 2],
      [1, 2],
    ])
    expect(await within(cluster, node.propose(2, { session }))).toEqual({ list: [1, 2] })
    await node.close()
  })

  it('that release 0.0.0 has stored in a snapshot is still the answer to a retry', () => {
    const hex = readFileSync(
      new URL('corpus/snapshot-0.0.0/with-result.hex', import.meta.url),
      'utf8',
    )
    const bytes = Uint8Array.from(Buffer.from(hex.trim(), 'hex'))
    const nine = { encode: () => new Uint8Array(), decode: ([byte = 0]: Uint8Array) => byte }
    const machine = { apply: () => 0, snapshot: () => new Uint8Array(), restore: () => undefined }
    const settings = settingsFor(machine, nine)
    const applier = new Applier(settings, { through: 5, members: [], bytes })
    const found = applier.recall({ session: 1, sequence: 1, acknowledged: 1 }, 'command')
    expect(
      found !== null && 'results' in found ? found.results().map((read) => read()) : found,
    ).toEqual([9])
  })
})

/** For what only asks who leads. */
function asSums(nodes: ReadonlyMap<string, WordsReplica>) {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- leaderOf() looks at the status alone
  return nodes as unknown as Parameters<typeof leaderOf>[0]
}

function settingsFor<R>(stateMachine: StateMachine<string, R>, resultCodec?: Codec<R>) {
  return settingsOf<string, R, never, never>({
    id: 'a',
    members: { a: 'memory://a' },
    transport: memoryTransport({ hub: replicaCluster('a').hub }),
    durability: memoryDurability(),
    stateMachine,
    resultCodec,
  })
}

/** An applier with an open session, in which commands are applied one after the other. */
function applying(machine: Pick<StateMachine<string, unknown>, 'apply' | 'snapshot' | 'restore'>) {
  const stateMachine: StateMachine<string, unknown> = {
    apply: (word, revision) => machine.apply(word, revision),
    snapshot: () => machine.snapshot(),
    restore: (bytes) => machine.restore(bytes),
  }
  const applier = new Applier(settingsFor(stateMachine), null)
  let slot = 0
  let sequence = 0
  const put = (value: Uint8Array) => applier.apply((slot += 1), value, 0)
  const opened = put(encodeEntry({ type: 'open-session', nonce: Uint8Array.of(1) }))
  const session = opened.type === 'opened' ? opened.session : 0
  const sayBytes = (bytes: Uint8Array): string => {
    sequence += 1
    const acknowledged = sequence
    const command = { type: 'command', session, sequence, acknowledged, bytes } as const
    const applied = put(encodeEntry(command))
    if (applied.type !== 'commands') throw new Error(applied.type)
    return applied.errors[0]?.message ?? 'fine'
  }
  const say = (word: string) => sayBytes(new TextEncoder().encode(JSON.stringify(word)))
  const takeSnapshot = () => applier.takeSnapshot()
  return { say, sayBytes, put, session, takeSnapshot }
}
