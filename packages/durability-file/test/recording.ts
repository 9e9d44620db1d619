/**
 * Records what the adapter asks of a real file system, and says what a disk may hold when power is
 * lost at any moment of it. A write and a change of names count from when they are asked for: from
 * then on they may be on disk. They must be there once a sync has ended that began after they had
 * ended. Must never take anything for synced that a disk may still lose.
 */
import type { DurableFile, OpenFile } from '@paxos/adapter-kit/stores'
import type { DirectorySystem as FileSystem } from '../src/file-system.ts'

/** A file, however it is called: its number in the order of creation. */
type FileNumber = number

export type Event =
  | {
      readonly type: 'write'
      readonly file: FileNumber
      readonly position: number
      readonly bytes: Uint8Array
    }
  | { readonly type: 'truncate'; readonly file: FileNumber; readonly length: number }
  /** Names to set or, with null, to remove in one go. */
  | { readonly type: 'name'; readonly names: ReadonlyMap<string, FileNumber | null> }
  /** A sync of a file or of the directory has ended: these events are on disk. */
  | { readonly type: 'synced'; readonly covers: readonly number[] }
  /** So many changes were handed over. */
  | { readonly type: 'submitted'; readonly count: number }
  /** So many were answered. */
  | { readonly type: 'acknowledged'; readonly count: number }

export interface Recording {
  readonly fs: FileSystem
  /** Everything so far. An event is named by its place. */
  readonly events: readonly Event[]
  /** Says in the list what the caller knows. */
  note(event: Event & { readonly type: 'submitted' | 'acknowledged' }): void
}

/**
 * `real`, recorded. What is there already does not count but for what `past` led to: the events of a
 * process that was killed, all of which the system has carried out, but not all of which are synced.
 */
export function recorded(real: FileSystem, past: readonly Event[] = []): Recording {
  const events: Event[] = [...past]
  const done = new Set(past.keys())
  const names = namesAfter(past)
  let files = 1 + Math.max(-1, ...past.flatMap(filesOf))

  /** Returns the event's place. */
  async function change(event: Event, run: () => Promise<void>): Promise<number> {
    requireApart(event)
    const place = events.push(event) - 1
    await run()
    done.add(place)
    return place
  }

  /** Of two writes that run at once and overlap nobody knows which one the disk keeps. */
  function requireApart(event: Event): void {
    if (event.type !== 'write') return
    for (const [place, other] of events.entries()) {
      if (other.type !== 'write' || other.file !== event.file || done.has(place)) continue
      const isBefore = other.position + other.bytes.byteLength <= event.position
      const isBehind = event.position + event.bytes.byteLength <= other.position
      if (!isBefore && !isBehind) throw new Error(`Two writes overlap at ${event.position}.`)
    }
  }

  async function sync(isCovered: (event: Event) => boolean, run: () => Promise<void>) {
    const covers = [...done].filter((place) => {
      const event = events[place]
      return event !== undefined && isCovered(event)
    })
    await run()
    events.push({ type: 'synced', covers })
  }

  function recordedFile(inner: OpenFile, file: FileNumber): OpenFile {
    return {
      path: inner.path,
      isAt: (place) => inner.isAt(place),
      size: () => inner.size(),
      read: (position, length) => inner.read(position, length),
      async write(position, bytes) {
        await change({ type: 'write', file, position, bytes: Uint8Array.from(bytes) }, () =>
          inner.write(position, bytes),
        )
      },
      async truncate(length) {
        await change({ type: 'truncate', file, length }, () => inner.truncate(length))
      },
      sync: () =>
        sync(
          (event) => 'file' in event && event.file === file,
          () => inner.sync(),
        ),
      close: () => inner.close(),
    }
  }

  function recordedDurableFile(inner: DurableFile, file: FileNumber): DurableFile {
    return {
      ...recordedFile(inner, file),
      async writeDurably(position, bytes) {
        const event: Event = { type: 'write', file, position, bytes: Uint8Array.from(bytes) }
        const place = await change(event, () => inner.writeDurably(position, bytes))
        events.push({ type: 'synced', covers: [place] })
      },
    }
  }

  /** What `open` opens, and the number of that file. */
  async function opened<File>(
    path: string,
    mode: 'existing' | 'create',
    open: () => Promise<File>,
  ): Promise<readonly [File, FileNumber]> {
    const known = names.get(path)
    if (mode === 'existing' && known !== undefined) return [await open(), known]
    const file = files
    files += 1
    names.set(path, file)
    const result: File[] = []
    await change({ type: 'name', names: new Map([[path, file]]) }, async () => {
      result.push(await open())
    })
    const [first] = result
    if (first === undefined) throw new Error('A file was not opened.')
    return [first, file]
  }

  const fs: FileSystem = {
    makeDirectory: (directory) => real.makeDirectory(directory),
    exposure: (directory) => real.exposure(directory),
    list: (directory) => real.list(directory),
    lock: (directory) => real.lock(directory),
    async open(path, mode) {
      return recordedFile(...(await opened(path, mode, () => real.open(path, mode))))
    },
    async openDurable(path, mode) {
      return recordedDurableFile(...(await opened(path, mode, () => real.openDurable(path, mode))))
    },
    async rename(from, to) {
      const file = names.get(from) ?? null
      names.delete(from)
      if (file !== null) names.set(to, file)
      const event: Event = {
        type: 'name',
        names: new Map([
          [from, null],
          [to, file],
        ]),
      }
      await change(event, () => real.rename(from, to))
    },
    async remove(path) {
      names.delete(path)
      await change({ type: 'name', names: new Map([[path, null]]) }, () => real.remove(path))
    },
    syncDirectory: (directory) =>
      sync(
        ({ type }) => type === 'name',
        () => real.syncDirectory(directory),
      ),
  }
  return {
    fs,
    events,
    note(event) {
      events.push(event)
    },
  }
}

