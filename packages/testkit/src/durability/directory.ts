/**
 * A harness for adapters that keep their state in files: it makes the directories, copies them and
 * flips bits in them. It must do only what a real disk can show for certain. So it has no power
 * loss during a save: which mixtures of old and new bytes that may leave depends on the order of
 * the adapter's syncs, which nobody sees from outside; a simulated disk, or a process that is
 * killed, can show it.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Durability } from '@paxos/core'
import type { DurabilityHarness, Found } from './harness.ts'

/** What an adapter over files is tested with. */
export interface DirectoryAdapter {
  /** A new adapter, not open, on its state in `directory`, which exists. */
  readonly durability: (directory: string) => Durability
  /**
   * A directory with a directory for each earlier release, written by `writeFixture`. Default:
   * none, and `fixtures` is not applicable.
   */
  readonly fixtures?: string | URL
  /** In at most how many bytes, evenly spread, a bit is flipped. Default: 256. */
  readonly flips?: number
}

/** A function that makes harnesses with `crash`, `damages` and, when there are some, `fixtures`. */
export function directoryHarness(adapter: DirectoryAdapter): () => DurabilityHarness {
  return () => makeHarness(adapter)
}

/** The content of each file, by its path in the directory. */
type Files = ReadonlyMap<string, Uint8Array>

const DEFAULT_FLIPS = 256

function makeHarness({
  durability,
  fixtures,
  flips = DEFAULT_FLIPS,
}: DirectoryAdapter): DurabilityHarness {
  const root = mkdtempSync(join(tmpdir(), 'testkit-'))
  let count = 0
  /** A new directory that holds `files`. */
  function place(files: Files): string {
    count += 1
    const directory = join(root, `${count}`)
    mkdirSync(directory)
    for (const [path, content] of files) {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      writeFileSync(join(directory, path), content)
    }
    return directory
  }
  /** Yields the location of `files`, and removes it when the next is asked for. */
  async function* found(what: string, files: Files): AsyncGenerator<Found> {
    const directory = place(files)
    yield { what, durability: () => durability(directory) }
    rmSync(directory, { recursive: true })
  }

  let location = place(new Map())
  let alive: Durability[] = []
  return {
    durability() {
      const made = durability(location)
      alive.push(made)
      return made
    },
    async crash() {
      location = place(readFiles(location))
      // The process goes on living, so what it has open is closed: after the copy, which must not
      // see what close() writes.
      const dead = alive
      alive = []
      await Promise.allSettled(dead.map((adapter) => adapter.close()))
    },
    async *damages() {
      const files = readFiles(location)
      for (const flip of flipsOf(files, flips)) yield* found(flip.what, flip.files)
    },
    ...(fixtures === undefined ? {} : { fixtures: () => earlierReleases(fixtures, found) }),
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}

async function* earlierReleases(
  fixtures: string | URL,
  found: (what: string, files: Files) => AsyncGenerator<Found>,
): AsyncGenerator<Found> {
  const folder = typeof fixtures === 'string' ? fixtures : fileURLToPath(fixtures)
  for (const release of readdirSync(folder).toSorted()) {
    yield* found(`a move from ${release}`, readFiles(join(folder, release)))
  }
}

/** Only files: a socket or a pipe is of the process, and dies with it. */
function readFiles(directory: string): Files {
  const files = new Map<string, Uint8Array>()
  for (const item of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!item.isFile()) continue
    const path = join(item.parentPath, item.name)
    const content = contentOf(path)
    if (content !== null) files.set(relative(directory, path), content)
  }
  return files
}

/** `null` for a file that was being removed, which a crash may leave or not. */
function contentOf(path: string): Uint8Array | null {
  try {
    return readFileSync(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** `files` with a bit flipped, in `count` bytes or in all, if there are fewer. */
function* flipsOf(
  files: Files,
  count: number,
): Generator<{ readonly what: string; readonly files: Files }> {
  const total = [...files.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
  const flips = Math.min(count, total)
  for (let index = 0; index < flips; index += 1) {
    const { path, position } = placeOf(files, Math.floor(((index + 0.5) * total) / flips))
    const bit = index % 8
    const content = Uint8Array.from(files.get(path) ?? [])
    content[position] = (content[position] ?? 0) ^ (1 << bit)
    const what = `bit ${bit} of byte ${position} of ${path} was flipped`
    yield { what, files: new Map(files).set(path, content) }
  }
}

/** Where a byte is, counted through all files. */
function placeOf(files: Files, byte: number): { readonly path: string; readonly position: number } {
  let position = byte
  for (const [path, { byteLength }] of files) {
    if (position < byteLength) return { path, position }
    position -= byteLength
  }
  throw new RangeError(`The files have no byte ${byte}.`)
}
