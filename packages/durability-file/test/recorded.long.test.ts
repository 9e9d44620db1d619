/**
 * Power loss at every moment of a real run. A node works in a directory of the real file system,
 * what it asks of it is recorded, and every disk that a crash could leave is laid out in another
 * directory and opened as a restarted node would open it.
 */
import { CorruptionError, EMPTY_SAVED } from '@paxos/core'
import type { Change, Durability, Opened, Owner } from '@paxos/core'
import { createHash } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { seeded } from '@paxos/testkit/fuzz'
import { describe, expect, it, vi } from 'vitest'
import { openObjectOn as openObject } from '../src/durable-object.ts'
import { file, fileOn } from '../src/file.ts'
import { nodeFileSystem, type DirectorySystem as FileSystem } from '../src/file-system.ts'
import type * as Limits from '../../adapter-kit/src/stores/append/limits.ts'
import type * as AllLimits from '../../adapter-kit/src/stores/limits.ts'
import { after, readable } from '../../adapter-kit/test/stores/append/model.ts'
import { temporaryDirectory } from './processes.ts'
import {
  filesAfter,
  isChange,
  momentsOf,
  outcomesAt,
  recorded,
  type Event,
  type Recording,
} from './recording.ts'
import { SimulatedDisk } from '../../adapter-kit/test/stores/append/simulated-disk.ts'

vi.mock('../../adapter-kit/src/stores/limits.ts', async (original) => ({
  ...(await original<typeof AllLimits>()),
  GROUP_TARGET_BYTES: 200,
}))

vi.mock('../../adapter-kit/src/stores/append/limits.ts', async (original) => ({
  ...(await original<typeof Limits>()),
  // Small enough that the lives below rewrite their log, and that a snapshot has several pieces.
  COMPACT_ABOVE_BYTES: 12_900,
  SNAPSHOT_PIECE_BYTES: 100,
  RESERVE_BYTES: 1500,
  RESERVE_FOR_GROUPS_BELOW_BYTES: 300,
}))

const SEED = Number(process.env['SEED'] ?? 1)
/** Of so many states one is laid out on the real file system; the others in memory. */
const REAL_EVERY = 60
/** Killed at one of so many moments. */
const KILLED_EVERY = process.env['FUZZ_RUNS'] === undefined ? 7 : 1
/** FUZZ_RUNS=N asks for a longer search: one life for each thousand. */
const LIVES = Math.max(1, Math.floor(Number(process.env['FUZZ_RUNS'] ?? 0) / 1000))

// Thousands of disks a life.
vi.setConfig({ testTimeout: 600_000 * LIVES })

/** A seeded list of lists of changes: those of one list are saved at once. */
function storyOf(draw: () => number): readonly (readonly Change[])[] {
  const below = (limit: number) => Math.floor(draw() * limit)
  let round = 0
  const change = (): Change => {
    round += 1
    const ballot = { round, node: 'a' }
    const value = new Uint8Array(below(350)).fill(round)
    const kind = draw()
    // Each changes something that none before it did, so that each state is another one.
    if (kind < 0.15) return { promised: ballot }
    if (kind < 0.25) return { chosenThrough: round }
    const accepted = [{ slot: 1 + below(6), ballot, value }]
    if (kind < 0.9) return { promised: ballot, accepted }
    const snapshot = {
      through: below(4),
      members: [{ id: 'a', address: 'm:a' }],
      bytes: new Uint8Array(below(260)).fill(round),
    }
    return { accepted, snapshot, chosenThrough: round }
  }
  const lists = Array.from({ length: 11 }, () => Array.from({ length: 1 + below(3) }, change))
  // Last comes one without a snapshot: that the older one is gone would tell of a group that is lost.
  return [...lists, [{ promised: { round: 999, node: 'a' } }]]
}

interface Life {
  readonly recording: Recording
  /** Where it was recorded. */
  readonly directory: string
  /** What is to be found when the first n changes are there, by n. */
  readonly states: readonly string[]
}

