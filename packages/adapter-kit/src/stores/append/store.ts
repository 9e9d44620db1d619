/**
 * The files of one acceptor, opened: the log, the snapshot that it refers to, and the order in
 * which they are written. One save goes like this: encoded at once; with others, as one group,
 * appended to the log and synced; answered. A snapshot is written to a file of its own before the
 * group that refers to it, and the one before it is removed after.
 *
 * Must never answer a save before the sync, and never write after anything failed.
 */
import { admittedBefore, claim, CorruptionError, DurabilityError, EMPTY_SAVED } from '@paxos/core'
import type {
  AcceptedEntry,
  Change,
  Claim,
  Identity,
  Opened,
  OpenOptions,
  Owner,
  PaxosError,
  Saved,
  Slot,
  Snapshot,
} from '@paxos/core'
import { join } from 'node:path'
import {
  beginCompaction,
  LOG_NAME,
  needsCompaction,
  NEW_LOG_NAME,
  type Compaction,
  type LogAndState,
} from './compaction.ts'
import { asPaxosError, damagedMessage, lostError, type Sentences } from '../failure.ts'
import { GroupCommit } from '../group-commit.ts'
import type { OpenStore } from '../life-cycle.ts'
import type { Lock } from '../lock.ts'
import type { FileSystem } from './file-system.ts'
import { newId } from './frame.ts'
import { MAX_SNAPSHOT_BYTES } from '../limits.ts'
import { MARK_AFTER_MS } from './limits.ts'
import { Log } from './log.ts'
import { decodeRecords, encodeChange, needsCurrentVersion, type Records } from './record.ts'
import type { SnapshotReference } from './record.ts'
import { isSnapshotName, readSnapshot, snapshotName, writeSnapshot } from './snapshot-file.ts'
import { requireSnapshot } from './snapshot-file.ts'
import { stagedAs, StagedFiles } from './staged-files.ts'
import { State } from './state.ts'

/** One change, ready to be written. */
interface Encoded {
  readonly records: Records
  /** That of its snapshot, whose file is to be written, or is there. */
  readonly snapshotId: bigint | null
  readonly snapshot: { readonly id: bigint; readonly bytes: Uint8Array } | null
}

/** A directory of which the store may be made. */
export interface Place {
  readonly fs: FileSystem
  /** Absolute: it means the same for as long as the store is open. */
  readonly directory: string
  readonly lock: Lock
  /** What the codes of its errors mean. */
  readonly sentences: Sentences
}

/**
 * Opens the files in `place`, which is there and locked, for `owner`. Makes them on the first time.
 * Nothing is written before it is known that the owner may have them.
 */
export async function openStore(
  place: Place,
  owner: Owner | undefined,
  { staged = false }: OpenOptions = {},
): Promise<{ readonly store: Store; readonly opened: Opened }> {
  const { fs, directory } = place
  const created = await createMissing(fs, directory, owner)
  const state = new State()
  const values = new Map<Slot, AcceptedEntry>()
  let claimed: Claim = { identity: null, isNew: false }
  const log = await Log.open(fs, join(directory, LOG_NAME), {
    visit({ payload, position }) {
      for (const record of decodeRecords(payload, `The log in ${directory}`)) {
        state.apply(record, position)
        if (record.type === 'snapshot') {
          for (const slot of values.keys()) if (!state.has(slot)) values.delete(slot)
        }
        // A copy: the payload is a view of a window that moves on.
        if (record.type === 'accepted' && state.has(record.entry.slot)) {
          const { slot, ballot, value } = record.entry
          values.set(slot, { slot, ballot, value: new Uint8Array(value) })
        }
      }
    },
    beforeWriting(identity) {
      const { promised, chosenThrough, snapshot, admitted } = state
      const accepted = [...values.values()]
      const found = { identity, promised, accepted, snapshot, chosenThrough, admitted }
      claimed = created ?? claim(directory, found, owner)
    },
  })
  let current: LogAndState = { log, state }
  if (log.isEarly) {
    state.admitted = admittedBefore({ promised: state.promised, accepted: [...values] })
  }
  try {
    const saved = await savedFrom(fs, directory, state, values, staged)
    // Of the format of today as soon as it is a node's: from then on it says who is admitted.
    const isOlder = log.isEarly && claimed.identity !== null && owner !== undefined
    if (created === null && (isOlder || claimed.identity !== log.identity)) {
      current = await rewrittenFor(claimed.identity, fs, directory, current)
    }
    await removeGarbage(fs, directory, state)
    const store = new Store(place, current, saved.snapshot)
    return { store, opened: { ...saved, ...claimed } }
  } catch (error) {
    await current.log.close()
    throw error
  }
}

