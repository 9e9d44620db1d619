/** What a MemoryDisk adds to the contract; the contract itself is in conformance.test.ts. */
import { describe, expect, it } from 'vitest'
import { CorruptionError, DurabilityError, InvalidArgumentError, LockedError } from '@paxos/core'
import { fromUrl, memory, memoryDisk } from '@paxos/durability-memory'
import type { Fate, MemoryDisk } from '@paxos/durability-memory'

const ballot = (round: number): { round: number; node: string } => ({ round, node: 'a' })

/** All promises that nothing holds back are settled. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('arguments that no type checked', () => {
  it.each([
    ['memory', { dsik: 1 }, /^Unknown option 'dsik' of memory\(\)\. Did you mean 'disk'\?$/],
    [
      'memory',
      { disk: {} },
      /^disk has no method durability\(\)\. Give what memoryDisk\(\) makes\.$/,
    ],
    ['memory', { disk: null }, /^disk is null\. /],
    ['memory', null, /^The options of memory\(\) are null\. /],
    ['crash', 'whole', /^What a crash reached is a string\. /],
    ['crash', ['whole', 'Torn'], /^The fate of a save is something else than /],
  ])('of %s() are refused in one sentence: %j', (name, given, message) => {
    const owner = name === 'crash' ? memoryDisk() : { memory }
    const call = (): unknown => Reflect.apply(Reflect.get(owner, name), owner, [given])
    expect(call).toThrow(InvalidArgumentError)
    expect(call).toThrow(message)
  })

  it('fromUrl() refuses the options that memory() refuses', () => {
    expect(() => {
      Reflect.apply(fromUrl, null, ['memory:', { dsik: 1 }])
    }).toThrow(/^Unknown option 'dsik' of memory\(\)\. Did you mean 'disk'\?$/)
  })
})

describe('bytes', () => {
  it('P7: are copied in when save is called and out when they are read, so that nobody shares them', async () => {
    const disk = memoryDisk()
    const durability = memory({ disk })
    await durability.open()
    const value = new Uint8Array([1])
    disk.hold()
    const save = durability.save({ accepted: [{ slot: 1, ballot: ballot(1), value }] })
    value[0] = 2
    disk.release()
    await save
    await durability.close()
    for (const read of [disk.saved, await memory({ disk }).open(), disk.saved]) {
      expect(read.accepted[0]?.value).toEqual(new Uint8Array([1]))
      read.accepted[0]?.value.fill(9)
    }
  })
})

describe('a save is durable when it resolves, and not before', () => {
  it('saves that are held wait, and are released oldest first', async () => {
    const disk = memoryDisk()
    const durability = memory({ disk })
    await durability.open()
    disk.hold()
    const done: number[] = []
    for (const round of [1, 2, 3]) {
      void durability.save({ promised: ballot(round) }).then(() => done.push(round))
    }
    await settled()
    expect([done, disk.waiting, disk.saved.promised]).toEqual([[], 3, null])
    disk.release(2)
    await settled()
    expect([done, disk.waiting, disk.saved.promised]).toEqual([[1, 2], 1, ballot(2)])
    disk.release()
    await durability.save({ promised: ballot(4) })
    expect([done, disk.waiting, disk.saved.promised]).toEqual([[1, 2, 3], 0, ballot(4)])
  })

  it.each([
    [0, null],
    [1, ballot(1)],
    [2, ballot(2)],
  ])(
    'a crash loses all waiting saves but the first %i, and rejects them all',
    async (reached, promised) => {
      const disk = memoryDisk()
      const durability = memory({ disk })
      await durability.open()
      disk.hold()
      const saves = [1, 2].map((round) => durability.save({ promised: ballot(round) }))
      disk.crash(reached)
      for (const save of saves) await expect(save).rejects.toBeInstanceOf(DurabilityError)
      await expect(durability.save({})).rejects.toMatchObject({
        code: 'ERR_PAXOS_DURABILITY_STATE',
      })
      expect((await memory({ disk }).open()).promised).toEqual(promised)
    },
  )
})

/** Saves that wait for their sync, with rounds from 1 on. Rejections are expected. */
async function waitingSaves(disk: MemoryDisk, count: number): Promise<void> {
  const durability = memory({ disk })
  await durability.open()
  disk.hold()
  for (let round = 1; round <= count; round += 1) {
    durability.save({ promised: ballot(round), chosenThrough: round }).catch(() => undefined)
  }
}

