/**
 * What a medium brings so that datagrams() makes a transport of it: how it binds an address, and how
 * single datagrams leave for a peer. It must know nothing of frames, peers or identity.
 */
import type { PeerProblem } from '@paxos/core'

/** What is particular to a medium. */
export interface DatagramMedium {
  /**
   * Binds `address`, and hands every datagram that comes to `receive`, which copies what it keeps and
   * never throws. Rejects with TransportError, and then leaves nothing open. `signal` is aborted when
   * the transport is closed meanwhile: who waits for something that may not come, such as a name
   * server, then rejects soon, with whatever reason.
   */
  bind(
    address: string,
    receive: (datagram: Uint8Array) => void,
    signal: AbortSignal,
  ): Promise<DatagramPort>
}

/** A bound address. */
export interface DatagramPort {
  /** With the real port, or whatever else the medium chose. */
  readonly address: string
  /** The way to `address`; `null` when there can be none: then the peer cannot be reached. */
  route(address: string): Route | null
  /**
   * What was sent before leaves first, as far as the medium can tell. Nothing is received once it
   * resolves, and nothing of it keeps the process alive. Called once.
   */
  close(): Promise<void>
}

/** The way to one peer. */
export interface Route {
  /**
   * Hands over one datagram, at best effort. Calls `done` once, now or later, with what went wrong or
   * `null`; the datagram is not to be modified until then. Must not throw.
   */
  send(datagram: Uint8Array, done: (problem: PeerProblem | null) => void): void
  /**
   * Nobody answers: the next of its addresses is used from now on, where there are several. Returns
   * whether there is another. Default: there is none.
   */
  turn?(): boolean
  /**
   * The peer has left the address book. What waits for a look-up, or the like, must not leave any
   * more; `done` is called for it. Default: nothing ever waits.
   */
  drop?(): void
}
