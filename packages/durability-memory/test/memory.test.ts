import { describe, expect, it } from 'vitest'
import { DurabilityError, EMPTY_SAVED, InvalidArgumentError, LockedError } from '@paxos/core'
import type { Change } from '@paxos/core'
import { memory, memoryDisk } from '@paxos/durability-memory'

const ballot = (round: number): { round: number; node: string } => ({ round, node: 'a' })
const entry = (slot: number, round: number, ...value: number[]) => ({
  slot,
  ballot: ballot(round),
  value: new Uint8Array(value),
})
const snapshot = (through: number) => ({
  through,
  members: [{ id: '', address: 'memory://a' }],
  bytes: new Uint8Array([7]),
})

/** All promises that nothing holds back are settled. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('memory() keeps what a Durability keeps', () => {
  it('a disk that has saved nothing is empty', async () => {
    expect(await memory().open()).toEqual(EMPTY_SAVED)
  })

  it('P3: every field round-trips, falsy ids and empty values too', async () => {
    const disk = memoryDisk()
    const first = memory({ disk })
    await first.open()
    const change: Change = {
      promised: { round: 1, node: '' },
      accepted: [{ slot: 6, ballot: { round: 1, node: '' }, value: new Uint8Array() }],
      chosenThrough: 5,
      snapshot: snapshot(5),
    }
    await first.save(change)
    await first.close()
    expect(await memory({ disk }).open()).toEqual(change)
  })

  it.each<[string, Change, Partial<typeof EMPTY_SAVED> | object]>([
    [
      'an entry replaces the one in its slot',
      { accepted: [entry(2, 9, 9)] },
      { accepted: [entry(1, 1, 1), entry(2, 9, 9), entry(3, 1, 3)] },
    ],
    [
      'entries come in ascending slots',
      { accepted: [entry(5, 1), entry(4, 1)] },
      { accepted: [entry(1, 1, 1), entry(2, 1, 2), entry(3, 1, 3), entry(4, 1), entry(5, 1)] },
    ],
    [
      'a snapshot discards what it covers',
      { snapshot: snapshot(2) },
      { accepted: [entry(3, 1, 3)], snapshot: snapshot(2) },
    ],
    [
      'a field that is absent stays',
      { chosenThrough: 1 },
      { promised: ballot(1), chosenThrough: 1 },
    ],
  ])('%s', async (_, change, expected) => {
    const disk = memoryDisk()
    const durability = memory({ disk })
    await durability.open()
    await durability.save({
      promised: ballot(1),
      accepted: [entry(1, 1, 1), entry(2, 1, 2), entry(3, 1, 3)],
    })
    await durability.save(change)
    expect(disk.saved).toMatchObject(expected)
  })

  it('P7: bytes are copied in and out, so that nobody can change what is on the disk', async () => {
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

  it('close waits for the saves that are running', async () => {
    const disk = memoryDisk()
    const durability = memory({ disk })
    await durability.open()
    disk.hold()
    const save = durability.save({ promised: ballot(1) })
    let closed = false
    const close = durability.close().then(() => (closed = true))
    await settled()
    expect(closed).toBe(false)
    disk.release()
    await Promise.all([save, close])
    expect((await memory({ disk }).open()).promised).toEqual(ballot(1))
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

  it('save before open and after close, and a second open, are refused', async () => {
    const durability = memory()
    const refused = { code: 'ERR_PAXOS_DURABILITY_STATE' }
    await expect(durability.save({})).rejects.toMatchObject(refused)
    await durability.open()
    await expect(durability.open()).rejects.toMatchObject(refused)
    await durability.close()
    await expect(durability.save({})).rejects.toMatchObject(refused)
    await expect(durability.open()).rejects.toMatchObject(refused)
  })

  it.each([-1, 0.5, Number.NaN])('%d is no number of saves', (count) => {
    expect(() => memoryDisk().release(count)).toThrow(InvalidArgumentError)
    expect(() => memoryDisk().crash(count)).toThrow(InvalidArgumentError)
  })
})
