/** A gate where calls wait until a test opens it, and where it waits until one has arrived. */
export interface Gate {
  /** Resolves when somebody has come to the gate. */
  readonly arrived: Promise<void>
  /** Waits at the gate. */
  readonly pass: () => Promise<void>
  readonly open: () => void
}

export function newGate(): Gate {
  const arrivals: (() => void)[] = []
  const openers: (() => void)[] = []
  const arrived = new Promise<void>((resolve) => arrivals.push(resolve))
  const opened = new Promise<void>((resolve) => openers.push(resolve))
  return {
    arrived,
    pass() {
      for (const arrive of arrivals) arrive()
      return opened
    },
    open() {
      for (const open of openers) open()
    },
  }
}
