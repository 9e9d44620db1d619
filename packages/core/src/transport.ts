/**
 * The contract of a transport: everything that an adapter may rely on, and everything that it must
 * do. It carries opaque frames and must know nothing of Paxos.
 */
import type { NodeId } from './ballot.ts'

/**
 * Unreliable, unordered delivery of frames between the nodes of one cluster. A frame may be lost,
 * delayed, duplicated or reordered; it is never altered, merged or cut.
 */
export interface Transport {
  /**
   * Binds `listen` and starts delivering. Rejects with TransportError when the address is taken or
   * malformed, or when the transport is closed meanwhile, and with InvalidArgumentError for an id
   * that it cannot carry; after a rejection nothing is left open. May be called once.
   */
  open(options: TransportOpen): Promise<void>
  /**
   * The bound address, with the real port where port 0 was asked for. Reading it before open()
   * resolved throws TransportError (ERR_PAXOS_TRANSPORT_STATE).
   */
  readonly address: string
  /**
   * Replaces the address book. Peers that left are disconnected. A malformed address makes a peer
   * that cannot be reached, not an error: the book may come from the cluster itself.
   */
  setPeers(peers: ReadonlyMap<NodeId, string>): void
  /**
   * Best effort, never blocks, never throws for a peer that is unknown, down or slow, nor before
   * open or after close. The adapter bounds what it queues for a slow peer and drops the oldest:
   * Paxos retransmits. Throws FrameTooLargeError above MAX_FRAME_BYTES, at any time. The frame is
   * the caller's again when send returns: the adapter copies what it keeps.
   */
  send(to: NodeId, frame: Uint8Array): void
  /**
   * After it resolves nothing is delivered and no handle keeps the process alive. May be called
   * at any time, and again.
   */
  close(): Promise<void>
}

/** What a transport is opened with. */
export interface TransportOpen {
  /** This node. */
  readonly id: NodeId
  /** Where to listen, e.g. 'udp://0.0.0.0:7000'. Port 0 takes a free one. */
  readonly listen: string
  /** The address of every other node; an entry for this node itself is ignored. */
  readonly peers: ReadonlyMap<NodeId, string>
  /**
   * `frame` belongs to the receiver from here on. Must not throw. `from` is a node of the address
   * book, and who the sender says it is, unless the transport authenticates; frames of others are
   * dropped.
   */
  readonly receive: (from: NodeId, frame: Uint8Array) => void
}
