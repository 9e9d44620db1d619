/**
 * A connection, whatever it is made of: what the two sides need of it. Tests put a pair in one process in
 * its place, on virtual time.
 */

/** One side of a connection. No method throws, not even when it is over. */
export interface Channel {
  /** What was sent and is not taken by the system yet, in bytes. */
  readonly unsentBytes: number
  send(frame: Uint8Array): void
  /** Asks whether the other side is there: if it is, `onHeard` is called. */
  ping(): void
  /** Nothing is read until resume(). */
  pause(): void
  resume(): void
  /** Sends what was sent, then ends. */
  close(reason: CloseReason): void
  /** Ends at once. */
  destroy(): void
}

/** What a channel says. Nothing comes after `onClosed`. */
export interface ChannelEvents {
  /** It can be used. Only where it was dialled. */
  onOpen(): void
  onFrame(frame: Uint8Array): void
  /** The other side is there: something has come, if only a pong. */
  onHeard(): void
  /** Less is unsent than before. */
  onDrain(): void
  /** It is over. Called once. */
  onClosed(why: Closed): void
}

/** Why a side ends. */
export type CloseReason = 'done' | 'leaving' | 'not-understood' | 'too-much'

/** Why it is over. */
export type Closed =
  /** The connection is gone, or there never was one. */
  | { readonly type: 'lost'; readonly problem: string }
  /** The other side lets nobody in who shows what we do. */
  | { readonly type: 'unauthorized'; readonly problem: string }
  /** The other side speaks something else. */
  | { readonly type: 'protocol'; readonly problem: string }

/** Opens a connection. */
export type Dial = (address: string, events: ChannelEvents) => Channel
