/**
 * Takes the packages as a stranger does: packs them, installs the tarballs in a fresh folder with
 * npm, and lets each bundler and runtime have a small program, with no flag that the packages would
 * need. What comes out is run, and must print the right thing. Needs a build and a registry; changes
 * nothing in the work tree. A tool that cannot be had is named, with the reason, and never counts as
 * one that was tried.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from '../docs/checks/repository.ts'

const run = promisify(execFile)

/** How long one call of a tool may take; a busy machine included. */
const TIMEOUT_MS = 180_000

/** What this script was started with tells tools of the work tree's packages, and of colours. */
const HIDDEN = new Set(['NODE_PATH', 'NODE_OPTIONS', 'FORCE_COLOR'])
const ENVIRONMENT = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !HIDDEN.has(name))),
  NO_COLOR: '1',
  DENO_NO_UPDATE_CHECK: '1',
}

/** A program, and what it prints. */
interface Program {
  readonly name: string
  /** What is installed for it, and nothing else. */
  readonly packages: readonly string[]
  readonly code: string
  readonly prints: string
}

const IN_MEMORY = ['core', 'replica', 'transport-memory', 'durability-memory']
const WITH_SQLITE = ['core', 'adapter-kit', 'durability-sqlite']

const open = (transport: string, durability: string) => `
let total = 0
const replica = await Replica.open({
  id: 'a',
  members: { a: 'memory://a' },
  transport: ${transport},
  durability: ${durability},
  stateMachine: { apply: (n) => (total += n), snapshot: () => new Uint8Array(), restore() {} },
})
console.log(String(await replica.propose(2)))
await replica.close()
`

const PLAIN: Program = {
  name: 'Replica in memory',
  packages: IN_MEMORY,
  code: `import { memory as durability } from '@paxos/durability-memory'
import { Replica } from '@paxos/replica'
import { memory, memoryHub } from '@paxos/transport-memory'
${open('memory({ hub: memoryHub() })', 'durability()')}`,
  prints: '2\n',
}

const BY_URL: Program = {
  name: 'adapters by URL, most of them absent',
  packages: IN_MEMORY,
  code: `import { Replica } from '@paxos/replica'
import { openDurability, openTransport } from '@paxos/replica/url'
import { memoryHub } from '@paxos/transport-memory'
${open("await openTransport('memory:', { hub: memoryHub() })", "await openDurability('memory:')")}
await openTransport('udp:').catch(({ code }) => console.log(code))
`,
  prints: '2\nERR_PAXOS_PACKAGE_MISSING\n',
}

const SQLITE: Program = {
  name: 'SQLite is closed, and opened again',
  packages: WITH_SQLITE,
  code: `import { sqlite } from '@paxos/durability-sqlite'
const durability = sqlite('./a.db')
await durability.open()
await durability.save({ promised: { round: 1, node: 'a' } })
await durability.close()
console.log((await durability.open()).promised.node)
await durability.close()
console.log('closed')
`,
  prints: 'a\nclosed\n',
}

/** Where one program is tried with one tool. */
interface Place {
  /** The folder with the program and the installed packages. */
  readonly app: string
  /** The program, in `app`. */
  readonly entry: string
  /** The folder that the tool is installed in, with the folder of its commands. */
  readonly tool: string
  readonly bin: (command: string) => string
  /** An empty folder: for the bundle, where it finds no package, or to run in. */
  readonly out: string
}

/** One way to use a tool: resolves with what the program printed. */
interface Way {
  readonly name: string
  readonly programs: readonly Program[]
  readonly use: (place: Place) => Promise<string>
}

interface Tool {
  /** The name of its package. */
  readonly name: string
  /** Exactly this one, so that a check does not fail by what somebody else released. */
  readonly version: string
  readonly ways: readonly Way[]
}

const BOTH = [PLAIN, BY_URL]

const TOOLS: readonly Tool[] = [
  {
    name: 'esbuild',
    version: '0.28.2',
    ways: ['browser', 'node'].map((platform) => ({
      name: `for ${platform}`,
      programs: BOTH,
      use: async ({ app, entry, bin, out }) => {
        const to = [`--platform=${platform}`, `--outfile=${join(out, 'main.mjs')}`]
        await call(bin('esbuild'), [entry, '--bundle', '--format=esm', ...to], app)
        return call(process.execPath, ['main.mjs'], out)
      },
    })),
  },
  {
    name: 'vite',
    version: '8.4.0',
    ways: [
      {
        name: 'build',
        programs: BOTH,
        use: async (place) =>
          bundleBy(
            place,
            `import { build } from 'vite'
const [root, entry, outDir] = process.argv.slice(2)
const lib = { entry, formats: ['es'], fileName: () => 'main.mjs' }
const options = { outDir, target: 'es2023', emptyOutDir: false, lib }
await build({ root, logLevel: 'error', configFile: false, build: options })
`,
          ),
      },
    ],
  },
  {
    name: 'webpack',
    version: '5.113.0',
    ways: [
      {
        name: 'for the web',
        programs: BOTH,
        use: async (place) =>
          bundleBy(
            place,
            `import webpack from 'webpack'
const [context, entry, path] = process.argv.slice(2)
const output = { path, filename: 'main.mjs', module: true, chunkFormat: 'module' }
const target = ['web', 'es2022']
const experiments = { outputModule: true }
const mode = 'production'
webpack({ context, entry: './' + entry, mode, target, output, experiments }, (error, stats) => {
  if (error !== null) throw error
  if (stats.hasErrors()) throw new Error(stats.toString('errors-only'))
})
`,
          ),
      },
    ],
  },
  {
    name: 'bun',
    version: '1.4.5',
    ways: [
      {
        name: 'build',
        programs: BOTH,
        use: async ({ app, entry, bin, out }) => {
          await call(bin('bun'), ['build', entry, `--outfile=${join(out, 'main.mjs')}`], app)
          return call(process.execPath, ['main.mjs'], out)
        },
      },
      {
        name: 'run',
        programs: [...BOTH, SQLITE],
        use: async ({ app, entry, bin }) => call(bin('bun'), ['run', entry], app),
      },
    ],
  },
  {
    name: 'deno',
    version: '2.9.6',
    ways: [
      {
        name: 'run',
        programs: [...BOTH, SQLITE],
        use: async ({ app, entry, bin }) =>
          call(bin('deno'), ['run', '--allow-all', '--no-lock', entry], app),
      },
    ],
  },
]

