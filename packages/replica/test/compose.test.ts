/** Several state machines in one log: whose a command is, what fails together, and what a part may become. */
import { describe, expect, expectTypeOf, it } from 'vitest'
import { InvalidArgumentError } from '@paxos/core'
import { memory as memoryDurability } from '@paxos/durability-memory'
import { CommandFailedError, CommandRefusedError, compose, Replica } from '@paxos/replica'
import type { Codec, ComposedReplica, Part, Parts } from '@paxos/replica'
import { memory as memoryTransport } from '@paxos/transport-memory'
import { decodeParts, encodeParts } from '../src/composed-bytes.ts'
import { replicaCluster, Sums, within } from './replica-cluster.ts'
import type { Add, ReplicaCluster } from './replica-cluster.ts'

const one: Add = { name: 'x', add: 1 }

/** Lines of text, as bytes of its own. */
function lines() {
  const codec: Codec<string> = {
    encode: (text) => new TextEncoder().encode(`~${text}`),
    decode: (bytes) => new TextDecoder().decode(bytes).slice(1),
  }
  const seen: string[] = []
  return {
    seen,
    commandCodec: codec,
    apply(line: string): { readonly count: number } {
      seen.push(line)
      if (line === 'poison') throw new Error('This line cannot be applied')
      return { count: seen.length }
    },
    snapshot: () => new TextEncoder().encode(JSON.stringify(seen)),
    restore(bytes: Uint8Array): void {
      const read: string[] = JSON.parse(new TextDecoder().decode(bytes))
      seen.splice(0, seen.length, ...read)
    },
  }
}

function open<P extends Parts>(
  cluster: ReplicaCluster,
  parts: P,
  options: { readonly retired?: readonly string[]; readonly snapshotEveryEntries?: number } = {},
): Promise<ComposedReplica<P>> {
  const { retired = [], snapshotEveryEntries = 3 } = options
  const disk = cluster.disks.get('a')
  return Replica.open({
    id: 'a',
    members: cluster.members,
    transport: memoryTransport({ hub: cluster.hub }),
    durability: memoryDurability(disk === undefined ? {} : { disk }),
    stateMachine: compose(parts, { retired }),
    clock: cluster.clock,
    random: () => 0.5,
    snapshotEveryEntries,
  })
}

