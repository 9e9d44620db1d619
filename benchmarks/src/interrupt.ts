/**
 * What is undone when somebody presses Ctrl-C, or asks the command to end: what it has open at that
 * moment. Must never leave a process or a file behind, whatever is being waited for.
 */

/** What a process that was interrupted ends with. */
const INTERRUPTED = 130

const open = new Set<() => Promise<void>>()
let isClosing = false

/** `close`, which is called as well when the command is interrupted before: then once more. */
export function closedOnInterrupt(close: () => Promise<void>): () => Promise<void> {
  open.add(close)
  return async () => {
    await close()
    open.delete(close)
  }
}

/** From here on Ctrl-C, and SIGTERM, close what is open, say so, and end the process. */
export function closeOnInterrupt(): void {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void closeAll())
}

/** Whether what fails now does so because everything is being closed. */
export function isInterrupted(): boolean {
  return isClosing
}

async function closeAll(): Promise<void> {
  if (isClosing) return
  isClosing = true
  let said = 'Interrupted: its processes were stopped, and its files are gone.'
  try {
    await Promise.all(Array.from(open, (close) => close()))
  } catch (error) {
    said = `Interrupted, and something is left: ${String(error)}`
  }
  process.stderr.write(`${said}\n`)
  process.exit(INTERRUPTED)
}
