/**
 * What is measured: something that commits commands on three processes.
 */
import type { Consistency } from '@paxos/replica'

export interface Pipeline {
  /** Resolves once the command is on the disks of two of the three. */
  readonly commit: () => Promise<unknown>
  /** Resolves with what was committed so far. */
  readonly read: (consistency: Consistency) => Promise<unknown>
  readonly close: () => Promise<void>
}

export interface PipelineOptions {
  readonly id: string
  readonly members: Readonly<Record<string, string>>
  readonly directory: string
  /** The adapter: file or sqlite. */
  readonly durability: string
  /** How large each command is. */
  readonly commandBytes: number
  /** What the state machine holds from the start, in bytes. */
  readonly stateBytes: number
  /** Whether it gives and takes its state in pieces. Default: whole. */
  readonly inPieces?: boolean
  /** After how much of the log there is a snapshot. Default: that of Replica. */
  readonly snapshotEveryBytes?: number
  /** Whether nodes vote before all others have come. Default: false. */
  readonly trustEmptyDisk?: boolean
  /** Whether leaders have a lease. */
  readonly hasLease: boolean
}

/** What a pipeline tells of itself. */
export interface Listener {
  readonly leads: () => void
  readonly installed: (bytes: number) => void
}

/** How large a command is where nobody says. */
export const COMMAND_BYTES = 256
