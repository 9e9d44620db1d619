/**
 * The state of a node whose state machine gives and takes it in pieces: snapshots of it are written
 * while commands are applied; while it is replaced nothing is applied or asked, and everything else
 * goes on. Must never let two replace it at once, nor take a snapshot that was not read to its end for
 * one.
 */
import type { Slot, SnapshotStage, SnapshotWriter, StagedSnapshot } from '@paxos/core'
import type { LogEffects, MultiPaxos } from '@paxos/core/multi'
import type { Applier, BegunSnapshot, TakenSnapshot } from './applier.ts'
import { StateTooLargeError } from './errors.ts'
import { AT_ONCE, evenly } from './pieces.ts'
import type { Pause } from './pieces.ts'
import type { Beginning } from './replica-snapshot.ts'
import { sourceIn } from './stage.ts'
import type { Logger } from './telemetry.ts'
import { asError } from './words.ts'

/** The parts of a node that stand behind its state, whatever its commands are. */
export type StreamedApplier = Pick<
  Applier<never, never, never, never>,
  | 'appliedThrough'
  | 'beginSnapshot'
  | 'snapshotTaken'
  | 'snapshotFailed'
  | 'restoreBehind'
  | 'undo'
  | 'wantsUndo'
>

export interface StreamedStateOptions {
  readonly applier: StreamedApplier
  readonly stage: SnapshotStage
  readonly engine: Pick<MultiPaxos, 'chosenThrough'>
  /** Gives the engine an input. What it throws stops the node. */
  readonly input: (give: () => LogEffects) => void
  readonly pause: Pause
  readonly maxSnapshotBytes: number
  readonly logger: Logger
  /** The state was replaced by that through this slot. */
  readonly restored: (through: Slot) => void
  /** Commands can be applied again. Called from inside an input. */
  readonly released: () => void
}

/** A snapshot that is being written. */
interface Taking {
  readonly begun: BegunSnapshot
  /** It is not wanted any more. */
  isEnded: boolean
}

const NOTHING: LogEffects = { send: [], events: [] }

/** Takes and replaces the state of one node. */
export class StreamedState {
  readonly #options: StreamedStateOptions
  /** How many want the state for themselves, or have it. */
  #holds = 0
  #last: Promise<void> = Promise.resolve()
  #taking: Taking | null = null
  /** That from which a command that fails is undone. */
  #base: StagedSnapshot | null
  /** The engine has no more use for it, but it is needed here. */
  #isBaseUnused = false
  #isStopped = false

  /** `base`: that from which the state was restored, if it is staged. */
  constructor(options: StreamedStateOptions, base: StagedSnapshot | null) {
    this.#options = options
    this.#base = base
  }

  /** Whether the state is being replaced, so that nothing may be applied or asked. */
  get isHeld(): boolean {
    return this.#holds > 0
  }

  /**
   * Keeps the state with which the machine begins, from which the first commands that fail are undone.
   * Rejects as the state machine and the disk do. To be called before anything else, and only where
   * nothing was restored.
   */
  async begin(): Promise<void> {
    const begun = this.#options.applier.beginSnapshot()
    try {
      await this.#stage({ begun, isEnded: false }, AT_ONCE)
    } finally {
      await begun.state.end().catch(() => undefined)
    }
    // No save names it: it goes with the next one.
    this.#isBaseUnused = true
  }