describe('a replica of several state machines', () => {
  it('has each under its name, and nobody writes a type parameter', async () => {
    const cluster = replicaCluster('a')
    const replica = await open(cluster, { sums: new Sums(), lines: lines() })
    expectTypeOf(replica.sums).toEqualTypeOf<Part<Add, number, string, number>>()
    expectTypeOf(replica.lines).toEqualTypeOf<Part<string, { readonly count: number }>>()
    // @ts-expect-error -- a command of the other part, which is refused before it is proposed
    const wrong = replica.lines.propose(one).catch(() => 'refused')
    // @ts-expect-error -- no such part
    expect(replica.others).toBeUndefined()
    expect(await within(cluster, replica.sums.propose(one))).toBe(1)
    expect(await within(cluster, replica.lines.propose('first'))).toMatchObject({})
    expect(await within(cluster, replica.sums.propose(one))).toBe(2)
    expect(await within(cluster, replica.sums.query('x'))).toBe(2)
    // @ts-expect-error -- lines take no query
    const none = replica.lines.query('x', { consistency: 'local' })
    await expect(none).rejects.toThrow(InvalidArgumentError)
    await within(cluster, wrong)
    await within(cluster, replica.close({ transfer: false }))
  })

  it('of machines that are written in place has their types too', async () => {
    const cluster = replicaCluster('a')
    let total = 0
    const replica = await open(cluster, {
      total: {
        apply: ({ add }: { add: number }) => (total += add),
        query: (name: 'total') => ({ total })[name],
        snapshot: () => new TextEncoder().encode(String(total)),
        restore: (bytes) => (total = Number(new TextDecoder().decode(bytes))),
      },
    })
    expectTypeOf(replica.total).toEqualTypeOf<Part<{ add: number }, number, 'total', number>>()
    expect(await within(cluster, replica.total.propose({ add: 2 }))).toBe(2)
    await within(cluster, replica.close({ transfer: false }))
  })

  it('undoes in all of them what fails half-way in one', async () => {
    const cluster = replicaCluster('a')
    const parts = { sums: new Sums(), lines: lines() }
    const replica = await open(cluster, parts)
    await within(cluster, replica.sums.propose(one))
    await within(cluster, replica.lines.propose('kept'))
    const poison = within(cluster, replica.lines.propose('poison'))
    await expect(poison).rejects.toThrow(CommandFailedError)
    expect(parts.lines.seen).toEqual(['kept'])
    expect(parts.sums.content).toEqual({ x: 1 })
    await within(cluster, replica.close({ transfer: false }))
  })

  it('keeps what each holds over a restart, whatever the order in which they are given', async () => {
    const cluster = replicaCluster('a')
    const replica = await open(cluster, { sums: new Sums(), lines: lines() })
    for (let at = 0; at < 5; at += 1) await within(cluster, replica.sums.propose(one))
    await within(cluster, replica.lines.propose('kept'))
    await within(cluster, replica.close({ transfer: false }))
    const parts = { lines: lines(), sums: new Sums() }
    const again = await open(cluster, parts)
    expect(await within(cluster, again.sums.propose(one))).toBe(6)
    expect(parts.lines.seen).toEqual(['kept'])
    await within(cluster, again.close({ transfer: false }))
  })

  it('tells who watches that something was applied, once for a turn, and that it is over', async () => {
    const cluster = replicaCluster('a')
    const replica = await open(cluster, { sums: new Sums() })
    await cluster.clock.advance(5000)
    const seen: (number | string)[] = []
    const end = replica.sums.watch(() => {
      const asked = replica.sums.query('x', { consistency: 'local' })
      asked.then(
        (sum) => seen.push(sum),
        () => seen.push('over'),
      )
    })
    replica.watch(() => {
      throw new Error('This listener is wrong')
    })
    await within(cluster, Promise.all([replica.sums.propose(one), replica.sums.propose(one)]))
    await cluster.clock.advance(10)
    expect(seen.at(-1)).toBe(2)
    expect(seen.length).toBeLessThanOrEqual(2)
    await within(cluster, replica.close({ transfer: false }))
    await cluster.clock.advance(10)
    expect(seen.at(-1)).toBe('over')
    end()
  })
})

