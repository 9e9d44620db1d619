import { describe, expect, it } from 'vitest'
import { InvalidArgumentError } from '@paxos/core'
import type { Durability, Slot } from '@paxos/core'
import { bundled, encodeEntry } from '@paxos/core/multi'
import type { SessionId } from '@paxos/core/multi'
import { memory, memoryDisk } from '@paxos/durability-memory'
import type { MemoryDisk } from '@paxos/durability-memory'
import { inspectData, skipSlot } from '@paxos/replica'
import { openDurability } from '@paxos/replica/url'
import { runDataCommand, USAGE } from '../src/data-command.ts'
import { leaderOf, replicaCluster } from './replica-cluster.ts'

const ballot = { round: 3, node: 'a' }
const command = (text: string, session: SessionId = 1): Uint8Array => {
  const bytes = new TextEncoder().encode(text)
  return encodeEntry({ type: 'command', session, sequence: 2, acknowledged: 1, bytes })
}

const callerOf = (digit: string): SessionId => `caller:${digit.repeat(32)}`

/** The command on disks that are named mem:NAME. */
function commandOn(disks: ReadonlyMap<string, MemoryDisk>) {
  return async (...args: readonly string[]) => {
    let [out, err] = ['', '']
    const status = await runDataCommand(args, {
      async open(url) {
        const disk = disks.get(url.replace('mem:', ''))
        return disk === undefined ? await openDurability(url) : memory({ disk })
      },
      out: (text) => (out += text),
      err: (text) => (err += text),
    })
    return { status, out, err }
  }
}

/** A disk with a snapshot through slot 10, and some slots above it, of which 13 is empty. */
async function filled(): Promise<MemoryDisk> {
  const disk = memoryDisk()
  const members = [{ id: 'a', address: 'udp://127.0.0.1:1' }]
  await writing(disk, async (durability) => {
    await durability.save({
      promised: ballot,
      chosenThrough: 12,
      snapshot: { through: 10, members, bytes: new Uint8Array(7) },
      accepted: [
        { slot: 11, ballot, value: command('{"a":"\u001b[31m"}') },
        { slot: 12, ballot, value: Uint8Array.of(200, 1) },
        { slot: 14, ballot, value: Uint8Array.of(1, 1) },
      ],
    })
  })
  return disk
}

async function writing(
  disk: MemoryDisk,
  write: (durability: Durability) => Promise<void>,
): Promise<void> {
  const durability = memory({ disk })
  await durability.open()
  await write(durability)
  await durability.close()
}

describe('paxos-data show', () => {
  it('tells what a node has promised and accepted, and no value that nobody asked for', async () => {
    const run = commandOn(new Map([['a', await filled()]]))
    const { status, out } = await run('show', 'mem:a')
    expect(status).toBe(0)
    expect(out).toMatch(/promised +3\.a\n/)
    expect(out).toMatch(/chosen through +12\n/)
    expect(out).toMatch(/snapshot +through 10, 7 bytes\n/)
    expect(out).toMatch(/member +a at udp:/)
    const lines = out.split('\n').filter((line) => line.startsWith('slot '))
    expect(lines).toEqual([
      expect.stringMatching(/^slot 11 .*command 2 .* known to be chosen$/),
      expect.stringMatching(/^slot 12 .*unknown kind 200.* known to be chosen$/),
      expect.stringMatching(/^slot 14 .*malformed.* not known to be chosen$/),
    ])
    expect(out).not.toContain('31m')
  })

  it('shows values on demand, and nothing that a terminal would obey', async () => {
    const run = commandOn(new Map([['a', await filled()]]))
    const { out } = await run('show', 'mem:a', '--values', '--last', '2')
    expect(out).toMatch(/c801|\\u/)
    expect(out).toContain('1 lower slots are not shown')
    const whole = await run('show', 'mem:a', '--slot', '11', '--values')
    expect(whole.out).toMatch(/sha256 [0-9a-f]{64}/)
    expect(whole.out).toContain('\\u001b[31m')
    for (const text of [out, whole.out]) expect(text).not.toMatch(/[^\x20-\x7e\n]/)
  })

  it.each([
    ['13', 'Nothing was accepted in slot 13'],
    ['9', 'A snapshot stands for slot 9'],
  ])('slot %s: %s', async (slot, words) => {
    const run = commandOn(new Map([['a', await filled()]]))
    expect(await run('show', 'mem:a', '--slot', slot)).toMatchObject({
      status: 1,
      err: expect.stringContaining(words),
    })
  })
})

it('paxos-data tells how many commands of how many entries share a slot, and shows each of them', async () => {
  const disk = memoryDisk()
  const [value = new Uint8Array()] = bundled(
    [command('"one"', callerOf('1')), command('"two"', callerOf('2'))],
    1000,
  )
  await writing(disk, async (durability) => {
    await durability.save({ promised: ballot, accepted: [{ slot: 1, ballot, value }] })
  })
  const { out } = await commandOn(new Map([['a', disk]]))('show', 'mem:a', '--values')
  expect(out).toContain('2 commands of 2 entries')
  expect(out).toMatch(/one.*two/s)
})