  /** Takes a snapshot of the state as it is now. `null`: it was given up. Never rejects. */
  async take(): Promise<TakenSnapshot | null> {
    const { applier, engine } = this.#options
    const through = applier.appliedThrough
    // What was restored may be ahead of what the engine knows to be chosen.
    const isKnown = through <= engine.chosenThrough
    if (this.isHeld || this.#taking !== null || this.#isStopped || !isKnown) return null
    let begun: BegunSnapshot
    try {
      begun = applier.beginSnapshot()
    } catch (cause) {
      return this.#failed(through, cause)
    }
    const taking = { begun, isEnded: false }
    this.#taking = taking
    try {
      const staged = await this.#stage(taking, this.#options.pause)
      return staged === null ? null : { through, staged }
    } catch (cause) {
      return taking.isEnded ? null : this.#failed(through, cause)
    } finally {
      await begun.state.end().catch(() => undefined)
      this.#taking = null
    }
  }

  /** Undoes what a command has left that failed half-way. */
  undo(): void {
    const { applier, pause } = this.#options
    void this.#exclusively(async () => {
      if (applier.wantsUndo) await applier.undo(pause)
    })
  }

  /**
   * Replaces the state by what is staged, whose `beginning` was read, unless it has come as far; then
   * `done` is called, before anything is applied.
   */
  async restore(
    through: Slot,
    staged: StagedSnapshot,
    beginning: Beginning,
    done: () => void,
  ): Promise<void> {
    const { applier, stage, pause, restored } = this.#options
    await this.#exclusively(async () => {
      if (through > applier.appliedThrough) {
        await applier.restoreBehind(through, beginning, sourceIn(stage, staged), pause)
        this.#setBase(staged)
        restored(through)
      }
      done()
    })
  }

  /** The engine has no more use for it. */
  unused(staged: StagedSnapshot): void {
    if (this.#base?.id === staged.id) this.#isBaseUnused = true
    else void this.#discard(staged)
  }

  /** The node is over. */
  stop(): void {
    this.#isStopped = true
    void this.#endTaking()
  }

  async #stage(taking: Taking, pause: Pause): Promise<StagedSnapshot | null> {
    const { applier, stage } = this.#options
    const writer = await stage.begin()
    let staged: StagedSnapshot | null
    try {
      staged = await this.#write(taking, writer, pause)
    } catch (error) {
      await writer.abandon().catch(() => undefined)
      throw error
    }
    if (staged === null) await writer.abandon()
    else if (taking.isEnded) await this.#discard(staged)
    if (staged === null || taking.isEnded) return null
    applier.snapshotTaken(taking.begun, sourceIn(stage, staged))
    this.#setBase(staged)
    return staged
  }

  async #write(
    taking: Taking,
    writer: SnapshotWriter,
    pause: Pause,
  ): Promise<StagedSnapshot | null> {
    const { maxSnapshotBytes } = this.#options
    let bytes = 0
    for await (const piece of evenly(allOf(taking.begun, pause))) {
      if (taking.isEnded) return null
      bytes += piece.byteLength
      if (bytes > maxSnapshotBytes) throw tooLarge(maxSnapshotBytes)
      await writer.append(piece)
    }
    // Who is told that no more is wanted gives no more: that is no end.
    return taking.isEnded ? null : await writer.seal()
  }

  #failed(through: Slot, cause: unknown): TakenSnapshot {
    this.#options.applier.snapshotFailed()
    return { through, error: asError(cause) }
  }

  async #exclusively(work: () => Promise<void>): Promise<void> {
    this.#holds += 1
    this.#last = this.#alone(this.#last, work)
    await this.#last
  }

  async #alone(before: Promise<void>, work: () => Promise<void>): Promise<void> {
    const { input, released } = this.#options
    await before
    try {
      await this.#endTaking()
      if (!this.#isStopped) await work()
    } catch (error) {
      input(() => {
        throw error
      })
    }
    this.#holds -= 1
    if (this.isHeld || this.#isStopped) return
    input(() => {
      released()
      return NOTHING
    })
  }

  /** The application is told that its pieces are not wanted any more. */
  async #endTaking(): Promise<void> {
    const taking = this.#taking
    if (taking === null) return
    taking.isEnded = true
    await taking.begun.state.end().catch(() => undefined)
  }

  #setBase(staged: StagedSnapshot): void {
    const [before, isUnused] = [this.#base, this.#isBaseUnused]
    this.#base = staged
    this.#isBaseUnused = false
    if (before !== null && isUnused) void this.#discard(before)
  }

  async #discard(staged: StagedSnapshot): Promise<void> {
    const { stage, logger } = this.#options
    try {
      await stage.discard(staged)
    } catch (error) {
      if (!this.#isStopped) logger.warn('a former snapshot could not be removed', { error })
    }
  }
}

async function* allOf(
  { beginning, state }: BegunSnapshot,
  pause: Pause,
): AsyncGenerator<Uint8Array> {
  yield beginning
  yield* state.pieces(pause)
}

function tooLarge(maxBytes: number): StateTooLargeError {
  return new StateTooLargeError(
    `A snapshot of the state takes more than the ${maxBytes} bytes that it may take. ` +
      'Delete some of it, or raise maxStateBytes on all nodes.',
  )
}
