/**
 * Looks at each public package as npm will receive it: packs it, and checks what is in the tarball
 * and what is not, that its types and entry points resolve, and how large core is. Changes nothing
 * in the work tree; needs a build.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { npmLinkProblems } from '../docs/checks/address.ts'

/** The aims for core, minified and gzipped: consensus that a web page can afford. */
const SIZE_LIMITS = [
  { name: 'essential + practical', entries: ['essential', 'practical'], maxBytes: 4_000 },
  {
    name: 'every entry point',
    entries: ['.', 'essential', 'practical', 'functional', 'external', 'wire'],
    maxBytes: 11_750,
  },
]

/** What a tarball may hold, and what one package may hold besides. */
const ALLOWED_FILES =
  /^(?:package\.json|README\.md|LICENSE|dist\/(?:[\w.-]+\/)*[\w.-]+\.(?:js|d\.ts)(?:\.map)?)$/
const ALLOWED_BESIDES: Readonly<Record<string, readonly string[]>> = {
  '@paxos/adapter-kit': ['proto/link.proto'],
  '@paxos/core': ['proto/paxos.proto'],
  '@paxos/create-adapter': ['transport', 'datagrams', 'durability'].flatMap((kind) =>
    [
      'README.md',
      'src/index.ts',
      'src/pigeon.ts',
      'test/conformance-subjects.ts',
      'test/conformance.test.ts',
    ].map((file) => `templates/${kind}/${file}`),
  ),
  '@paxos/transport-grpc': ['proto/link.proto', 'proto/paxos.proto', 'proto/transport.proto'],
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const run = promisify(execFile)

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly exports: Readonly<Record<string, unknown>>
}

/** A package, packed and unpacked. */
interface Packed {
  readonly folder: string
  readonly tarball: string
  readonly unpacked: string
  readonly files: readonly string[]
  /** As it is in the work tree. */
  readonly source: Manifest
  /** As it is in the tarball. */
  readonly manifest: Manifest
  readonly manifestText: string
}

const CHECKS: readonly {
  readonly name: string
  readonly problems: (packed: Packed) => readonly string[] | Promise<readonly string[]>
}[] = [
  { name: 'files', problems: fileProblems },
  { name: 'maps', problems: mapProblems },
  {
    name: 'links',
    problems: ({ unpacked }) => npmLinkProblems(readFileSync(join(unpacked, 'README.md'), 'utf8')),
  },
  { name: 'manifest', problems: manifestProblems },
  { name: 'publint', problems: async ({ tarball }) => tool('publint', 'run', tarball, '--strict') },
  {
    name: 'types',
    problems: async ({ tarball }) => tool('attw', '--profile', 'esm-only', tarball),
  },
]

await main()

