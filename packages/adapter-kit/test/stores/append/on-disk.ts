/** Stores on a simulated disk. */
import type { Durability } from '@paxos/core'
import { SYSTEM_SENTENCES } from '../../../src/files/failure.ts'
import { appendStore } from '../../../src/stores/append/append-store.ts'
import {
  openObject as open,
  type DurableObject,
} from '../../../src/stores/append/durable-object.ts'
import type { AppendMedium } from '../../../src/stores/append/file-system.ts'
import type { SimulatedDisk } from './simulated-disk.ts'

const mediumOn = (disk: SimulatedDisk, directory: string): AppendMedium => ({
  name: directory,
  fs: disk,
  sentences: SYSTEM_SENTENCES,
  lock: async () => ({ ...(await disk.lock()), directory }),
})

export const storeOn = (disk: SimulatedDisk, directory: string): Durability =>
  appendStore(mediumOn(disk, directory))

export const openObject = <T>(disk: SimulatedDisk, directory: string): Promise<DurableObject<T>> =>
  open<T>(mediumOn(disk, directory))

export const openStoreOn = (disk: SimulatedDisk): Durability => storeOn(disk, '/node')
