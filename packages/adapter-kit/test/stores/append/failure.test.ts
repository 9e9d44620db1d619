/** What a failure ends, where it is special to what appends; the rest is in ../stores.test.ts. */
import { CorruptionError, type Change } from '@paxos/core'
import { describe, expect, it } from 'vitest'
import { openObject, storeOn } from './on-disk.ts'
import { SimulatedDisk } from './simulated-disk.ts'

const DIRECTORY = '/node'
const promise = (round: number): Change => ({ promised: { round, node: 'a' } })
const turn = () => new Promise((resolve) => setImmediate(resolve))

async function opened() {
  const disk = new SimulatedDisk()
  const adapter = storeOn(disk, DIRECTORY)
  await adapter.open()
  return { disk, adapter, reopened: () => storeOn(disk.restarted('nothing'), DIRECTORY).open() }
}

describe('what an append store adds to the promises of every store', () => {
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
