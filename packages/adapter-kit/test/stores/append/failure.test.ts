/** What a save costs in syncs, in which order saves take effect, and what a failure ends. */
import { CorruptionError, InvalidArgumentError, type Change } from '@paxos/core'
import { describe, expect, it } from 'vitest'
import { openObject, storeOn } from './on-disk.ts'
import { SimulatedDisk, type Operation } from './simulated-disk.ts'

const DIRECTORY = '/node'
const promise = (round: number): Change => ({ promised: { round, node: 'a' } })
const turn = () => new Promise((resolve) => setImmediate(resolve))

async function opened() {
  const disk = new SimulatedDisk()
  const adapter = storeOn(disk, DIRECTORY)
  await adapter.open()
  return { disk, adapter, reopened: () => storeOn(disk.restarted('nothing'), DIRECTORY).open() }
}

describe('group commit', () => {
  it('a lone save takes one sync, at once', async () => {
    const { disk, adapter } = await opened()
    const before = disk.count('durable-write')
    await adapter.save(promise(1))
    expect(disk.count('durable-write')).toBe(before + 1)
    await adapter.close()
  })

  it('100 saves that are made while a sync runs take one more sync', async () => {
    const { disk, adapter, reopened } = await opened()
    const before = disk.count('durable-write')
    disk.holdSyncs()
    const first = adapter.save(promise(1))
    await turn()
    const rest = Array.from({ length: 100 }, (_, index) => adapter.save(promise(index + 2)))
    await turn()
    expect(disk.count('durable-write')).toBe(before + 1)
    disk.release()
    await Promise.all([first, ...rest])
    expect(disk.count('durable-write')).toBe(before + 2)
    expect((await reopened()).promised).toEqual({ round: 101, node: 'a' })
    await adapter.close()
  })

  it('P14: nothing is acknowledged before its sync', async () => {
    const { disk, adapter, reopened } = await opened()
    const acknowledged: string[] = []
    disk.holdSyncs()
    const saving = adapter.save(promise(1)).then(() => acknowledged.push('too early'))
    for (let turns = 0; turns < 20; turns += 1) await turn()
    expect(acknowledged).toEqual([])
    expect((await reopened()).promised).toBeNull()
    disk.release()
    await saving
    expect((await reopened()).promised).toEqual({ round: 1, node: 'a' })
    await adapter.close()
  })

  it('overlapping saves take effect and are answered in the order of the calls', async () => {
    const { adapter, reopened } = await opened()
    const answered: number[] = []
    await Promise.all(
      Array.from({ length: 50 }, async (_, round) => {
        if (round % 7 === 0) await turn()
        await adapter.save(promise(round))
        answered.push(round)
      }),
    )
    const last = answered.at(-1)
    expect((await reopened()).promised?.round).toBe(last)
    const late = answered.filter((round) => round % 7 === 0)
    expect(late).toEqual(late.toSorted((a, b) => a - b))
    await adapter.close()
  })
})

const failures: readonly (readonly [string, string, (operation: Operation) => boolean])[] = [
  ['a full disk', 'ENOSPC', ({ type }) => type === 'durable-write'],
  ['a device that fails', 'EIO', ({ type }) => type === 'durable-write'],
]

