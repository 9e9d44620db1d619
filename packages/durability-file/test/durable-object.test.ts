/** The durable object as its user sees it, on a real disk. */
import { DurableObject, MAX_OBJECT_BYTES, type Codec } from '@paxos/durability-file'
import { InvalidArgumentError } from '@paxos/core'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bytes } from '../../adapter-kit/test/stores/append/model.ts'
import { openObjectOn as openObject } from '../src/durable-object.ts'
import { SimulatedDisk } from '../../adapter-kit/test/stores/append/simulated-disk.ts'
import { temporaryDirectory } from './processes.ts'

const rawBytes: Codec<Uint8Array> = { encode: (value) => value, decode: (value) => value }

/** What a later process would find. */
async function found(directory: string): Promise<{ readonly value: unknown } | null> {
  const object = await DurableObject.open<unknown>(directory)
  await object.close()
  return object.value
}

describe('a durable object', () => {
  it('P3: "nothing saved" is not a saved null, nor any other falsy value', async () => {
    const directory = join(await temporaryDirectory(), 'made')
    expect(await found(directory)).toBeNull()
    for (const value of [null, 0, '', false]) {
      const object = await DurableObject.open<unknown>(directory)
      await object.save(value)
      expect(object.value).toEqual({ value })
      await object.close()
      expect(await found(directory)).toEqual({ value })
    }
  })

  it('P11: a shorter value after a longer one, and longer again', async () => {
    const directory = await temporaryDirectory()
    for (const value of ['long'.repeat(5000), 's', '', 'longer'.repeat(9000), 't']) {
      const object = await DurableObject.open<string>(directory)
      await object.save(value)
      await object.close()
      expect(await found(directory)).toEqual({ value })
    }
  })

  it('takes any bytes with a codec for them, up to MAX_OBJECT_BYTES', async () => {
    const directory = await temporaryDirectory()
    const object = await DurableObject.open(directory, { codec: rawBytes })
    // A Buffer, whose slice() is a view and no copy.
    const value = Buffer.from([0, 255, 0])
    await object.save(value)
    value.fill(7)
    expect(object.value?.value).toEqual(new Uint8Array([0, 255, 0]))
    await expect(object.save(new Uint8Array(MAX_OBJECT_BYTES + 1))).rejects.toThrow(
      InvalidArgumentError,
    )
    await object.save(new Uint8Array(0))
    await object.close()
    const again = await DurableObject.open(directory, { codec: rawBytes })
    expect(again.value?.value.byteLength).toBe(0)
    await again.close()
  })

  it('shows a value only when its save has completed, and as a later open would', async () => {
    const disk = new SimulatedDisk()
    const object = await openObject<{ list: number[] }>(disk, '/object')
    const value = { list: [1] }
    disk.holdSyncs()
    const saving = object.save(value)
    value.list.push(2)
    await new Promise((resolve) => setImmediate(resolve))
    expect(object.value).toBeNull()
    disk.release()
    await saving
    expect(object.value).toEqual({ value: { list: [1] } })
    await object.close()
  })

  it('saves that overlap take effect in call order, and those that wait are one write', async () => {
    const disk = new SimulatedDisk()
    const object = await openObject<number>(disk, '/object')
    const before = disk.count('sync')
    disk.holdSyncs()
    const first = object.save(0)
    await new Promise((resolve) => setImmediate(resolve))
    const rest = Array.from({ length: 50 }, (_, index) => object.save(index + 1))
    disk.release()
    await Promise.all([first, ...rest])
    expect(object.value).toEqual({ value: 50 })
    // Two syncs a save: the value, and that it is complete.
    expect(disk.count('sync')).toBe(before + 4)
    await object.close()
  })

  it.each([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a bigint', 1n],
  ])('what its codec cannot encode (%s) is refused and changes nothing', async (_, value) => {
    const directory = await temporaryDirectory()
    const object = await DurableObject.open<unknown>(directory)
    await object.save('kept')
    await expect(object.save(value)).rejects.toThrow(InvalidArgumentError)
    expect(object.value).toEqual({ value: 'kept' })
    await object.save('next')
    await object.close()
    expect(await found(directory)).toEqual({ value: 'next' })
  })

  it('bytes of another codec are not taken for damage', async () => {
    const directory = await temporaryDirectory()
    const object = await DurableObject.open(directory, { codec: rawBytes })
    await object.save(bytes('{'))
    await object.close()
    await expect(DurableObject.open(directory)).rejects.toMatchObject({
      code: 'ERR_PAXOS_DURABILITY_FAILED',
      message: expect.stringMatching(/Open it with the codec that it was saved with\.$/),
    })
    const again = await DurableObject.open(directory, { codec: rawBytes })
    expect(again.value?.value).toEqual(bytes('{'))
    await again.close()
  })

  it('after close a save is refused; close waits for saves, and may come again', async () => {
    const directory = await temporaryDirectory()
    const object = await DurableObject.open<number>(directory)
    const saving = object.save(1)
    await Promise.all([object.close(), object.close()])
    await saving
    await expect(object.save(2)).rejects.toMatchObject({ code: 'ERR_PAXOS_DURABILITY_STATE' })
    expect(await found(directory)).toEqual({ value: 1 })
  })
})
