/** What staged snapshots leave in the directory, which the suite of all adapters cannot see. */
import type { Durability, Snapshot, SnapshotStage } from '@paxos/core'
import { describe, expect, it } from 'vitest'
import { openStoreOn } from './on-disk.ts'
import { SimulatedDisk } from './simulated-disk.ts'

const stageOf = ({ snapshots }: Durability): SnapshotStage => snapshots ?? expect.fail()

async function staged(durability: Durability, byte: number) {
  const writer = await stageOf(durability).begin()
  await writer.append(Uint8Array.of(byte, byte))
  return await writer.seal()
}

const saved = (through: number, rest: Partial<Snapshot>) => ({
  snapshot: { through, members: [], bytes: new Uint8Array(), ...rest },
})

async function opened(disk: SimulatedDisk) {
  const durability = openStoreOn(disk)
  const { snapshot } = await durability.open(undefined, { staged: true })
  return { durability, snapshot }
}

const snapshotFiles = async (disk: SimulatedDisk) =>
  (await disk.list('/node')).filter((name) => name.startsWith('snapshot-'))

describe('the file of a staged snapshot', () => {
  it('is removed when it is abandoned, discarded, or found by an open without a save that names it', async () => {
    const disk = new SimulatedDisk()
    const { durability } = await opened(disk)
    const writer = await stageOf(durability).begin()
    await writer.append(Uint8Array.of(1))
    const left = await staged(durability, 2)
    const discarded = await staged(durability, 3)
    expect(await snapshotFiles(disk)).toHaveLength(3)
    await writer.abandon()
    await stageOf(durability).discard(discarded)
    expect(await snapshotFiles(disk)).toEqual([`snapshot-${left.id}`])
    await durability.close()
    const again = await opened(disk)
    expect([await snapshotFiles(disk), disk.openFiles]).toEqual([[], expect.any(Number)])
    await again.durability.close()
    expect(disk.openFiles).toBe(0)
  })

  it('that is not sealed is given up with the store', async () => {
    const disk = new SimulatedDisk()
    const { durability } = await opened(disk)
    const writer = await stageOf(durability).begin()
    await writer.append(Uint8Array.of(1))
    await durability.close()
    expect([await snapshotFiles(disk), disk.openFiles]).toEqual([[], 0])
  })

  it('of two at most is there while snapshots follow on each other: the newest, and one that is read', async () => {
    const disk = new SimulatedDisk()
    const { durability } = await opened(disk)
    const first = await staged(durability, 1)
    await durability.save(saved(1, { staged: first }))
    for (let through = 2; through <= 6; through += 1) {
      const next = await staged(durability, through)
      await durability.save(saved(through, { staged: next }))
      expect(await stageOf(durability).read(first, 0, 9)).toEqual(Uint8Array.of(1, 1))
      if (through === 6) await stageOf(durability).discard(first)
      else await stageOf(durability).discard(next)
      // What it was discarded before, another one that is saved removes.
      await durability.save({ chosenThrough: through })
      expect((await snapshotFiles(disk)).length).toBeLessThanOrEqual(2)
    }
    await durability.close()
    const { snapshot, durability: again } = await opened(disk)
    expect(snapshot).toMatchObject({ through: 6, staged: { byteLength: 2 } })
    await again.close()
  })

  it('saved whole takes the place of one that was staged, and the other way round', async () => {
    const disk = new SimulatedDisk()
    const { durability } = await opened(disk)
    const former = await staged(durability, 1)
    await durability.save(saved(1, { staged: former }))
    await durability.save(saved(2, { bytes: Uint8Array.of(9) }))
    await stageOf(durability).discard(former)
    await durability.save(saved(3, { staged: await staged(durability, 3) }))
    await durability.save({ chosenThrough: 3 })
    expect(await snapshotFiles(disk)).toHaveLength(1)
    await durability.close()
  })
})
