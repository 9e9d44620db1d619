/** Writes a package into a folder that is new or empty. Must never write over anything. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UsageError } from './names.ts'

/** Writes `files`, by their paths in `folder`. Throws UsageError where there is anything already. */
export function writeFiles(folder: string, files: ReadonlyMap<string, string>): void {
  try {
    mkdirSync(folder, { recursive: true })
    if (readdirSync(folder).length > 0) {
      throw new UsageError(`${folder} is not empty. Name another folder with --dir.`)
    }
    for (const [path, text] of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      // Not even what has come there meanwhile.
      writeFileSync(join(folder, path), text, { flag: 'wx' })
    }
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof Error)) throw error
    throw new UsageError(`${folder} cannot be written: ${error.message}. Name another with --dir.`)
  }
}
