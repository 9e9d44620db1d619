/**
 * Runs a tool in a copy of the repository, on its sources, and says what it found. A tool that ends
 * badly without naming what is broken has found nothing: an edit that cannot be loaded is no mutant,
 * and must never be counted as one that was caught.
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { HUNG_AFTER_MS, TEST_TIMEOUT_MS } from './limits.ts'
import { packageOf } from './mutant.ts'
import type { Tool } from './mutant.ts'
import { runNode } from './process.ts'
import type { Ended } from './process.ts'

/** What a tool says of the code in a copy. */
export type Verdict =
  | { readonly type: 'passed' }
  /** It names the promise that is broken. */
  | { readonly type: 'failed'; readonly finding: string }
  /** It did not end in time. */
  | { readonly type: 'hung' }
  /** It ended in a way that says nothing of the code. */
  | { readonly type: 'useless'; readonly output: string }

/** Runs `tool` in `copy`; `file` is the one that may have been edited. */
export async function runTool(
  tool: Tool,
  { copy, file, signal }: { copy: string; file: string; signal: AbortSignal },
): Promise<Verdict> {
  switch (tool.type) {
    case 'explore':
      return judgeCommand(
        await runSource('explore', ['--model', tool.model, '--size', 'small'], copy, signal),
      )
    case 'simulate': {
      const { profile, seeds } = tool
      const parameters = ['--profile', profile, '--seeds', String(seeds), '--workers', '1']
      return judgeCommand(await runSource('simulate', parameters, copy, signal))
    }
    case 'grid':
      return judgeCommand(await runSource('grid', ['--quick', '--workers', '1'], copy, signal))
    case 'conformance':
      return runTests(join(copy, packageOf(file)), 'conformance.test.ts', signal)
    case 'tests':
      return runTests(join(copy, tool.of ?? packageOf(file)), tool.file, signal)
  }
}

function runSource(
  command: string,
  parameters: readonly string[],
  cwd: string,
  signal: AbortSignal,
): Promise<Ended> {
  const program = `verification/src/${command}.ts`
  return runNode(['--conditions=@paxos/source', '--import', 'tsx', program, ...parameters], {
    cwd,
    timeoutMs: HUNG_AFTER_MS,
    signal,
  })
}

/**
 * The line with which the explorer and the simulator name what is broken: where, then the invariant;
 * or the cell of the grid that is.
 * An error that ends them is none, though their exit code is the same.
 */
const FINDING = /^(?:(?:seed \d+|\S* ?violated): .+| *(?:congestion|restart) .* BROKEN.*)$/m

/** Exported for its test. */
export function judgeCommand({ code, isHung, output }: Ended): Verdict {
  if (isHung) return { type: 'hung' }
  if (code === 0) return { type: 'passed' }
  const [finding] = FINDING.exec(output) ?? []
  if (code !== 1 || finding === undefined) return { type: 'useless', output }
  return { type: 'failed', finding: finding.trim() }
}

/** What is read of the report of vitest. */
interface Report {
  readonly success: boolean
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly status: string
      readonly title: string
      readonly ancestorTitles: readonly string[]
    }[]
  }[]
}

async function runTests(directory: string, file: string, signal: AbortSignal): Promise<Verdict> {
  const reportFile = join(directory, 'mutant-report.json')
  const { isHung, output } = await runNode(
    [
      join('node_modules', 'vitest', 'vitest.mjs'),
      'run',
      `--config=../../vitest.${file.endsWith('.long.test.ts') ? 'long' : 'shared'}.ts`,
      '--bail=1',
      `--testTimeout=${TEST_TIMEOUT_MS}`,
      '--reporter=json',
      `--outputFile=${reportFile}`,
      join('test', file),
    ],
    { cwd: directory, timeoutMs: HUNG_AFTER_MS, signal },
  )
  if (isHung) return { type: 'hung' }
  try {
    return judgeReport(JSON.parse(await readFile(reportFile, 'utf8')), output)
  } catch {
    return { type: 'useless', output }
  } finally {
    await rm(reportFile, { force: true })
  }
}

function judgeReport({ success, testResults }: Report, output: string): Verdict {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
  const failed = tests.find(({ status }) => status === 'failed')
  if (failed !== undefined) {
    // Of a suite: the part of the contract and the promise, whatever the adapter is called.
    const part = failed.ancestorTitles.slice(-1)
    return { type: 'failed', finding: [...part, failed.title].join(' ') }
  }
  const isTold = success && tests.some(({ status }) => status === 'passed')
  return isTold ? { type: 'passed' } : { type: 'useless', output }
}
