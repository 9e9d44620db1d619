/** Limits of the mutants' runner. */

/** A tool takes seconds where nothing is wrong; one that takes so long waits for what never comes. */
export const HUNG_AFTER_MS = 180_000

/** A scenario that waits for a message that never comes fails after this; those of the suites need less. */
export const TEST_TIMEOUT_MS = 10_000

/** The end of what a tool printed, which is kept to say why it failed. */
export const KEPT_OUTPUT_CHARACTERS = 256 << 10