describe('paxos-data skip', () => {
  it('lets a cluster go on that no node of it got past a slot, when it is done on all', async () => {
    const cluster = replicaCluster('a', 'b', 'c')
    let nodes = await cluster.openAll()
    const before = await Promise.all([leaderOf(nodes)[1].propose({ name: 'x', add: 1 }), advance()])
    expect(before[0]).toBe(1)
    async function advance(): Promise<void> {
      await cluster.clock.advance(2000)
    }
    let last: Slot = 0
    for (const node of nodes.values()) last = Math.max(last, node.status().chosenThrough)
    for (const node of nodes.values()) await node.close({ transfer: false })
    // As a version to come would have written it.
    for (const disk of cluster.disks.values()) {
      await writing(disk, async (durability) => {
        const poison = {
          slot: last + 1,
          ballot: { round: 9, node: 'a' },
          value: Uint8Array.of(200),
        }
        await durability.save({ accepted: [poison], promised: poison.ballot })
      })
    }
    nodes = await cluster.openAll()
    await cluster.clock.advance(10_000)
    const options = { timeoutMs: 1000 }
    const told = [...nodes.values()].map((node) => node.propose({ name: 'x', add: 1 }, options))
    const outcomes = Promise.allSettled(told)
    await advance()
    const reasons = (await outcomes).map((one) => (one.status === 'rejected' ? one.reason : null))
    // No node believes a value of a kind that it does not know, or gets past one that it holds.
    expect(reasons).not.toContain(null)
    for (const node of nodes.values()) await node.close({ transfer: false })
    const run = commandOn(cluster.disks)
    const slot = String(last + 1)
    const digests = new Set<string>()
    for (const id of cluster.disks.keys()) {
      const looked = await run('skip', `mem:${id}`, '--slot', slot)
      expect(looked).toMatchObject({
        status: 1,
        err: expect.stringContaining('Nothing was changed'),
      })
      digests.add(/sha256 ([0-9a-f]{64})/.exec(looked.out)?.[1] ?? id)
      const done = await run('skip', `mem:${id}`, '--slot', slot, '--yes', '--even-if-not-chosen')
      expect(done).toMatchObject({ status: 0, out: expect.stringContaining('is a no-op now') })
    }
    expect(digests.size).toBe(1)
    nodes = await cluster.openAll()
    const again = [...nodes.values()].map((node) => node.propose({ name: 'x', add: 1 }))
    await advance()
    expect((await Promise.all(again)).toSorted((a, b) => a - b)).toEqual([2, 3, 4])
    for (const machine of cluster.machines.values()) expect(machine.content).toEqual({ x: 4 })
    for (const node of nodes.values()) await node.close({ transfer: false })
  })

  it.each<[string, string[], string]>([
    ['what a snapshot stands for', ['--slot', '10', '--yes'], 'A snapshot stands for the slots'],
    ['where nothing was accepted', ['--slot', '13', '--yes'], 'Nothing was accepted in slot 13'],
    ['what may not be chosen', ['--slot', '14', '--yes'], 'is not known here'],
    ['what it was not told to', ['--slot', '12'], 'Nothing was changed'],
  ])('does not skip %s', async (_, args, words) => {
    const disk = await filled()
    const before = await inspectData(memory({ disk }))
    const skipped = await commandOn(new Map([['a', disk]]))('skip', 'mem:a', ...args)
    expect(skipped).toMatchObject({ status: 1, err: expect.stringContaining(words) })
    expect(await inspectData(memory({ disk }))).toEqual(before)
  })

  it('does not skip another value than the one that was looked at', async () => {
    const disk = await filled()
    const skipped = skipSlot(memory({ disk }), { slot: 12, digest: 'ab' })
    await expect(skipped).rejects.toThrow(InvalidArgumentError)
  })

  it('does not touch what belongs to a Synod', async () => {
    const disk = await filled()
    const inner = memory({ disk })
    const owned: Durability = {
      open: async () => Object.assign(await inner.open(), { identity: { kind: 'decree' } }),
      save: () => Promise.reject(new Error('It was changed')),
      close: () => inner.close(),
    }
    let err = ''
    const world = {
      open: async () => owned,
      out: () => undefined,
      err: (text: string) => void (err += text),
    }
    const args = ['skip', 'x:', '--slot', '12', '--yes', '--even-if-not-chosen']
    expect(await runDataCommand(args, world)).toBe(1)
    expect(err).toContain('a Synod')
  })
})

describe('paxos-data', () => {
  it.each([
    [['--help'], 0],
    [['show', 'mem:a', '--help'], 0],
    [[], 2],
  ])('of %j says how it is used', async (args, status) => {
    expect(await commandOn(new Map())(...args)).toEqual({ status, out: USAGE, err: '' })
  })

  it.each([
    [['destroy', 'mem:a'], 'no command "destroy"'],
    [['show'], 'needs a URL'],
    [['show', '--slot', '1'], 'needs a URL'],
    [['show', 'mem:a', '--yes'], 'no option "--yes"'],
    [['show', 'mem:a', '--slot'], '--slot takes a number'],
    [['skip', 'mem:a', '--slot', '-1'], '--slot takes a number'],
    [['skip', 'mem:a', '--slot', '1e3'], '--slot takes a number'],
    [['skip', 'mem:a', '--yes'], 'skip needs --slot'],
  ])('does not understand %j, and says why', async (args, words) => {
    const said = await commandOn(new Map([['a', memoryDisk()]]))(...args)
    expect(said).toMatchObject({ status: 2, out: '', err: expect.stringContaining(words) })
  })

  it.each([
    ['of no known scheme', 'nowhere:x', 'No durability adapter is known'],
    ['that a node has open', 'mem:a', ''],
  ])('of a URL %s is refused with the reason', async (_, url, words) => {
    const disk = memoryDisk()
    const held = memory({ disk })
    await held.open()
    const said = await commandOn(new Map([['a', disk]]))('show', url)
    expect(said).toMatchObject({ status: 1, err: expect.stringContaining(words) })
    expect(said.err).not.toBe('')
    await held.close()
  })
})
