/**
 * Runs a suite where there is no test runner: one scenario after another, each for a bounded time.
 * Must go on with the next one whatever became of a scenario.
 */
import type { Runner } from '../runner.ts'
import { reportOf } from './report.ts'
import type { ConformanceReport, PromiseFinding } from './report.ts'

/** Long enough for the slowest scenario on a busy machine; one that waits for what never comes ends. */
const DEFAULT_TIMEOUT_MS = 60_000

/** How a suite is run. */
export interface RunOptions {
  /** How long one scenario may take, in milliseconds, > 0. Default: 60,000. */
  readonly timeoutMs?: number
  /** Only the promises that hold this text, part and title. Default: all. */
  readonly only?: string
  /** Told of each promise as soon as it is decided. */
  readonly onPromise?: (found: PromiseFinding) => void
}

/**
 * Runs what `suite` defines, such as `(runner) => transportConformance(makeHarness, runner)`, and
 * resolves with its report. Rejects only with what `suite` itself or `onPromise` throws. A scenario
 * that was given up may leave something open.
 */
export async function runConformance(
  suite: (runner: Runner) => ConformanceReport,
  options: RunOptions = {},
): Promise<ConformanceReport> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, only = '', onPromise } = options
  const bodies: (() => Promise<void>)[] = []
  const report = suite({
    describe: (_, body) => body(),
    it: (_, body) => bodies.push(body),
  })
  const late = new Map<number, PromiseFinding>()
  const promises = (): readonly PromiseFinding[] =>
    report.promises.map((found, index) => late.get(index) ?? found)
  for (const [index, body] of bodies.entries()) {
    const { part, title } = report.promises[index] ?? { part: '', title: '' }
    if (!`${part} ${title}`.includes(only)) continue
    const isEnded = await endsWithin(body, timeoutMs)
    if (!isEnded) {
      const error = new Error(`It has not ended within ${timeoutMs} ms.`)
      late.set(index, { part, title, outcome: 'broken', error })
    }
    const found = promises()[index]
    if (found !== undefined) onPromise?.(found)
  }
  return reportOf(report.contract, promises())
}

async function endsWithin(body: () => Promise<void>, timeoutMs: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const tooLate = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false)
  })
  const ended = body().then(
    () => true,
    () => true,
  )
  try {
    return await Promise.race([ended, tooLate])
  } finally {
    clearTimeout(timer)
  }
}
