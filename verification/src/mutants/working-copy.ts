/**
 * A copy of the repository in which mistakes are made. What git knows of or would add is copied; the
 * node_modules are copied too, for their links are relative, so that the packages of the repository
 * find each other in the copy. Only what was installed from elsewhere is shared. It must never let
 * an edit, or a file that a tool writes, reach the original.
 */
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, sep } from 'node:path'
import { promisify } from 'node:util'

/** Where pnpm keeps what comes from a registry: many megabytes, and nothing of this repository. */
const STORE = '.pnpm'

/** A copy of the repository at `root`, in a new directory of the system's. */
export async function makeCopy(root: string): Promise<string> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'paxos-mutants-')))
  try {
    const files = await listFiles(root)
    const folders = new Set(files.map((file) => dirname(file)))
    for (const folder of folders) await mkdir(join(directory, folder), { recursive: true })
    for (const file of files) await cp(join(root, file), join(directory, file))
    for (const file of files) {
      if (file.split('/').at(-1) === 'package.json') {
        await copyModules(join(root, dirname(file)), join(directory, dirname(file)))
      }
    }
    await requireOwnPackages(directory)
    return directory
  } catch (error) {
    await removeCopy(directory)
    throw error
  }
}

/** A process of a tool may still be writing while it ends, so that it takes more than one try. */
export async function removeCopy(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}

/** What is tracked or would be, and is there. */
async function listFiles(root: string): Promise<readonly string[]> {
  const list = async (...options: string[]): Promise<string[]> => {
    const { stdout } = await promisify(execFile)('git', ['ls-files', '-z', ...options], {
      cwd: root,
      maxBuffer: 64 << 20,
    })
    return stdout.split('\0').filter((name) => name !== '')
  }
  const present = await list('--cached', '--others', '--exclude-standard')
  const deleted = new Set(await list('--deleted'))
  return [...new Set(present)].filter((name) => !deleted.has(name))
}

async function copyModules(from: string, to: string): Promise<void> {
  const source = join(from, 'node_modules')
  const target = join(to, 'node_modules')
  let names: string[]
  try {
    names = await readdir(source)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return
    throw error
  }
  await mkdir(target)
  for (const name of names) {
    if (name === STORE) await symlink(join(source, name), join(target, name), 'junction')
    else if (!isCache(name)) {
      await cp(join(source, name), join(target, name), { recursive: true, verbatimSymlinks: true })
    }
  }
}

function isCache(name: string): boolean {
  return name.startsWith('.') && name !== '.bin'
}

/** A link that led back to the original would let every mutant live. */
async function requireOwnPackages(directory: string): Promise<void> {
  for (const folder of await readdir(join(directory, 'packages'))) {
    const scope = join(directory, 'packages', folder, 'node_modules', '@paxos')
    for (const name of await readdir(scope).catch(() => [])) {
      const target = await realpath(join(scope, name))
      if (target.startsWith(directory + sep)) continue
      throw new Error(`${folder} would use ${target}, outside of the copy. Run "pnpm install".`)
    }
  }
}
