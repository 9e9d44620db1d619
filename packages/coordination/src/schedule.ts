/**
 * What runs at certain times, once in the cluster: an entry point of its own, for who has `croner`, which
 * reads the patterns. Each process waits for the same times by its own clock on the wall; the one that gets
 * the lock first runs, and writes down that it does, so that the others find it done. Must never begin a
 * run for a time that somebody has begun one for, unless that was asked for where a run was cut.
 */
import { InvalidArgumentError, requireFunction, requireMethods, requireOptions } from '@paxos/core'
import type { Clock, Json } from '@paxos/replica'
import { Cron } from 'croner'
import { DEFAULT_TTL_MS, requireInteger, requireName, ttlOf } from './arguments.ts'
import { platformClock } from './clock.ts'
import type { Coordination } from './coordination.ts'
import { isOver } from './errors.ts'
import type { Hold } from './hold.ts'

/** One run. */
export interface ScheduledRun {
  /** For which time it is; others for the same time may only come where a run was cut. */
  readonly scheduledAt: Date
  /** Of the lock that it runs under: for the resources that it writes to. */
  readonly token: number
  /** Aborts when others may run, or the job is stopped. */
  readonly signal: AbortSignal
  /** Whether a run for this time was begun before, and cut. */
  readonly isAgain: boolean
}

/** What became of a time, as one process tells it. */
export type ScheduleReport =
  | { readonly type: 'done'; readonly scheduledAt: Date }
  /** It threw, here. It is not begun again. */
  | { readonly type: 'failed'; readonly scheduledAt: Date; readonly error: unknown }
  /** Nobody began it in time: the newest of one or more. */
  | { readonly type: 'missed'; readonly scheduledAt: Date }
  /** Somebody began it and was not heard any more before it was done. */
  | { readonly type: 'cut'; readonly scheduledAt: Date }
  /** Something could not be asked or written; the next time is waited for. */
  | { readonly type: 'error'; readonly error: unknown }

export interface ScheduleOptions {
  /** In whose time the pattern is read, such as 'Europe/Berlin'. Default: that of this process. */
  readonly timeZone?: string | undefined
  /** After so long a time is missed, in milliseconds. Default: 60,000. */
  readonly graceMs?: number | undefined
  /**
   * What happens to times that nobody began a run for, because no process ran, say: 'skip', or 'run' for
   * the newest of them, once, however late. Default: 'skip'.
   */
  readonly missed?: 'skip' | 'run' | undefined
  /**
   * What happens to a run whose process died, or lost the lock, in the middle: 'skip', so that a run is
   * begun once at most, or 'run', so that it is begun again for the same time. Default: 'skip'.
   */
  readonly cut?: 'skip' | 'run' | undefined
  /** After so long without a sign of it, a run is cut: see HoldOptions. Default: 10,000. */
  readonly ttlMs?: number | undefined
  /** Told what became of each time that this process had to do with. Default: nobody is. */
  readonly report?: ((report: ScheduleReport) => void) | undefined
  /** Its clock on the wall is what the pattern goes by. Default: the clock of this machine. */
  readonly clock?: Clock | undefined
}

type Settings = {
  readonly [Name in Exclude<keyof ScheduleOptions, 'timeZone'>]-?: NonNullable<
    ScheduleOptions[Name]
  >
}

/** What the cluster knows of a job. */
interface Progress {
  /** The newest time that was begun or is not begun any more. */
  readonly through: number
  readonly isRunning: boolean
}

/** The longest time until the clock on the wall is looked at again: it may be set. */
const MAX_WAIT_MS = 60_000

const OPTIONS = ['timeZone', 'graceMs', 'missed', 'cut', 'ttlMs', 'report', 'clock']

/** A job of the cluster, by its name. */
export class Schedule {
  readonly #coordination: Coordination
  readonly #name: string
  readonly #options: ScheduleOptions

  /** Give the same name and options in every process. Throws InvalidArgumentError. */
  constructor(coordination: Coordination, name: string, options: ScheduleOptions = {}) {
    requireOptions('Schedule', options, OPTIONS)
    requireName('The name of a schedule', `${PREFIX}${name}`)
    this.#coordination = coordination
    this.#name = name
    this.#options = options
  }

