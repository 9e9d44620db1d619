/**
 * The one vitest configuration: tests run on the sources of every workspace package, so that no
 * build stands between an edit and its test. Must never point at dist.
 */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  ssr: {
    resolve: {
      conditions: ['@paxos/source', 'module', 'node', 'development|production'],
    },
  },
  test: {
    include: ['test/**/*.test.ts'],
    // For machines that are busy: a test that waits for an event in vain fails late, and for sure.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    coverage: { include: ['src/**/*.ts'], reporter: ['text-summary', 'json-summary'] },
  },
})
