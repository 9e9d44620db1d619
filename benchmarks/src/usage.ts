/**
 * What this process has used so far: the processor, the wire, the disk and memory, and how late its
 * event loop was. Two of them, one before and one after, say what something has cost.
 */
import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { countWrites, pagesWrittenBytes } from './disk.ts'
import type { Carried } from './wire.ts'

/** Counted from the start of the process, but for the delay. */
export interface Usage {
  readonly cpuMicroseconds: number
  /** Of the main thread alone; `null` where the system does not tell. */
  readonly mainMicroseconds: number | null
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Through Node's own functions; of SQLite, in whole pages, by the kernel. */
  readonly diskBytes: number | null
  /** `null` of SQLite, which syncs where nobody counts. */
  readonly syncs: number | null
  readonly peakBytes: number
  /** How late timers were, 99 of 100, since this was asked for last. */
  readonly loopDelayP99Ms: number
}

/** A timer at this interval tells how late the event loop is; oftener would cost what is measured. */
const LOOP_RESOLUTION_MS = 5

/** From now on the returned function tells. */
export async function watchUsage(
  carried: Carried,
  writesNatively: () => boolean,
): Promise<() => Usage> {
  const written = await countWrites()
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
  loop.enable()
  return () => {
    const { user, system } = process.cpuUsage()
    const { bytes, syncs } = written()
    const loopDelayP99Ms = Math.max(0, loop.percentile(99) / 1e6 - LOOP_RESOLUTION_MS)
    loop.reset()
    return {
      cpuMicroseconds: user + system,
      mainMicroseconds: mainMicroseconds(),
      ...carried,
      ...(writesNatively()
        ? { diskBytes: pagesWrittenBytes(), syncs: null }
        : { diskBytes: bytes, syncs }),
      peakBytes: process.resourceUsage().maxRSS * 1024,
      loopDelayP99Ms,
    }
  }
}

/** What was used between two: the peak and the delay are those of the second. */
export function usedBetween(before: Usage, after: Usage): Usage {
  return {
    ...after,
    cpuMicroseconds: after.cpuMicroseconds - before.cpuMicroseconds,
    mainMicroseconds: between(after.mainMicroseconds, before.mainMicroseconds),
    sentBytes: after.sentBytes - before.sentBytes,
    receivedBytes: after.receivedBytes - before.receivedBytes,
    diskBytes: between(after.diskBytes, before.diskBytes),
    syncs: between(after.syncs, before.syncs),
  }
}

function between(now: number | null, then: number | null): number | null {
  return now === null || then === null ? null : now - then
}

function mainMicroseconds(): number | null {
  if (process.platform !== 'linux') return null
  try {
    const [nanoseconds] = readFileSync('/proc/self/schedstat', 'utf8').split(' ')
    return Number(nanoseconds) / 1000
  } catch {
    // Some kernels are built without it.
    return null
  }
}