  /**
   * Runs `run` in one process of the cluster at each time of the pattern, such as '0 3 * * *', never in two
   * at a time: a time that comes while a run goes on is missed if that takes longer than `graceMs`.
   * Returns the job of this process, which waits until stop(). Throws InvalidArgumentError for a pattern
   * that is none.
   */
  every(pattern: string, run: (run: ScheduledRun) => Promise<void> | void): Job {
    requireFunction('run', run)
    const cron = cronOf(pattern, this.#options.timeZone)
    return new Job(
      this.#coordination,
      `${PREFIX}${this.#name}`,
      cron,
      run,
      settingsOf(this.#options),
    )
  }
}

const PREFIX = 'schedule/'

/** What one process does for a schedule. */
export class Job implements AsyncDisposable {
  readonly #coordination: Coordination
  readonly #name: string
  readonly #cron: Cron
  readonly #run: (run: ScheduledRun) => Promise<void> | void
  readonly #settings: Settings
  readonly #stopped = new AbortController()
  readonly #ended: Promise<void>
  #wake: () => void = () => undefined

  constructor(
    coordination: Coordination,
    name: string,
    cron: Cron,
    run: (run: ScheduledRun) => Promise<void> | void,
    settings: Settings,
  ) {
    this.#coordination = coordination
    this.#name = name
    this.#cron = cron
    this.#run = run
    this.#settings = settings
    this.#ended = this.#go()
  }

  /** Waits for no more times. A run that goes on here has its signal aborted, and is waited for. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('The job was stopped.'))
    this.#wake()
    await this.#ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  get #isStopped(): boolean {
    return this.#stopped.signal.aborted
  }

  get #nowMs(): number {
    return this.#settings.clock.wallMs?.() ?? Date.now()
  }

  async #go(): Promise<void> {
    let handled = -Infinity
    while (!this.#isStopped) {
      const due = this.#newestThrough(this.#nowMs)
      if (due !== null && due > handled) {
        try {
          await this.#handle(due)
          handled = due
        } catch (error) {
          if (this.#isStopped) break
          this.#report({ type: 'error', error })
          if (isOver(error) || isClosed(error)) break
          // Asked again soon, for the time is still to be begun.
          await this.#wait(Math.min(MAX_WAIT_MS, this.#settings.ttlMs))
        }
        continue
      }
      const next = this.#cron.nextRun(new Date(this.#nowMs))
      await this.#wait(next === null ? MAX_WAIT_MS : next.getTime() - this.#nowMs)
    }
  }

  /** The newest time of the pattern that is not after `atMs`. */
  #newestThrough(atMs: number): number | null {
    const [newest] = this.#cron.previousRuns(1, new Date(atMs + 1))
    return newest?.getTime() ?? null
  }

  async #handle(due: number): Promise<void> {
    const { signal } = this.#stopped
    const { ttlMs, cut } = this.#settings
    const hold = await this.#coordination.lock(this.#name, { ttlMs, signal })
    try {
      const register = this.#coordination.register(this.#name)
      const found = await register.get({ signal })
      const before = progressIn(found?.value ?? null)
      // Nobody has known this job: what was before it is nobody's to run.
      if (found === null || before === null) {
        await register.compareAndSet(found?.revision ?? 0, progress(due, false), { signal })
        return
      }
      let { revision } = found
      if (before.isRunning) {
        // Its process is gone, or this one would not have the lock.
        this.#report({ type: 'cut', scheduledAt: new Date(before.through) })
        if (cut === 'run') {
          const again = await this.#begin(hold, before.through, revision, true)
          if (again === null) return
          revision = again
        }
      }
      if (before.through >= due) return
      if (this.#settings.missed === 'skip' && this.#nowMs - due > this.#settings.graceMs) {
        const { isSet } = await register.compareAndSet(revision, progress(due, false), { signal })
        if (isSet) this.#report({ type: 'missed', scheduledAt: new Date(due) })
        return
      }
      await this.#begin(hold, due, revision, false)
    } finally {
      await hold.release().catch(() => undefined)
    }
  }

  /** Writes down that it is begun, runs it, and writes down that it is over; resolves with the revision. */
  async #begin(hold: Hold, at: number, revision: number, isAgain: boolean): Promise<number | null> {
    const { signal } = this.#stopped
    const register = this.#coordination.register(this.#name)
    const begun = await register.compareAndSet(revision, progress(at, true), { signal })
    if (!begun.isSet || !hold.isHeld) return null
    const scheduledAt = new Date(at)
    const ends = AbortSignal.any([hold.signal, signal])
    try {
      await this.#run({ scheduledAt, token: hold.token, signal: ends, isAgain })
      this.#report({ type: 'done', scheduledAt })
    } catch (error) {
      this.#report({ type: 'failed', scheduledAt, error })
    }
    // Also where the lock was lost: nobody else has begun anything if it is as it was.
    const over = await register.compareAndSet(begun.revision, progress(at, false))
    return over.isSet ? over.revision : null
  }

  async #wait(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.#settings.clock.schedule(Math.min(Math.max(ms, 1), MAX_WAIT_MS), resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
      if (this.#isStopped) this.#wake()
    })
  }

  #report(report: ScheduleReport): void {
    this.#settings.report(report)
  }
}

function progress(through: number, isRunning: boolean): Json {
  return { through, isRunning }
}

/** `null` for what this version did not write. */
function progressIn(value: Json): Progress | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const through: unknown = Reflect.get(value, 'through')
  const isRunning: unknown = Reflect.get(value, 'isRunning')
  return typeof through === 'number' && typeof isRunning === 'boolean'
    ? { through, isRunning }
    : null
}

function cronOf(pattern: string, timezone: string | undefined): Cron {
  try {
    const cron = new Cron(pattern, timezone === undefined ? {} : { timezone })
    cron.nextRun()
    return cron
  } catch (cause) {
    throw new InvalidArgumentError(
      'The pattern or the time zone is none. Give a pattern such as 0 3 * * *, and a zone such as ' +
        'Europe/Berlin.',
      { cause },
    )
  }
}

function settingsOf(options: ScheduleOptions): Settings {
  const {
    graceMs = 60_000,
    missed = 'skip',
    cut = 'skip',
    ttlMs = DEFAULT_TTL_MS,
    report = () => undefined,
    clock = platformClock,
  } = options
  ttlOf({ ttlMs })
  requireInteger('graceMs', graceMs, 0, Number.MAX_SAFE_INTEGER)
  for (const [name, policy] of [
    ['missed', missed],
    ['cut', cut],
  ]) {
    if (policy === 'skip' || policy === 'run') continue
    throw new InvalidArgumentError(`${name} is none of 'skip' and 'run'. Give one of them.`)
  }
  requireFunction('report', report)
  requireMethods('clock', clock, ['nowMs', 'wallMs', 'schedule'], 'an object with all three')
  return { graceMs, missed, cut, ttlMs, report, clock }
}

function isClosed(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === CLOSED
}

const CLOSED = 'ERR_PAXOS_COORDINATION_CLOSED'
