/**
 * How far an exploration has come: a line that is written over on a terminal, and nothing elsewhere.
 * Nobody knows how many states there will be, so there is no bar to fill.
 */
import type { Progress } from '@paxos/testkit/explore'
import { SingleBar } from 'cli-progress'

export function progressLine(what: string): {
  readonly set: (progress: Progress) => void
  readonly end: () => void
} {
  if (!process.stderr.isTTY) return { set: () => undefined, end: () => undefined }
  const bar = new SingleBar({
    clearOnComplete: true,
    stream: process.stderr,
    format: `${what}: {value} states, depth {depth}`,
  })
  bar.start(0, 0, { depth: 0 })
  return {
    set: ({ states, depth }) => bar.update(states, { depth }),
    end: () => bar.stop(),
  }
}
