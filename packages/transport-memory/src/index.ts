/**
 * An in-process network: a hub that can lose, delay, duplicate, reorder and partition, whose links
 * may be slow or narrow, and the transports on it.
 */
export type { Capacity } from './capacity.ts'
export type { DelayRange, Faults } from './faults.ts'
export { memoryHub } from './hub.ts'
export type { MemoryHub, MemoryHubOptions, Outcome, Trace } from './hub.ts'
export { fromUrl, memory } from './memory.ts'
export type { MemoryOptions } from './memory.ts'
export type { Scheduler } from './scheduler.ts'
