/**
 * What one direction of a link carries: how fast, how much may wait for it, and how large a frame
 * may be. Must never draw dice: what a link loses for want of room follows from what is sent alone.
 */
import { InvalidArgumentError } from '@paxos/core'
import { MAX_QUEUED_BYTES } from './limits.ts'

/** The capacity of one direction between two nodes. */
export interface Capacity {
  /**
   * How much it carries, in bytes a second, > 0: one frame after another, each with 60 bytes of
   * headers. A frame's delay begins when it has left. Default `Infinity`.
   */
  readonly bytesPerSecond: number
  /**
   * How much may wait while it is busy, in bytes, from 0 to 16 MiB, a frame counting 1,024 bytes
   * beside its own. A frame for which nothing waits is taken whatever its size. Default 16 MiB.
   */
  readonly queueBytes: number
  /** Which frame is dropped when the queue is full. Default 'newest', as most routers do. */
  readonly dropWhenFull: 'newest' | 'oldest'
  /** Frames of more bytes are lost, as above the MTU of a path. At least 0. Default `Infinity`. */
  readonly maxFrameBytes: number
}

/** A link that carries everything at once. */
export const UNLIMITED: Capacity = {
  bytesPerSecond: Infinity,
  queueBytes: MAX_QUEUED_BYTES,
  dropWhenFull: 'newest',
  maxFrameBytes: Infinity,
}

/** What the parts of a capacity are called. */
export const CAPACITIES = [
  'bytesPerSecond',
  'queueBytes',
  'dropWhenFull',
  'maxFrameBytes',
] as const satisfies readonly (keyof Capacity)[]

/** `capacity` with `changes`. Throws InvalidArgumentError for what can never be. */
export function changeCapacity(capacity: Capacity, changes: Partial<Capacity>): Capacity {
  const { bytesPerSecond, queueBytes, dropWhenFull, maxFrameBytes } = { ...capacity, ...changes }
  if (typeof bytesPerSecond !== 'number' || !(bytesPerSecond > 0)) {
    throw new InvalidArgumentError(
      `bytesPerSecond is ${bytesPerSecond}. Give a number above 0; cut() stops a link.`,
    )
  }
  if (!Number.isInteger(queueBytes) || queueBytes < 0 || queueBytes > MAX_QUEUED_BYTES) {
    throw new InvalidArgumentError(
      `queueBytes is ${queueBytes}. Give whole bytes from 0 to ${MAX_QUEUED_BYTES}.`,
    )
  }
  if (dropWhenFull !== 'newest' && dropWhenFull !== 'oldest') {
    throw new InvalidArgumentError(
      `dropWhenFull is ${String(dropWhenFull)}. Give 'newest' or 'oldest'.`,
    )
  }
  if (typeof maxFrameBytes !== 'number' || !(maxFrameBytes >= 0)) {
    throw new InvalidArgumentError(`maxFrameBytes is ${maxFrameBytes}. Give bytes from 0 on.`)
  }
  return { bytesPerSecond, queueBytes, dropWhenFull, maxFrameBytes }
}
