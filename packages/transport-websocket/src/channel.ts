/**
 * A WebSocket, as everything but its two adapters sees it: ws-channel.ts for Node, and
 * browser-channel.ts for pages.
 */
import type { PeerProblem } from '@paxos/core'

/** A WebSocket. None of its functions throws. */
export interface Channel {
  /** Whether messages may be sent: it is open, and neither side has begun to close it. */
  readonly isOpen: boolean
  /**
   * Sends binary messages, in one write where the platform can, and calls `written` once there is
   * room for more; never, when the channel closes before. The messages are not to be modified.
   */
  send(messages: readonly Uint8Array[], written: () => void): void
  /** Asks for a sign of life; `null` where the platform cannot. */
  readonly ping: (() => void) | null
  /** The other side has said who it is: it may send as much as a frame has from here on. */
  trust(): void
  /**
   * Says goodbye; what was sent before leaves before it. Messages may come until the other side
   * has done so as well, which is waited for a bounded time.
   */
  close(code: CloseCode): void
  /** Ends it at once. */
  terminate(): void
}

/** 1000 is the end of something that was well; 4000, of our own range, a refusal. */
export type CloseCode = 1000 | 4000

/** What a channel tells. None of these functions is called before the channel is returned. */
export interface ChannelEvents {
  /** For a channel that was dialled: it is open. */
  opened(): void
  /** A binary message, which belongs to the receiver. */
  message(bytes: Uint8Array): void
  /** Something that is not a binary message of at most a frame. No message follows. */
  malformed(): void
  /** A sign of life that is no message. */
  alive(): void
  /** What went wrong, for whoever has to say so. May be called several times, or never. */
  failed(problem: PeerProblem): void
  /** It is closed. The last call, and the only one that is sure to come. */
  closed(): void
}

/** Opens a channel, or makes one of what was accepted. Called once. */
export type Opener = (events: ChannelEvents) => Channel
