/**
 * One scenario's adapters. It must close all that a scenario made, also when that fails, and wait
 * for events, never for time.
 */
import type { Change, Durability, Opened } from '@paxos/core'
import type { DurabilityHarness } from './harness.ts'

/** What a scenario works with. */
export interface World<Harness extends DurabilityHarness = DurabilityHarness> {
  readonly harness: Harness
  /** An adapter that is not open. */
  readonly made: () => Durability
  /** An adapter that is open. */
  readonly opened: () => Promise<Durability>
  /** Saves one change after the other, in an adapter of its own. */
  readonly save: (...changes: readonly Change[]) => Promise<void>
  /** What a new adapter finds. It is closed again. */
  readonly read: () => Promise<Opened>
}

export async function inWorld(
  harness: DurabilityHarness,
  body: (world: World) => Promise<void>,
): Promise<void> {
  const adapters: Durability[] = []
  function made(): Durability {
    const durability = harness.durability()
    adapters.push(durability)
    return durability
  }
  async function opened(): Promise<Durability> {
    const durability = made()
    await durability.open()
    return durability
  }
  async function save(...changes: readonly Change[]): Promise<void> {
    const durability = await opened()
    for (const change of changes) await durability.save(change)
    await durability.close()
  }
  try {
    await body({ harness, made, opened, save, read: () => readFrom(made()) })
  } finally {
    // What close() must do has scenarios of its own; here are also adapters that a crash killed.
    await Promise.allSettled(adapters.map((durability) => durability.close()))
    await harness.remove?.()
  }
}

/** What `durability` shows. It is closed again, whether it opened or not. */
export async function readFrom(durability: Durability): Promise<Opened> {
  try {
    return await durability.open()
  } finally {
    await durability.close()
  }
}

/** Opens what something happened to. A rejection says what that was. */
export async function openFound(what: string, durability: Durability): Promise<Opened> {
  try {
    return await durability.open()
  } catch (error) {
    await durability.close()
    throw new Error(`It cannot be read after ${what}.`, { cause: error })
  }
}

/** Everything that waits for nothing but its turn in the event loop has had some. */
export async function turns(): Promise<void> {
  for (let count = 0; count < 10; count += 1) await turn()
}

/** Whatever waits for its turn in the event loop has had it. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
