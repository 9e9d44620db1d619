/** A folder for mailboxes, which is removed when the tests of a file are over. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** In memory where there is such a place, for a busy disk takes its time. */
export function newFolder(): string {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'mail-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function mailboxIn(folder: string, name: string): string {
  return `file://${join(folder, name)}`
}