function filesOf(event: Event): FileNumber[] {
  return event.type === 'name' ? [...event.names.values()].filter((file) => file !== null) : []
}

function namesAfter(events: readonly Event[]): Map<string, FileNumber> {
  const names = new Map<string, FileNumber>()
  for (const event of events) if (event.type === 'name') applyNames(names, event)
  return names
}

function applyNames(names: Map<string, FileNumber>, event: Event & { readonly type: 'name' }) {
  for (const [name, file] of event.names) {
    if (file === null) names.delete(name)
    else names.set(name, file)
  }
}

/** A moment of a recording. */
export interface Moment {
  /** Events before this one have happened. */
  readonly end: number
  /** What must be on disk. */
  readonly synced: ReadonlySet<number>
  /** What may be: in the order in which it was asked for. */
  readonly pending: readonly number[]
  readonly submitted: number
  readonly acknowledged: number
}

export function momentsOf(events: readonly Event[]): readonly Moment[] {
  return Array.from({ length: events.length + 1 }, (_, end) => momentAt(events, end))
}

function momentAt(events: readonly Event[], end: number): Moment {
  const past = events.slice(0, end)
  const synced = new Set(past.flatMap((event) => (event.type === 'synced' ? event.covers : [])))
  const countOf = (type: 'submitted' | 'acknowledged') =>
    past.reduce((most, event) => (event.type === type ? Math.max(most, event.count) : most), 0)
  return {
    end,
    synced,
    pending: past.flatMap((event, place) => (isChange(event) && !synced.has(place) ? [place] : [])),
    submitted: countOf('submitted'),
    acknowledged: countOf('acknowledged'),
  }
}

export function isChange({ type }: Event): boolean {
  return type === 'write' || type === 'truncate' || type === 'name'
}

/** What is on disk of an event: all, nothing, or what is to be written in its place. */
export type Fate = boolean | readonly Event[]

