/** What a test made is closed after it, also when it fails. */

const cleanups: (() => Promise<unknown> | void)[] = []

/** Calls `cleanup` when the test is over; the last one first. */
export function afterwards(cleanup: () => Promise<unknown> | void): void {
  cleanups.push(cleanup)
}

export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
}