/** Says what it made and for whom; null when there was something. */
async function createMissing(
  fs: FileSystem,
  directory: string,
  owner: Owner | undefined,
): Promise<Claim | null> {
  const names = await fs.list(directory)
  let created: Claim | null = null
  if (!names.includes(LOG_NAME)) {
    const leftover = names.find(isSnapshotName)
    if (leftover !== undefined) throw missingLog(directory, leftover)
    created = claim(directory, { ...EMPTY_SAVED, identity: null }, owner)
    const log = await Log.create(fs, join(directory, NEW_LOG_NAME), created.identity)
    try {
      await log.seal()
    } finally {
      await log.close()
    }
    await fs.rename(join(directory, NEW_LOG_NAME), join(directory, LOG_NAME))
  }
  await fs.syncDirectory(directory)
  return created
}

/** A log without an owner gets its first one as it is rewritten: it has the old one, or the new. */
async function rewrittenFor(
  identity: Identity | null,
  fs: FileSystem,
  directory: string,
  current: LogAndState,
): Promise<LogAndState> {
  const compaction = await beginCompaction(fs, directory, current, () => false, identity)
  return compaction === null ? current : compaction.finish()
}

async function savedFrom(
  fs: FileSystem,
  directory: string,
  state: State,
  values: ReadonlyMap<Slot, AcceptedEntry>,
  isStaged: boolean,
): Promise<Saved> {
  const { promised, chosenThrough, admitted, snapshot: reference } = state
  const accepted = [...values.values()].toSorted((a, b) => a.slot - b.slot)
  const single = { promised, accepted, chosenThrough, admitted }
  if (reference === null) return { ...single, snapshot: null }
  const { through, members, configuration } = reference
  const snapshot = { through, members, ...(await stateOf(fs, directory, reference, isStaged)) }
  if (configuration === undefined) return { ...single, snapshot }
  // A copy: this one stays for the next rewriting.
  return { ...single, snapshot: { ...snapshot, configuration: new Uint8Array(configuration) } }
}

/** The bytes of a snapshot, or where they are; then damage within them shows when they are read. */
async function stateOf(
  fs: FileSystem,
  directory: string,
  reference: SnapshotReference,
  isStaged: boolean,
): Promise<Pick<Snapshot, 'bytes' | 'staged'>> {
  const { id, length } = reference
  if (isStaged) {
    await requireSnapshot(fs, directory, reference)
    return { bytes: new Uint8Array(), staged: stagedAs(id, length) }
  }
  if (length <= MAX_SNAPSHOT_BYTES) return { bytes: await readSnapshot(fs, directory, reference) }
  throw new DurabilityError(
    'ERR_PAXOS_DURABILITY_FAILED',
    `The snapshot in ${directory} has ${length} bytes, and is read whole up to ${MAX_SNAPSHOT_BYTES}. ` +
      'Open it with { staged: true }, as a Replica does whose state machine has restorePieces().',
  )
}

/** What a crash left over: a log that did not get its name, snapshots that nothing refers to. */
async function removeGarbage(fs: FileSystem, directory: string, state: State): Promise<void> {
  const inUse = state.snapshot === null ? null : snapshotName(state.snapshot.id)
  for (const name of await fs.list(directory)) {
    const garbage = name === NEW_LOG_NAME || (isSnapshotName(name) && name !== inUse)
    if (garbage) await fs.remove(join(directory, name))
  }
}

export class Store implements OpenStore {
  readonly snapshots: StagedFiles
  readonly #fs: FileSystem
  readonly #directory: string
  readonly #lock: Lock
  readonly #sentences: Sentences
  readonly #commit: GroupCommit<Encoded>
  #current: LogAndState
  /** Snapshots that the log does not refer to any more. */
  #superseded: bigint[] = []
  /** Set while entries are copied, then `#ready` until a group boundary. Never rejects. */
  #compacting: Promise<void> | null = null
  #ready: Compaction | null = null
  #markTimer: NodeJS.Timeout | null = null
  #markIsOld = false
  #closing = false

