/**
 * A disk in memory that outlives the adapters on it, as a real one outlives processes. What a save
 * brings is lost in a crash until it is synced. It must never share bytes with an adapter's caller:
 * what is on the disk is a copy.
 *
 * How it is like a real disk: what was synced is `durable`. Behind it a crash may leave records of
 * saves that were not synced: each with its number, and whole or torn. Nobody was told that they
 * are saved, so open() may keep them, but only as far as they follow on one another: the first that
 * is missing or torn, and all behind it, are dropped.
 */
import {
  claim,
  CorruptionError,
  DurabilityError,
  InvalidArgumentError,
  kindOf,
  LockedError,
} from '@paxos/core'
import type { Change, Durability, Identity, Opened, OpenOptions } from '@paxos/core'
import type { Owner, Saved, SnapshotStage } from '@paxos/core'
import { MemoryStage } from './stage.ts'
import { Content, copyChange } from './state.ts'

/**
 * What a crash makes of a save that was not synced: 'whole' on the disk, 'torn' (there in part, so
 * that it can be told that it is not whole), or 'lost'.
 */
export type Fate = 'whole' | 'torn' | 'lost'

const FATES: readonly Fate[] = ['whole', 'torn', 'lost']

/** What a test can do with a disk. */
export interface MemoryDisk {
  /** A new adapter on this disk: what memory({ disk }) returns. */
  durability(): Durability
  /** From now on saves wait, unsynced, until they are released. */
  hold(): void
  /** Syncs the `count` oldest waiting saves; without a count all of them, and holds no more. */
  release(count?: number): void
  /**
   * Power is lost. The adapter that has the disk open is dead: its waiting saves reject. `reached`
   * says what became of each of them, oldest first: a number for how many are whole on the disk, or
   * the fate of each, so that a later one may be there and an earlier one not. What it leaves out
   * is lost. Default 0. The disk holds, and fails, no more.
   */
  crash(reached?: number | readonly Fate[]): void
  /** From now on every sync fails, and what was to be synced is not on the disk. */
  fail(): void
  /** Syncs work again. An adapter on which one failed stays poisoned. */
  repair(): void
  /** Something that was synced can no longer be read: from now on no adapter opens. */
  damage(): void
  /** How many saves wait to be synced. */
  readonly waiting: number
  /** A copy of what open() would find, were the disk not damaged. */
  readonly saved: Saved
  /** Whose the disk is: of the first owner that opened it. Null before. */
  readonly identity: Identity | null
}

interface WaitingSave {
  /** Of a snapshot that is being sealed: nothing. */
  readonly change: Change
  readonly isSave: boolean
  readonly resolve: () => void
  readonly reject: (error: DurabilityError) => void
}

/** What a crash left of a save that was not synced. */
interface LeftRecord {
  /** 1 for the first save that was not synced. */
  readonly number: number
  readonly isWhole: boolean
  readonly change: Change
}

/** A new, empty disk. */
export function memoryDisk(): MemoryDisk {
  const durable = new Content()
  let identity: Identity | null = null
  let left: readonly LeftRecord[] = []
  let damaged = false
  let failing = false
  let holding = false
  let waiting: WaitingSave[] = []
  /** The adapter that has the disk open, and whether a sync of it failed. */
  let holder: symbol | null = null
  let poisoned = false
  let whenIdle: (() => void)[] = []

  function sync(count: number): void {
    if (failing && waiting.length > 0 && count > 0) {
      poisoned ||= waiting.some(({ isSave }) => isSave)
      rejectWaiting(refused())
      return
    }
    const synced = waiting.slice(0, count)
    waiting = waiting.slice(count)
    for (const { change } of synced) durable.apply(change)
    for (const { resolve } of synced) resolve()
    if (waiting.length === 0) becomeIdle()
  }

  function rejectWaiting(error: DurabilityError): void {
    for (const { reject } of waiting.splice(0)) reject(error)
    becomeIdle()
  }

  function becomeIdle(): void {
    for (const resume of whenIdle.splice(0)) resume()
  }

  function write(change: Change, isSave: boolean): Promise<void> {
    // Copied now: the caller may only be relied on until the save resolves.
    const copy = copyChange(change)
    return new Promise((resolve, reject) => {
      waiting.push({ change: copy, isSave, resolve, reject })
      if (!holding) sync(waiting.length)
    })
  }

  function idle(): Promise<void> {
    if (waiting.length === 0) return Promise.resolve()
    return new Promise((resolve) => whenIdle.push(resolve))
  }

  function recover(owner: Owner | undefined): Opened {
    if (damaged) throw unreadable()
    const found = contentFound().saved
    const claimed = claim('The disk', { ...found, identity }, owner)
    if (claimed.identity !== identity && failing) throw refused()
    // From here on it is durable: what one open() has shown the next one must show.
    identity = claimed.identity
    for (const { change } of followingOn(left)) durable.apply(change)
    left = []
    return { ...found, identity: copyOf(identity), isNew: claimed.isNew }
  }

  function contentFound(): Content {
    const found = durable.clone()
    for (const { change } of followingOn(left)) found.apply(change)
    return found
  }

  function durability(): Durability {
    const self = Symbol('adapter')
    /** An adapter is used once, so that a late call of a dead one can never meet a new life. */
    let phase: 'new' | 'open' | 'closed' = 'new'
    const stage = new MemoryStage(() => write({}, false))
    function staging(): SnapshotStage {
      if (phase === 'open' && holder === self) return stage
      throw stateError('The disk is not open here. Open a new adapter on it.')
    }
    return {
      snapshots: {
        async begin() {
          const writer = await staging().begin()
          return {
            append: async (piece) => {
              staging()
              await writer.append(piece)
            },
            seal: async () => {
              staging()
              return await writer.seal()
            },
            abandon: () => writer.abandon(),
          }
        },
        read: async (staged, offset, maxBytes) => await staging().read(staged, offset, maxBytes),
        discard: async (staged) => await staging().discard(staged),
      },
      async open(owner, options) {
        if (phase !== 'new') throw stateError('This adapter was opened before. Make a new one.')
        if (holder !== null) throw locked()
        const opened = recover(owner)
        phase = 'open'
        poisoned = false
        holder = self
        return told(opened, stage, options)
      },
      async save(change) {
        if (phase !== 'open' || holder !== self) {
          throw stateError('The disk is not open here. Open a new adapter on it.')
        }
        if (poisoned) throw poisonedError()
        await write(stage.whole(change), true)
      },
      async close() {
        phase = 'closed'
        if (holder !== self) return
        await idle()
        if (holder === self) holder = null
      },
    }
  }

  return {
    durability,
    hold() {
      holding = true
    },
    release(count) {
      requireCount(count)
      if (count === undefined) holding = false
      sync(count ?? waiting.length)
    },
    crash(reached = 0) {
      if (typeof reached === 'number') requireCount(reached)
      else requireFates(reached)
      // Without an adapter nothing was being saved, and what an earlier crash left is still there.
      if (holder !== null) left = leftRecords(waiting, reached)
      holding = false
      failing = false
      holder = null
      rejectWaiting(powerLost())
    },
    fail() {
      failing = true
    },
    repair() {
      failing = false
    },
    damage() {
      damaged = true
    },
    get waiting() {
      return waiting.length
    },
    get saved() {
      return contentFound().saved
    },
    get identity() {
      return copyOf(identity)
    },
  }
}

