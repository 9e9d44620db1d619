/**
 * Pieces of snapshots on their way between the disk and other nodes, as the engine says: those that
 * come in are written one by one, and looked at when they are whole; those that are wanted are read.
 * What comes in is suspect: it must never take the place of anything before its beginning was read, and
 * what is given up must leave nothing behind.
 */
import { DecodeError } from '@paxos/core'
import type { NodeId, Slot, SnapshotStage, SnapshotWriter, StagedSnapshot } from '@paxos/core'
import type { LogEffects, LogEvent, MultiPaxos, WantedPiece } from '@paxos/core/multi'
import { readBeginning } from './replica-snapshot.ts'
import type { Beginning } from './replica-snapshot.ts'
import { sourceIn } from './stage.ts'
import type { StreamedState } from './streamed-state.ts'
import type { Logger } from './telemetry.ts'

type ReceivedPiece = Extract<LogEvent, { readonly type: 'piece-received' }>

export interface SnapshotPiecesOptions {
  readonly stage: SnapshotStage
  readonly state: Pick<StreamedState, 'restore'>
  readonly engine: Pick<MultiPaxos, 'pieceRead' | 'pieceKept' | 'received' | 'notReceived'>
  /** Gives the engine an input. What it throws stops the node. */
  readonly input: (give: () => LogEffects) => void
  readonly logger: Logger
}

/** A snapshot that comes in. */
interface Incoming {
  readonly transfer: number
  readonly writer: Promise<SnapshotWriter>
  isBusy: boolean
  isDropped: boolean
}

/** The pieces of one node. */
export class SnapshotPieces {
  readonly #options: SnapshotPiecesOptions
  readonly #incoming = new Map<number, Incoming>()
  /** For whom one is being read: nobody waits for two. */
  readonly #reading = new Set<NodeId>()
  #isStopped = false

  constructor(options: SnapshotPiecesOptions) {
    this.#options = options
  }

  /** Another node has asked for one. */
  async wanted(piece: WantedPiece): Promise<void> {
    const { stage, engine, input, logger } = this.#options
    const { to, staged, message, length } = piece
    if (this.#reading.has(to) || this.#isStopped) return
    this.#reading.add(to)
    try {
      const bytes = await stage.read(staged, message.offset, length)
      if (bytes.byteLength === length) input(() => engine.pieceRead(piece, bytes))
    } catch (error) {
      // It asks again, and then somebody else.
      if (!this.#isStopped)
        logger.error('a snapshot cannot be read for another node', { to, error })
    } finally {
      this.#reading.delete(to)
    }
  }

  /** One came in, the next one of its snapshot. */
  async received({ transfer, through, bytes, isLast }: ReceivedPiece): Promise<void> {
    if (this.#isStopped) return
    const incoming = this.#incoming.get(transfer) ?? this.#begin(transfer)
    incoming.isBusy = true
    try {
      const writer = await incoming.writer
      await writer.append(bytes)
      if (incoming.isDropped) await writer.abandon()
      else if (isLast) await this.#look(incoming, through, await writer.seal())
      else this.#options.input(() => this.#options.engine.pieceKept(transfer))
    } catch (error) {
      await this.#abandon(incoming)
      if (!this.#isStopped) this.#fail(error)
    } finally {
      incoming.isBusy = false
    }
  }

  /** No more of it will come. */
  dropped(transfer: number): void {
    const incoming = this.#incoming.get(transfer)
    if (incoming === undefined) return
    this.#incoming.delete(transfer)
    incoming.isDropped = true
    if (!incoming.isBusy) void this.#abandon(incoming)
  }

  /** The node is over. */
  stop(): void {
    this.#isStopped = true
    for (const transfer of this.#incoming.keys()) this.dropped(transfer)
  }

  #begin(transfer: number): Incoming {
    const writer = this.#options.stage.begin()
    const incoming = { transfer, writer, isBusy: true, isDropped: false }
    this.#incoming.set(transfer, incoming)
    return incoming
  }

  /** All of it came in. */
  async #look(incoming: Incoming, through: Slot, staged: StagedSnapshot): Promise<void> {
    const { stage, state, engine, input } = this.#options
    const { transfer } = incoming
    const beginning = incoming.isDropped ? null : await this.#beginningOf(staged)
    if (incoming.isDropped || beginning === null) {
      this.#incoming.delete(transfer)
      await stage.discard(staged)
      if (!incoming.isDropped) input(() => engine.notReceived(transfer))
      return
    }
    await state.restore(through, staged, beginning, () => {
      this.#incoming.delete(transfer)
      input(() => engine.received(transfer, staged))
    })
  }

  async #beginningOf(staged: StagedSnapshot): Promise<Beginning | null> {
    try {
      return await readBeginning(sourceIn(this.#options.stage, staged))
    } catch (error) {
      if (error instanceof DecodeError) return null
      throw error
    }
  }

  async #abandon({ writer }: Incoming): Promise<void> {
    try {
      await (await writer).abandon()
    } catch {
      // What it leaves is removed when the disk is opened next.
    }
  }

  #fail(error: unknown): void {
    this.#options.input(() => {
      throw error
    })
  }
}