await main()

async function main(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'check-bundlers-'))
  try {
    const installed = await installPackages(scratch, [IN_MEMORY, WITH_SQLITE])
    const problems: string[] = []
    const absent: string[] = []
    for (const tool of TOOLS) {
      const folder = join(scratch, tool.name)
      const label = `${tool.name} ${tool.version}`
      const reason = await install(folder, [`${tool.name}@${tool.version}`]).then(
        () => null,
        (error: unknown) => wordsOf(error),
      )
      if (reason !== null) {
        absent.push(`${label} cannot be had here, and was not tried: ${reason}`)
        continue
      }
      for (const way of tool.ways) {
        for (const program of way.programs) {
          const wrong = await attempt(scratch, folder, way, program, installed)
          console.log(`${label} ${way.name}: ${program.name}: ${wrong === null ? 'ok' : 'WRONG'}`)
          if (wrong !== null) problems.push(`${label} ${way.name}: ${program.name}: ${wrong}`)
        }
      }
    }
    if (absent.length > 0) console.error(`\n${absent.join('\n')}`)
    if (absent.length === TOOLS.length) problems.push('None of the tools can be had.')
    if (problems.length > 0) {
      console.error(`\n${problems.join('\n')}\n\n${problems.length} problems with bundlers.`)
      process.exitCode = 1
    } else {
      console.log(`\n${TOOLS.length - absent.length} of ${TOOLS.length} tools take the packages.`)
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Packs what the sets name, and installs each set from tarballs in a folder of its own. */
async function installPackages(
  scratch: string,
  sets: readonly (readonly string[])[],
): Promise<ReadonlyMap<readonly string[], string>> {
  const tarballs = join(scratch, 'tarballs')
  mkdirSync(tarballs)
  const filters = [...new Set(sets.flat())].map((name) => `--filter=@paxos/${name}`)
  await call('pnpm', [...filters, 'pack', '--pack-destination', tarballs], ROOT)
  const packed = readdirSync(tarballs)
  const installed = new Map<readonly string[], string>()
  for (const [at, names] of sets.entries()) {
    const folder = join(scratch, `installed-${at}`)
    const wanted = packed.filter((file) => names.some((name) => isTarballOf(file, name)))
    if (wanted.length !== names.length) throw new Error(`Not all of ${names.join()} were packed.`)
    await install(
      folder,
      wanted.map((file) => join(tarballs, file)),
    )
    installed.set(names, folder)
  }
  return installed
}

/** Whether `file` is named as npm names the tarball of @paxos/NAME: with its version behind. */
function isTarballOf(file: string, name: string): boolean {
  return file.startsWith(`paxos-${name}-`) && /^\d/.test(file.slice(`paxos-${name}-`.length))
}

async function install(folder: string, packages: readonly string[]): Promise<void> {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }')
  const quietly = ['--no-audit', '--no-fund', '--loglevel=error']
  await call('npm', ['install', ...quietly, ...packages], folder)
}

/** What is wrong with what came out, or null. Each attempt has folders of its own. */
async function attempt(
  scratch: string,
  tool: string,
  { use }: Way,
  { code, prints, packages }: Program,
  installed: ReadonlyMap<readonly string[], string>,
): Promise<string | null> {
  const app = mkdtempSync(join(scratch, 'app-'))
  cpSync(installed.get(packages) ?? '', app, { recursive: true })
  writeFileSync(join(app, 'program.js'), code)
  const out = mkdtempSync(join(scratch, 'out-'))
  const bin = (command: string) => join(tool, 'node_modules/.bin', command)
  try {
    const printed = await use({ app, entry: 'program.js', tool, bin, out })
    if (printed === prints) return null
    return `printed ${JSON.stringify(printed)} instead of ${JSON.stringify(prints)}`
  } catch (error) {
    return wordsOf(error)
  }
}

/** For tools that are called by a script of their user's: folder, entry and output are given to it. */
async function bundleBy({ app, entry, tool, out }: Place, script: string): Promise<string> {
  writeFileSync(join(tool, 'bundle.mjs'), script)
  await call(process.execPath, [join(tool, 'bundle.mjs'), app, entry, out], app)
  return call(process.execPath, ['main.mjs'], out)
}

/** Resolves with what it printed; rejects when it ends with another code than 0. */
async function call(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await run(command, [...args], {
    cwd,
    timeout: TIMEOUT_MS,
    // A Windows command shell is needed there to start a script; the arguments need no quoting.
    shell: process.platform === 'win32',
    env: ENVIRONMENT,
  })
  return stdout
}

function wordsOf(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : ''
  return said === '' ? String(error) : said
}