  constructor(
    { fs, directory, lock, sentences }: Place,
    current: LogAndState,
    snapshot: Pick<Snapshot, 'staged'> | null,
  ) {
    this.snapshots = new StagedFiles(fs, directory, (error) => this.#explain(error))
    if (snapshot?.staged !== undefined) this.snapshots.found(snapshot.staged)
    this.#fs = fs
    this.#directory = directory
    this.#lock = lock
    this.#sentences = sentences
    this.#current = current
    this.#commit = new GroupCommit({
      write: (group) => this.#attempt(() => this.#write(group)),
      whenIdle: () => this.#attempt(() => this.#whenIdle()),
    })
  }

  async save(change: Change): Promise<void> {
    const encoded = this.#commit.prepare(() => encode(change, this.snapshots))
    const ownBytes = encoded.records.bytes.byteLength
    const bytes = ownBytes + (encoded.snapshot?.bytes.byteLength ?? 0)
    await this.#commit.add(encoded, bytes, ownBytes)
  }

  async close(): Promise<void> {
    this.#closing = true
    await this.snapshots.close()
    if (this.#markTimer !== null) clearTimeout(this.#markTimer)
    try {
      await this.#compacting
      await this.#commit.settled()
      if (this.#commit.poisoned) return
      await this.#current.log.mark()
      await this.#current.log.trim()
    } finally {
      await this.#ready?.abandon()
      await this.#current.log.close()
    }
  }

  async #write(group: readonly Encoded[]): Promise<void> {
    await this.#requireHeld()
    await this.#betweenGroups()
    if (group.some(({ records }) => needsCurrentVersion(records))) await this.#leaveEarlyFormat()
    for (const { snapshot } of group) {
      if (snapshot === null) continue
      await writeSnapshot(this.#fs, this.#directory, snapshot.id, snapshot.bytes)
    }
    const { log, state } = this.#current
    const before = state.snapshot
    const records = group.map((change) => change.records)
    state.applyGroup(records, await log.append(records.map(({ bytes }) => bytes)))
    await this.#requireHeld()
    for (const id of [before?.id, ...group.map(({ snapshotId }) => snapshotId)]) {
      if (id === undefined || id === null || id === state.snapshot?.id) continue
      if (this.snapshots.superseded(id)) this.#superseded.push(id)
    }
    this.#compactIfWorthwhile()
    this.#startMarkTimer()
  }

  /**
   * Whether the next one who opens the directory would find this log, and this lock. Asked before a
   * group, so as not to write where another may, and after it, so that nobody hears of a save that
   * is nowhere.
   */
  async #requireHeld(): Promise<void> {
    const path = join(this.#directory, LOG_NAME)
    const held = await Promise.all([this.#current.log.isAt(path), this.#lock.isHeld()])
    if (!held.every((isHeld) => isHeld)) throw lostError(this.#directory)
  }

  async #betweenGroups(): Promise<void> {
    await this.#finishCompaction()
    await this.#removeSuperseded()
    if (!this.#markIsOld) return
    this.#markIsOld = false
    await this.#current.log.mark()
  }

  /** A log of an earlier format that nobody owns gets that of today when it needs it. */
  async #leaveEarlyFormat(): Promise<void> {
    if (!this.#current.log.isEarly) return
    await this.#compacting
    await this.#finishCompaction()
    if (!this.#current.log.isEarly) return
    const begun = await beginCompaction(this.#fs, this.#directory, this.#current, () => false)
    if (begun !== null) this.#current = await begun.finish()
  }

  async #whenIdle(): Promise<void> {
    await this.#betweenGroups()
    this.#current.log.markMeanwhile()
  }

  #startMarkTimer(): void {
    if (this.#closing || this.#markTimer !== null) return
    this.#markTimer = setTimeout(() => {
      this.#markTimer = null
      this.#markIsOld = true
      this.#commit.nudge()
    }, MARK_AFTER_MS).unref()
  }

  async #removeSuperseded(): Promise<void> {
    const ids = this.#superseded
    this.#superseded = []
    for (const id of ids) await this.#fs.remove(join(this.#directory, snapshotName(id)))
  }

  #compactIfWorthwhile(): void {
    if (this.#closing || this.#compacting !== null || !needsCompaction(this.#current)) return
    this.#compacting = this.#compact()
  }

  async #compact(): Promise<void> {
    try {
      const abandoned = () => this.#closing || this.#commit.poisoned
      this.#ready = await beginCompaction(this.#fs, this.#directory, this.#current, abandoned)
      this.#commit.nudge()
    } catch (error) {
      // The old log is sound, but a disk that is full or damaged is better heard of now.
      this.#commit.poison(this.#explain(error))
    }
  }

  async #finishCompaction(): Promise<void> {
    const ready = this.#ready
    if (ready === null) return
    this.#ready = null
    this.#current = await ready.finish()
    this.#compacting = null
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      throw this.#explain(error)
    }
  }

  #explain(error: unknown): PaxosError {
    return asPaxosError(error, 'save', this.#directory, this.#sentences)
  }
}

function encode(change: Change, stage: StagedFiles): Encoded {
  const { snapshot } = change
  if (snapshot === undefined) {
    return { records: encodeChange(change, 0n), snapshotId: null, snapshot: null }
  }
  const { staged, bytes } = snapshot
  const id = staged === undefined ? newId() : stage.name(staged)
  const records = encodeChange(change, id)
  return { records, snapshotId: id, snapshot: staged === undefined ? { id, bytes } : null }
}

function missingLog(directory: string, leftover: string): CorruptionError {
  return new CorruptionError(
    damagedMessage(`${directory} has ${leftover} but no log, so the log was lost`),
  )
}
