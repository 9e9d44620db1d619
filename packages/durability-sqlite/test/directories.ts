/** Directories for one test each, and what is in them. */
import { createHash } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'

/**
 * Where tests make their files: in memory where there is such a place, for a busy disk takes its time
 * over every sync. All syncs are asked for all the same.
 */
export const SCRATCH = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

const directories: string[] = []

afterEach(async () => {
  for (const directory of directories.splice(0)) {
    await rm(directory, { recursive: true, force: true })
  }
})

/** An empty directory that is removed when the test ends. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(SCRATCH, 'durability-sqlite-'))
  directories.push(directory)
  return directory
}

/** The content of every file; a socket, as that of a lock, is none. */
export function filesIn(directory: string): ReadonlyMap<string, Buffer> {
  const files = readdirSync(directory, { withFileTypes: true }).filter((item) => item.isFile())
  const names = files.map(({ name }) => name).toSorted()
  return new Map(names.map((name) => [name, readFileSync(join(directory, name))]))
}

/** The name, the length and the hash of each, for comparing. */
export function fingerprint(directory: string): readonly string[] {
  return [...filesIn(directory)].map(([name, content]) => {
    const hash = createHash('sha256').update(content).digest('hex')
    return `${name} ${content.byteLength} ${hash}`
  })
}

/** Copies what is in it as it is at this moment, as if the machine had stopped. */
export function copyNow(from: string, to: string): void {
  cpSync(from, to, { recursive: true, filter: (path) => !path.includes('-lock-') })
}
