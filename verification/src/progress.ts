/**
 * How far a long run has come: a line that is written over on a terminal, and nothing elsewhere. On
 * standard error, so that what is piped is the result alone.
 */
import { Presets, SingleBar } from 'cli-progress'

export interface Progress {
  set(done: number): void
  end(): void
}

export function progressLine(what: string, total: number): Progress {
  if (!process.stderr.isTTY) return { set: () => undefined, end: () => undefined }
  const bar = new SingleBar(
    { format: `{bar} {value} of {total} ${what}, {eta_formatted} left`, stream: process.stderr },
    Presets.shades_classic,
  )
  bar.start(total, 0)
  return { set: (done) => bar.update(done), end: () => bar.stop() }
}
