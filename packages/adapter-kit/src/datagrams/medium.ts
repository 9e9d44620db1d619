/**
 * What a medium brings so that datagrams() makes a transport of it: how it binds an address, and how
 * single datagrams leave for a peer. It must know nothing of frames, peers or identity.
 */
import type { PeerProblem } from '@paxos/core'

/** What is particular to a medium. */
export interface DatagramMedium {
  /**
   * Binds `address`, and hands every datagram that comes to `receive`, which copies what it keeps.
   * Rejects with TransportError, and then leaves nothing open.
   */
  bind(address: string, receive: (datagram: Uint8Array) => void): Promise<DatagramPort>
}

/** A bound address. */
export interface DatagramPort {
  /** With the real port, or whatever else the medium chose. */
  readonly address: string
  /** The way to `address`; `null` when there can be none: then the peer cannot be reached. */
  route(address: string): Route | null
  /** What was sent before leaves first. Resolves when nothing of it keeps the process alive. */
  close(): Promise<void>
}

/** The way to one peer. */
export interface Route {
  /**
   * Hands over one datagram, at best effort. Calls `done` once, with what went wrong or `null`; the
   * datagram is not to be modified until then. Must not throw.
   */
  send(datagram: Uint8Array, done: (problem: PeerProblem | null) => void): void
  /** Nobody answers: the next of its addresses is to be tried, where there are several. */
  turn?(): void
}
