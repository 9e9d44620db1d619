/**
 * Something that a test waits for, or makes others wait for.
 */

export interface Gate {
  /** Resolves when the gate is opened. */
  readonly opened: Promise<void>
  readonly open: () => void
}

export function gate(): Gate {
  let resolve: (() => void) | null = null
  const opened = new Promise<void>((open) => {
    resolve = open
  })
  return { opened, open: () => resolve?.() }
}
