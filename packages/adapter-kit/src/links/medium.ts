/**
 * What a medium brings so that links() makes a transport of it: how it listens, how it dials, and
 * how whole messages go over what comes of both. It must know nothing of peers, frames or identity:
 * who is let in, what is sent when and what becomes of it is the kit's.
 */
import type { NodeId, PeerProblem } from '@paxos/core'

/** What is particular to a medium. */
export interface LinkMedium {
  /**
   * Takes connections at `address`, and hands each to `host`. Rejects with TransportError, and then
   * leaves nothing open; soon, and with any error, once the signal of `host` is aborted: what resolves
   * all the same is closed. Called once, and nothing is dialled before it has resolved.
   */
  listen(address: string, host: LinkHost): Promise<Listening>
  /**
   * How `peer` is dialled at `address`; `null` for an address that cannot be: that makes a peer that
   * cannot be reached, and is no error.
   */
  dial(address: string, peer: NodeId): OpenChannel | null
  /** Whether nobody can dial this node, as a page in a browser. Default: false. */
  readonly isHidden?: boolean
  /**
   * A sentence that says how addresses are written, for whoever wrote one that cannot be dialled:
   * 'Write ws://host:port.'
   */
  readonly addressHint?: string
}

/** What the kit is to a medium that listens. */
export interface LinkHost {
  /** Who listens. */
  readonly self: NodeId
  /** Aborted when the transport is closed, for who still waits to know where to listen. */
  readonly signal: AbortSignal
  readonly accept: (visitor: Visitor) => void
  /**
   * A connection was turned away, or ended, before there was a channel of it: no TLS came about, it
   * said nothing in time, or too many came. `problem` where more is known than that.
   */
  readonly refused: (
    counter: 'failedHandshakes' | 'unidentifiedConnections',
    problem?: PeerProblem | null,
  ) => void
  /** Something that an operator should know, and that is no problem with a peer. */
  readonly warn: (warning: PeerProblem) => void
}

/** Where peers can dial us. */
export interface Listening {
  /** With the real port, or whatever else the medium chose. */
  readonly address: string
  /** Takes nobody in any more. Resolves when nothing of it keeps the process alive. */
  close(): Promise<void>
}

/** Somebody who dialled us. */
export interface Visitor {
  readonly open: OpenChannel
  /** Whether it can prove to be `id`, by a certificate, say. Default: everybody is believed. */
  readonly provesToBe?: (id: NodeId) => boolean
  /**
   * Whether it is a page in a browser. Any site that somebody visits can make one dial us, so it is
   * let in only as a peer that has no address of its own. Default: false.
   */
  readonly isPage?: boolean
}

/** Begins a channel that reports to `events`; it calls none of them before it has returned. */
export type OpenChannel = (events: ChannelEvents) => Channel

/**
 * A way for messages of at most MAX_MESSAGE_BYTES between two nodes, whole and in order until it
 * closes. None of its functions throws.
 */
export interface Channel {
  /** Whether it takes messages now: it is open, not closing, and has written what it was given. */
  readonly writable: boolean
  /**
   * Takes messages, in one write where it can; they are not to be modified any more. Only while it
   * is writable. If it is not when this returns, onWritable or onClosed follows.
   */
  send(messages: readonly Uint8Array[]): void
  /**
   * Says goodbye: what was sent leaves before it, messages may come until the other side has done
   * so too, and onClosed follows within CLOSE_TIMEOUT_MS. Called once at most.
   */
  close(): void
  /** Ends at once; onClosed follows. */
  destroy(): void
  /** The other side is known from here on: what bounds strangers is lifted. */
  trust?(): void
}

/** What a channel tells. */
export interface ChannelEvents {
  /** A channel that was dialled is open. One that was accepted is so from the beginning. */
  onOpen(): void
  /** A message came. It belongs to the receiver, in memory of its own. */
  onMessage(message: Uint8Array): void
  /** It has written what it was given, and takes messages again. */
  onWritable(): void
  /** Something came that is no message of at most MAX_MESSAGE_BYTES. No message follows. */
  onMalformed(): void
  /**
   * What went wrong, for whoever has to say so: WRONG_CERTIFICATE where who answers a dial cannot
   * prove to be the peer. May come several times, or never; of a dial that fails the first is told.
   */
  onProblem(problem: PeerProblem): void
  /** It is closed. The last call, and the only one that is sure to come. */
  onClosed(): void
}