/** The files of the directory, by name, when each event before `end` has met its fate. */
export function filesAfter(
  events: readonly Event[],
  end: number,
  fateOf: (place: number) => Fate,
): Map<string, Uint8Array> {
  const contents = new Map<FileNumber, Uint8Array>()
  const names = new Map<string, FileNumber>()
  const apply = (event: Event): void => {
    if (event.type === 'name') {
      applyNames(names, event)
    } else if (event.type === 'write' || event.type === 'truncate') {
      contents.set(event.file, changed(contents.get(event.file) ?? new Uint8Array(0), event))
    }
  }
  for (const [place, event] of events.slice(0, end).entries()) {
    if (!isChange(event)) continue
    const fate = fateOf(place)
    for (const part of fate === true ? [event] : fate === false ? [] : fate) apply(part)
  }
  return new Map([...names].map(([name, file]) => [name, contents.get(file) ?? new Uint8Array(0)]))
}

function changed(
  content: Uint8Array,
  event: Event & { readonly type: 'write' | 'truncate' },
): Uint8Array {
  if (event.type === 'truncate') {
    const result = new Uint8Array(event.length)
    result.set(content.subarray(0, event.length))
    return result
  }
  const end = event.position + event.bytes.byteLength
  const result = new Uint8Array(Math.max(end, content.byteLength))
  result.set(content)
  result.set(event.bytes, event.position)
  return result
}

/** Up to this many pending events, every subset of them is tried. */
const MAX_PENDING_FOR_ALL_SUBSETS = 6
const SAMPLES = 16
const SECTOR_BYTES = 512

/** The disks that may be found at `moment`: a choice for each pending event. */
export function* outcomesAt(
  events: readonly Event[],
  { pending }: Moment,
  draw: () => number,
): Generator<ReadonlyMap<number, Fate>> {
  const choose = (fateOf: (index: number) => Fate): ReadonlyMap<number, Fate> =>
    new Map(pending.map((place, index) => [place, fateOf(index)]))
  if (pending.length <= MAX_PENDING_FOR_ALL_SUBSETS) {
    for (let subset = 0; subset < 1 << pending.length; subset += 1) {
      yield choose((index) => (subset & (1 << index)) !== 0)
    }
  } else {
    for (const rest of [true, false]) {
      yield choose(() => rest)
      for (const one of pending.keys()) yield choose((index) => (index === one) !== rest)
    }
    for (let sample = 0; sample < SAMPLES; sample += 1) yield choose(() => draw() < 0.5)
  }
  for (const [torn, place] of pending.entries()) {
    const event = events[place]
    if (event?.type !== 'write') continue
    for (const part of tears(event)) {
      for (const rest of [true, false]) {
        yield choose((index) => (index === torn ? [part] : rest))
      }
    }
    for (let sample = 0; sample < 4; sample += 1) {
      yield choose((index) => (index === torn ? sectors(event, draw) : draw() < 0.5))
    }
  }
}

type Write = Event & { readonly type: 'write' }

/** The beginning of a write, or its end, cut between two bytes. */
function* tears(write: Write): Generator<Write> {
  const { position, bytes } = write
  const length = bytes.byteLength
  const toSector = SECTOR_BYTES - (position % SECTOR_BYTES)
  for (const at of new Set([1, 31, 32, length >> 1, length - 1, toSector])) {
    if (at <= 0 || at >= length) continue
    yield { ...write, bytes: bytes.subarray(0, at) }
    yield { ...write, position: position + at, bytes: bytes.subarray(at) }
  }
}

/** Each sector is there, is not, or has garbage in it. */
function sectors(write: Write, draw: () => number): Write[] {
  const parts: Write[] = []
  for (let start = 0; start < write.bytes.byteLength;) {
    const position = write.position + start
    const length = SECTOR_BYTES - (position % SECTOR_BYTES)
    const bytes = write.bytes.slice(start, start + length)
    const fate = draw()
    if (fate < 0.15) bytes.fill(Math.floor(draw() * 256))
    if (fate < 0.6) parts.push({ ...write, position, bytes })
    start += length
  }
  return parts
}
