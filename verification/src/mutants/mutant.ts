/**
 * What a mutant is: one believable mistake, as an exact edit of one file, and the tools that must
 * see it. It must never be two mistakes, nor one that no promise of the library forbids.
 */

/** Something that passes on the code as it is, and must fail on a mutant. */
export type Tool =
  /** Every reachable state of a small model, over the real classes of core. */
  | { readonly type: 'explore'; readonly model: 'essential' | 'practical' | 'multi' | 'members' }
  /** Whole replicas under the faults of a profile, with the seeds from 1 to this one. */
  | { readonly type: 'simulate'; readonly profile: string; readonly seeds: number }
  /** A few cells of the grid of recoveries. */
  | { readonly type: 'grid' }
  /** The conformance suite of the adapter that the mutant is in. */
  | { readonly type: 'conformance' }
  /**
   * A test file of the package that the mutant is in, or of `of`, such as 'packages/core': where none
   * of the others can see it.
   */
  | { readonly type: 'tests'; readonly file: string; readonly of?: string }

/** One wrong edit. */
export interface Mutant {
  /** What is wrong, in a sentence; no two mutants have the same. */
  readonly name: string
  /** From the root of the repository. */
  readonly file: string
  /** The text that is replaced; it occurs exactly once in the file. */
  readonly from: string
  readonly to: string
  /** Run in this order, until one fails. */
  readonly caughtBy: readonly [Tool, ...Tool[]]
  /** Takes many seconds to be caught: no part of a sample. */
  readonly isSlow?: true
  /** Of a mistake in the kit that several adapters have to see: the mistake, and which adapter. */
  readonly through?: { readonly fault: string; readonly adapter: string }
}

/** The file with the mistake. Throws when what is to be replaced is not there exactly once. */
export function mutated(text: string, { name, file, from, to }: Mutant): string {
  const parts = text.split(from)
  const [before, behind] = parts
  if (parts.length !== 2 || before === undefined || behind === undefined) {
    throw new Error(
      `"${name}": its text occurs ${parts.length - 1} times in ${file}. Adapt the mutant to the code.`,
    )
  }
  return before + to + behind
}

/** The folder of the package that a file is in: its first two parts. */
export function packageOf(file: string): string {
  return file.split('/').slice(0, 2).join('/')
}

/** A tool in a few words; two that run the same have the same. */
export function describeTool(tool: Tool, file: string): string {
  switch (tool.type) {
    case 'explore':
      return `explore ${tool.model}`
    case 'simulate':
      return `simulate ${tool.profile} ${tool.seeds}`
    case 'grid':
      return 'grid --quick'
    case 'conformance':
      return `conformance of ${packageOf(file)}`
    case 'tests':
      return `${tool.of ?? packageOf(file)}/test/${tool.file}`
  }
}
