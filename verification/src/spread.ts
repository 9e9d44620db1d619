/**
 * Spreads work over threads, one piece at a time. What comes of a piece must not depend on the
 * thread, nor on how many there are. Must end every thread that it started.
 */
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

export interface Spread<Piece, Outcome> {
  readonly pieces: readonly Piece[]
  /** How many threads, at least 1. A single one is this thread itself, as are all on sources. */
  readonly workers: number
  readonly run: (piece: Piece) => Promise<Outcome>
  /** What a thread loads: it answers each piece that it is sent with its outcome. */
  readonly thread: URL
}

/** Resolves when all pieces are done, or soon after `signal` says that it is enough. */
export async function spread<Piece, Outcome>(
  { pieces, workers, run, thread }: Spread<Piece, Outcome>,
  signal: AbortSignal,
  onOutcome: (outcome: Outcome) => void,
): Promise<void> {
  let next = 0
  const take = (): Piece | null => (signal.aborted ? null : (pieces[next++] ?? null))
  const runThread = (): Promise<void> => {
    const worker = new Worker(thread)
    return new Promise<void>((resolve, reject) => {
      const give = (): void => {
        const piece = take()
        if (piece === null) void worker.terminate().then(() => resolve())
        else worker.postMessage(piece)
      }
      worker.on('error', reject)
      worker.on('message', (outcome: Outcome) => {
        onOutcome(outcome)
        give()
      })
      give()
    })
  }
  // Node 20 does not load TypeScript in a thread, whoever does it in the main one.
  if (workers > 1 && !import.meta.url.endsWith('.ts')) {
    await Promise.all(Array.from({ length: Math.min(workers, pieces.length) }, runThread))
    return
  }
  for (let piece = take(); piece !== null; piece = take()) {
    onOutcome(await run(piece))
    // A simulation leaves no room for anything else: Ctrl-C is heard here.
    await setImmediate()
  }
}
