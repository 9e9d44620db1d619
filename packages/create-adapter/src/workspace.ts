/**
 * Whether a folder is in the repository of @paxos itself, where packages depend on each other as they
 * stand. Reads only.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'

/** The way from `folder` up to the repository of @paxos, with forward slashes; null elsewhere. */
export function repositoryAbove(folder: string): string | null {
  for (let at = folder; ; at = dirname(at)) {
    if (isRepository(at)) return relative(folder, at).split(sep).join('/')
    if (dirname(at) === at) return null
  }
}

function isRepository(folder: string): boolean {
  const manifest = join(folder, 'packages/core/package.json')
  if (!existsSync(join(folder, 'pnpm-workspace.yaml')) || !existsSync(manifest)) return false
  const { name }: { readonly name?: unknown } = JSON.parse(readFileSync(manifest, 'utf8'))
  return name === '@paxos/core'
}