describe('what a crash left', () => {
  it.each<[readonly Fate[], number]>([
    [[], 0],
    [['lost', 'lost', 'lost'], 0],
    [['whole', 'whole', 'whole'], 3],
    [['whole', 'whole'], 2],
    [['lost', 'whole', 'whole'], 0],
    [['torn', 'whole', 'whole'], 0],
    [['whole', 'lost', 'whole'], 1],
    [['whole', 'torn', 'whole'], 1],
    [['whole', 'whole', 'torn'], 2],
    [['whole', 'whole', 'whole', 'whole'], 3],
  ])('of three saves [%s] is kept up to the first that is not whole: %i', async (fates, kept) => {
    const disk = memoryDisk()
    await waitingSaves(disk, 3)
    disk.crash(fates)
    expect(disk.saved.chosenThrough).toBe(kept)
    expect((await memory({ disk }).open()).promised).toEqual(kept === 0 ? null : ballot(kept))
  })

  it('never comes back once an open has dropped it, and stays once an open has shown it', async () => {
    const disk = memoryDisk()
    await waitingSaves(disk, 3)
    disk.crash(['whole', 'torn', 'whole'])
    await memory({ disk }).open()
    disk.crash()
    const durability = memory({ disk })
    expect(await durability.open()).toMatchObject({ chosenThrough: 1 })
    await durability.save({ promised: ballot(9) })
    disk.crash()
    expect(await memory({ disk }).open()).toMatchObject({ promised: ballot(9), chosenThrough: 1 })
  })

  it('is still there when the power goes again before anybody has looked', async () => {
    const disk = memoryDisk()
    await waitingSaves(disk, 2)
    disk.crash(2)
    disk.crash()
    expect(await memory({ disk }).open()).toMatchObject({ chosenThrough: 2 })
  })
})

describe('a disk that fails', () => {
  it('loses what it was to sync, and only that; a new adapter goes on once it is repaired', async () => {
    const disk = memoryDisk()
    const durability = memory({ disk })
    await durability.open()
    await durability.save({ promised: ballot(1) })
    disk.hold()
    const saves = [2, 3].map((round) => durability.save({ promised: ballot(round) }))
    disk.fail()
    disk.release()
    for (const save of saves) {
      await expect(save).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_FAILED' })
    }
    disk.repair()
    await expect(durability.save({})).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_POISONED',
    })
    await durability.close()
    const next = memory({ disk })
    expect(await next.open()).toMatchObject({ promised: ballot(1) })
    await next.save({ promised: ballot(4) })
    expect(disk.saved.promised).toEqual(ballot(4))
  })

  it('fails no more after a crash, and harms nobody who saves nothing', async () => {
    const disk = memoryDisk()
    disk.fail()
    disk.release()
    const durability = memory({ disk })
    await durability.open()
    disk.crash()
    const next = memory({ disk })
    await next.open()
    await next.save({ promised: ballot(1) })
  })

  it('that is damaged opens for nobody ever again', async () => {
    const disk = memoryDisk()
    const durability = memory({ disk })
    await durability.open()
    disk.damage()
    await durability.save({ promised: ballot(1) })
    await durability.close()
    for (let count = 0; count < 2; count += 1) {
      await expect(memory({ disk }).open()).rejects.toBeInstanceOf(CorruptionError)
    }
  })
})

describe('one adapter at a time', () => {
  it('a disk that is open refuses a second adapter, and takes it after close or a crash', async () => {
    const disk = memoryDisk()
    const first = memory({ disk })
    await first.open()
    await expect(memory({ disk }).open()).rejects.toBeInstanceOf(LockedError)
    await first.close()
    await first.close()
    const second = memory({ disk })
    await second.open()
    // The late close of an adapter that no longer has the disk must not free it.
    await first.close()
    await expect(memory({ disk }).open()).rejects.toBeInstanceOf(LockedError)
    disk.crash()
    await memory({ disk }).open()
  })

  it('an adapter is used once: after close it does not open again', async () => {
    const durability = memory()
    await durability.open()
    await durability.close()
    await expect(durability.open()).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_STATE' })
  })

  it.each([-1, 0.5, Number.NaN])('%d is no number of saves', (count) => {
    expect(() => memoryDisk().release(count)).toThrow(InvalidArgumentError)
    expect(() => memoryDisk().crash(count)).toThrow(InvalidArgumentError)
  })
})

describe('fromUrl', () => {
  it.each(['memory:', 'memory:a'])(
    '%s is an adapter on the disk that is handed over, or on one of its own',
    async (url) => {
      const disk = memoryDisk()
      const durability = fromUrl(url, { disk })
      await durability.open()
      await durability.save({ promised: ballot(1) })
      expect(disk.saved.promised).toEqual(ballot(1))
      expect(await fromUrl(url).open()).toMatchObject({ promised: null })
    },
  )
})
