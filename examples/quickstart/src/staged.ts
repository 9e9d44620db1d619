/**
 * A durability adapter that stops the show at the most interesting moment: an acceptance is on
 * disk, and nobody has been told. It must never report a save before it is durable; it may only
 * report it later.
 */
import type { Ballot, Durability, Saved } from '@paxos/core'

export interface Stage {
  /** What the disk held when the node started. */
  readonly opened: (saved: Saved) => void
  /** An acceptance at `ballot` is on disk. Its save is reported once this resolves. */
  readonly accepted: (ballot: Ballot) => Promise<void>
}

/** `durability`, watched by `stage`. */
export function staged(durability: Durability, stage: Stage): Durability {
  return {
    async open(owner) {
      const opened = await durability.open(owner)
      stage.opened(opened)
      return opened
    },
    async save(change) {
      await durability.save(change)
      for (const { ballot } of change.accepted ?? []) await stage.accepted(ballot)
    },
    close: () => durability.close(),
  }
}
