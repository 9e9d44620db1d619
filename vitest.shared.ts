/**
 * The one vitest configuration: tests run on the sources of every workspace package, so that no
 * build stands between an edit and its test. Must never point at dist.
 */
import { configDefaults, defineConfig } from 'vitest/config'

export default defineConfig({
  ssr: {
    resolve: {
      conditions: ['@paxos/source', 'module', 'node', 'development|production'],
    },
  },
  test: {
    include: ['test/**/*.test.ts'],
    // With a configuration of their own: see vitest.netns.ts and vitest.long.ts.
    exclude: [...configDefaults.exclude, 'test/**/*.netns.test.ts', 'test/**/*.long.test.ts'],
    // Only what hangs ends by it: no test may depend on how fast, or how busy, a machine is.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    coverage: { include: ['src/**/*.ts'], reporter: ['text-summary', 'json-summary'] },
  },
})
