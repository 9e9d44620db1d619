/**
 * What takes long: the tests that are named `*.long.test.ts`, and in full those of which `pnpm test`
 * takes a sample, by `extent` or `FUZZ_RUNS` of the testkit. `pnpm test:all` runs them after the
 * others. Must never point at dist.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { configDefaults, defineConfig, mergeConfig } from 'vitest/config'
import shared from './vitest.shared.ts'

const { test, ...rest } = shared

/** Of the package that this runs in. A tool may read this file elsewhere. */
const names = existsSync('test') ? readdirSync('test', { recursive: true, encoding: 'utf8' }) : []
const tests = names
  .map((name) => `test/${name.replaceAll('\\', '/')}`)
  .filter((path) => path.endsWith('.test.ts') && !path.endsWith('.netns.test.ts'))

const takesSample = (path: string): boolean =>
  /\b(?:extent|FUZZ_RUNS)\b/.test(readFileSync(path, 'utf8'))

export default mergeConfig(
  defineConfig(rest),
  defineConfig({
    test: {
      ...test,
      include: tests.filter((path) => path.endsWith('.long.test.ts') || takesSample(path)),
      exclude: configDefaults.exclude,
      env: { THOROUGH: '1' },
    },
  }),
)
