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
   * Replaces the address book. Peers that left are disconnected, and so are those whose address, or
   * whose expected incarnation, is another from now on. A malformed address makes a peer that cannot
   * be reached, not an error: the book may come from the cluster itself.
   */
  setPeers(peers: ReadonlyMap<NodeId, PeerAddress>): void
  /**
   * Best effort, never blocks, never throws for a peer that is unknown, down or slow, nor before
   * open or after close. The adapter bounds what it queues for a slow peer and drops the oldest:
   * Paxos retransmits. Throws FrameTooLargeError above MAX_FRAME_BYTES, at any time. The frame is
   * the caller's again when send returns: the adapter copies what it keeps.
   */
  send(to: NodeId, frame: Uint8Array): void
  /**
   * What it knows of its peers and of those that it turned away, since open(). Optional, cheap, and
   * may be called at any time: a host shows it to operators, and decides nothing by it.
   */
  figures?(): TransportFigures
  /**
   * After it resolves nothing is delivered and no handle keeps the process alive. May be called
   * at any time, and again.
   *
   * What send() took before leaves first: frames for a peer with which a connection stands, or
   * whose medium knows no connections, go to the medium before it resolves, and are lost no more
   * easily than at another time. Frames for a peer that is down, or being dialled, are dropped.
   * Neither a peer that does not read nor a name server that does not answer holds it up for more
   * than 5 seconds in all; an adapter may state a shorter bound, after which it drops what is left.
   */
  close(): Promise<void>
}

/**
 * Where a peer is; and which incarnation of it is expected there, where one is: see Identity. `null`,
 * and an address alone, expect none in particular.
 */
export type PeerAddress = string | ExpectedPeer

/** An entry of the address book, with all that it can say. */
export interface ExpectedPeer {
  readonly address: string
  readonly incarnation: string | null
}

/** The address book, every entry in its long form. */
export function expectedPeers(
  book: ReadonlyMap<NodeId, PeerAddress>,
): ReadonlyMap<NodeId, ExpectedPeer> {
  const expected = new Map<NodeId, ExpectedPeer>()
  for (const [id, peer] of book) {
    expected.set(id, typeof peer === 'string' ? { address: peer, incarnation: null } : peer)
  }
  return expected
}

/** What a transport is opened with. */
export interface TransportOpen {
  /** This node. */
  readonly id: NodeId
  /**
   * The cluster that this node belongs to, up to MAX_ID_BYTES in UTF-8. Nodes of another one are
   * refused at the door: no frame of theirs is delivered, and none is sent to them. Default ''.
   */
  readonly cluster?: string
  /**
   * The incarnation of this node, up to MAX_ID_BYTES in UTF-8: see Identity. Whoever expects another
   * one refuses this node. Default ''.
   */
  readonly incarnation?: string
  /** Where to listen, e.g. 'udp://0.0.0.0:7000'. Port 0 takes a free one. */
  readonly listen: string
  /** Where every other node is; an entry for this node itself is ignored. */
  readonly peers: ReadonlyMap<NodeId, PeerAddress>
  /**
   * `frame` belongs to the receiver from here on. Must not throw. `from` is a node of the address
   * book, and who the sender says it is, unless the transport authenticates; frames of others are
   * dropped.
   */
  readonly receive: (from: NodeId, frame: Uint8Array) => void
  /**
   * Told of what an operator should know: a peer that was turned away, a certificate that expires.
   * Called as often as it happens; the receiver limits the rate. Must not throw.
   */
  readonly warn?: (warning: TransportWarning) => void
}

/** Why a peer cannot be reached, or somebody was turned away. */
export type PeerProblemReason =
  /** Nobody answers at the address. */
  | 'no-answer'
  /** The address cannot be used, or its name cannot be resolved. */
  | 'address'
  /** Whoever listens there refuses the connection. */
  | 'refused'
  /** A certificate or key of either side is missing, foreign, expired or not that of the peer. */
  | 'credentials'
  /** Whoever is there is another node than the address book says, or no member at all. */
  | 'identity'
  /** What comes from there is not of this protocol. */
  | 'protocol'
  /** Anything else. */
  | 'failed'

/** What went wrong between this node and a peer. */
export interface PeerProblem {
  readonly reason: PeerProblemReason
  /** One sentence for people. It must hold no secret. */
  readonly message: string
}

/** Something that an operator should know. */
export interface TransportWarning extends PeerProblem {
  /** Whom it concerns; `null` where nobody can tell. */
  readonly peer: NodeId | null
}

/** What a transport knows of one peer. Counts only grow while the transport is open. */
export interface PeerFigures {
  /** Whether a connection stands; `null` where the medium has none. */
  readonly isConnected: boolean | null
  /** Which incarnation of it is there, or was last; `null` as long as it has not said so. */
  readonly incarnation: string | null
  /** Frames that were given to the medium. */
  readonly sent: number
  /** Frames that were delivered to this node. */
  readonly received: number
  /** Frames that send() took and that were dropped before the medium had them. */
  readonly dropped: number
  /** What went wrong last, and has not gone well since; `null` when nothing did. */
  readonly problem: PeerProblem | null
}

/** What a transport knows of its peers and of strangers. */
export interface TransportFigures {
  /** One for each node of the address book but this one. */
  readonly peers: ReadonlyMap<NodeId, PeerFigures>
  /** How many connections or frames of others were turned away, by reason. Only reasons that occurred. */
  readonly refused: Readonly<Partial<Record<PeerProblemReason, number>>>
}
