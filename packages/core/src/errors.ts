/**
 * The errors that core and the adapters raise. Each is a class with a stable `code`, so that
 * programs branch on the code and people read the message: what happened, and in the last
 * sentence the way out. A message must never hold a secret or the bytes of a value.
 */

/** What all of them share. `cause` is the error underneath, where there is one. */
export abstract class PaxosError extends Error {
  /** Stable across releases; compare this, not the message. */
  abstract readonly code: string

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** An argument that can never work: an id outside the members, a negative interval. */
export class InvalidArgumentError extends PaxosError {
  readonly code = 'ERR_PAXOS_INVALID_ARGUMENT'
}

/** Bytes that are not a message of this protocol. The receiver counts and drops them. */
export class DecodeError extends PaxosError {
  readonly code = 'ERR_PAXOS_DECODE'
}

/** Something that must be true was not. The node must stop: going on could corrupt others. */
export class InvariantError extends PaxosError {
  readonly code = 'ERR_PAXOS_INVARIANT'
}

/** Why a transport could not do what it was asked. */
export type TransportErrorCode =
  | 'ERR_PAXOS_ADDRESS_IN_USE'
  | 'ERR_PAXOS_ADDRESS_MALFORMED'
  | 'ERR_PAXOS_ADDRESS_UNAVAILABLE'
  /** A certificate, a private key or a shared key that cannot be used. */
  | 'ERR_PAXOS_CREDENTIALS'
  | 'ERR_PAXOS_TRANSPORT_STATE'
  | 'ERR_PAXOS_TRANSPORT_FAILED'

/** A transport could not open, or was used before open or after close. */
export class TransportError extends PaxosError {
  readonly code: TransportErrorCode

  constructor(code: TransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** A frame above MAX_FRAME_BYTES was handed to a transport. Nothing was sent. */
export class FrameTooLargeError extends PaxosError {
  readonly code = 'ERR_PAXOS_FRAME_TOO_LARGE'
}

/** Why a durability adapter could not do what it was asked. */
export type DurabilityErrorCode =
  /** The medium refused a read, a write or a sync. */
  | 'ERR_PAXOS_DURABILITY_FAILED'
  /** An earlier save failed: what is on disk is not known until a fresh open(). */
  | 'ERR_PAXOS_DURABILITY_POISONED'
  /** Used before open, after close, or opened twice. */
  | 'ERR_PAXOS_DURABILITY_STATE'

/** A save or an open failed. After a failed save only a fresh open() may go on. */
export class DurabilityError extends PaxosError {
  readonly code: DurabilityErrorCode

  constructor(code: DurabilityErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * What was durable can no longer be read whole. Never delete it and start the same node afresh: with
 * an empty disk it votes as if it had promised nothing, and agreement can break. A backup is no way
 * out either, for it forgets what was promised since. Bring the disk itself back as it was at the
 * last save. Until then keep this node off: the others go on as long as a majority of the members
 * runs.
 */
export class CorruptionError extends PaxosError {
  readonly code = 'ERR_PAXOS_CORRUPTION'
}

/**
 * The state belongs to another node, to another cluster, or to another kind of node: two disks were
 * mixed up, or one was copied. Nothing was written, and nothing is left open.
 */
export class IdentityError extends PaxosError {
  readonly code = 'ERR_PAXOS_IDENTITY'
}

/** Another process has this state open. Two writers would forget each other's promises. */
export class LockedError extends PaxosError {
  readonly code = 'ERR_PAXOS_LOCKED'
}

/** A package that was asked for is not installed, or this runtime cannot load it. */
export class MissingPackageError extends PaxosError {
  readonly code = 'ERR_PAXOS_PACKAGE_MISSING'
}
