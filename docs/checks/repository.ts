/**
 * What the checks look at: the files that git lists, and the packages of the workspace. Reads
 * only; must never depend on what happens to lie about on one machine.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The top of the repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The fields of a package.json that the checks read. */
export interface Manifest {
  readonly name: string
  readonly version?: string
  readonly private?: boolean
  readonly description?: string
  readonly keywords?: readonly string[]
  readonly homepage?: string
  readonly bugs?: string
  readonly repository?: {
    readonly type: string
    readonly url: string
    readonly directory?: string
  }
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

/** One public package: a folder of packages/. */
export interface Package {
  /** Relative to the top, e.g. 'packages/core'. */
  readonly folder: string
  readonly manifest: Manifest
}

/** Every file that is, or is about to be, committed; relative to the top, with forward slashes. */
export function listFiles(): string[] {
  const options = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const listed = execFileSync('git', options, { cwd: ROOT, encoding: 'utf8' })
  const files = new Set(listed.split('\0').filter((file) => file !== ''))
  return [...files].filter((file) => existsSync(join(ROOT, file))).toSorted()
}

/** The packages of packages/, by folder name. */
export function listPackages(): Package[] {
  return readdirSync(join(ROOT, 'packages'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `packages/${entry.name}`)
    .filter((folder) => existsSync(join(ROOT, folder, 'package.json')))
    .toSorted()
    .map((folder) => ({ folder, manifest: readManifest(`${folder}/package.json`) }))
}

/** The text of a file, named relative to the top. */
export function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

/** A package.json, named relative to the top. */
export function readManifest(file: string): Manifest {
  const manifest: unknown = JSON.parse(read(file))
  if (!isManifest(manifest)) throw new TypeError(`${file} has no name. Give the package one.`)
  return manifest
}

function isManifest(value: unknown): value is Manifest {
  return typeof value === 'object' && value !== null && 'name' in value
}
