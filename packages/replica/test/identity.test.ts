/** That a node opens its disk as what it is, and starts on nobody else's. */
import { IdentityError } from '@paxos/core'
import { memory, memoryDisk } from '@paxos/durability-memory'
import type { MemoryDisk } from '@paxos/durability-memory'
import { describe, expect, it } from 'vitest'
import { cluster } from './cluster.ts'
import { replicaCluster } from './replica-cluster.ts'

/** A node that is opened on `disk` and closed, or that was refused. */
type Start = (id: string, disk: MemoryDisk, name?: string) => Promise<void>

const startReplica: Start = async (id, disk, name = 'x') => {
  const node = await replicaCluster('a', 'b').open(id, {
    cluster: name,
    durability: memory({ disk }),
    randomBytes: undefined,
  })
  await node.close()
}

const startSynod: Start = async (id, disk, name = 'x') => {
  const node = await cluster('a', 'b').open(id, { cluster: name, durability: memory({ disk }) })
  await node.close()
}

describe('the incarnation of a disk', () => {
  it('comes of the source that a test injects, so that the test repeats itself', async () => {
    const disks = [1, 1, 2].map((seed) => ({ seed, disk: memoryDisk() }))
    for (const { seed, disk } of disks) {
      const node = await replicaCluster('a').open('a', {
        durability: memory({ disk }),
        randomBytes: (length) => new Uint8Array(length).fill(seed),
      })
      await node.close()
    }
    const incarnations = disks.map(({ disk }) => disk.identity?.incarnation)
    expect(incarnations).toEqual(['01'.repeat(16), '01'.repeat(16), '02'.repeat(16)])
  })
})

describe.each([
  ['a Replica', 'log', startReplica, startSynod],
  ['a Synod', 'decree', startSynod, startReplica],
] as const)('%s', (_, kind, start, startOther) => {
  it('says on its disk whose it is, with an incarnation of 128 bits that it never changes', async () => {
    const disk = memoryDisk()
    await start('a', disk)
    const first = disk.identity
    expect(first).toEqual({
      cluster: 'x',
      id: 'a',
      kind,
      incarnation: expect.stringMatching(/^[0-9a-f]{32}$/),
    })
    await start('a', disk)
    expect(disk.identity).toEqual(first)
    const other = memoryDisk()
    await start('a', other)
    expect(other.identity?.incarnation).not.toBe(first?.incarnation)
  })

  it.each<readonly [string, (disk: MemoryDisk) => Promise<void>]>([
    ['another node', (disk) => start('b', disk)],
    ['another cluster', (disk) => start('a', disk, 'y')],
    ['another kind of node', (disk) => startOther('a', disk)],
  ])('keeps %s off its disk, which is left as it was and free', async (_other, refused) => {
    const disk = memoryDisk()
    await start('a', disk)
    const before = [disk.identity, disk.saved]
    await expect(refused(disk)).rejects.toThrow(IdentityError)
    expect([disk.identity, disk.saved]).toEqual(before)
    await start('a', disk)
  })
})
