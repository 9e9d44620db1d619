/**
 * What a node process tells the process that started it, and what it is told. Plain data, for it
 * crosses a process boundary.
 */
import type { AcceptedEntry, Ballot, Change, Event, Message, NodeId } from '@paxos/core'

/** From a node process. */
export type Report =
  /** The node has opened its disk; this is what was on it. */
  | {
      readonly type: 'opened'
      readonly atMs: number
      readonly promised: Ballot | null
      readonly accepted: AcceptedEntry | null
      readonly isChosen: boolean
    }
  | {
      readonly type: 'sent'
      readonly atMs: number
      readonly to: readonly NodeId[]
      readonly message: Message<Uint8Array>
    }
  | { readonly type: 'saved'; readonly atMs: number; readonly change: Change }
  | { readonly type: 'event'; readonly atMs: number; readonly event: Event<Uint8Array> }
  /** An acceptance is on disk and nobody has been told: the node waits for 'go on'. */
  | { readonly type: 'holding'; readonly atMs: number; readonly ballot: Ballot }
  /** The node knows the chosen value. */
  | { readonly type: 'chosen'; readonly atMs: number; readonly value: string }

/** To a node process. */
export type Order = { readonly type: 'go on' } | { readonly type: 'leave' }

/** Milliseconds since 1970, finer than Date.now(): comparable between processes of one machine. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now()
}