async function main(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'check-packages-'))
  try {
    const folders = readdirSync(join(ROOT, 'packages'))
      .map((name) => join(ROOT, 'packages', name))
      .filter((folder) => existsSync(join(folder, 'package.json')))
      .filter((folder) => readManifest(join(folder, 'package.json')).private !== true)
    const problems: string[] = []
    const header = ['package', 'files', ...CHECKS.slice(1).map(({ name }) => name), 'packed']
    const rows: string[][] = [header]
    for (const folder of folders) {
      const packed = await pack(folder, scratch)
      const results = await Promise.all(
        CHECKS.map(async (check) => [...(await check.problems(packed))]),
      )
      problems.push(...results.flat().map((problem) => `${packed.source.name}: ${problem}`))
      const cells = results.map((found) => (found.length === 0 ? 'ok' : `${found.length} wrong`))
      const files = `${packed.files.length} ${cells.shift() ?? ''}`
      const kilobytes = (readFileSync(packed.tarball).length / 1000).toFixed(1)
      rows.push([packed.source.name, files, ...cells, `${kilobytes} kB`])
    }
    print(rows)
    problems.push(...(await sizeProblems()))
    if (problems.length > 0) {
      console.error(`\n${problems.join('\n')}\n\n${problems.length} problems in the packages.`)
      process.exitCode = 1
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

async function pack(folder: string, scratch: string): Promise<Packed> {
  const source = readManifest(join(folder, 'package.json'))
  const unpacked = mkdtempSync(join(scratch, 'package-'))
  // A Windows command shell is needed there to start a script; the arguments need no quoting.
  const shell = process.platform === 'win32'
  await run('pnpm', ['pack', '--pack-destination', unpacked], { cwd: folder, shell })
  const [name = ''] = readdirSync(unpacked)
  const tarball = join(unpacked, name)
  // Relative names: GNU tar takes what stands before a colon, as in C:\, for another machine.
  await run('tar', ['-xzf', name], { cwd: unpacked })
  const top = join(unpacked, 'package')
  const files = readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(top.length + 1))
    .map((file) => file.replaceAll('\\', '/'))
  const manifest = readManifest(join(top, 'package.json'))
  const manifestText = readFileSync(join(top, 'package.json'), 'utf8')
  return { folder, tarball, unpacked: top, files, source, manifest, manifestText }
}

/** Files that are missing, do not belong there, or are left over from a source that is gone. */
function fileProblems({ folder, files, source: { name, exports } }: Packed): string[] {
  const besides = ALLOWED_BESIDES[name] ?? []
  const required = ['package.json', 'README.md', 'LICENSE', ...entryFiles(exports), ...besides]
  const left = files
    .filter((file) => file.startsWith('dist/') && file.endsWith('.js'))
    .filter((file) => {
      const source = join(folder, file.replace('dist/', 'src/'))
      // A few sources are JavaScript: what a worker thread runs without a build.
      return !existsSync(source.replace(/js$/, 'ts')) && !existsSync(source)
    })
  return [
    ...required.filter((file) => !files.includes(file)).map((file) => `${file} is not packed.`),
    ...files
      .filter((file) => !ALLOWED_FILES.test(file) && !besides.includes(file))
      .map((file) => `${file} must not be packed.`),
    ...left.map((file) => `${file} has no source any more. Delete dist and build again.`),
  ]
}

/** What the entry points of a package name. */
function entryFiles(exports: unknown): string[] {
  if (typeof exports === 'string') return exports.startsWith('./dist/') ? [exports.slice(2)] : []
  if (typeof exports !== 'object' || exports === null) return []
  return Object.values(exports).flatMap(entryFiles)
}

/** Modules without a map, and maps that need sources which are not in the tarball. */
function mapProblems({ unpacked, files }: Packed): string[] {
  return files
    .filter((file) => file.endsWith('.js'))
    .flatMap((file) => {
      if (!files.includes(`${file}.map`)) return [`${file} has no map.`]
      const map: unknown = JSON.parse(readFileSync(join(unpacked, `${file}.map`), 'utf8'))
      return holdsItsSources(map) ? [] : [`${file}.map does not hold its sources.`]
    })
}

function holdsItsSources(map: unknown): boolean {
  if (typeof map !== 'object' || map === null) return false
  if (!('sources' in map) || !('sourcesContent' in map)) return false
  const { sources, sourcesContent } = map
  if (!Array.isArray(sources) || !Array.isArray(sourcesContent)) return false
  if (sources.length !== sourcesContent.length) return false
  return sourcesContent.every((content) => typeof content === 'string')
}

/** What the workspace understands and npm does not. */
function manifestProblems({ source, manifest, manifestText }: Packed): string[] {
  const problems = ['workspace:', 'catalog:', '@paxos/source']
    .filter((word) => manifestText.includes(`"${word}`))
    .map((word) => `package.json still says '${word}' when packed.`)
  const published = JSON.stringify(manifest.exports)
  if (published !== JSON.stringify(withoutSource(source.exports))) {
    problems.push('publishConfig.exports is not exports without its @paxos/source conditions.')
  }
  return problems
}

function withoutSource(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(([key]) => key !== '@paxos/source')
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutSource(inner)]))
}

/** Runs a checker of the root's devDependencies; what it says counts only when it fails. */
async function tool(name: string, ...args: readonly string[]): Promise<string[]> {
  const shell = process.platform === 'win32'
  try {
    await run(join(ROOT, 'node_modules/.bin', name), [...args], { cwd: ROOT, shell })
    return []
  } catch (error) {
    const said = error instanceof Error && 'stdout' in error && 'stderr' in error
    return [
      `${name} says:\n${said ? `${String(error.stdout)}${String(error.stderr)}`.trim() : String(error)}`,
    ]
  }
}

/** Bundles core's entry points from the build, as an application would. */
async function sizeProblems(): Promise<string[]> {
  const folder = join(ROOT, 'packages/core')
  const problems: string[] = []
  const rows = [['core, minified and gzipped', 'is', 'aim']]
  for (const { name, entries, maxBytes } of SIZE_LIMITS) {
    const contents = entries
      .map(
        (entry, at) =>
          `export * as entry${at} from '@paxos/core${entry === '.' ? '' : `/${entry}`}'`,
      )
      .join('\n')
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: folder },
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2023',
      write: false,
      logLevel: 'silent',
    })
    const bytes = gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length
    rows.push([name, `${bytes} B`, `< ${maxBytes} B`])
    if (bytes >= maxBytes) problems.push(`@paxos/core, ${name}: ${bytes} B of ${maxBytes} B.`)
  }
  print(rows)
  return problems
}

function readManifest(file: string): Manifest {
  const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'))
  if (!isManifest(manifest)) throw new TypeError(`${file} lacks a name or exports. Add them.`)
  return manifest
}

function isManifest(value: unknown): value is Manifest {
  return typeof value === 'object' && value !== null && 'name' in value && 'exports' in value
}

function print(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  const line = (row: readonly string[]) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
  console.log(`\n${rows.map((row) => line(row).trimEnd()).join('\n')}`)
}