describe('after a failed save', () => {
  it.each(failures)(
    '%s: the save says why, and nothing is written ever again',
    async (_, code, matches) => {
      const { disk, adapter } = await opened()
      await adapter.save(promise(1))
      await turn()
      let failing = true
      disk.failWith(code, (operation) => failing && matches(operation))
      const first = adapter.save(promise(2))
      const second = adapter.save(promise(3))
      await expect(first).rejects.toMatchObject({
        name: 'DurabilityError',
        code: 'ERR_PAXOS_DURABILITY_FAILED',
        cause: { code },
      })
      await expect(second).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_FAILED' })

      failing = false
      const before = disk.operations.length
      await expect(adapter.save(promise(4))).rejects.toMatchObject({
        code: 'ERR_PAXOS_DURABILITY_POISONED',
        cause: { code: 'ERR_PAXOS_DURABILITY_FAILED' },
      })
      await adapter.close()
      expect(disk.operations.length).toBe(before)
      expect(disk.openFiles).toBe(0)
      expect(disk.locked).toBe(false)
    },
  )

  it.each(['write', 'sync'] as const)(
    'a %s that nobody waited for is not forgotten: the next save says why it fails',
    async (type) => {
      const { disk, adapter } = await opened()
      let failing = true
      disk.failWith('EIO', (operation) => failing && operation.type === type)
      // Room is reserved behind it, and its mark is written.
      await adapter.save(promise(1))
      await turn()
      failing = false
      await expect(adapter.save(promise(2))).rejects.toMatchObject({
        code: 'ERR_PAXOS_DURABILITY_FAILED',
        cause: { code: 'EIO' },
      })
      await adapter.close()
      expect((await adapter.open()).promised).toEqual({ round: 1, node: 'a' })
      await adapter.close()
    },
  )

  it('saves behind the failed group are told that there was a failure', async () => {
    const { disk, adapter } = await opened()
    disk.holdSyncs()
    const first = adapter.save(promise(1))
    await turn()
    const second = adapter.save(promise(2))
    disk.kill()
    disk.release()
    await expect(first).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_FAILED' })
    await expect(second).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_POISONED' })
    await adapter.close()
  })

  it('only a fresh open goes on, with all that was acknowledged', async () => {
    const { disk, adapter } = await opened()
    await adapter.save(promise(1))
    let failing = true
    disk.failWith('EIO', ({ type }) => failing && type === 'durable-write')
    await expect(adapter.save(promise(2))).rejects.toThrow('Check the disk, then open it again.')
    failing = false
    await expect(adapter.open()).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_STATE' })
    await adapter.close()
    const { promised } = await adapter.open()
    expect([1, 2]).toContain(promised?.round)
    await adapter.save(promise(3))
    await adapter.close()
  })

  it('a change that cannot be stored ends it too: what follows would leave a gap', async () => {
    const { adapter, reopened } = await opened()
    const before = adapter.save(promise(1))
    await expect(adapter.save(promise(-1))).rejects.toThrow(InvalidArgumentError)
    await before
    await expect(adapter.save(promise(2))).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_POISONED',
    })
    await adapter.close()
    expect((await reopened()).promised?.round).toBe(1)
  })

  it('a durable object is poisoned in the same way', async () => {
    const disk = new SimulatedDisk()
    const object = await openObject<number>(disk, DIRECTORY)
    await object.save(1)
    disk.failWith('ENOSPC', ({ type }) => type === 'write')
    await expect(object.save(2)).rejects.toThrow(
      'Could not save /node: the disk is full. Free some space, then open it again.',
    )
    expect(object.value).toEqual({ value: 1 })
    await expect(object.save(3)).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_POISONED' })
    await object.close()
    expect(disk.openFiles).toBe(0)
    expect(disk.locked).toBe(false)
  })
})

describe('an open that fails leaves nothing open', () => {
  it.each(['file', 'object'] as const)('%s: whichever operation fails', async (kind) => {
    const open = async (disk: SimulatedDisk) => {
      if (kind === 'object') return openObject<number>(disk, DIRECTORY)
      const adapter = storeOn(disk, DIRECTORY)
      await adapter.open()
      return adapter
    }
    const whole = new SimulatedDisk()
    await (await open(whole)).close()
    for (let step = 0; step < whole.operations.length; step += 1) {
      const disk = new SimulatedDisk()
      let failing = true
      disk.failWith('EIO', () => failing && disk.operations.length === step)
      await open(disk).then(
        // What only close does cannot fail an open.
        (subject) => subject.close().catch(() => undefined),
        (error: unknown) => expect(error).not.toBeInstanceOf(CorruptionError),
      )
      expect(disk.openFiles).toBe(0)
      expect(disk.locked).toBe(false)
      failing = false
      await (await open(disk)).close()
    }
  })
})
