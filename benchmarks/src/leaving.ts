/**
 * How long it takes until a new cluster answers a write, how long no write is answered when the node
 * that leads is asked to end, and how long that node takes to be gone.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { nowMs } from './clock.ts'
import { IDS } from './members.ts'
import { printTable } from './table.ts'
import { trio } from './trio.ts'
import { longestPauseMs } from './writer.ts'

export interface LeavingOptions {
  readonly transport: readonly string[]
  readonly runs: number
  readonly directory: string
}

/** What one cluster took, in milliseconds. */
interface Times {
  readonly firstWriteMs: number
  readonly pauseMs: number
  readonly goneMs: number
}

/** So many answers to each node, and connections and caches are warm. */
const WRITES_BEFORE = 50
/** How long the writers go on when the node is gone: what it has broken shows by then. */
const WATCHED_FOR_MS = 2_000

export async function leaving({ transport, runs, directory }: LeavingOptions): Promise<void> {
  const rows = [['transport', 'runs', 'first write ms', 'without a write ms', 'gone after ms']]
  for (const scheme of transport) {
    const all: Times[] = []
    while (all.length < runs) {
      const times = await run(scheme, directory)
      all.push(times)
      const { firstWriteMs, pauseMs, goneMs } = times
      process.stderr.write(
        `${scheme}, ${all.length} of ${runs}: the first write after ${firstWriteMs.toFixed(0)} ms; ` +
          `none for ${pauseMs.toFixed(0)} ms while the leader left, which took ${goneMs.toFixed(0)} ms\n`,
      )
    }
    rows.push([
      scheme,
      String(runs),
      spread(all.map(({ firstWriteMs }) => firstWriteMs)),
      spread(all.map(({ pauseMs }) => pauseMs)),
      spread(all.map(({ goneMs }) => goneMs)),
    ])
  }
  printTable(rows)
}

async function run(transport: string, directory: string): Promise<Times> {
  const nodes = await trio(transport, directory)
  try {
    const { openedAtMs, firstWriteAtMs } = await nodes.begin(WRITES_BEFORE)
    const [, majorityAtMs = NaN] = openedAtMs.toSorted((a, b) => a - b)
    const leader = nodes.leader()
    const askedAtMs = nowMs()
    await nodes.leave(leader)
    const goneMs = nowMs() - askedAtMs
    await pause(WATCHED_FOR_MS)
    const pausesMs = IDS.filter((id) => id !== leader).map(async (id) =>
      longestPauseMs(await nodes.answers(id), askedAtMs, nowMs()),
    )
    return {
      firstWriteMs: firstWriteAtMs - majorityAtMs,
      pauseMs: Math.max(...(await Promise.all(pausesMs))),
      goneMs,
    }
  } finally {
    await nodes.close()
  }
}

/** The median, and the lowest and highest. */
function spread(valuesMs: readonly number[]): string {
  const sorted = valuesMs.toSorted((a, b) => a - b)
  const at = (share: number): string =>
    (sorted[Math.round(share * (sorted.length - 1))] ?? NaN).toFixed(0)
  return `${at(0.5)} (${at(0)} to ${at(1)})`
}