describe('the parts of a log', () => {
  it('one that is added later begins empty, also where a snapshot is installed that lacks it', async () => {
    const cluster = replicaCluster('a')
    const before = await open(cluster, { sums: new Sums() })
    for (let at = 0; at < 5; at += 1) await within(cluster, before.sums.propose(one))
    await within(cluster, before.close({ transfer: false }))
    const parts = { sums: new Sums(), lines: lines() }
    const after = await open(cluster, parts)
    expect(await within(cluster, after.lines.propose('first'))).toEqual({ count: 1 })
    expect(await within(cluster, after.sums.propose(one))).toBe(6)
    // Undone from a snapshot that was taken when there were no lines.
    const poison = within(cluster, after.lines.propose('poison'))
    await expect(poison).rejects.toThrow(CommandFailedError)
    expect(parts.lines.seen).toEqual(['first'])
    await within(cluster, after.close({ transfer: false }))
  })

  it('one that a snapshot lacks is empty once that is restored, whatever it held', () => {
    const parts = { sums: new Sums(), lines: lines() }
    const without = compose({ sums: new Sums() }).snapshot()
    const composed = compose(parts)
    parts.lines.apply('of another past')
    composed.restore(without)
    expect(parts.lines.seen).toEqual([])
  })

  it('one that is left out keeps the node from starting, until it is said to be retired', async () => {
    const cluster = replicaCluster('a')
    const both = await open(cluster, { sums: new Sums(), lines: lines() })
    for (let at = 0; at < 5; at += 1) await within(cluster, both.lines.propose('kept'))
    await within(cluster, both.close({ transfer: false }))
    await expect(open(cluster, { sums: new Sums() })).rejects.toMatchObject({
      code: 'ERR_PAXOS_DECODE',
      message: expect.stringContaining('lines'),
    })
    const retired = await open(cluster, { sums: new Sums() }, { retired: ['lines'] })
    expect(await within(cluster, retired.sums.propose(one))).toBe(1)
    await within(cluster, retired.close({ transfer: false }))
  })

  it('a node stops at a command of a part that it lacks, and goes on with it', async () => {
    const cluster = replicaCluster('a')
    const rarely = { snapshotEveryEntries: 1000 }
    const both = await open(cluster, { sums: new Sums(), lines: lines() }, rarely)
    // In the log alone: there is no snapshot yet.
    await within(cluster, both.lines.propose('kept'))
    await within(cluster, both.close({ transfer: false }))
    const lacking = await open(cluster, { sums: new Sums() })
    const attempt = within(cluster, lacking.sums.propose(one))
    await expect(attempt).rejects.toMatchObject({ code: 'ERR_PAXOS_STOPPED' })
    expect(lacking.status().role).toBe('stopped')
    await within(
      cluster,
      lacking.close({ transfer: false }).catch(() => undefined),
    )
    const parts = { sums: new Sums(), lines: lines() }
    const again = await open(cluster, parts)
    expect(await within(cluster, again.sums.propose(one))).toBe(1)
    expect(parts.lines.seen).toEqual(['kept'])
    await within(cluster, again.close({ transfer: false }))
  })

  it('what is proposed to a part that is retired is refused, on every node alike', () => {
    const composed = compose({ sums: new Sums() }, { retired: ['lines'] })
    const bytes = Uint8Array.from([5, ...new TextEncoder().encode('lines'), 0])
    const command = composed.commandCodec.decode(bytes)
    expect(() => composed.apply(command, 1)).toThrow(CommandRefusedError)
  })

  it.each([
    ['no part', {}],
    ['a name with a hyphen', { 'my-part': new Sums() }],
    ['the name of a method of Replica', { propose: new Sums() }],
    ['no state machine', { sums: { apply: () => 1 } }],
  ])('%s is refused before anything is opened', (_, parts) => {
    // @ts-expect-error -- one of them is no state machine
    expect(() => compose(parts)).toThrow(InvalidArgumentError)
  })

  it('every property and method of a replica is a name that no part can have', async () => {
    const cluster = replicaCluster('a')
    const replica = await open(cluster, { sums: new Sums() })
    const names = new Set<string>()
    for (let at: object | null = replica; at !== null; at = Reflect.getPrototypeOf(at)) {
      for (const name of Object.getOwnPropertyNames(at)) names.add(name)
    }
    names.delete('sums')
    for (const name of [...names].filter((each) => /^[A-Za-z]\w*$/.test(each))) {
      expect(() => compose({ [name]: new Sums() }), name).toThrow(InvalidArgumentError)
    }
    await within(cluster, replica.close({ transfer: false }))
  })

  it('a snapshot that is cut or holds something else is refused, whatever is wrong', () => {
    const whole = encodeParts([
      ['b', Uint8Array.of(1, 2, 3)],
      ['a', new Uint8Array()],
    ])
    expect([...decodeParts(whole)]).toEqual([
      ['a', new Uint8Array()],
      ['b', Uint8Array.of(1, 2, 3)],
    ])
    const refused = expect.objectContaining({ code: 'ERR_PAXOS_DECODE' })
    for (let end = 0; end < whole.length; end += 1) {
      expect(() => decodeParts(whole.subarray(0, end))).toThrow(refused)
    }
    expect(() => decodeParts(Uint8Array.of(...whole, 0))).toThrow(refused)
    expect(() => decodeParts(Uint8Array.of(2, ...whole.subarray(1)))).toThrow(refused)
  })
})
