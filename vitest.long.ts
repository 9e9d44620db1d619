/**
 * What takes long: the tests that are named `*.long.test.ts`, and in full, or what is
 * left of them, those of which `pnpm test` takes a sample, by `extent`, `isInThisRun` or `FUZZ_RUNS` of
 * the testkit. `pnpm test:all` runs them after the
 * others. Must never point at dist.
 */
import { runOf } from './vitest.shared.ts'

const takesSample = (text: string): boolean => /\b(?:extent|isInThisRun|FUZZ_RUNS)\b/.test(text)

export default runOf(
  ({ path, text }) =>
    path.endsWith('.long.test.ts') || (!path.endsWith('.netns.test.ts') && takesSample(text)),
  { env: { THOROUGH: '1' } },
)
