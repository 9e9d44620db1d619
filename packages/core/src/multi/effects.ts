/**
 * What the engine of a log answers to every input: the same record as in `../effects.ts`, with the
 * same duties of the host, for messages and events of a log; and the step that gathers it. It must
 * never ask for two saves in one step, nor let anything that rests on a save leave beside it.
 */
import type { Ballot, NodeId } from '../ballot.ts'
import type { Change, Slot, Snapshot, StagedSnapshot } from '../durability.ts'
import type { DisbelievedEvent, Effects, Outgoing } from '../effects.ts'
import type { NackMessage } from '../message.ts'
import type { Configuration } from './configuration.ts'
import type { LogMessage, SnapshotChunkMessage } from './messages.ts'

/** What MultiPaxos sends and understands. */
export type MultiPaxosMessage = LogMessage | NackMessage

/** What to do now. See the duties of the host at the top of `../effects.ts`. */
export type LogEffects = Effects<Uint8Array, MultiPaxosMessage, LogEvent>

/** A piece of a staged snapshot that another node has asked for. */
export interface WantedPiece {
  readonly to: NodeId
  readonly staged: StagedSnapshot
  /** What it is sent in; its offset is that of the piece. */
  readonly message: Omit<SnapshotChunkMessage, 'bytes'>
  /** How many bytes it has. */
  readonly length: number
}

/** Why a transfer came to nothing. */
export type TransferFailure =
  /** No other voter is heard. */
  | 'nobody'
  /** What was under way was not chosen, or the successor did not come to hold it, in time. */
  | 'not-caught-up'
  /** The successor was asked, and did not take over in time. */
  | 'not-taken'

/** What the engine tells the application. */
export type LogEvent =
  /**
   * A quorum has promised `ballot` to this node. It may propose when `room` says so. `recovered` are
   * the values that it proposes first, in the order of their slots, because they may have been
   * chosen: each is told as 'chosen' in time, unless the leadership is lost, and a host that has one
   * of them in its queue need not propose it once more.
   */
  | {
      readonly type: 'leadership-acquired'
      readonly ballot: Ballot
      readonly recovered: readonly Uint8Array[]
    }
  /** Whether what was proposed and not told as chosen will be chosen is not known. */
  | { readonly type: 'leadership-lost'; readonly ballot: Ballot }
  /** A refusal ended the attempt to lead with `ballot`: an acceptor has promised a higher one. */
  | { readonly type: 'preempted'; readonly ballot: Ballot; readonly promised: Ballot }
  /** This node now follows another leader (which may be itself), or knows of none. */
  | { readonly type: 'leader-changed'; readonly leader: NodeId | null }
  /**
   * The values of the slots from `first` on are chosen. Each slot is told once in the life of an
   * engine, in order and without gaps, from the one behind the snapshot that it started from.
   */
  | { readonly type: 'chosen'; readonly first: Slot; readonly values: readonly Uint8Array[] }
  /** A snapshot of another node stands for the slots through its own: restore it first. */
  | { readonly type: 'snapshot-installed'; readonly snapshot: Snapshot }
  /** To be read and given to pieceRead(). It may be left out, for it is asked for again. */
  | { readonly type: 'piece-wanted'; readonly piece: WantedPiece }
  /**
   * With `stagesSnapshots`: a piece of another node's snapshot through `through`, the next one of its
   * `transfer`. The host keeps it, and says so by pieceKept(); of the last one by received() or
   * notReceived(). Transfers are numbered; two may be under way.
   */
  | {
      readonly type: 'piece-received'
      readonly transfer: number
      readonly through: Slot
      readonly bytes: Uint8Array
      readonly isLast: boolean
    }
  /** No further piece of it will come: what was kept of it may go. */
  | { readonly type: 'transfer-dropped'; readonly transfer: number }
  /** A staged snapshot that this engine has no more use for: it may be discarded. */
  | { readonly type: 'snapshot-unused'; readonly staged: StagedSnapshot }
  /**
   * Others are in the cluster from here on, as far as this node knows what is chosen. What followed in
   * one step is told once. Votes count for who is named in it.
   */
  | { readonly type: 'configuration-changed'; readonly configuration: Configuration }
  /**
   * A quorum of the configuration of this version holds, durably, everything through the slot that
   * says it. Those that are not in it may go.
   */
  | { readonly type: 'configuration-complete'; readonly version: Slot }
  /** This new node may vote from now on. */
  | { readonly type: 'admitted' }
  /** Another node hands over commands, while this one leads. */
  | { readonly type: 'forwarded'; readonly from: NodeId; readonly values: readonly Uint8Array[] }
  /** The leader has not proposed values that this node handed over: see ForwardRefusedMessage. */
  | {
      readonly type: 'forward-refused'
      readonly heads: readonly Uint8Array[]
      /** Why, and the way out, for people; where it is not of the values alone. */
      readonly reason?: string | undefined
    }
  /** A transfer has come to nothing, and this node goes on leading. */
  | {
      readonly type: 'transfer-failed'
      readonly to: NodeId | null
      readonly reason: TransferFailure
    }
  /** The read may be answered from a state to which every slot through `slot` was applied. */
  | { readonly type: 'read-ready'; readonly id: number; readonly slot: Slot }
  /** No leader was there to confirm the read. It may be tried again. */
  | { readonly type: 'read-failed'; readonly id: number }
  | DisbelievedEvent

/** The effects of one input while they are being gathered. */
export class LogStep {
  readonly #send: Outgoing<Uint8Array, MultiPaxosMessage>[] = []
  readonly #then: Outgoing<Uint8Array, MultiPaxosMessage>[] = []
  readonly #events: LogEvent[] = []
  #change: Change | null = null

  /** Sends at once. 'all' is every node but this one. */
  send(to: NodeId, message: MultiPaxosMessage): void {
    this.#send.push({ to, message })
  }

  /** Sends once everything that this step saves is durable. */
  sendAfterSave(to: NodeId, message: MultiPaxosMessage): void {
    this.#then.push({ to, message })
  }

  /** Saves `change` too; where two changes of a step set the same field, the later one counts. */
  save(change: Change): void {
    const accepted = [...(this.#change?.accepted ?? []), ...(change.accepted ?? [])]
    this.#change = { ...this.#change, ...change, ...(accepted.length > 0 && { accepted }) }
  }

  tell(event: LogEvent): void {
    this.#events.push(event)
  }

  /** The finished record. */
  effects(): LogEffects {
    const [send, events] = [this.#send, this.#events]
    if (this.#change === null) return { send, events }
    return { send, save: { change: this.#change, then: this.#then }, events }
  }
}
