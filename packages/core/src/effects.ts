/**
 * What an engine answers to every input: effects as data. The engine never calls out; the host
 * carries the effects out, and this file is the contract between the two.
 *
 * The host's duties:
 *  1. Call the engine's `tick(now)` before each other input, so that it knows when that came, and
 *     when `nextTickAtMs` is reached. (`now` is in milliseconds, of a clock that never goes back.)
 *     A host that stood still says for how long: `tick(now, awayMs)`.
 *  2. Send `send`. Any of it may be dropped, delayed or repeated.
 *  3. If there is a `save`, hand `save.change` to stable storage, in the order of the inputs. Once
 *     it is durable, and not before, send `save.then` and call the engine's `saved()`, whose
 *     effects are carried out in the same way. Saves may overlap; `saved()` is called once for
 *     each, in order. If a save fails, stop the node: it must not go on from a state that it could
 *     not store.
 *  4. Tell `events` to the application, in order.
 *
 * Safety depends on nothing but duty 3: inputs may come between a save and its `saved()`, messages may
 * come late, twice, or after a restart.
 */
import type { Ballot, NodeId } from './ballot.ts'
import type { Change } from './durability.ts'
import { invariant } from './invariant.ts'
import type { Message } from './message.ts'

/** One message on its way out. `M` is another union where the engine is that of a log. */
export interface Outgoing<V, M = Message<V>> {
  /** A node, or every node but this one: what an engine tells itself never leaves it. */
  // oxlint-disable-next-line typescript/no-redundant-type-constituents -- 'all' is a reserved id, and the type is where a reader looks for it
  readonly to: NodeId | 'all'
  readonly message: M
}

/** A change that must be durable before the messages behind it may leave. */
export interface Save<V, M = Message<V>> {
  readonly change: Change<V>
  /** May be empty: `saved()` is called all the same. */
  readonly then: readonly Outgoing<V, M>[]
}

/** What to do now. See the duties of the host at the top of this file. */
export interface Effects<V, M = Message<V>, E = Event<V>> {
  /** May leave at once, in any order, relative to the save. */
  readonly send: readonly Outgoing<V, M>[]
  /** Must be on stable storage before `then` leaves this node. */
  readonly save?: Save<V, M>
  /** What the application is told, in order. */
  readonly events: readonly E[]
}

/** What an engine tells the application. */
export type Event<V> =
  /** A quorum has promised `ballot` to this node: it may propose. */
  | { readonly type: 'leadership-acquired'; readonly ballot: Ballot }
  /** This node led with `ballot` and must not propose with it any more. */
  | { readonly type: 'leadership-lost'; readonly ballot: Ballot }
  /**
   * A refusal ended the attempt to lead with `ballot`: an acceptor has promised a higher one. An
   * attempt that is given up for another leader, or for a rival, tells nothing of its own.
   */
  | { readonly type: 'preempted'; readonly ballot: Ballot; readonly promised: Ballot }
  /** This node now follows another leader (which may be itself), or none. */
  | { readonly type: 'leader-changed'; readonly leader: NodeId | null }
  /** A value is chosen, for ever. Told once; an engine that knows it from `saved` tells it never. */
  | { readonly type: 'chosen'; readonly ballot: Ballot; readonly value: V }
  | DisbelievedEvent

/**
 * A message was ignored, because no honest node would say it: `from` has a fault, or is not who it
 * says. The host counts these.
 */
export interface DisbelievedEvent {
  readonly type: 'disbelieved'
  readonly from: NodeId
  readonly reason: Disbelief
}

/** Why a message is not believed. */
export type Disbelief =
  /** It speaks for another node: its ballot has another owner. */
  | 'owner'
  /** It names a round that is too far ahead (see `rounds.ts`); believed later, if it is repeated. */
  | 'round'
  /** It names a slot that is too far ahead; likewise. */
  | 'slot'
  /** It carries a value that is none, or of a version that this one does not know. */
  | 'value'

/** Nothing to do. */
export const NO_EFFECTS: Effects<never> = { send: [], events: [] }

/** The effects of inputs that were given one after another, as one record. */
export function joinEffects<V>(...parts: readonly Effects<V>[]): Effects<V> {
  const saves = parts.flatMap(({ save }) => (save === undefined ? [] : [save]))
  invariant(saves.length <= 1, 'one step asks for two saves')
  const [save] = saves
  const send = parts.flatMap((part) => part.send)
  const events = parts.flatMap((part) => part.events)
  return save === undefined ? { send, events } : { send, save, events }
}
