/**
 * What keeps this process alive: open sockets, files, timers and threads, by kind. Must never count
 * what an adapter has told the runtime not to wait for.
 */
import assert from 'node:assert/strict'

/**
 * What is being closed may still be listed: the runtime notices in a turn of its own. Counted in looks
 * and not in time, so that a busy machine gets as many turns as an idle one.
 */
const MAX_LOOKS = 100
const LOOK_AGAIN_AFTER_MS = 10

/** Resolves when nothing more than `before` keeps the process alive, and rejects if that stays. */
export async function nothingMoreThan(before: ReadonlyMap<string, number>): Promise<void> {
  for (let looks = 0; more(before).length > 0 && looks < MAX_LOOKS; looks += 1) {
    await new Promise((resolve) => {
      setTimeout(resolve, LOOK_AGAIN_AFTER_MS)
    })
  }
  assert.deepEqual(more(before), [], 'Something that was opened keeps the process alive.')
}

/** How many there are of each kind. */
export function active(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) {
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return counts
}

function more(before: ReadonlyMap<string, number>): string[] {
  return [...active()].filter(([kind, n]) => n > (before.get(kind) ?? 0)).map(([kind]) => kind)
}
