/** Which of the mutants are run. It must choose the same ones every time. */
import type { Mutant } from './mutant.ts'

export interface Choice {
  /** Only those in whose name or file this occurs, whatever its case. */
  readonly only?: string | undefined
  /** Only mistakes in the kit, each as often as there are adapters that have to see it. */
  readonly kit?: boolean | undefined
  /** Only so many, spread over all of them. */
  readonly sample?: number | undefined
}

/** The mutants that are chosen, in their order. */
export function choose(
  mutants: readonly Mutant[],
  { only, kit, sample }: Choice,
): readonly Mutant[] {
  const wanted = only?.toLowerCase() ?? ''
  const matching = mutants.filter(
    ({ name, file, through }) =>
      (kit !== true || through !== undefined) && `${name}\n${file}`.toLowerCase().includes(wanted),
  )
  if (sample === undefined || sample >= matching.length) return matching
  const quick = matching.filter(({ isSlow }) => isSlow !== true)
  const count = Math.min(sample, quick.length)
  return Array.from({ length: count }, (_, index) =>
    quick.slice(Math.floor(((index + 0.5) * quick.length) / count)).slice(0, 1),
  ).flat()
}
