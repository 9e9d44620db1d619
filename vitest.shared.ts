/**
 * The one vitest configuration: tests run on the sources of every workspace package, so that no
 * build stands between an edit and its test. Must never point at dist.
 *
 * The files of a package share a few processes, and what these have loaded: to begin one for each
 * file takes longer than most of the tests. A file that puts something of its own in the place of a
 * module or of a global has one to itself.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

/** A test file of the package that this runs in. */
interface TestFile {
  readonly path: string
  readonly text: string
}

/** A run of the test files that are chosen. */
export function runOf(
  isChosen: (file: TestFile) => boolean,
  options: ViteUserConfig['test'] = {},
): ViteUserConfig {
  const chosen = testFiles().filter((file) => isChosen(file))
  const pathsWhere = (alone: boolean) =>
    chosen.filter((file) => standsAlone(file) === alone).map(({ path }) => path)
  const projects = [
    { name: 'together', isolate: false, include: pathsWhere(false) },
    { name: 'alone', isolate: true, include: pathsWhere(true) },
  ]
  return defineConfig({
    ssr: {
      resolve: {
        conditions: ['@paxos/source', 'module', 'node', 'development|production'],
      },
    },
    test: {
      // Only what hangs ends by it: no test may depend on how fast, or how busy, a machine is.
      testTimeout: 600_000,
      hookTimeout: 600_000,
      coverage: { include: ['src/**/*.ts'], reporter: ['text-summary', 'json-summary'] },
      projects: projects
        .filter(({ include }) => include.length > 0)
        .map((test) => ({ extends: true as const, test })),
      ...options,
    },
  })
}

function testFiles(): readonly TestFile[] {
  // A tool may read a configuration elsewhere.
  const names = existsSync('test') ? readdirSync('test', { recursive: true, encoding: 'utf8' }) : []
  return names
    .map((name) => `test/${name.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => ({ path, text: readFileSync(path, 'utf8') }))
}

function standsAlone({ text }: TestFile): boolean {
  return /\bvi\.(?:mock|hoisted|stubGlobal)\(/.test(text)
}

/** With a configuration of their own: see vitest.netns.ts and vitest.long.ts. */
export default runOf(({ path }) => !/\.(?:netns|long)\.test\.ts$/.test(path))