/** As who opens asks for the snapshot. */
function told(opened: Opened, stage: MemoryStage, { staged = false }: OpenOptions = {}): Opened {
  const { snapshot } = opened
  if (!staged || snapshot === null) return opened
  const bytes = new Uint8Array()
  return { ...opened, snapshot: { ...snapshot, bytes, staged: stage.saved(snapshot.bytes) } }
}

function copyOf(identity: Identity | null): Identity | null {
  return identity === null ? null : { ...identity }
}

function leftRecords(
  waiting: readonly WaitingSave[],
  reached: number | readonly Fate[],
): readonly LeftRecord[] {
  return waiting.flatMap(({ change }, index) => {
    const fate = fateOf(index, reached)
    return fate === 'lost' ? [] : [{ number: index + 1, isWhole: fate === 'whole', change }]
  })
}

function fateOf(index: number, reached: number | readonly Fate[]): Fate {
  if (typeof reached === 'number') return index < reached ? 'whole' : 'lost'
  return reached[index] ?? 'lost'
}

/** The longest run of whole records, without a gap, counts; what is behind it does not. */
function followingOn(left: readonly LeftRecord[]): readonly LeftRecord[] {
  const end = left.findIndex(({ number, isWhole }, index) => number !== index + 1 || !isWhole)
  return end === -1 ? left : left.slice(0, end)
}

function requireCount(count: number | undefined): void {
  if (count === undefined || (Number.isInteger(count) && count >= 0)) return
  throw new InvalidArgumentError(`A number of saves is ${count}. Give a whole number from 0 on.`)
}

function requireFates(reached: readonly Fate[]): void {
  if (!Array.isArray(reached)) {
    throw new InvalidArgumentError(
      `What a crash reached is ${kindOf(reached)}. Give a number of saves, or the fate of each.`,
    )
  }
  if (reached.every((fate) => FATES.includes(fate))) return
  throw new InvalidArgumentError(
    `The fate of a save is something else than ${FATES.join(', ')}. Give one of them for each.`,
  )
}

function stateError(message: string): DurabilityError {
  return new DurabilityError('ERR_PAXOS_DURABILITY_STATE', message)
}

function poisonedError(): DurabilityError {
  const message =
    'An earlier save failed. Close this adapter and open a new one, which shows what is on the disk.'
  return new DurabilityError('ERR_PAXOS_DURABILITY_POISONED', message)
}

function refused(): DurabilityError {
  const message = 'The disk was told to fail. Repair it, and open a new adapter on it.'
  return new DurabilityError('ERR_PAXOS_DURABILITY_FAILED', message)
}

function powerLost(): DurabilityError {
  const message = 'The power was lost during this save. Open a new adapter on the disk.'
  return new DurabilityError('ERR_PAXOS_DURABILITY_FAILED', message)
}

function locked(): LockedError {
  return new LockedError('Another adapter has this disk open. Close it first, or crash the disk.')
}

function unreadable(): CorruptionError {
  const message =
    'The disk was told to be damaged: what was durable can no longer be read. Use another disk.'
  return new CorruptionError(message)
}
