/** Limits of the mutants' runner. */

/** A tool takes seconds where nothing is wrong, on a busy machine minutes: by then it never ends. */
export const HUNG_AFTER_MS = 600_000

/** A test that waits for what never comes fails after this; those of the suites need less. */
export const TEST_TIMEOUT_MS = 30_000

/** The end of what a tool printed, which is kept to say why it failed. */
export const KEPT_OUTPUT_CHARACTERS = 256 << 10
