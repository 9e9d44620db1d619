/**
 * Keeps the state of an acceptor in memory, on a disk that tests can hold, release and crash.
 */
export { memoryDisk } from './disk.ts'
export type { MemoryDisk } from './disk.ts'
export { memory } from './memory.ts'
export type { MemoryOptions } from './memory.ts'
