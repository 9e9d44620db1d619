/**
 * Carries out the effects of one engine on a disk that is never slow, for tests that look at one
 * node. It must keep the host's order: what rests on a save leaves after it.
 */
import type { Change, Effects, Event, Outgoing } from '@paxos/core'

/** Everything that one input led to, its saves included. */
export interface Carried<V> {
  readonly sent: readonly Outgoing<V>[]
  readonly events: readonly Event<V>[]
  readonly changes: readonly Change<V>[]
}

/** Completes the save of `effects`, and those that follow from it. */
export function instantly<V>(
  engine: { saved(): Effects<V> },
  { send, save, events }: Effects<V>,
): Carried<V> {
  if (save === undefined) return { sent: send, events, changes: [] }
  const later = instantly(engine, engine.saved())
  return {
    sent: [...send, ...save.then, ...later.sent],
    events: [...events, ...later.events],
    changes: [save.change, ...later.changes],
  }
}
