/**
 * How far the load is: one line that is written over and over on a terminal; elsewhere a line now
 * and then.
 */
import { SingleBar } from 'cli-progress'
import { colors } from './colors.ts'
import type { Load } from './load.ts'

/** How often a line is written where none can be written over: at each quarter. */
const STEPS = 4

export interface Progress {
  update(load: Load): void
  /** What happens beside the load. */
  say(note: string): void
  /** Leaves the last line as it is. May be called again. */
  stop(): void
}

export function progress(total: number, stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? bar(total, stream) : lines(total, stream)
}

function bar(total: number, stream: NodeJS.WriteStream): Progress {
  const single = new SingleBar({
    stream,
    format: `  {bar} {value}/{total}  {rate} writes/s  ${colors.dim('{note}')}`,
    barsize: 24,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    linewrap: null,
    gracefulExit: false,
  })
  single.start(total, 0, { rate: 0, note: '' })
  return {
    update(load) {
      single.update(load.acknowledged.size, { rate: Math.round(load.rate) })
    },
    say: (note) => single.update({ note }),
    stop: () => single.stop(),
  }
}

function lines(total: number, stream: NodeJS.WriteStream): Progress {
  let step = 1
  return {
    update({ acknowledged, rate }) {
      if (acknowledged.size < Math.ceil((total * step) / STEPS)) return
      step += 1
      stream.write(`  ${acknowledged.size}/${total} loaded, ${Math.round(rate)} writes/s\n`)
    },
    say: (note) => stream.write(`  ${note}\n`),
    stop: () => undefined,
  }
}
