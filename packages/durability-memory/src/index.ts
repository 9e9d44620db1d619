/**
 * Keeps the state of an acceptor in memory, on a disk that tests can hold, release, crash, damage
 * and have fail.
 */
export { memoryDisk } from './disk.ts'
export type { Fate, MemoryDisk } from './disk.ts'
export { fromUrl, memory } from './memory.ts'
export type { MemoryOptions } from './memory.ts'
