/**
 * What a suite needs of a test runner. vitest, node:test, mocha and jest have functions of this
 * shape; the suites import none of them.
 */

/** Groups scenarios, and defines one. */
export interface Runner {
  readonly describe: (title: string, body: () => void) => void
  readonly it: (title: string, body: () => Promise<void>) => void
}
