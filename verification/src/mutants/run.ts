/**
 * Runs mutants: each tool first on the code as it is, where it must pass, then on one mutant after
 * the other. It must never let a mistake stay in a copy for the next mutant, nor count a mutant as
 * caught by a tool that fails without it.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describeTool, mutated } from './mutant.ts'
import type { Mutant, Tool } from './mutant.ts'
import { runTool } from './tools.ts'
import type { Verdict } from './tools.ts'
import { makeCopy, removeCopy } from './working-copy.ts'

/** What became of a mutant. */
export interface Result {
  readonly mutant: Mutant
  /**
   * 'caught': a tool named what is broken; 'hung': one did not end; 'survived': none saw anything;
   * 'useless': one ended without saying what is broken, as when the edit cannot be loaded.
   */
  readonly outcome: 'caught' | 'hung' | 'survived' | 'useless'
  /** The tool that decided; all that were run, for a survivor. */
  readonly by: string
  /** What the tool said. */
  readonly finding: string
  readonly seconds: number
}

export interface RunMutantsOptions {
  /** The root of the repository. */
  readonly root: string
  /** How many mutants are run at once, each in a copy of its own. */
  readonly workers: number
  /** Ends everything; runMutants then rejects with its reason, and nothing is left. */
  readonly signal: AbortSignal
  /** Something was begun, or came to its end. */
  readonly onProgress?: (progress: Progress) => void
}

/** How far a run is. */
export interface Progress {
  /** Tools that were shown to pass, and mutants that are done with. */
  readonly done: number
  readonly total: number
  /** What came to its end. */
  readonly result: Result | null
}

/** Thrown when a tool does not pass on the code as it is: then it can catch nothing. */
export class UselessToolError extends Error {}

/** The results, in the order of `mutants`. The copies are gone when it settles. */
export async function runMutants(
  mutants: readonly Mutant[],
  { root, workers, signal, onProgress }: RunMutantsOptions,
): Promise<readonly Result[]> {
  const copies: string[] = []
  const tools = toolsOf(mutants)
  const total = tools.length + mutants.length
  const results = new Map<Mutant, Result>()
  let done = 0
  const report = (result: Result | null): void => {
    done += 1
    onProgress?.({ done, total, result })
  }
  try {
    const wanted = Math.max(1, Math.min(workers, mutants.length))
    for (let count = 0; count < wanted; count += 1) copies.push(await makeCopy(root))
    await spread(copies, tools, async (copy, [tool, file]) => {
      await requireUseful(tool, await runTool(tool, { copy, file, signal }), file)
      report(null)
    })
    await spread(copies, mutants, async (copy, mutant) => {
      const result = await runMutant(mutant, copy, signal)
      results.set(mutant, result)
      report(result)
    })
    return mutants.flatMap((mutant) => results.get(mutant) ?? [])
  } finally {
    for (const copy of copies) await removeCopy(copy)
  }
}

/** Each tool once, with a file to which it is applied. */
function toolsOf(mutants: readonly Mutant[]): readonly (readonly [Tool, string])[] {
  const tools = new Map<string, readonly [Tool, string]>()
  for (const { caughtBy, file } of mutants) {
    for (const tool of caughtBy) tools.set(describeTool(tool, file), [tool, file])
  }
  return [...tools.values()]
}

/** Does `work` for every item, with one at a time in each copy. The first error ends it all. */
async function spread<Item>(
  copies: readonly string[],
  items: readonly Item[],
  work: (copy: string, item: Item) => Promise<void>,
): Promise<void> {
  const waiting = [...items]
  const failed: unknown[] = []
  await Promise.all(
    copies.map(async (copy) => {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
        if (failed.length > 0) return
        try {
          await work(copy, item)
        } catch (error) {
          failed.push(error)
        }
      }
    }),
  )
  if (failed.length > 0) throw failed[0]
}

async function requireUseful(tool: Tool, verdict: Verdict, file: string): Promise<void> {
  if (verdict.type === 'passed') return
  const said = whatWasSaid(verdict)
  throw new UselessToolError(
    `${describeTool(tool, file)} does not pass on the code as it is, so it can catch nothing:\n${said}`,
  )
}

async function runMutant(mutant: Mutant, copy: string, signal: AbortSignal): Promise<Result> {
  const path = join(copy, mutant.file)
  const original = await readFile(path, 'utf8')
  const beganAtMs = performance.now()
  const tried: string[] = []
  try {
    await writeFile(path, mutated(original, mutant))
    for (const tool of mutant.caughtBy) {
      const verdict = await runTool(tool, { copy, file: mutant.file, signal })
      tried.push(describeTool(tool, mutant.file))
      if (verdict.type === 'passed') continue
      const outcome = verdict.type === 'failed' ? 'caught' : verdict.type
      return { mutant, outcome, by: tried.at(-1) ?? '', ...told(verdict, beganAtMs) }
    }
    return { mutant, outcome: 'survived', by: tried.join(', '), ...told(null, beganAtMs) }
  } finally {
    await writeFile(path, original)
  }
}

function told(verdict: Verdict | null, beganAtMs: number): Pick<Result, 'finding' | 'seconds'> {
  const seconds = (performance.now() - beganAtMs) / 1000
  return { finding: verdict === null ? '' : whatWasSaid(verdict), seconds }
}

function whatWasSaid(verdict: Verdict): string {
  switch (verdict.type) {
    case 'passed':
      return ''
    case 'failed':
      return verdict.finding
    case 'hung':
      return 'It did not end in time.'
    case 'useless':
      return verdict.output
  }
}