/** Saves the story in a directory, with a close and an open halfway. */
async function liveLog(seed: number): Promise<Life> {
  const directory = await temporaryDirectory()
  const recording = recorded(nodeFileSystem)
  const story = storyOf(seeded(seed))
  const changes = story.flat()
  let submitted = 0
  let acknowledged = 0
  let adapter = fileOn(recording.fs, directory)
  await adapter.open(ownerWho('first'))
  for (const [index, together] of story.entries()) {
    if (index === story.length >> 1) {
      await adapter.close()
      adapter = fileOn(recording.fs, directory)
      await adapter.open(ownerWho('first'))
    }
    submitted += together.length
    recording.note({ type: 'submitted', count: submitted })
    await Promise.all(
      together.map(async (change) => {
        await adapter.save(change)
        acknowledged += 1
        recording.note({ type: 'acknowledged', count: acknowledged })
      }),
    )
    // Now and then a pause, so that late marks are written by themselves.
    if (index % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await adapter.close()
  const states = [...changes.keys(), changes.length].map((count) =>
    readable(after(changes.slice(0, count))),
  )
  return { recording, directory, states }
}

const ownerWho = (incarnation: string): Owner => ({
  cluster: 'x',
  id: 'a',
  kind: 'log',
  drawIncarnation: () => incarnation,
})

/** What was saved for an owner is that one's, whatever became of the disk. */
function requireFirst(found: Opened): void {
  if (readable(found) === readable(EMPTY_SAVED)) return
  expect(found.identity?.incarnation).toBe('first')
}

/** What is found; and it is a state to go on from. */
async function stateOfLog(adapter: Durability): Promise<string> {
  const found = await adapter.open(ownerWho('second'))
  requireFirst(found)
  const next = { promised: { round: 1000, node: 'z' } }
  await adapter.save(next)
  await adapter.close()
  expect(readable(await adapter.open())).toBe(readable(after([next], found)))
  await adapter.close()
  return readable(found)
}

const OBJECTS = ['one', 'x'.repeat(1200), '', '3', 'y'.repeat(600), 'z', 'last']

async function liveObject(): Promise<Life> {
  const directory = await temporaryDirectory()
  const recording = recorded(nodeFileSystem)
  let object = await openObject<string>(recording.fs, directory)
  for (const [index, value] of OBJECTS.entries()) {
    if (index === 4) {
      await object.close()
      object = await openObject<string>(recording.fs, directory)
    }
    recording.note({ type: 'submitted', count: index + 1 })
    await object.save(value)
    recording.note({ type: 'acknowledged', count: index + 1 })
  }
  await object.close()
  return { recording, directory, states: [null, ...OBJECTS].map((value) => JSON.stringify(value)) }
}

/** What a node finds that starts; it has nothing to do yet. */
async function startLog(fs: FileSystem, directory: string): Promise<string> {
  return readable(await fileOn(fs, directory).open())
}

type Files = ReadonlyMap<string, Uint8Array>

/** Opens these files as a restarted node would. */
type Open = (files: Files, where: 'memory' | 'disk') => Promise<string>

const openLog: Open = (files, where) =>
  where === 'memory'
    ? stateOfLog(fileOn(inMemory(files), '/crashed'))
    : laidOut(files, (directory) => stateOfLog(file(directory)))

async function valueOf(fs: FileSystem, directory: string): Promise<string> {
  const object = await openObject<string>(fs, directory)
  const found = JSON.stringify(object.value?.value ?? null)
  await object.close()
  return found
}

const openOneObject: Open = (files, where) => {
  return where === 'memory'
    ? valueOf(inMemory(files), '/crashed')
    : laidOut(files, (directory) => valueOf(nodeFileSystem, directory))
}

const inMemory = (files: Files) =>
  new SimulatedDisk(
    new Map([...files].map(([path, content]) => [`/crashed/${basename(path)}`, content])),
  )

async function laidOut(files: Files, open: (directory: string) => Promise<string>) {
  const directory = join(await temporaryDirectory(), 'node')
  await mkdir(directory)
  for (const [path, content] of files) await writeFile(join(directory, basename(path)), content)
  try {
    return await open(directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}

interface Counts {
  moments: number
  states: number
  onDisk: number
}

/** Every moment, every disk that it may leave: what is found is what was answered, or more. */
async function checkCrashes(life: Life, open: Open, seed: number): Promise<Counts> {
  const { events } = life.recording
  const draw = seeded(seed)
  const counts: Counts = { moments: 0, states: 0, onDisk: 0 }
  const seen = new Set<string>()
  for (const moment of momentsOf(events)) {
    counts.moments += 1
    const { end, synced, acknowledged, submitted } = moment
    const allowed = life.states.slice(acknowledged, submitted + 1)
    for (const fates of outcomesAt(events, moment, draw)) {
      const files = filesAfter(
        events,
        end,
        (place) => synced.has(place) || (fates.get(place) ?? false),
      )
      const key = `${acknowledged} ${submitted} ${digestOf(files)}`
      if (seen.has(key)) continue
      seen.add(key)
      counts.states += 1
      const where = counts.states % REAL_EVERY === 0 ? 'disk' : 'memory'
      if (where === 'disk') counts.onDisk += 1
      const story = () =>
        `seed ${seed}, ${end} of ${events.length} events, of which are ` +
        JSON.stringify(
          [...fates].map(([place, fate]) => [place, named(events[place]), fate === true]),
        )
      const found = await open(files, where).catch((error: unknown) => {
        throw new Error(`Refused: ${story()}`, { cause: error })
      })
      if (!allowed.includes(found)) {
        expect.fail(
          `Found ${found}, which is ${life.states.indexOf(found)} changes, with ` +
            `${acknowledged} acknowledged and ${submitted} submitted: ${story()}`,
        )
      }
    }
  }
  return counts
}

function named(event: Event | undefined): string {
  if (event === undefined) return 'nothing'
  return event.type === 'name'
    ? [...event.names.keys()].map((path) => basename(path)).join()
    : event.type
}

/**
 * The process is killed at every moment, and started again; power is lost while it starts, and when
 * it has started. Before it says what it found, that may be anything that was submitted; what it has
 * said once, others may act on, so that no second start may find less, or more.
 */
async function checkRestarts(
  life: Life,
  start: (fs: FileSystem, directory: string) => Promise<string>,
  seed: number,
): Promise<{ cuts: number; states: number }> {
  const draw = seeded(seed)
  const counts = { cuts: 0, states: 0 }
  for (const { end, acknowledged, submitted } of momentsOf(life.recording.events)) {
    if (end % KILLED_EVERY !== 0) continue
    const past = life.recording.events.slice(0, end)
    const disk = new SimulatedDisk(filesAfter(past, end, () => true))
    const { fs, events } = recorded(disk, past)
    const found = await start(fs, life.directory)
    const saidAt = events.length
    const possible = life.states.slice(acknowledged, submitted + 1)
    expect(possible).toContain(found)
    const seen = new Set<string>()
    for (const moment of momentsOf(events).slice(end)) {
      counts.cuts += 1
      const allowed = moment.end < saidAt ? possible : [found]
      for (const fates of outcomesAt(events, moment, draw)) {
        const fateOf = (place: number) => moment.synced.has(place) || (fates.get(place) ?? false)
        const files = filesAfter(events, moment.end, fateOf)
        const key = `${allowed.length} ${digestOf(files)}`
        if (seen.has(key)) continue
        seen.add(key)
        counts.states += 1
        const again = await start(inMemory(files), '/crashed')
        const story = `killed after ${end} events, without power after ${moment.end} of ${saidAt}`
        expect(allowed, `seed ${seed}, ${story}`).toContain(again)
      }
    }
  }
  return counts
}

/**
 * A disk that had said "synced" and then lost or altered it. Each change is left out in turn when
 * all is closed: what is found is the newest state, or CorruptionError. Where it loses a name, that
 * is a directory put back in time, which may show an older state, but never one that was not.
 */
async function checkLies(life: Life, open: Open): Promise<{ newest: number; refused: number }> {
  const { events } = life.recording
  const outcomes = { newest: 0, refused: 0 }
  const newest = life.states.at(-1)
  for (const [lost, event] of events.entries()) {
    if (!isChange(event)) continue
    const fates = event.type === 'write' ? [[], [{ ...event, bytes: flipped(event.bytes) }]] : [[]]
    for (const fate of fates) {
      const files = filesAfter(events, events.length, (place) => place !== lost || fate)
      // What a mark says has to be said once more by the rest: so with any one of them gone, too.
      for (const found of event.type === 'name' ? [files] : [files, ...withoutOneMark(files)]) {
        try {
          const allowed = event.type === 'name' ? life.states : [newest]
          const shown = await open(found, 'memory')
          expect(allowed, `without event ${lost}, ${named(event)}`).toContain(shown)
          outcomes.newest += 1
        } catch (error) {
          if (!(error instanceof CorruptionError)) throw error
          outcomes.refused += 1
        }
      }
    }
  }
  return outcomes
}

/** Where marks are, by the name of the file. */
const MARKS: readonly (readonly [string, number])[] = [
  ['log', 4096],
  ['log', 8192],
  ['object-even', 0],
  ['object-odd', 0],
]

function* withoutOneMark(files: Files): Generator<Files> {
  for (const [path, content] of files) {
    for (const [name, position] of MARKS) {
      if (basename(path) === name) {
        yield new Map(files).set(path, content.slice().fill(0, position, position + 32))
      }
    }
  }
}

function flipped(content: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(content)
  const at = copy.byteLength >> 1
  copy[at] = (copy[at] ?? 0) ^ 0x10
  return copy
}

function digestOf(files: Files): string {
  const hash = createHash('sha1')
  for (const [name, content] of [...files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name} ${content.byteLength}\n`).update(content)
  }
  return hash.digest('hex')
}

/** The replay is not a theory: with everything on disk it gives what is really there. */
async function requireFaithful({ recording, directory }: Life): Promise<void> {
  const { events } = recording
  const files = filesAfter(events, events.length, () => true)
  const names = (await nodeFileSystem.list(directory)).map((name) => join(directory, name))
  expect([...files.keys()].toSorted()).toEqual(names.toSorted())
  for (const [path, content] of files) {
    const opened = await nodeFileSystem.open(path, 'existing')
    const real = await opened.read(0, content.byteLength + 1)
    await opened.close()
    expect(Buffer.compare(real, content), path).toBe(0)
  }
}

/** A log gets its name. */
function isRewrite(event: Event): boolean {
  return event.type === 'name' && [...event.names.keys()].some((path) => basename(path) === 'log')
}

describe('power loss at any moment of a real run', () => {
  it('a log has every change that was answered, and none that was not made', async () => {
    const totals: Counts = { moments: 0, states: 0, onDisk: 0 }
    let rewrites = 0
    for (let seed = SEED; seed < SEED + LIVES; seed += 1) {
      const life = await liveLog(seed)
      await requireFaithful(life)
      const { events } = life.recording
      rewrites += events.filter(isRewrite).length
      const counts = await checkCrashes(life, openLog, seed)
      totals.moments += counts.moments
      totals.states += counts.states
      totals.onDisk += counts.onDisk
    }
    // The first of each life is that of the first open.
    expect(rewrites).toBeGreaterThan(LIVES)
    expect(totals.moments).toBeGreaterThan(100 * LIVES)
    expect(totals.states).toBeGreaterThan(1500 * LIVES)
    expect(totals.onDisk).toBeGreaterThan(7 * LIVES)
  })

  it.each([
    ['a log', liveLog, startLog, 1500],
    ['a durable object', liveObject, valueOf, 40],
  ] as const)(
    'that comes when a killed node starts again takes nothing that it has told since: %s',
    async (_, live, start, least) => {
      const { cuts, states } = await checkRestarts(await live(SEED), start, SEED)
      expect(cuts).toBeGreaterThan(30)
      expect(states).toBeGreaterThan(least)
    },
  )

  it('a durable object has the last value that was answered, or the one after it', async () => {
    const life = await liveObject()
    await requireFaithful(life)
    const counts = await checkCrashes(life, openOneObject, SEED)
    expect(counts.moments).toBeGreaterThan(50)
    expect(counts.states).toBeGreaterThan(120)
    expect(counts.onDisk).toBeGreaterThan(0)
  })
})

describe('a disk that loses or alters what it had synced', () => {
  it.each<readonly [string, () => Promise<Life>, Open]>([
    ['a log', () => liveLog(SEED), openLog],
    ['a durable object', liveObject, openOneObject],
  ])('%s shows the newest state or CorruptionError, never an older one', async (_, live, open) => {
    const outcomes = await checkLies(await live(), open)
    expect(outcomes.newest).toBeGreaterThan(5)
    expect(outcomes.refused).toBeGreaterThan(2)
  })
})
