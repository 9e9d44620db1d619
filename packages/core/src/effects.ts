/**
 * What an engine answers to every input: effects as data. The engine never calls out; the host
 * carries the effects out, and this file is the contract between the two.
 *
 * The host's duties, in order, for each record:
 *  1. Send `send`. Any of it may be dropped, delayed or repeated.
 *  2. If there is a `save`, hand `save.change` to stable storage, in the order of the inputs. Once
 *     it is durable, and not before, send `save.then` and call the engine's `saved()`, whose
 *     effects are carried out in the same way. Saves may overlap; `saved()` is called once for
 *     each, in order. If a save fails, stop the node: it must not go on from a state it could not
 *     store.
 *  3. Tell `events` to the application, in order.
 *
 * Safety depends on nothing else: inputs may come between a save and its `saved()`, messages may
 * come late, twice, or after a restart.
 */
import type { Ballot, NodeId } from './ballot.ts'
import type { Change } from './durability.ts'
import type { Message } from './message.ts'

/** One message on its way out. */
export interface Outgoing<V> {
  /** A node, or every node but this one: what an engine tells itself never leaves it. */
  // oxlint-disable-next-line typescript/no-redundant-type-constituents -- 'all' is a reserved id, and the type is where a reader looks for it
  readonly to: NodeId | 'all'
  readonly message: Message<V>
}

/** A change that must be durable before the messages behind it may leave. */
export interface Save<V> {
  readonly change: Change<V>
  /** May be empty: `saved()` is called all the same. */
  readonly then: readonly Outgoing<V>[]
}

/** What to do now. See the duties of the host at the top of this file. */
export interface Effects<V> {
  /** May leave at once, in any order, relative to the save. */
  readonly send: readonly Outgoing<V>[]
  /** Must be on stable storage before `then` leaves this node. */
  readonly save?: Save<V>
  /** What the application is told, in order. */
  readonly events: readonly Event<V>[]
}

/** What an engine tells the application. */
export type Event<V> =
  /** A quorum has promised `ballot` to this node: it may propose. */
  | { readonly type: 'leadership-acquired'; readonly ballot: Ballot }
  /** This node led with `ballot` and must not propose with it any more. */
  | { readonly type: 'leadership-lost'; readonly ballot: Ballot }
  /** An attempt to lead cannot succeed any more: a higher ballot, `promised`, is about. */
  | { readonly type: 'preempted'; readonly ballot: Ballot; readonly promised: Ballot }
  /** This node now follows another leader (which may be itself), or none. */
  | { readonly type: 'leader-changed'; readonly leader: NodeId | null }
  /** A value is chosen, for ever. Told once in the life of an engine, after a restart again. */
  | { readonly type: 'chosen'; readonly ballot: Ballot; readonly value: V }

/** Nothing to do. */
export const NO_EFFECTS: Effects<never> = { send: [], events: [] }
