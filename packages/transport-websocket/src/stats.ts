/** What a transport counts. Each number starts at 0 and never goes back. */

/** What went wrong since the transport was made. */
export interface WebSocketStats {
  /** Attempts to reach a peer that ended before it had said who it is. */
  readonly failedDials: number
  /** Accepted connections that got no further than TLS or HTTP. */
  readonly failedHandshakes: number
  /** Accepted connections that did not say in time who they are, or made room for others. */
  readonly unidentifiedConnections: number
  /**
   * Connections of somebody who is not in the address book, has our own id, means somebody else,
   * or is a page that claims the id of a peer with an address.
   */
  readonly strangerConnections: number
  /** Connections whose certificate does not name who the other side says, or should, be. */
  readonly wrongCertificates: number
  /** Text, messages that are too large, and first messages that are no hello of ours. */
  readonly malformedMessages: number
  /** Connections that were given up because no ping was answered. */
  readonly silentConnections: number
  /** Frames that made room for newer ones, or waited too long for a connection. */
  readonly droppedFrames: number
}

/** The numbers, to be counted up. */
export type Counters = { -readonly [Name in keyof WebSocketStats]: number }

/** All at 0. */
export function newCounters(): Counters {
  return {
    failedDials: 0,
    failedHandshakes: 0,
    unidentifiedConnections: 0,
    strangerConnections: 0,
    wrongCertificates: 0,
    malformedMessages: 0,
    silentConnections: 0,
    droppedFrames: 0,
  }
}
